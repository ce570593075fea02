"""What a node says that does not start, and which of it is as it should be."""

from pathlib import Path
from typing import Any

import pytest

from raftctl.chaos.lines import Ended
from raftctl.chaos.refusals import refusal

FOLDER = Path("/srv/clusters/chaos")


def words(node: int, why: str) -> str:
    last = f"2026-11-28T07:12:02.296Z error cannot start node=n{node} why={why}"
    return f"n{node} ended while starting; its last lines:\n  n{node} | {last}"


def damaged(node: int) -> str:
    return words(node, f"{FOLDER}/n{node}/raft.db: entry 72 is damaged (checksum); wipe this node")


def of_one(message: str) -> Ended:
    return Ended(("start", "n3"), 1, {}, {"code": "E_NODE_ENDED", "message": message})


def of_many(**messages: str) -> Ended:
    targets: list[dict[str, Any]] = [{"node": "n1", "ok": True, "message": "started"}]
    targets += [{"node": node, "ok": False, "message": each} for node, each in messages.items()]
    return Ended(("start", "all"), 8, {"targets": targets}, {})


def test_refusal_says_what_is_damaged_in_which_file() -> None:
    said = "n3 refused to start: n3/raft.db: entry 72 is damaged (checksum)"
    assert refusal(of_one(damaged(3)), {3}, FOLDER) == said
    assert refusal(of_many(n3=damaged(3)), {2, 3}, FOLDER) == said
    two = refusal(of_many(n2=damaged(2), n3=damaged(3)), {2, 3}, FOLDER)
    assert two == f"{said.replace('n3', 'n2')}; {said}"


@pytest.mark.parametrize(
    "ended",
    [
        of_one(damaged(2)),
        of_one("n3 ended while starting; its last lines:\n  n3 | KeyError: 7"),
        of_one("n3 does not answer within 30s"),
        of_many(n2="does not answer within 30s", n3=damaged(3)),
        of_many(n2=damaged(2), n3=damaged(3)),
        of_many(),
    ],
)
def test_whatever_else_keeps_a_node_down_is_no_refusal(ended: Ended) -> None:
    assert refusal(ended, {3}, FOLDER) == ""
