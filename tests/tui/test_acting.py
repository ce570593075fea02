"""What is done to a cluster from the viewer: when it asks, when not, and how it is taken back."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from tests.tui.frames import Script, fold, live_cluster, status_of
from tests.tui.pilot import Viewer, view
from tests.tui.test_app import with_dead
from tui import actions
from tui.acting import SHOWS_NS
from tui.actions import Action
from tui.drawing.moment import Moment
from tui.model import ClusterModel
from tui.nodes import Process, Reach
from tui.runner import NOT_STARTED, Outcome, Subprocesses


class Slow:
    """A runner whose commands end when the test says so."""

    def __init__(self, viewer: Viewer) -> None:
        self.ran: list[tuple[str, ...]] = []
        self.end = asyncio.Event()
        viewer.app.runner = self

    async def run(
        self, arguments: Sequence[str], on_output: Callable[[str], None] | None = None
    ) -> Outcome:
        self.ran.append(tuple(arguments))
        await self.end.wait()
        return Outcome(0, "done", "", 0.1)


def apart(model: ClusterModel, *sides: set[int]) -> ClusterModel:
    """All links between the sides are cut; node 3 leads five nodes."""
    for node in model.nodes:
        peers = {peer for side in sides if node in side for peer in side}
        links = {str(peer): "up" if peer in peers else "cut" for peer in model.nodes}
        script = Script(node, 9, model.now_ns).keyframe(status_of(node, 5, 3, links=links))
        fold(script.frames, model)
    return model


# -- the quorum ------------------------------------------------------------------------------------
def test_the_quorum_is_that_of_nodes_that_reach_each_other() -> None:
    model = apart(live_cluster(), {1, 2}, {3, 4, 5})
    moment = Moment(model=model, now_ns=model.now_ns, name="demo")
    quorum = actions.quorum_of(moment, actions.alive(moment))
    assert (quorum.have, quorum.is_there) == (3, True)
    for node, asks in ((1, False), (4, True)):
        action = actions.kill(moment, model.nodes[node])
        assert isinstance(action, Action)
        assert bool(action.question) is asks


def test_keys_that_come_fast_ask_as_slow_ones_do() -> None:
    async def test(viewer: Viewer) -> None:
        slow = Slow(viewer)
        for key in ("1", "K", "2", "K", "3", "K"):
            await viewer.pilot.press(key)
        assert viewer.dialog == "Ask"
        assert slow.ran == [("kill", "n1"), ("kill", "n2")]
        await viewer.pilot.press("n")
        slow.end.set()
        await viewer.press("3", "K")
        assert viewer.dialog == "Ask", "they have ended, and the model does not show it yet"
        await viewer.press("n", "1", "s")
        assert slow.ran[-1] == ("stop", "n1")

    view(test)


def test_what_a_command_took_away_counts_for_gone_until_the_model_had_time_to_show_it() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "K")
        now_ns = viewer.app.model.now_ns
        assert viewer.app.leaving(now_ns + SHOWS_NS - 1) == {1}
        assert viewer.app.leaving(now_ns + SHOWS_NS) == set()
        await viewer.press("u")
        assert viewer.app.leaving(now_ns) == set(), "it was started"

    view(test)


@pytest.mark.parametrize("line", [("/no/such/command",), ("true", "a\0b"), ("true", "\ud800")])
def test_a_command_that_cannot_start_is_one_that_failed(line: tuple[str, ...]) -> None:
    outcome = asyncio.run(Subprocesses(line[:1]).run(line[1:]))
    assert outcome.code == NOT_STARTED
    assert outcome.headline.startswith("error: it did not start: ")


# -- taking back -----------------------------------------------------------------------------------
def test_an_undo_that_takes_the_quorum_asks_too() -> None:
    async def test(viewer: Viewer) -> None:
        model = viewer.app.model
        await viewer.press("1", "s")
        for node in (1, 4, 5):
            model.process(node, Process("running", node))
            model.reach(node, Reach(is_open=True))
        with_dead(model, 4, 5)
        await viewer.press("u")
        assert (viewer.dialog, viewer.ran) == ("Ask", ["start n1"])
        await viewer.press("n", "u", "y")
        assert viewer.ran == ["start n1", "stop n1"]
        await viewer.press("u")
        assert viewer.ran == ["start n1", "stop n1"], "nothing is left to take back"

    view(test, with_dead(live_cluster(), 1))


def test_an_undo_that_failed_can_be_tried_again() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("2", "K")
        viewer.runner.outcome = Outcome(1, "", "error: the disk is full", 0.1)
        await viewer.press("u")
        viewer.runner.outcome = Outcome(0, "done", "", 0.1)
        await viewer.press("u", "u")
        assert viewer.ran == ["kill n2", "start n2", "start n2"]

    view(test)


def test_the_same_is_not_taken_back_twice_at_once() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("2", "K")
        slow = Slow(viewer)
        await viewer.pilot.press("u")
        await viewer.pilot.press("u")
        slow.end.set()
        await viewer.settle()
        assert slow.ran == [("start", "n2")]

    view(test)


def test_in_another_cluster_there_is_nothing_to_take_back() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("2", "K")
        viewer.app.forget_actions()
        await viewer.press("u")
        assert viewer.ran == ["kill n2"]

    view(test)


# -- which nodes -----------------------------------------------------------------------------------


def test_in_a_held_picture_what_is_done_is_done_to_the_nodes_as_they_are() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("space")
        with_dead(viewer.app.model, 1, 2)
        await viewer.press("3", "K")
        assert (viewer.dialog, viewer.ran) == ("Ask", [])
        await viewer.press("n", "1", "s")
        assert viewer.ran == ["start n1"], "the picture shows it alive, and it is dead"

    view(test, live_cluster())
