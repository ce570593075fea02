"""The live feed over stand-ins for nodes: it follows, goes on where it was, tells what is wrong."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from node.wire.messages import Failure, Frame, Gap
from tests.tui import stand_in
from tests.tui.frames import Script, status_of
from tests.tui.stand_in import MadeUp, StandIn, address_of
from tui import model as model_module
from tui import shapes, stream
from tui.model import ClusterModel
from tui.nodes import Condition, Process
from tui.stream import LiveFeed
from tui.timeline import Occurrence


async def until(condition: Callable[[], bool]) -> None:
    """Give the feed its turns until the condition holds."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - a model has no event to wait for
            await asyncio.sleep(0.005)


def following(
    test: Callable[[StandIn, MadeUp, ClusterModel], Awaitable[None]],
    given: StandIn | None = None,
) -> None:
    """Run `test` while a feed follows one stand-in, node 1."""

    async def run() -> None:
        node = given or StandIn(1, now().keyframe(status_of(1)).frames)
        await node.start()
        source = MadeUp(address_of({1: node.port}))
        model = ClusterModel()
        feed = asyncio.create_task(LiveFeed(source, model, source.count_change).run())
        try:
            await test(node, source, model)
        finally:
            feed.cancel()
            await asyncio.gather(feed, return_exceptions=True)
            await node.stop()

    asyncio.run(run())


def now(boot: int = 1) -> Script:
    """Frames of node 1, from this moment on."""
    return Script(1, boot, at_ns=time.monotonic_ns())


def condition(model: ClusterModel) -> Condition:
    return model.nodes[1].condition(time.monotonic_ns())


def test_it_follows_and_takes_up_where_the_connection_broke() -> None:
    async def test(node: StandIn, source: MadeUp, model: ClusterModel) -> None:
        script = now().keyframe(status_of(1))
        await until(lambda: bool(model.nodes) and model.nodes[1].seq == 1)
        script.changed(term=8).happened("vote")
        node.send(script.frames[1:])
        await until(lambda: model.nodes[1].seq == 3)
        await node.stop()
        await until(lambda: condition(model) is Condition.UNREACHABLE)
        node.frames = []
        await node.start()
        await until(lambda: len(node.subscriptions) == 2)
        first, second = node.subscriptions
        assert (first.history, first.boot, first.since) == (True, 0, 0)
        assert (second.boot, second.since) == (1, 3)
        node.send(script.changed(term=9).frames[-1:])
        await until(lambda: model.nodes[1].number("term") == 9)
        assert model.nodes[1].lost == 0

    following(test)


def test_a_connection_that_breaks_behind_a_gap_goes_on_in_front_of_it() -> None:
    async def test(node: StandIn, source: MadeUp, model: ClusterModel) -> None:
        await until(lambda: bool(model.nodes) and model.nodes[1].seq == 1)
        node.send([Gap(1, 1, 9, time.monotonic_ns(), time.time_ns(), 2, 9, "too slow")])
        await until(lambda: model.nodes[1].seq == 9)
        await node.stop()
        await until(lambda: condition(model) is Condition.UNREACHABLE)
        node.frames = []
        await node.start()
        await until(lambda: len(node.subscriptions) == 2)
        assert (node.subscriptions[1].boot, node.subscriptions[1].since) == (1, 1)
        node.send(now().keyframe(status_of(1)).changed(term=8).changed(leader=2).frames[1:])
        await until(lambda: model.nodes[1].number("leader") == 2)
        assert model.nodes[1].number("term") == 8
        assert model.nodes[1].is_whole

    following(test)


class Rounds(ClusterModel):
    """Notes in which round of the loop it took frames of which nodes."""

    def __init__(self) -> None:
        super().__init__()
        self.round = 0
        self.taken: defaultdict[int, set[int]] = defaultdict(set)

    async def count(self) -> None:
        while True:
            self.round += 1
            await asyncio.sleep(0)

    def fold(self, frame: Frame, node: int) -> list[Occurrence]:
        self.taken[self.round].add(node)
        return super().fold(frame, node)


