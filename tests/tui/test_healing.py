"""Healing all faults at once: what takes that back, and when it asks."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from node.faults import LinkRule
from node.nodefaults import NodeRule
from tests.tui.frames import Script, fold, live_cluster, status_of
from tests.tui.pilot import Viewer, view
from tests.tui.test_acting import in_force
from tests.tui.test_app import with_dead
from tests.tui.test_typed import type_line
from tui.actions import Action, Refusal
from tui.drawing.moment import Moment
from tui.healing import heal_all
from tui.model import ClusterModel
from tui.runner import Outcome

Rules = Sequence[LinkRule | NodeRule]


def with_faults(*rules: LinkRule | NodeRule) -> ClusterModel:
    """Five live nodes tell of these, as nodes do."""
    model = live_cluster()
    links = [rule.to_map() | {"hits": 0} for rule in rules if isinstance(rule, LinkRule)]
    for node in model.nodes:
        own: list[Mapping[str, Any]] = [
            rule.to_map() for rule in rules if isinstance(rule, NodeRule) and rule.node == node
        ]
        status = status_of(node, 5, 3, faults=links, node_faults=own)
        fold(Script(node, 9, model.now_ns).keyframe(status).frames, model)
    return model


def healing(model: ClusterModel) -> Action:
    action = heal_all(Moment(model=model, now_ns=model.now_ns, name="demo"))
    assert isinstance(action, Action)
    assert action.arguments == ("heal",)
    return action


@pytest.mark.parametrize(
    ("rules", "line"),
    [
        (
            [
                LinkRule(fault=3, src=1, dst=2, latency_ms=40.5, jitter_ms=5.0, drop=0.07),
                LinkRule(fault=3, src=2, dst=1, latency_ms=40.5, jitter_ms=5.0, drop=0.07),
            ],
            "net --link 1:2 --link 2:1 --latency 40.5ms+-5ms --drop 7%",
        ),
        (
            [LinkRule(4, 1, 2, rate_bytes_s=1500, only=("AppendEntries",), name="bad")],
            "net --link 1:2 --rate 1500B/s --only AppendEntries --as bad",
        ),
        (
            [LinkRule(4, 1, 2, duplicate=0.02, reorder=0.125, corrupt=1.0)],
            "net --link 1:2 --dup 2% --reorder 12.5% --corrupt 100%",
        ),
        (
            [NodeRule(5, node, "slow", delay_us=20_500) for node in (1, 4)],
            "disk n1 n4 --slow 20.5ms",
        ),
        ([NodeRule(5, 2, "full", name="big")], "disk n2 --full --as big"),
        ([NodeRule(6, 2, "rate", rate=1.05)], "clock n2 --rate 1.05"),
    ],
)
def test_one_fault_is_put_back_by_the_line_that_made_it(rules: Rules, line: str) -> None:
    action = healing(with_faults(*rules))
    assert action.undo is not None
    assert (" ".join(action.undo.arguments), action.question) == (line, "")


@pytest.mark.parametrize(
    ("rules", "says"),
    [
        (
            [LinkRule(3, 1, 2, drop=0.05), NodeRule(4, 1, "full", expires_at=4e9)],
            "heal ends #3 net drop 5% 1:2, #4 disk full",
        ),
        ([LinkRule(3, 1, 2, drop=0.05, expires_at=4e9)], "u does not put that back"),
        ([LinkRule(3, 1, 2, cut=True, expires_at=4e9)], "#3 cut"),
        ([NodeRule(4, 1, "fail")], "#4 disk fail n1"),
    ],
)
def test_what_no_line_puts_back_asks_first(rules: Rules, says: str) -> None:
    action = healing(with_faults(*rules))
    assert action.undo is None
    assert says in action.question


def test_of_faults_in_which_a_dead_node_may_have_a_part_it_asks() -> None:
    model = with_dead(with_faults(LinkRule(3, 1, 2, drop=0.05)), 5)
    assert healing(model).question


def test_without_a_fault_there_is_nothing_to_heal() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "K", "H")
        assert viewer.told.splitlines()[-1] == "nothing to heal: there is no fault"
        await viewer.press("u")
        assert (viewer.dialog, viewer.ran) == ("", ["kill n1", "start n1"])

    view(test)


def test_nobody_knows_the_faults_of_a_dead_node_so_heal_runs() -> None:
    assert healing(with_dead(live_cluster(), 5)).question == ""
    lone = heal_all(Moment(model=ClusterModel(), now_ns=0, name="demo"))
    assert isinstance(lone, Refusal)


def test_a_partition_that_was_healed_is_put_back_and_healed_again() -> None:
    async def test(viewer: Viewer) -> None:
        viewer.runner.outcome = Outcome(0, "fault #1  1 | 2,3,4,5\n", "", 0.1)
        await viewer.press("1", "p", "enter")
        in_force(viewer.app.model, 1, {1}, {2, 3, 4, 5})
        viewer.runner.outcome = Outcome(0, "healed #1; 0 left\n", "", 0.1)
        await viewer.press("H")
        assert viewer.ran[-1] == "heal"
        assert "u: raftctl partition 1 / 2,3,4,5" in viewer.told
        viewer.runner.outcome = Outcome(0, "fault #2  1 | 2,3,4,5\n", "", 0.1)
        await viewer.press("u")
        assert viewer.ran[-1] == "partition 1 / 2,3,4,5"
        await viewer.press("u")
        assert viewer.ran[-1] == "heal 2", "it has another number since"

    view(test)


def test_several_faults_are_put_back_one_after_the_other() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("H")
        assert viewer.told == "u: raftctl partition 1 / 2,3,4,5 --as west, and 2 more"
        await viewer.press("u")
        await viewer.settle()
        assert viewer.ran == [
            "heal",
            "partition 1 / 2,3,4,5 --as west",
            "net --link 2:3 --drop 5%",
            "disk n4 --full",
        ]
        await viewer.press("u")
        assert len(viewer.ran) == 4, "all of it was one action"

    west = [(1, peer) for peer in (2, 3, 4, 5)]
    cuts = [
        LinkRule(1, *link, cut=True, name="west")
        for link in [*west, *(pair[::-1] for pair in west)]
    ]
    view(test, with_faults(*cuts, LinkRule(2, 2, 3, drop=0.05), NodeRule(3, 4, "full")))


def test_what_could_not_be_put_back_is_tried_again() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("H")
        viewer.runner.fails = "disk"
        await viewer.press("u")
        await viewer.settle()
        viewer.runner.fails = ""
        await viewer.press("u")
        assert viewer.ran[1:] == ["net --link 2:3 --drop 5%", *["disk n4 --full"] * 2]

    view(test, with_faults(LinkRule(2, 2, 3, drop=0.05), NodeRule(3, 4, "full")))


def test_a_typed_heal_is_taken_back_as_that_of_the_key() -> None:
    async def test(viewer: Viewer) -> None:
        await type_line(viewer, "heal all")
        await viewer.press("escape", "u")
        assert viewer.ran == ["heal all", "net --link 1:2 --drop 5%"]

    view(test, with_faults(LinkRule(3, 1, 2, drop=0.05)))
