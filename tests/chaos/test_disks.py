"""Which disks are compared when a run is over, and what is said of them."""

from collections.abc import Sequence
from typing import Any, cast

import pytest

from node.scenario.lines import parse_action
from node.scenario.scenario import Step
from node.scenario.when import At
from raftctl.chaos.disks import Logs, compared
from raftctl.chaos.injecting import Injected
from raftctl.chaos.lines import Ended, Lines
from raftctl.cluster.directory import Cluster


class Answering:
    """Lines that are not carried out, and answered with these logs."""

    def __init__(self, *logs: dict[str, Any]) -> None:
        self._logs = logs
        self.asked: list[list[str]] = []

    def do(self, line: list[str]) -> Ended:
        self.asked.append(line)
        is_damaged = any(log["damage"] for log in self._logs)
        return Ended(tuple(line), 7 if is_damaged else 0, {"logs": list(self._logs)}, {})


class Nodes:
    """A cluster that has these nodes once it is read again."""

    def __init__(self, *nodes: int) -> None:
        self.processes: dict[int, None] = {9: None}
        self._nodes = nodes

    def refresh(self) -> None:
        self.processes = dict.fromkeys(self._nodes)


def looked_at(lines: Answering, nodes: list[int], steps: Sequence[Injected] = ()) -> Logs:
    return compared(cast("Lines", lines), cast("Cluster", Nodes(*nodes)), steps)


def step(line: str, *nodes: int) -> Injected:
    action = parse_action(line)
    return Injected(0, Step(At(0), action), action=action, nodes=list(nodes))


@pytest.mark.parametrize("line", ["wipe n1", "disk n1 --rot", "disk n1 --truncate"])
def test_what_a_step_took_or_harmed_is_not_held_against_the_node(line: str) -> None:
    lines = Answering()
    found = looked_at(lines, [1, 2, 3], [step(line, 1), step("kill n2", 2)])
    assert lines.asked == [["log", "verify", "n2", "n3"]]
    assert (found.damage, found.left_out) == ([], ["n1"])


def test_nothing_is_left_to_look_at_where_all_were_wiped() -> None:
    lines = Answering()
    assert looked_at(lines, [1], [step("wipe n1", 1)]).left_out == ["n1"]
    assert lines.asked == []


def test_damage_is_told_with_its_node_and_what_it_is() -> None:
    lines = Answering({"node": "n1", "damage": []}, {"node": "n2", "damage": ["entry 7 is rotten"]})
    assert looked_at(lines, [1, 2]).damage == ["n2: entry 7 is rotten"]


def test_nodes_that_came_and_went_meanwhile_are_those_of_the_end() -> None:
    lines = Answering()
    looked_at(lines, [2, 3, 4], [step("members replace n1", 1)])
    assert lines.asked == [["log", "verify", "n2", "n3", "n4"]]
