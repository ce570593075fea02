"""Faults that something ended before their time: they did not hold as long as they were to."""

import pytest

from node.scenario.lines import parse_action
from node.scenario.scenario import Step
from node.scenario.when import At
from raftctl.chaos.injecting import Injected, judge
from tests.chaos.runs import S

NO_FAULT = "there is no fault cut"
RUNS = "n1 is not paused"


def step(line: str, *nodes: int, began: int = 2, ended: int = 6, number: int = 0) -> Injected:
    action = parse_action(line)
    found = Injected(0, Step(At(0), action), action=action, nodes=list(nodes))
    found.began_ns, found.ended_ns = began * S, ended * S
    if number:
        found.number, found.hits = number, 7
    return found


def test_cut_that_was_healed_from_outside_did_not_hold() -> None:
    cut = step("partition n1 / n2,n3", number=1)
    cut.over_before = NO_FAULT
    judge(cut, [cut, step("kill n2", 2, began=4, ended=5)])
    assert cut.why_not == f"it was over before its time: {NO_FAULT}"


@pytest.mark.parametrize("line", ["heal", "partition n2 / n1,n3"])
def test_cut_that_another_step_ended_is_as_it_should_be(line: str) -> None:
    cut = step("partition n1 / n2,n3", number=1)
    cut.over_before = NO_FAULT
    judge(cut, [cut, step(line, began=4, ended=4)])
    assert cut.why_not == ""


def test_heal_of_another_time_is_no_reason() -> None:
    cut = step("partition n1 / n2,n3", number=1)
    cut.over_before = NO_FAULT
    judge(cut, [cut, step("heal", began=1, ended=1), step("heal", began=8, ended=8)])
    assert cut.why_not


@pytest.mark.parametrize("line", ["pause n1", "kill n1", "stop n1"])
def test_node_that_ran_before_its_time_was_not_down(line: str) -> None:
    held = step(line, 1)
    held.over_before = RUNS
    judge(held, [held, step("resume n2", 2, began=4, ended=4)])
    assert held.why_not == f"it was over before its time: {RUNS}"


def test_node_that_another_step_started_is_as_it_should_be() -> None:
    held = step("kill n1", 1)
    held.over_before = RUNS
    judge(held, [held, step("start n1", 1, began=4, ended=4)])
    assert held.why_not == ""


def test_fault_that_touched_nothing_has_no_effect() -> None:
    cut = step("partition n1 / n2,n3", number=1)
    cut.hits = 0
    judge(cut, [cut])
    assert cut.why_not == "it never took effect"
