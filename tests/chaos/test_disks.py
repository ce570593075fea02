"""Which disks are compared when a run is over, and what is said of them."""

from typing import Any, cast

import pytest

from node.scenario.lines import parse_action
from node.scenario.scenario import Step
from node.scenario.when import At
from raftctl.chaos.disks import compared
from raftctl.chaos.injecting import Injected
from raftctl.chaos.lines import Ended, Lines


class Answering:
    """Lines that are not carried out, and answered with these logs."""

    def __init__(self, *logs: dict[str, Any]) -> None:
        self._logs = logs
        self.asked: list[list[str]] = []

    def do(self, line: list[str]) -> Ended:
        self.asked.append(line)
        is_damaged = any(log["damage"] for log in self._logs)
        return Ended(tuple(line), 7 if is_damaged else 0, {"logs": list(self._logs)}, {})


def step(line: str, *nodes: int) -> Injected:
    action = parse_action(line)
    return Injected(0, Step(At(0), action), action=action, nodes=list(nodes))


@pytest.mark.parametrize("line", ["wipe n1", "disk n1 --rot", "disk n1 --truncate"])
def test_what_a_step_took_or_harmed_is_not_held_against_the_node(line: str) -> None:
    lines = Answering()
    found = compared(cast("Lines", lines), [1, 2, 3], [step(line, 1), step("kill n2", 2)])
    assert lines.asked == [["log", "verify", "n2", "n3"]]
    assert (found.damage, found.left_out) == ([], ["n1"])


def test_nothing_is_left_to_look_at_where_all_were_wiped() -> None:
    lines = Answering()
    assert compared(cast("Lines", lines), [1], [step("wipe n1", 1)]).left_out == ["n1"]
    assert lines.asked == []


def test_damage_is_told_with_its_node_and_what_it_is() -> None:
    lines = Answering({"node": "n1", "damage": []}, {"node": "n2", "damage": ["entry 7 is rotten"]})
    assert compared(cast("Lines", lines), [1, 2], []).damage == ["n2: entry 7 is rotten"]
