"""A line of raftctl as an action, and the action as its line."""

import shlex
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st

from node.scenario.actions import (
    Action,
    Clock,
    Disk,
    Heal,
    Kill,
    MembersAdd,
    MembersDemote,
    MembersPromote,
    MembersRemove,
    MembersReplace,
    Net,
    Partition,
    Pause,
    Restart,
    Resume,
    SnapshotTake,
    Start,
    Stop,
    Transfer,
    Wipe,
    ending,
    undo,
)
from node.scenario.effects import link_effects
from node.scenario.errors import ScenarioError
from node.scenario.lines import VERBS, parse_action, parse_line
from node.scenario.options import OF_EVERY_VERB
from tests.scenario.strategies import actions


@given(actions | st.sampled_from([Heal("cut"), MembersAdd(7), MembersReplace("n1", 9)]))
def test_an_action_is_read_back_from_its_line(action: Action) -> None:
    assert parse_action(str(action)) == action


TYPED: list[tuple[str, Action]] = [
        ("start n1", Start(("n1",))),
        ("stop n1", Stop(("n1",))),
        ("pause any", Pause(("any",))),
        ("kill leader", Kill(("leader",))),
        ("raftctl kill 'n1, n2' --signal 15", Kill(("n1,", "n2"), "TERM")),
        ("kill n1 --signal=sigabrt", Kill(("n1",), "ABRT")),
        ("-c demo -q wipe n3 -y", Wipe(("n3",))),
        ("restart all --stagger 2s", Restart(("all",), 2_000_000)),
        ("resume -- n1", Resume(("n1",))),
        ("partition 1,2/3,4,5", Partition(("1,2", "/", "3,4,5"))),
        ("partition leader, any / rest /", Partition(("leader,", "any", "/", "rest"))),
        ("partition --one-way 1:2 --one-way 2:1", Partition(one_way=("1:2", "2:1"))),
        ("partition --bridge n3", Partition(bridge="n3")),
        ("net --link 1:2 --latency 80ms+-30ms", Net(("1:2",), link_effects("80ms+-30ms"))),
        ("net --link 1:2 --rate 64kB/s --only AppendEntries",
         Net(("1:2",), link_effects(rate="64kB/s", only=["AppendEntries"]))),
        ("heal", Heal("all")),
        ("heal cut", Heal("cut")),
        ("heal 1:n2", Heal("n1:n2")),
        ("transfer", Transfer()),
        ("transfer any-follower", Transfer("any-follower")),
        ("members add", MembersAdd()),
        ("members add n7 --learner --priority 50", MembersAdd(7, True, 50)),
        ("members -y replace n3 4", MembersReplace("n3", 4)),
        ("members promote n4", MembersPromote(("n4",))),
        ("members demote n4", MembersDemote(("n4",))),
        ("members remove n4", MembersRemove(("n4",))),
        ("snapshot take", SnapshotTake()),
        ("snapshot take followers", SnapshotTake(("followers",))),
        ("disk leader --stall 300ms", Disk(("leader",), "stall", 300_000)),
        ("disk n2 --rot", Disk(("n2",), "rot")),
        ("disk n2 --truncate", Disk(("n2",), "truncate")),
        ("disk n2 --slow 20ms", Disk(("n2",), "slow", 20_000)),
        ("disk n2 --fail", Disk(("n2",), "fail")),
        ("disk n1 n2 --full", Disk(("n1", "n2"), "full")),
        ("clock n1 --rate 1.05", Clock(("n1",), rate=1.05)),
        ("clock n1 --jump 2s", Clock(("n1",), jump_us=2_000_000)),
    ]  # fmt: skip
"""One of each verb at least, in all the ways to write it."""


@pytest.mark.parametrize(("line", "action"), TYPED)
def test_lines_as_people_type_them(line: str, action: Action) -> None:
    assert parse_action(line) == action


