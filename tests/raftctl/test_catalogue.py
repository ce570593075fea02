"""A command pays for the verb that was typed, and no other."""

import importlib
import subprocess
import sys
from dataclasses import is_dataclass
from pathlib import Path

import pytest
import typer

from raftctl.catalogue import VERBS, Catalogue
from tests.raftctl.folders import make

MODULES = {module for modules in VERBS.values() for module in modules}


def registered(module: str) -> set[str | None]:
    app = typer.Typer()
    importlib.import_module(f"raftctl.commands.{module}").add_to(app)
    groups = {each.name for each in app.registered_groups}
    return groups | {each.name for each in app.registered_commands}


def test_every_verb_is_told_with_its_modules() -> None:
    for module in MODULES:
        assert registered(module) == {verb for verb, each in VERBS.items() if module in each}
    folder = Path(importlib.import_module("raftctl.commands").__path__[0])
    adding = {each.stem for each in folder.glob("*.py") if "def add_to" in each.read_text("utf-8")}
    assert adding == MODULES


def test_verbs_with_verbs_of_their_own_have_those_of_all_modules() -> None:
    commands = Catalogue()
    assert [*commands["snapshot"].commands] == ["take", "ls", "inspect", "auto", "restore"]
    assert commands["kill"] is commands["kill"]
    assert "kil" not in commands


def loaded_by(home: Path, *words: str) -> set[str]:
    """The modules that a command has loaded when it ends."""
    code = (
        "import sys; from raftctl import cli; sys.argv = ['raftctl', *sys.argv[1:]]\n"
        "try: cli.main()\n"
        "finally: print(*sys.modules, file=sys.stderr)"
    )
    line = [sys.executable, "-c", code, "--home", str(home), *words]
    done = subprocess.run(line, capture_output=True, text=True, timeout=30, check=False)
    return set(done.stderr.splitlines()[-1].split())


NEEDLESS = {
    "asyncio", "node.raft.core", "node.raft.library", "psutil", "raftctl.documents",
    "rich", "textual", "tomllib", "trio",
}  # fmt: skip
OWN_MAX = 70
"""Of our own modules, where all of them together are four hundred."""


@pytest.mark.parametrize("words", [["status"], ["get", "k"], ["kill", "n1"], ["ls"]])
def test_look_at_a_cluster_loads_little(tmp_path: Path, words: list[str]) -> None:
    make(tmp_path)
    loaded = loaded_by(tmp_path, *words)
    assert "raftctl.cluster.directory" in loaded
    assert not loaded & NEEDLESS
    verbs = {each for each in loaded if each.startswith("raftctl.commands.")}
    assert len(verbs) <= 4, verbs
    assert len(own(loaded)) <= OWN_MAX, sorted(own(loaded))


def own(modules: set[str]) -> set[str]:
    return {each for each in modules if each.split(".")[0] in ("node", "raftctl", "tui")}


def dataclasses_of(modules: set[str]) -> set[str]:
    """Those that have to be made when the modules are loaded: each takes half a millisecond, where
    a tuple with names takes a sixth of that.
    """
    return {
        f"{module}.{name}"
        for module in own(modules)
        for name, value in vars(importlib.import_module(module)).items()
        if is_dataclass(value) and value.__module__ == module
    }


def test_status_loads_what_it_shows_and_what_asks_the_nodes(tmp_path: Path) -> None:
    make(tmp_path)
    loaded = loaded_by(tmp_path, "status")
    assert not loaded & {"node.faults", "node.nodefaults", "node.storage.base", "random", "sqlite3"}
    assert len(own(loaded)) <= 55, sorted(own(loaded))
    made = dataclasses_of(loaded)
    assert len(made) <= 15, made


def test_up_loads_what_waits_for_its_nodes_once_they_start(tmp_path: Path) -> None:
    loaded = loaded_by(tmp_path, "up", "-n", "3", "--dry-run")
    assert "raftctl.cluster.bringup" in loaded
    later = {"raftctl.cluster.comingup", "raftctl.cluster.observation", "node.client.survey"}
    assert not loaded & {*later, "importlib.resources", "tomllib"}


def test_a_node_makes_few_classes_before_it_serves() -> None:
    code = "import sys, node.server.run; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    made = dataclasses_of(set(done.stdout.split()))
    assert len(made) <= 30, made
