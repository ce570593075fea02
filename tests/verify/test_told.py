"""Raft's rules over what nodes tell: what breaks each of them, and what must not."""

from typing import Any

import pytest

from node.verify.told import RULES, Told

Record = dict[str, Any]


def state(node: int, boot: int = 1, **values: Any) -> Record:
    return {"node": node, "boot": boot, "kind": "state", **values}


def event(node: int, kind: str, term: int = 1, **data: Any) -> Record:
    return {"node": node, "boot": 1, "kind": kind, "term": term, "data": data}


def broken(*records: Record) -> list[str]:
    told = Told()
    for record in records:
        told.take(record)
    return [each.rule for each in told.broken]


BREAKING: dict[str, list[list[Record]]] = {
    "one_leader_per_term": [
        [event(1, "leader", 3), event(2, "leader", 3)],
        [event(1, "leader", 3), state(2, role="leader", term=3)],
    ],
    "durable_terms_and_votes": [
        [state(1, term=3), state(1, boot=2, term=2)],
        [event(1, "vote", 3, candidate="n2"), event(1, "vote", 3, candidate="n3")],
        [event(1, "vote", 3, candidate="n2"), state(1, boot=2, term=3, voted_for=3)],
        [event(1, "vote", 3, candidate="n2"), state(1, boot=2, term=3, voted_for=None)],
    ],
    "committed_is_immutable": [
        [state(1, commit_index=9), event(1, "truncate", first=9, last=12)],
    ],
    "persist_before_reply": [[event(1, "reverted", peer="n2", acknowledged=9, holds=7)]],
    "index_order": [
        [state(1, commit_index=9), state(1, commit_index=8)],
        [state(1, commit_index=9, last_applied=9), state(1, last_applied=8)],
        [state(1, commit_index=9, last_index=8)],
        [state(1, commit_index=9, last_index=9), state(1, last_index=8)],
    ],
    "only_committed_entries_are_applied": [[state(1, commit_index=9, last_applied=10)]],
    "leader_append_only": [
        [state(1, role="leader", term=3, last_index=9), state(1, last_index=8)],
        [
            state(1, role="leader", term=3, last_index=9),
            state(2, role="follower", term=3, last_index=7),
            state(1, last_index=12),
            state(1, last_index=11, commit_index=11),
        ],
    ],
    "leader_completeness": [
        [state(1, term=3, commit_index=9), state(2, role="leader", term=4, last_index=8)],
        [state(2, role="leader", term=4, last_index=8), state(1, term=3, commit_index=9)],
        [
            state(2, role="leader", term=4, last_index=8),
            state(2, last_index=20),
            state(1, term=3, commit_index=9),
        ],
    ],
}


def test_each_rule_has_something_that_breaks_it() -> None:
    assert set(BREAKING) == set(RULES)


@pytest.mark.parametrize(
    ("rule", "records"),
    [(rule, records) for rule, examples in BREAKING.items() for records in examples],
)
def test_rule_is_broken(rule: str, records: list[Record]) -> None:
    assert broken(*records) == [rule]


@pytest.mark.parametrize(
    "records",
    [
        [event(1, "leader", 3), state(1, role="leader", term=3), event(2, "leader", 4)],
        [state(1, term=3, voted_for=2), state(1, term=4, voted_for=None), state(1, voted_for=3)],
        [event(1, "vote", 3, candidate="n2"), state(1, boot=2, term=3, voted_for=2)],
        [event(1, "vote", 3, candidate="n2"), state(1, term=4, voted_for=None)],
        [state(1, commit_index=9, last_applied=9), state(1, boot=2, commit_index=0)],
        [state(1, role="leader", term=3, last_index=9), state(1, boot=2, term=3, last_index=8)],
        [
            state(1, role="leader", term=3, last_index=9),
            state(1, role="follower", term=4, last_index=8),
            state(1, role="leader", term=5, last_index=8),
        ],
        [state(1, role="leader", term=3, last_index=9), state(1, role="follower", last_index=8)],
        [state(1, term=4, commit_index=9), state(2, role="leader", term=3, last_index=8)],
        [state(1, term=4, commit_index=9), state(2, role="leader", term=4, last_index=8)],
        [state(1, commit_index=9), event(1, "truncate", first=10, last=12)],
        [state(1, commit_index=9), state(2, commit_index=3), event(2, "truncate", first=5, last=6)],
    ],
)
def test_what_a_correct_cluster_tells_breaks_nothing(records: list[Record]) -> None:
    assert broken(*records) == []


def test_wiped_node_may_have_forgotten_everything() -> None:
    told = Told()
    for record in (
        state(1, term=7, voted_for=2, commit_index=9),
        event(1, "vote", 7, candidate="n2"),
    ):
        told.take(record)
    told.wiped(1)
    for record in (state(1, boot=2, term=0), {**event(1, "vote", 7, candidate="n3"), "boot": 2}):
        told.take(record)
    assert told.broken == []
    told.take(event(2, "leader", 7))
    told.take(event(3, "leader", 7))
    assert [each.rule for each in told.broken] == ["one_leader_per_term"]


def test_what_comes_late_of_a_life_that_was_wiped_says_nothing_about_the_next() -> None:
    told = Told()
    told.take(state(1, term=7, commit_index=9))
    told.wiped(1)
    told.take(state(1, term=8))
    told.take(state(1, boot=2, term=0))
    assert told.broken == []