def test_name_and_duration_of_a_line_stand_beside_its_action() -> None:
    line = parse_line("partition leader --for 1m30s --as cut")
    assert (line.action, line.name, line.lasts_us) == (Partition(("leader",)), "cut", 90_000_000)
    with pytest.raises(ScenarioError, match="has --as or --for"):
        parse_action("partition leader --as cut")


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("", "which verb"),
        ("raftctl -y", "which verb"),
        ("members", "which verb"),
        ("kill 'n1", "no closing quotation"),
        ("put k v", "put is nothing that a scenario does"),
        ("members ls", "members ls is nothing that a scenario does"),
        ("kill", "which nodes"),
        ("kill ''", "which nodes"),
        ("kill n1 --signal STOP", "STOP ends no node"),
        ("kill n1 --signal", "--signal needs a value"),
        ("kill n1 --signal KILL --signal TERM", "--signal stands twice"),
        ("kill n1 --signal ''", " ends no node"),
        ("kill n1 -x", "there is no option -x"),
        ("kill n1 --yes=1", "--yes takes no value"),
        ("kill -- -x", "'-x' means nothing here"),
        ("kill n1 --for 3s", "there is no option --for"),
        ("restart n1 --stagger 2h", "--stagger 2h is too long"),
        ("partition", "one way to partition"),
        ("partition /", "one way to partition"),
        ("partition 1 --ring", "one way to partition"),
        ("partition 1 --for 0s", "has to last more than 0"),
        ("partition 1 --as n1", "'n1' is no name for a fault"),
        ("partition 1 --as ''", "'' is no name for a fault"),
        ("net n1 --link 1:2", "'n1' is one word too many"),
        ("net --drop 5%", "which link"),
        ("net --link 1:2", "what should happen there"),
        ("net --link 1:2 --drop 500%", "is not a share"),
        ("net --link 1:2 --latency 61s", "more than a node takes"),
        ("net --link 1:2 --drop 5% --only Append", "there is no message 'Append'"),
        ("heal 1", "faults have no numbers yet"),
        ("heal #1", "faults have no numbers yet"),
        ("heal leader", "no name for a fault"),
        ("heal a b", "'b' is one word too many"),
        ("transfer n1 n2", "'n2' is one word too many"),
        ("members add 0", "is no node's id"),
        ("members add leader", "'leader' is not a node"),
        ("members add --priority 101", "--priority 101"),
        ("members replace", "which node"),
        ("disk n1", "what is wrong with the disk"),
        ("disk n1 --full --fail", "what is wrong with the disk"),
        ("disk n1 --stall 0s", "--stall 0s: has to be more than 0"),
        ("disk n1 --stall 1s --for 2s", "has no end"),
        ("disk n1 --rot --for 2s", "has no end"),
        ("disk n1 --truncate --for 2s", "has no end"),
        ("disk n1 --slow 2h", "--slow 2h is too long"),
        ("disk n1 --slow 20", "--slow 20 has no unit"),
        ("disk n1 --stall 0.5", "--stall 0.5 has no unit"),
        ("clock n1", "what is wrong with the clock"),
        ("clock n1 --rate 1 --jump 1s", "what is wrong with the clock"),
        ("clock n1 --rate 0", "--rate 0 is no clock"),
        ("clock n1 --rate 1.0", "--rate 1 is a clock that is right"),
        ("clock n1 --rate -1", "'-1' is not a number"),
        ("clock n1 --jump 1s --for 2s", "has no end"),
        ("x" * 5000, "the line is too long"),
    ],
)
def test_lines_that_say_nothing_are_refused(line: str, says: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_line(line)
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("line", "ended_by", "undone"),
    [
        ("kill leader", "start", Start(("n3",))),
        ("stop leader", "start", Start(("n3",))),
        ("pause leader", "resume", Resume(("n3",))),
        ("partition leader", "heal", Heal("f1")),
        ("net --link leader:rest --drop 5%", "heal", Heal("f1")),
        ("disk leader --full", "heal", Heal("f1")),
        ("disk leader --stall 1s", None, None),
        ("disk leader --rot", None, None),
        ("disk leader --truncate", None, None),
        ("clock leader --rate 1.1", "heal", Heal("f1")),
        ("clock leader --jump 1s", None, None),
        ("wipe leader", None, None),
        ("restart leader", None, None),
        ("transfer", None, None),
    ],
)
def test_what_ends_a_fault(line: str, ended_by: str | None, undone: Action | None) -> None:
    action = parse_action(line)
    assert ending(action) == ended_by
    assert undo(action, [3], "f1") == undone


def test_undo_is_for_the_nodes_that_were_meant() -> None:
    assert undo(Pause(("any",)), [2, 5], "f1") == Resume(("n2", "n5"))


# -- the same grammar as the command line ----------------------------------------------------------
NOT_HERE = {"-h", "--help", "--version", "--show-completion", "--install-completion"}


def _command(verb: str) -> Any:
    from raftctl.cli import app

    command: Any = typer.main.get_command(app)
    for word in verb.split():
        command = command.commands[word]
    return command


def _options(command: Any) -> set[str]:
    own = [each for each in command.params if each.param_type_name == "option"]
    return {name for each in own for name in (*each.opts, *each.secondary_opts)} - NOT_HERE


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_options_are_those_of_the_command_line(verb: str) -> None:
    assert set(VERBS[verb].options) == _options(_command(verb))


def test_options_of_every_verb_are_those_of_the_command_line() -> None:
    assert set(OF_EVERY_VERB) == _options(_command(""))


def _parsed(line: str) -> Any:
    """What the command line makes of it, without doing it. Raises for what it does not take."""
    words = shlex.split(line)
    if words[:1] == ["raftctl"]:
        del words[0]
    command = _command("")
    context = command.make_context("raftctl", words)
    while (rest := [*context._protected_args, *context.args]) and hasattr(command, "commands"):
        name, command, rest = command.resolve_command(context, rest)
        context = command.make_context(name, rest, parent=context)
    return context


ENDED = ["disk n1 --full", "clock n1 --rate 1.5", "partition leader", "net --link 1:2 --drop 5%"]


@pytest.mark.parametrize(
    "line", [*(line for line, _ in TYPED), *(f"{line} --for 3s --as x" for line in ENDED)]
)
def test_command_line_takes_what_a_scenario_does(line: str) -> None:
    verb = _parsed(line).command_path.removeprefix("raftctl ")
    assert str(parse_line(line).action).startswith(verb)


def test_every_verb_of_a_scenario_is_among_the_examples() -> None:
    assert {_parsed(line).command_path.removeprefix("raftctl ") for line, _ in TYPED} == set(VERBS)


@pytest.mark.parametrize(
    ("line", "action"), [each for each in TYPED if isinstance(each[1], Disk | Clock)]
)
def test_disk_and_clock_mean_the_same_on_the_command_line(line: str, action: Action) -> None:
    from raftctl.cluster.nodefaults import line_of

    values = dict(_parsed(f"{line} --as x").params)
    verb, nodes = line.split()[0], values.pop("selectors")
    options = {f"--{name}": values[name] for name in values if f"--{name}" in VERBS[verb].options}
    read = line_of(verb, nodes, {**options, "--as": values["name"]}, values["duration"])
    assert (read.action, read.name) == (action, "x")
