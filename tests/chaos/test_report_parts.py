"""What a report is drawn from: operations, the lives of nodes, and places on its axis."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import Element

import pytest

from raftctl.chaos.report.asked import Asked, History
from raftctl.chaos.report.faulttrack import fault_track
from raftctl.chaos.report.lives import Said, behind, lives, said
from raftctl.chaos.report.operations import KEYS_MAX, OPERATIONS_MAX, chosen, told
from raftctl.chaos.report.timeline import TICKS_MAX, Axis
from raftctl.chaos.report.violation import Violation, violation_parts
from raftctl.chaosdocs import ChaosFault
from raftctl.checkdocs import CheckedOperation


# -- operations ------------------------------------------------------------------------------------
def operations(*lines: dict[str, Any]) -> list[Asked]:
    history = History()
    for number, line in enumerate(lines):
        history.take({"process": 0, "key": "k", "time": number * 1_000_000, **line})
    return history.operations()


def operation(key: str, took_ms: float = 5, outcome: str = "ok", from_s: float = 0) -> Asked:
    return Asked(
        0, "read", key, None, 1, outcome, None, None, "", from_s, from_s + took_ms / 1000
    )  # fmt: skip


def test_an_operation_without_an_end_is_unknown_until_the_end_of_the_history() -> None:
    first, last = operations(
        {"type": "invoke", "f": "write", "value": 7, "process": 1},
        {"type": "invoke", "f": "read"},
        {"type": "ok", "f": "read", "value": 7, "index": 3},
    )
    assert told(first) == "process 0: read k → ok 7, index 3 (0.001 to 0.002 s, 1.0 ms)"
    assert (
        told(last) == "process 1: write k 7 → outcome unknown, no answer (0.000 to 0.002 s, 2.0 ms)"
    )


def test_a_compare_and_set_that_found_another_value_is_no_failure() -> None:
    (found,) = operations(
        {"type": "invoke", "f": "cas", "value": [1, 2]},
        {"type": "ok", "f": "cas", "value": [1, 2], "result": False},
    )
    assert "→ found another value" in told(found)


def test_keys_with_something_to_see_come_first() -> None:
    keys = [operation(f"quick-{number}") for number in range(2 * KEYS_MAX)]
    odd = [operation("slow", 900), operation("lost", outcome="info"), operation("quick-3")]
    found = chosen([*keys, *odd])
    assert list(found.by_key)[:2] == ["lost", "slow"]
    assert next(iter(chosen([*keys, *odd], "quick-7").by_key)) == "quick-7"
    assert (len(found.by_key), found.keys) == (KEYS_MAX, 2 * KEYS_MAX + 2)


def test_a_key_is_shown_whole_or_not_at_all() -> None:
    many = OPERATIONS_MAX * 2 // 3
    keys = [operation(key, took) for key, took in (("a", 9), ("b", 8)) for _ in range(many)]
    assert list(chosen(keys).by_key) == ["a"]


def test_of_too_many_operations_the_odd_and_the_slow_are_shown() -> None:
    quick = [operation("k", from_s=number / 100) for number in range(3 * OPERATIONS_MAX)]
    odd = [operation("k", 1, "fail", from_s=70), operation("k", 800, from_s=71)]
    found = chosen([*quick, *odd, operation("other")])
    assert found.shown == OPERATIONS_MAX
    assert found.total == 3 * OPERATIONS_MAX + 3
    (mine,) = found.by_key.values()
    assert mine[-2:] == odd
    assert mine == sorted(mine, key=lambda each: each.from_s)


# -- lives -----------------------------------------------------------------------------------------
def records(*found: dict[str, Any]) -> list[Said]:
    return [said({"node": 1, "boot": 1, **each, "at": round(each["at"] * 10**9)}) for each in found]


def test_a_role_lasts_until_the_next_one_and_a_life_until_its_last_words() -> None:
    found = lives(
        records(
            {"at": 0, "kind": "state", "role": "follower", "term": 1},
            {"at": 2, "kind": "election", "term": 2, "data": {}},
            {"at": 3, "kind": "leader", "term": 2, "data": {}},
            {"at": 5, "kind": "state", "commit_index": 9},
            {"at": 8, "kind": "boot", "term": 2, "boot": 2, "data": {}},
        )
    )
    first, second = found[1]
    assert [(each.role, each.term, each.from_s, each.to_s) for each in first.spans] == [
        ("follower", 1, 0, 2),
        ("candidate", 2, 2, 3),
        ("leader", 2, 3, 5),
    ]
    assert (first.to_s, second.from_s, second.spans[0].role) == (5, 8, "follower")


def test_a_node_that_hears_nothing_falls_behind_what_others_commit() -> None:
    told = records(
        {"at": 0, "kind": "state", "commit_index": 4, "last_applied": 4},
        {"at": 0, "kind": "state", "commit_index": 4, "last_applied": 4, "node": 2},
        {"at": 2, "kind": "state", "commit_index": 30, "last_applied": 30},
        {"at": 5, "kind": "state", "commit_index": 30, "last_applied": 30, "node": 2},
        {"at": 6, "kind": "state", "commit_index": 30, "last_applied": 30},
    )
    assert behind(told, 6, 6) == {1: [0, 0, 0, 0, 0, 0], 2: [0, 26, 26, 26, 26, 0]}


def test_a_node_that_is_gone_for_good_falls_behind_no_more() -> None:
    told = records(
        {"at": 0, "kind": "state", "commit_index": 4, "last_applied": 4, "node": 2},
        {"at": 1.5, "kind": "state", "commit_index": 9, "last_applied": 9},
        {"at": 1.5, "kind": "stop", "node": 2},
        {"at": 3.5, "kind": "state", "commit_index": 99, "last_applied": 99},
    )
    assert behind(told, 4, 4) == {1: [0, 0, 0, 0], 2: [0, 5]}


# -- the axis --------------------------------------------------------------------------------------
@pytest.mark.parametrize("end_s", [0.01, 0.4, 9, 40, 61, 600, 86_400, 10**6])
def test_ticks_are_few_and_round(end_s: float) -> None:
    ticks: Sequence[float] = Axis(end_s, []).ticks()
    assert ticks[0] == 0
    assert len(ticks) <= TICKS_MAX + 1
    assert ticks[-1] <= end_s


def test_what_lies_outside_of_the_run_is_drawn_at_its_edge() -> None:
    axis = Axis(10, [])
    assert axis.span(-3, 5) == {"x": "0%", "width": "50%"}
    assert axis.span(8, 99) == {"x": "80%", "width": "20%"}


def test_a_text_is_written_only_where_it_has_room() -> None:
    axis = Axis(100, [])
    written = axis.fitting(0, 10, ["leader, term 2", "2"])
    assert [(each.text, each.get("class")) for each in written] == [("2", "wide"), ("2", "narrow")]
    assert axis.fitting(0, 0.5, ["leader, term 2", "2"]) == []


# -- faults ----------------------------------------------------------------------------------------
def test_many_links_are_drawn_under_the_line_that_means_them() -> None:
    line = "net --link leader:rest --drop 5%"
    links = " ".join(f"--link n1:n{number}" for number in range(2, 8))
    resolved = f"net {links} --drop 5%"
    fault = ChaosFault(1, "", line, resolved, [], 0, 9, "", None, None, None, 0, None, None)
    drawn = fault_track(Axis(10, [fault]))
    assert drawn is not None
    (label,) = [each.text for each in drawn.iter("text") if each.get("class") == "fault-name"]
    assert label == line
    assert any(resolved in (title.text or "") for title in drawn.iter("title"))


def test_violation_of_more_operations_than_are_shown_says_how_many() -> None:
    shown = CheckedOperation(3, "read 7", 1, 5, 6, 10, 20)
    found = Violation("k", "op 3 read 7; only 8 was possible", "", [shown], 1_200)
    assert said_of(found)[-1] == "and 1,200 before them"
    assert not any("before them" in each for each in said_of(replace(found, left_out=0)))


def said_of(found: Violation) -> list[str]:
    return [
        "".join(each.itertext()) for each in violation_parts(found) if isinstance(each, Element)
    ]
