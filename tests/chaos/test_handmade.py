"""A scenario out of what was done: which lines become steps, which end them, which are left out."""

import shlex
from typing import Any

import pytest

from node.scenario.errors import ScenarioError
from node.scenario.parsing import parse
from node.scenario.writing import write
from raftctl.chaos.handmade import Handmade, scenario_of
from raftctl.cluster.journal import Entry
from raftctl.exit_codes import Exit

BEGAN = 1_000.0
NOW = 2_000.0
EACH = ("start", "stop", "kill", "pause", "resume")


def did(after: float, line: str, nodes: tuple[int, ...] = (), **others: Any) -> Entry:
    """A line that was carried out so many seconds after the beginning, on just these nodes."""
    words = tuple(shlex.split(line))
    resolved = (words[0], *(f"n{node}" for node in nodes)) if words[0] in EACH else ()
    values: dict[str, Any] = {"resolved": resolved, "changed": True, "members": (1, 2, 3), **others}
    return Entry(BEGAN + after, words, "cli", nodes=nodes, **{"exit": 0} | values)


def made_of(*entries: Entry, exact: bool = False, now: float = NOW) -> Handmade:
    made = scenario_of(entries, now, "mine", "about", exact)
    assert parse(write(made.scenario)) == made.scenario, "it is one that can be run"
    return made


def steps_of(made: Handmade) -> list[str]:
    """When, what, under which name, and for how many seconds."""
    return [
        f"{step.when} {step.action}"
        + (f" as {step.name}" if step.name else "")
        + ("" if step.lasts_us is None else f" for {step.lasts_us / 1e6:g}")
        for step in made.scenario.steps
    ]


def test_steps_are_as_far_apart_as_they_were_and_the_rest_is_usual() -> None:
    made = made_of(did(0, "up --nodes 3"), did(10, "transfer"), did(12.3456, "wipe n1", (1,)))
    assert steps_of(made) == ["2s transfer", "4346ms wipe n1"]
    scenario = made.scenario
    assert (scenario.name, scenario.nodes, scenario.duration_us) == ("mine", 3, 9_346_000)
    assert scenario.expect.linearizable
    assert scenario.expect.converge_within_us == 10_000_000
    assert made.left_out == []


@pytest.mark.parametrize(
    ("kill", "start"), [("kill", "start"), ("stop", "start"), ("pause", "resume")]
)
def test_what_was_ended_again_lasts_for_that_time(kill: str, start: str) -> None:
    made = made_of(did(0, f"{kill} leader", (2,)), did(3, f"{start} n2", (2,)))
    assert steps_of(made) == [f"2s {kill} leader for 3"]
    made = made_of(
        did(0, f"{kill} leader", (2,)), did(1, f"{kill} any", (3,)), did(5, f"{start} all", (2, 3))
    )
    assert steps_of(made) == [f"2s {kill} leader for 5", f"3s {kill} any for 4"]


def test_an_end_of_a_part_stays_a_step() -> None:
    made = made_of(did(0, "kill n1 n2", (1, 2)), did(3, "start n1", (1,)), did(4, "start n2", (2,)))
    assert steps_of(made) == ["2s kill n1 n2", "5s start n1", "6s start n2"]
    made = made_of(did(0, "kill n1", (1,)), did(3, "start n1 n2", (1, 2)))
    assert steps_of(made) == ["2s kill n1", "5s start n1 n2"]


def test_nodes_that_were_so_already_are_no_part_of_a_step() -> None:
    made = made_of(
        did(0, "kill n1", (1,)),
        did(1, "kill all", (2, 3), resolved=("kill", "n1", "n2", "n3")),
        did(2, "start n1", (1,)),
        did(3, "start n1 n2", (2,), resolved=("start", "n1", "n2")),
    )
    assert steps_of(made) == ["2s kill n1 for 2", "3s kill n2 n3", "5s start n2"]


def test_a_node_that_its_disk_ended_is_started_by_a_step() -> None:
    made = made_of(did(0, "disk n1 --fail", (1,), fault=1), did(1, "start n1", (1,)))
    assert steps_of(made) == ["2s disk n1 --fail", "3s start n1"]


@pytest.mark.parametrize("between", ["restart n1", "wipe n1", "members remove n1"])
def test_what_came_between_keeps_both_apart(between: str) -> None:
    made = made_of(
        did(0, "kill n1", (1,)), did(1, between, (1,)), did(2, "kill n1", (1,)),
        did(3, "start n1", (1,)),
    )  # fmt: skip
    assert steps_of(made) == ["2s kill n1", f"3s {between}", "4s kill n1 for 1"]


def test_a_node_that_was_killed_while_it_was_frozen_is_not_resumed() -> None:
    made = made_of(
        did(0, "pause n1 n2", (1, 2)), did(1, "kill n1", (1,)), did(2, "resume n2", (2,)),
        did(3, "start n1", (1,)),
    )  # fmt: skip
    assert steps_of(made) == ["2s pause n1 n2", "3s kill n1 for 2", "4s resume n2"]


