"""A machine is made from its name, or the error says what to do."""

from pathlib import Path

import pytest

from node.machines.kv import KvMachine
from node.machines.loading import MachineError, load_machine

SOURCE = """
class Good:
    def apply(self, command, index):
        return command
    def query(self, query):
        return query

class NoQuery:
    def apply(self, command, index):
        return command

class Nothing:
    apply = query = "not callable"

class Needy(Good):
    def __init__(self, size):
        self.size = size

class Raising(Good):
    def __init__(self):
        raise RuntimeError("no luck")

value = 3
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a module with machines, which only this test can import."""
    (tmp_path / "machines_of_a_test.py").write_text(SOURCE)
    (tmp_path / "broken_machines_of_a_test.py").write_text("class Good(:\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    return "machines_of_a_test"


def test_kv_is_built_in_and_new_each_time() -> None:
    one, other = load_machine("kv"), load_machine("kv")
    assert type(one) is type(other) is KvMachine
    assert one is not other


def test_a_class_by_its_name(module: str) -> None:
    machine = load_machine(f"{module}:Good")
    assert type(machine).__name__ == "Good"
    assert machine.apply(b"a", 1) == b"a"
    assert machine.query(b"b") == b"b"


def test_kv_by_its_full_name() -> None:
    assert isinstance(load_machine("node.machines.kv:KvMachine"), KvMachine)


@pytest.mark.parametrize("spec", ["", "KV", "kv:", ":Good", ":", "package.module", " kv"])
def test_what_is_no_name_is_refused_with_the_form(spec: str) -> None:
    with pytest.raises(MachineError, match=r"neither kv nor of the form package\.module:Class"):
        load_machine(spec)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Absent", "AttributeError"),
        ("Needy", "TypeError: .*size"),
        ("Raising", "RuntimeError: no luck"),
        ("value", "TypeError"),
        ("Good:more", "AttributeError"),
    ],
)
def test_what_cannot_be_made_says_why(module: str, name: str, reason: str) -> None:
    with pytest.raises(MachineError, match=reason) as caught:
        load_machine(f"{module}:{name}")
    assert f"{module}:{name}" in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        ("no_such_module_here:Good", "ModuleNotFoundError.*PYTHONPATH"),
        ("broken_machines_of_a_test:Good", "SyntaxError"),
        (".relative:Good", "TypeError"),
        ("node..kv:Good", "ModuleNotFoundError"),
    ],
)
@pytest.mark.usefixtures("module")
def test_a_module_that_cannot_be_imported_says_why(spec: str, reason: str) -> None:
    with pytest.raises(MachineError, match=reason):
        load_machine(spec)


@pytest.mark.parametrize(
    ("name", "missing"), [("NoQuery", "no method query$"), ("Nothing", "apply and no query$")]
)
def test_missing_methods_are_named(module: str, name: str, missing: str) -> None:
    with pytest.raises(MachineError, match=missing):
        load_machine(f"{module}:{name}")
