"""The project keeps its shape: the rules of architecture.py over every module, and over planted
violations, so that a rule that finds nothing is known to work.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.architecture import (
    FILE_LINES_MAX,
    LONG_FILES,
    PACKAGES,
    RULES,
    Module,
    Rule,
    cycle_of_units,
    names_say_something,
)

ROOT = Path(__file__).resolve().parent.parent
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
HOME_FOLDER = re.compile(r"(?<![\w.])/(home|Users)/[a-z]\w*/")


def _tree_of(folders: Iterable[str]) -> Iterator[Path]:
    for folder in folders:
        yield from sorted((ROOT / folder).rglob("*.py"))


def _load(path: Path) -> Module:
    relative = path.relative_to(ROOT)
    parts = list(relative.with_suffix("").parts)
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    return Module(name, relative.as_posix(), path.read_text(encoding="utf-8"), is_package)


def _project_texts() -> Iterator[Path]:
    """Every text file that a reader of the project meets, whatever its folder."""
    suffixes = {"", ".cfg", ".css", ".ini", ".json", ".md", ".py", ".sh", ".tcss", ".toml", ".txt"}
    for path in sorted(ROOT.rglob("*")):
        parts = path.relative_to(ROOT).parts
        hidden = any(part.startswith(".") and part != ".ci" for part in parts[:-1])
        if hidden or parts[0] in ("build", "dist") or "__pycache__" in parts:
            continue
        if path.suffix in suffixes and path.is_file():
            yield path


@pytest.fixture(scope="module")
def modules() -> list[Module]:
    found = [_load(path) for path in _tree_of(PACKAGES)]
    assert any(module.name == "node.raft" for module in found), "the library was not found"
    return found


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module_keeps_the_rule(rule: Rule, modules: list[Module]) -> None:
    broken = [line for module in modules for line in rule(module)]
    assert not broken, "\n" + "\n".join(broken)


def test_names_in_the_tests_say_something_too() -> None:
    modules = [_load(path) for path in _tree_of(["tests"])]
    broken = [line for module in modules for line in names_say_something(module)]
    assert not broken, "\n" + "\n".join(broken)


def test_no_two_units_import_each_other(modules: list[Module]) -> None:
    cycle = cycle_of_units(modules)
    assert cycle is None, f"the units import each other in a circle: {cycle}"


def test_long_files_are_still_there_and_still_long(modules: list[Module]) -> None:
    lines = {module.path: len(module.source.splitlines()) for module in modules}
    stale = [path for path in LONG_FILES if lines.get(path, 0) <= FILE_LINES_MAX]
    assert not stale, f"take these out of LONG_FILES: {stale}"


def test_nothing_is_left_unfinished() -> None:
    broken = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in _project_texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert not broken, "\n" + "\n".join(broken)


def test_no_file_names_a_folder_of_this_machine() -> None:
    here = (str(ROOT), f"{Path.home()}/")
    broken = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in _project_texts()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if any(folder in line for folder in here) or HOME_FOLDER.search(line)
    ]
    assert not broken, "\n" + "\n".join(broken)


# One planted violation a row: the module that holds it, its text, and a part of the finding.
PLANTED = [
    ("node.raft.core", "import cbor2", "node.raft.core imports cbor2: the library holds"),
    ("node.raft.core", "from time import monotonic", "imports time.monotonic: the library"),
    ("node.raft.core", "def f():\n    import logging", ":2: node.raft.core imports logging"),
    ("node.raft.core", "from node.wire import codec", "layer 0 reaches up to layer 1"),
    ("node.raft.core", "from ..wire import codec", "imports node.wire.codec: layer 0"),
    ("node.raft.core", "import random\nrandom.random()", ":2: node.raft.core uses random.random"),
    ("node.raft.core", "from random import choice", "imports random.choice"),
    ("node.raft.core", "async def tick(): ...", ":1: async def tick in layer 0"),
    (
        "node.raft.core",
        "def f():\n    print('here')",
        ":2: node.raft.core calls print() in layer 0",
    ),
    ("node.raft.log", "open('log').read()", "node.raft.log calls open() in layer 0"),
    ("node.raft.log", "__import__('os').fsync(1)", "node.raft.log calls __import__() in layer 0"),
    ("node.machines.kv", "print(1)", "node.machines.kv calls print() in layer 1"),
    ("node.wire.codec", "import socket", "only layer 3 and above touch the world"),
    ("node.wire.codec", "import logging", "only layer 3 and above touch the world"),
    ("node.wire.handshake", "import secrets", "only layer 3 and above touch the world"),
    ("node.storage.wal", "import os", "only layer 3 and above touch the world"),
    ("node.replica", "from os import path", "imports os.path: only layer 3"),
    ("node.replica", "from pathlib import Path", "only layer 3 and above touch the world"),
    ("node.replica", "import http.client", "only layer 3 and above touch the world"),
    ("node.replica", "import concurrent.futures", "only layer 3 and above touch the world"),
    ("node.config", "import shutil", "only layer 3 and above touch the world"),
    ("node.config", "import socket", "only layer 3 and above touch the world"),
    ("node.wire.codec", "from node.replica import Replica", "layer 1 reaches up to layer 2"),
    ("node.storage.base", "import sqlite3", "only layer 3 and above touch the world"),
    ("node.storage.base", "from .sqlite import S", "imports node.storage.sqlite.S: layer 1"),
    ("node.storage.memory", "from .snapshots import S", "imports node.storage.snapshots.S: layer"),
    ("node.storage.rows", "import sqlite3", "only layer 3 and above touch the world"),
    ("node.storage.snapshot_format", "import os", "only layer 3 and above touch the world"),
    ("node.sim.disk", "import node.storage.snapshots", "do not know each other"),
    ("node.storage.snapshots", "import node.sim", "do not know each other"),
    ("node.replica", "import node.server.driver", "layer 2 reaches up to layer 3"),
    ("node.replica", "if 1:\n    from node import sim", ":2: node.replica imports node.sim"),
    ("node.replica", "from node.unheard import x", "node.unheard.x, which has no layer"),
    ("node.unheard", "", "node.unheard has no layer"),
    ("node.verify.models", "from node.machines import kv", "the models are a second opinion"),
    ("node.sim.world", "from node.transport import peers", "do not know each other"),
    ("node.sim.world", "import random\nrandom.seed(1)", "uses random.seed"),
    ("node.sim.world", "import trio", "the simulator is synchronous"),
    ("node.server.run", "from ..sim import world", "imports node.sim.world"),
    ("node.client.blocking", "import trio", "one-shot commands cannot pay"),
    ("node.client.link", "from node.transport import channel", "one-shot commands cannot pay"),
    ("node.client.admin", "from node.server import status", "a node by its protocol alone"),
    ("node.client.admin", "def f():\n    import node.server", "a node by its protocol alone"),
    ("node.server.run", "import typer", "a node has no user interface"),
    ("node.server.run", "from raftctl import cli", "layer 3 reaches up to layer 4"),
    ("tui.app", "import trio", "the viewer runs on asyncio alone"),
    ("tui.app", "from raftctl.output import table", "the viewer runs on asyncio alone"),
    ("tui.app", "from node.replica import Replica", "the viewer may import"),
    ("examples.kv", "from node.raft.core import RaftCore", "node.raft.core.RaftCore: an example"),
    ("examples.kv", "from node.raft import core", "node.raft.core: an example uses"),
    ("examples.kv", "from node.wire import codec", "node.wire.codec: an example uses"),
    ("raftctl.cli", "import tui", "import it inside the function"),
    ("raftctl.cli", "import trio", "import it inside the function"),
    ("raftctl.cli", "from rich import print", "import it inside the function"),
    ("raftctl.cli", "import textual.app", "import it inside the function"),
    ("raftctl.cli", "from node.server.run import run_node", "import it inside the function"),
    ("raftctl.cli", "def f(x):\n" + "    x()\n" * 60, "f has 61 lines, the limit is 60"),
    ("raftctl.cli", "x = 1\n" * 401, "the file has 401 lines, the limit is 400"),
    ("raftctl.utils", "", "a module named utils says nothing"),
    ("raftctl.cli", "class NodeManager: ...", "class NodeManager: name it after"),
    ("node.server.run", "class ManagerOfNodes: ...", "class ManagerOfNodes: name it after"),
    ("node.wire", "class A:\n    class HelperBox: ...", "class HelperBox: name it after"),
    ("node.wire.codec", "class CodecUtilsBase: ...", "class CodecUtilsBase: name it after"),
]


@pytest.mark.parametrize(("name", "source", "finding"), PLANTED)
def test_a_planted_violation_is_found(name: str, source: str, finding: str) -> None:
    module = Module(name, name.replace(".", "/") + ".py", source)
    found = [line for rule in RULES for line in rule(module)]
    assert any(finding in line for line in found), found


# What is allowed, so that no rule passes by refusing everything.
ALLOWED = [
    ("node.raft.core", "import random\ndef f(rng: random.Random) -> None: ..."),
    ("node.raft.core", "from collections.abc import Callable\nfrom .log import Log"),
    ("node.raft.library", "import time"),
    ("node.raft.core", "def f(reader, out):\n    reader.open()\n    out.print()"),
    ("node.config", "import os\nfrom pathlib import Path"),
    ("node.server.journal", "import os, logging\nprint(open('log').read())"),
    ("node.server.status", "class Utilization: ..."),
    ("node.storage.sqlite", "import sqlite3, threading\nfrom node.storage.base import Storage"),
    ("node.storage.snapshots", "import os, threading\nfrom node.storage.base import SnapshotStore"),
    ("node.storage.inspection", "import sqlite3\nfrom node.storage.sqlite import translate"),
    ("node.client.trio", "import trio\nfrom .session import Session"),
    ("node.sim.world", "from node.replica import Replica\nfrom node.client.session import S"),
    ("node.server.run", "import trio\nasync def run(): ..."),
    ("examples.kv", "import socket\nfrom node.raft import Raft\nfrom .journal import Journal"),
    ("raftctl.cli", "import typer\ndef viewer():\n    import tui.app"),
    ("raftctl.commands.nodes", "def serve():\n    from node.server.run import run_node"),
    ("tui.app", "import asyncio, textual\nfrom node.client import aio"),
]


@pytest.mark.parametrize(("name", "source"), ALLOWED)
def test_what_is_allowed_passes(name: str, source: str) -> None:
    module = Module(name, name.replace(".", "/") + ".py", source)
    assert [line for rule in RULES for line in rule(module)] == []


def test_a_relative_import_in_a_package_is_resolved_from_the_package() -> None:
    module = Module("node.wire", "node/wire/__init__.py", "from .codec import encode", True)
    assert [item.target for item in module.imports] == ["node.wire.codec.encode"]


def test_a_circle_of_units_is_found() -> None:
    circle = [
        Module("node.server.run", "node/server/run.py", "from node.transport import peers"),
        Module("node.transport.peers", "node/transport/peers.py", "from node.server import run"),
    ]
    cycle = cycle_of_units(circle)
    assert cycle is not None
    assert set(cycle) == {"node.server", "node.transport"}