def test_nodes_that_send_much_have_their_turns_one_by_one() -> None:
    """A key takes several rounds of the loop, and waits for all that is taken in meanwhile."""

    async def run() -> None:
        nodes = [StandIn(node) for node in (1, 2, 3)]
        for node in nodes:
            script = Script(node.node_id, at_ns=time.monotonic_ns()).keyframe(status_of(1))
            for _ in range(1_000):
                script.happened("vote")
            node.frames = [*script.frames]
            await node.start()
        model = Rounds()
        source = MadeUp(address_of({node.node_id: node.port for node in nodes}))
        feed = asyncio.create_task(LiveFeed(source, model, source.count_change).run())
        counting = asyncio.create_task(model.count())
        try:
            await until(lambda: len(model.timeline) == 3_000)
        finally:
            for task in (feed, counting):
                task.cancel()
            await asyncio.gather(feed, counting, return_exceptions=True)
            for node in nodes:
                await node.stop()
        assert set().union(*model.taken.values()) == {1, 2, 3}
        assert all(len(taken) == 1 for taken in model.taken.values())

    asyncio.run(run())


def test_another_life_of_the_node_begins_anew() -> None:
    async def test(node: StandIn, source: MadeUp, model: ClusterModel) -> None:
        await until(lambda: bool(model.nodes) and model.nodes[1].seq == 1)
        await node.stop()
        node.boot = 2
        node.frames = [*now(boot=2).keyframe(status_of(1, term=11)).frames]
        await node.start()
        await until(lambda: model.nodes[1].number("term") == 11)
        assert node.subscriptions[-1].boot == 0
        assert model.nodes[1].gaps == 0, "that it was started anew is no gap"

    following(test)


def test_a_node_of_another_version_says_so() -> None:
    node = StandIn(1)
    node.protocol = 9

    async def test(node: StandIn, source: MadeUp, model: ClusterModel) -> None:
        await until(lambda: bool(model.nodes) and bool(model.nodes[1].reach.why))
        assert "version 9" in model.nodes[1].reach.why
        assert condition(model) is Condition.REFUSES

    following(test, node)


def test_a_subscription_that_fails_is_told_and_tried_again() -> None:
    failure = Failure(1, "too_large", "a frame of 9 bytes; the limit is 8", "none", None)

    async def test(node: StandIn, source: MadeUp, model: ClusterModel) -> None:
        await until(lambda: len(node.subscriptions) >= 3)
        assert condition(model) is Condition.REFUSES
        assert model.nodes[1].reach.why == f"n1 sends no events: {failure.message}"
        node.frames = [*now().keyframe(status_of(1)).frames]
        await until(lambda: condition(model) is Condition.LIVE)

    following(test, StandIn(1, [failure]))


def test_a_node_that_stops_says_so_at_once() -> None:
    async def test(node: StandIn, source: MadeUp, model: ClusterModel) -> None:
        await until(lambda: bool(model.nodes) and model.nodes[1].seq == 1)
        node.send(now().keyframe(status_of(1)).happened("stop").frames[1:])
        await node.stop()
        await until(lambda: bool(model.nodes[1].reach.why))
        assert condition(model) is Condition.STOPPED
        source.found = {1: Process("exited", None, "stopped")}
        await until(lambda: condition(model) is Condition.EXITED)

    following(test)


def test_a_node_that_joins_while_the_viewer_is_open_shows_its_log_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "LOG_SECONDS", 0.01)
    at_ns = time.monotonic_ns()
    joining = StandIn(2, Script(2, 5, at_ns).keyframe(status_of(2, last_index=104_319)).frames)
    ends = dict.fromkeys(("first_index", "last_index", "commit_index", "last_applied"), 104_317)
    entry = {"index": 104_318, "term": 7}
    joining.log = {"entries": [entry], **ends}

    async def test(node: StandIn, source: MadeUp, model: ClusterModel) -> None:
        await until(lambda: bool(model.nodes) and model.nodes[1].seq == 1)
        await joining.start()
        source.address = address_of({1: node.port, 2: joining.port})
        try:
            await until(lambda: 2 in model.nodes and model.nodes[2].tail == {104_318: 7})
            assert len(node.subscriptions) == 1, "the stream of the other one goes on"
        finally:
            await joining.stop()

    following(test)


