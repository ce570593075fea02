"""What `from node.raft import ...` gives, and what it costs."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import node.raft


def declared() -> dict[str, str]:
    """The names as type checkers see them, each with the module that it comes from."""
    tree = ast.parse(Path(node.raft.__file__).read_text(encoding="utf-8"))
    [block] = [each for each in tree.body if isinstance(each, ast.If)]
    return {
        alias.name: str(each.module)
        for each in block.body
        if isinstance(each, ast.ImportFrom)
        for alias in each.names
    }


def test_names_are_those_that_type_checkers_see() -> None:
    assert sorted(declared()) == sorted(node.raft.__all__)
    for name, home in declared().items():
        assert getattr(node.raft, name) is getattr(importlib.import_module(home), name)


def test_other_names_are_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Rafts'"):
        _ = node.raft.Rafts
    assert {"Raft", "LogEntry"} <= set(dir(node.raft))


@pytest.mark.parametrize(
    ("line", "unused"),
    [
        ("import node.raft.configuration", {"messages", "library", "core"}),
        ("from node.raft import messages", {"library", "core"}),
        ("from node.raft import NotLeaderError", {"library", "core"}),
    ],
)
def test_one_module_does_not_load_all(line: str, unused: set[str]) -> None:
    code = f"import sys; {line}; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert not {f"node.raft.{each}" for each in unused} & set(done.stdout.split())
