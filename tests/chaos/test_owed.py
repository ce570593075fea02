"""What a run did to a cluster that was lent is undone, and nothing else."""

from collections.abc import Sequence
from typing import Any

import pytest

from raftctl.chaos.owed import Owed

FAULT = {"fault": {"id": 4}, "applied_to": ["n3"]}


def acted(*nodes: str, changed: bool = True) -> dict[str, Any]:
    return {"targets": [{"node": node, "ok": True, "changed": changed} for node in nodes]}


def owed(*done: tuple[str, dict[str, Any]]) -> list[str]:
    found = Owed()
    for line, document in done:
        found.note(line.split(), document)
    return [" ".join(line) for line in found.lines()]


@pytest.mark.parametrize(
    ("line", "document", "undone_by"),
    [
        ("kill n1 n2", acted("n1", "n2"), ["start n1", "start n2"]),
        ("stop n1", acted("n1"), ["start n1"]),
        ("pause n1", acted("n1"), ["resume n1"]),
        ("partition n1 / n2,n3", FAULT, ["heal 4"]),
        ("disk n3 --fail", FAULT, ["heal 4", "start n3"]),
        ("kill n1", acted("n1", changed=False), []),
        ("kill n9", {}, []),
        ("transfer n2", {"from": "n1", "to": "n2"}, []),
    ],
)
def test_each_line_is_undone_by_its_own(
    line: str, document: dict[str, Any], undone_by: Sequence[str]
) -> None:
    assert owed((line, document)) == undone_by


def test_what_was_undone_already_is_not_owed_any_more() -> None:
    assert owed(("kill n1", acted("n1")), ("start n1", acted("n1"))) == []
    assert owed(("pause n1", acted("n1")), ("resume n1", acted("n1", changed=False))) == []
    assert owed(("net --drop 5%", FAULT), ("heal 4", {"healed": [4]})) == []
    assert owed(("net --drop 5%", FAULT), ("heal 3", {"healed": [3]})) == ["heal 4"]


def test_what_others_undo_is_not_looked_at() -> None:
    assert owed(("start n1", acted("n1")), ("resume all", acted("n1", "n2"))) == []