def test_a_node_that_listens_elsewhere_is_found_there() -> None:
    async def test(node: StandIn, source: MadeUp, model: ClusterModel) -> None:
        await until(lambda: bool(model.nodes) and model.nodes[1].seq == 1)
        await node.stop()
        node.port = 0
        node.boot = 2
        node.frames = [*now(boot=2).keyframe(status_of(1, term=9)).frames]
        await node.start()
        source.address = address_of({1: node.port})
        await until(lambda: model.nodes[1].number("term") == 9)

    following(test)


def test_a_new_process_is_looked_for_at_once() -> None:
    async def test(node: StandIn, source: MadeUp, model: ClusterModel) -> None:
        await until(lambda: bool(model.nodes) and model.nodes[1].seq == 1)
        await node.stop()
        source.found = {1: Process("exited", None, "killed -9")}
        await until(lambda: condition(model) is Condition.EXITED)
        node.boot = 2
        node.frames = [*now(boot=2).keyframe(status_of(1)).frames]
        await node.start()
        source.found = {1: Process("running", 77)}
        await until(lambda: condition(model) is Condition.LIVE)
        source.found = {1: Process("paused", 77)}
        await until(lambda: condition(model) is Condition.PAUSED)

    following(test)


def test_the_end_of_a_process_is_an_event_of_when_it_was_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stream, "LOOK_SECONDS", 0.02)

    async def test(node: StandIn, source: MadeUp, model: ClusterModel) -> None:
        source.found = {1: Process("running", 7)}
        await until(lambda: bool(model.nodes) and model.nodes[1].process.pid == 7)
        before_ns = time.monotonic_ns()
        source.found = {1: Process("exited")}
        await until(lambda: len(model.timeline) > 0)
        (event,) = model.timeline.newest()
        assert (event.who, event.kind) == ("n1", "exited")
        assert before_ns <= event.mono_ns <= time.monotonic_ns()

    following(test)


def test_a_cluster_that_goes_away_takes_its_nodes_along() -> None:
    async def test(node: StandIn, source: MadeUp, model: ClusterModel) -> None:
        await until(lambda: bool(model.nodes))
        address, source.address = source.address, None
        await until(lambda: not model.nodes)
        source.address = address
        await until(lambda: bool(model.nodes) and condition(model) is Condition.LIVE)

    following(test)


def test_of_a_cluster_that_was_made_anew_nothing_old_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    node = StandIn(1, now().keyframe(status_of(1)).happened("vote").bulk(1, 3).frames)

    async def test(node: StandIn, source: MadeUp, model: ClusterModel) -> None:
        await until(lambda: len(model.timeline) == 1)
        address = source.address
        assert address is not None
        source.address = None
        await until(lambda: not model.nodes)
        assert len(model.timeline) == 1, "it may come back"
        node.frames = [*now(boot=2).keyframe(status_of(1, term=1)).frames]
        monkeypatch.setattr(stand_in, "CLUSTER_ID", "another")
        source.address = address._replace(cluster_id="another")
        await until(lambda: bool(model.nodes) and model.nodes[1].number("term") == 1)
        assert (len(model.timeline), model.entries.newest(9)) == (0, [])
        assert source.changes == 2

    following(test, node)


def test_a_frame_that_cannot_be_taken_is_told_and_the_next_ones_are_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def checked(status: dict[str, Any]) -> shapes.Checked:
        if status.get("term") == 13:
            raise TypeError("of a form that nobody thought of")
        return shapes.checked(status)

    monkeypatch.setattr(model_module, "checked", checked)

    async def test(node: StandIn, source: MadeUp, model: ClusterModel) -> None:
        await until(lambda: bool(model.nodes) and model.nodes[1].seq == 1)
        script = now().keyframe(status_of(1)).changed(term=13).changed(term=14)
        node.send(script.frames[1:])
        await until(lambda: model.nodes[1].number("term") == 14)
        assert model.nodes[1].odd == {"frame"}
        assert condition(model) is Condition.LIVE

    following(test)


def test_a_log_of_an_unknown_form_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "LOG_SECONDS", 0.01)

    async def test(node: StandIn, source: MadeUp, model: ClusterModel) -> None:
        node.log = {"entries": [None]}
        await until(lambda: bool(model.nodes) and model.nodes[1].odd == {"log"})

    following(test)