def test_a_fault_lasts_until_it_was_healed_by_whatever_name() -> None:
    made = made_of(
        did(0, "partition leader --as cut", fault=1),
        did(1, "heal cut", healed=(1,)),
        did(2, "net --link 1:2 --drop 5%", fault=2),
        did(3, "disk n1 --full", fault=3),
        did(4, "heal 2", healed=(2,)),
        did(6, "heal", healed=(3,)),
    )
    assert steps_of(made) == [
        "2s partition leader as cut for 1",
        "4s net --link 1:2 --drop 5% for 2",
        "5s disk n1 --full for 3",
    ]
    assert made.left_out == []


def test_a_fault_that_was_to_end_by_itself_ends_so() -> None:
    line = did(0, "partition leader --for 10s", fault=1)
    assert steps_of(made_of(line)) == ["2s partition leader for 10"]
    assert steps_of(made_of(line, now=BEGAN + 4)) == ["2s partition leader"], "it still holds"
    healed = made_of(line, did(3, "heal", healed=(1,)))
    assert steps_of(healed) == ["2s partition leader for 3"]
    replaced = made_of(line, did(4, "partition n1", fault=2))
    assert steps_of(replaced) == ["2s partition leader", "6s partition n1"]


def test_a_link_that_was_mended_alone_stays_a_step() -> None:
    made = made_of(did(0, "partition n1", fault=1), did(2, "heal n1:n2", eased=(1,)))
    assert steps_of(made) == ["2s partition n1", "4s heal n1:n2"]


def test_names_stand_once_and_mean_nothing_else() -> None:
    made = made_of(
        did(0, "partition n1 --as cut", fault=1), did(1, "partition n2 --as cut", fault=2),
        did(2, "net --link 1:2 --drop 1% --as invariants", fault=3),
    )  # fmt: skip
    assert [step.name for step in made.scenario.steps] == ["cut", "cut-2", ""]


def test_lines_that_are_no_steps_are_left_out_and_told() -> None:
    made = made_of(
        did(0, "heal 7", healed=(7,)),
        did(1, "kill n9", exit=Exit.NOT_FOUND, changed=False),
        did(2, "start n1", changed=False),
        did(3, "kill n1", (1,), exit=Exit.PARTIAL),
        did(3.5, "start n2", (2,)),
        did(4, "recover n1"),
        did(5, "up"),
    )
    assert steps_of(made) == ["2s kill n1"]
    assert [(each.line, each.why) for each in made.left_out] == [
        ("heal 7", "what it healed is of before"),
        ("kill n9", "it ended with exit 9"),
        ("start n1", "it changed nothing"),
        ("start n2", "what it ended is of before"),
        ("recover n1", "recover is nothing that a scenario does"),
        ("up", "up is nothing that a scenario does"),
    ]


def test_the_nodes_are_those_of_the_beginning() -> None:
    made = made_of(
        did(0, "members add", (4,)), did(1, "kill n4", (4,), members=(1, 2, 3, 4)),
    )  # fmt: skip
    assert (made.scenario.nodes, len(made.scenario.steps)) == (3, 2)


def test_nodes_that_a_scenario_cannot_have_are_told() -> None:
    """Its nodes are numbered from 1 on; here n2 was removed before."""
    members = (1, 3, 4)
    made = made_of(
        did(0, "kill n4", (4,), members=members), did(1, "kill leader", (1,), members=members)
    )
    assert steps_of(made) == ["2s kill leader"]
    assert [(each.line, each.why) for each in made.left_out] == [
        ("kill n4", "the cluster has no node n4")
    ]


def test_with_the_nodes_that_were_meant() -> None:
    cut = ("partition", "n1", "/", "n2,n3")
    entries = (
        did(0, "kill leader", (2,), resolved=("kill", "n2")),
        did(1, "partition leader --as cut --for 2s", fault=1, resolved=cut),
    )
    assert steps_of(made_of(*entries, exact=True)) == [
        "2s kill n2", "3s partition n1 / n2,n3 as cut for 2",
    ]  # fmt: skip
    assert steps_of(made_of(*entries)) == ["2s kill leader", "3s partition leader as cut for 2"]


def test_nothing_to_do_is_a_scenario_without_steps() -> None:
    assert made_of(did(0, "up --nodes 3")).scenario.steps == ()


def test_what_is_too_long_or_too_much_is_refused() -> None:
    with pytest.raises(ScenarioError, match="more than a day"):
        made_of(did(0, "transfer"), did(90_000, "transfer"))
    with pytest.raises(ScenarioError, match="2001 steps"):
        made_of(*[did(number / 100, "transfer") for number in range(2001)])
