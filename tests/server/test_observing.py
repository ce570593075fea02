"""What the node tells of itself: changes folded, what decides who leads at once, bulk sampled."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest
import trio
import trio.testing

from node.config import Limits
from node.machines import kv
from node.machines.kv import KvMachine
from node.raft.events import VoteCast
from node.raft.messages import StaleTerm
from node.replica.telling import ENTRIES_MAX, VOLATILE
from node.server import observing
from node.server.eventhub import Sealed
from node.server.observing import Observing
from node.wire.codec import decode
from node.wire.messages import (
    Applied,
    Bulk,
    Changed,
    Failure,
    Frame,
    Happened,
    Keyframe,
    Propose,
    Subscribe,
)
from tests.server.stage import SECONDS_MAX, Stage, stage


class Following:
    """Frames of the node, as they come."""

    def __init__(self, at: Stage) -> None:
        self.frames: list[Frame] = []
        self._came = trio.Event()
        at.node.hub.subscribe(self, self._take)

    def _take(self, sealed: Sealed) -> None:
        frame = decode(sealed.payload)
        assert isinstance(frame, Frame)
        self.frames.append(frame)
        self._came.set()

    async def until(self, wanted: Callable[[Frame], bool]) -> None:
        with trio.fail_after(SECONDS_MAX):
            while not any(map(wanted, self.frames)):
                self._came = trio.Event()
                await self._came.wait()

    def of(self, kind: type[Any]) -> list[Any]:
        return [frame for frame in self.frames if isinstance(frame, kind)]


@asynccontextmanager
async def observed() -> AsyncIterator[tuple[Stage, Following]]:
    async with stage() as at, trio.open_nursery() as nursery:
        while not at.node.driver.replica.last_applied:
            await trio.lowlevel.checkpoint()
        nursery.start_soon(at.node.observing.run)
        yield at, Following(at)
        nursery.cancel_scope.cancel()


def run(scene: Callable[[Stage, Following], Awaitable[None]]) -> None:
    async def main() -> None:
        async with observed() as (at, following):
            await scene(at, following)

    trio.run(main)


async def put(at: Stage, count: int) -> None:
    """So many commands take effect."""
    client = await at.visit("client")
    await client.send(
        *(Propose(n, at.command(kv.put(f"k{n}", b"v" * 10))) for n in range(1, count + 1))
    )
    for _ in range(count):
        assert isinstance(await client.receive(), Applied)


def is_caught_up(at: Stage) -> Callable[[Frame], bool]:
    last = at.node.driver.replica.last_applied
    return lambda frame: isinstance(frame, Changed) and frame.values.get("last_applied") == last


def test_changes_folded_into_the_first_status_are_the_status() -> None:
    async def scene(at: Stage, following: Following) -> None:
        await put(at, 50)
        await following.until(is_caught_up(at))
        keyframe, *rest = following.frames
        assert isinstance(keyframe, Keyframe)
        status = dict(keyframe.status)
        for frame in rest:
            if isinstance(frame, Changed):
                status.update(frame.values)
        now = at.node.status.document()
        volatile = VOLATILE | {"counters"}
        assert {k: v for k, v in status.items() if k not in volatile} == {
            k: v for k, v in now.items() if k not in volatile
        }

    run(scene)


def test_what_a_status_showed_in_between_is_told_again() -> None:
    """Else whoever got that status would keep a value that has gone back to what was told."""

    async def scene(at: Stage, following: Following) -> None:
        await following.until(lambda frame: isinstance(frame, Changed))
        hub, describe = at.node.hub, at.node.hub.describe
        hub.describe = lambda: {**describe(), "role": "candidate"}
        late = Following(at)
        hub.describe = describe
        await late.until(
            lambda frame: isinstance(frame, Changed) and frame.values.get("role") == "leader"
        )

    run(scene)


def test_entries_that_take_effect_come_folded_and_the_newest_described() -> None:
    async def scene(at: Stage, following: Following) -> None:
        await following.until(lambda frame: isinstance(frame, Changed))
        before = at.node.driver.replica.last_applied
        await put(at, 200)
        await following.until(is_caught_up(at))
        bulks: list[Bulk] = following.of(Bulk)
        told = [index for bulk in bulks for index in range(bulk.first, bulk.last + 1)]
        assert told == list(range(told[0], at.node.driver.replica.last_applied + 1))
        assert told[0] <= before + 1
        for bulk in bulks:
            indexes = [entry["index"] for entry in bulk.entries]
            assert indexes == list(range(bulk.last - len(indexes) + 1, bulk.last + 1))
            assert len(indexes) == min(bulk.last - bulk.first + 1, ENTRIES_MAX)
        assert bulks[-1].entries[-1]["preview"].startswith("put k200")

    run(scene)


def test_quiet_node_tells_once_a_second_that_it_lives_and_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(observing, "QUIET_SECONDS", 0.3)

    async def scene(at: Stage, following: Following) -> None:
        await following.until(lambda frame: isinstance(frame, Changed))
        await following.until(lambda frame: len(following.of(Changed)) == 4)
        changed: list[Changed] = following.of(Changed)[1:]
        assert all(frame.values.keys() <= VOLATILE for frame in changed)
        apart = [b.mono_ns - a.mono_ns for a, b in pairwise(changed)]
        assert min(apart) >= 0.3e9

    run(scene)


def test_what_decides_who_leads_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FOLD_SECONDS", "QUIET_SECONDS"):
        monkeypatch.setattr(observing, name, 60.0)

    async def scene(at: Stage, following: Following) -> None:
        at.node.observing.look(VoteCast(1, 1))  # it has found nobody who follows, and sleeps
        await following.until(lambda frame: isinstance(frame, Changed))
        core = at.node.driver.replica.core
        at.node.driver.submit([lambda now: core.step(StaleTerm(core.term + 1, 2), now)])
        await following.until(lambda frame: len(following.of(Changed)) == 2)
        roles = [frame.values.get("role") for frame in following.of(Changed)]
        assert roles == ["leader", "follower"]

    run(scene)


def test_nothing_is_made_when_nobody_follows() -> None:
    async def scene(at: Stage, following: Following) -> None:
        await following.until(lambda frame: isinstance(frame, Changed))
        at.node.hub.unsubscribe(following)
        before = at.node.hub.seq
        await put(at, 5)
        at.node.observing.look(VoteCast(1, 1))
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert at.node.hub.seq == before

    run(scene)


def test_subscription_goes_on_behind_a_frame_over_the_wire() -> None:
    async def scene(at: Stage, following: Following) -> None:
        at.node.hub.publish("fault", 1, number=1)
        first = await at.visit("observer")
        await first.send(Subscribe(9, history=True))
        frames = [await first.receive()]
        while not isinstance(frames[-1], Keyframe):
            frames.append(await first.receive())
        boot, seen = frames[-1].boot, frames[-1].seq
        await first.stream.aclose()
        at.node.hub.publish("heal", 1, number=2)
        second = await at.visit("observer")
        await second.send(Subscribe(10, history=False, boot=boot, since=seen))
        again = await second.receive()
        assert not isinstance(again, Keyframe | Failure | None)
        assert isinstance(again, Changed | Happened)
        assert (again.id, again.seq) == (10, seen + 1)

    run(scene)


def test_status_that_no_frame_holds_ends_the_subscription_alone() -> None:
    async def scene(at: Stage, following: Following) -> None:
        observer = await at.visit("observer")
        observer.channel.allow_frames_of(4096, 300)
        await observer.send(Subscribe(3, history=False))
        failure = await observer.receive()
        assert isinstance(failure, Failure)
        assert (failure.id, failure.code) == (3, "too_large")
        assert at.node.hub._subscribers.keys() == {following}

    run(scene)


def test_observing_stands_on_its_own() -> None:
    """It does not tell what took effect before it was made."""

    async def scene(at: Stage, following: Following) -> None:
        await put(at, 3)
        driver = at.node.driver
        late = Observing(driver.replica, at.node.status, at.node.hub, driver.clock)
        assert late._telling.take_applied() is None

    run(scene)


def test_election_timer_that_runs_out_is_told_each_time_that_it_begins_anew() -> None:
    async def main() -> None:
        with trio.fail_after(SECONDS_MAX):
            async with trio.open_nursery() as nursery:
                alone = Stage(nursery, KvMachine(), Limits(), size=3)
                nursery.start_soon(alone.node.driver.run)
                nursery.start_soon(alone.node.observing.run)
                following = Following(alone)

                def told() -> list[Changed]:
                    frames = following.of(Changed)
                    return [each for each in frames if "election_in_ms" in each.values]

                await following.until(lambda _: len(told()) >= 5)
                nursery.cancel_scope.cancel()
        first, last = told()[1], told()[4]
        assert last.mono_ns - first.mono_ns < 1e9, "not with the tick of each second alone"

    trio.run(main)


def test_a_process_that_did_not_run_tells_for_how_long() -> None:
    async def scene(at: Stage, following: Following) -> None:
        await trio.testing.wait_all_tasks_blocked()
        until = trio.current_time() + observing.FOLD_SECONDS + 2 * observing.STALL_SECONDS
        while trio.current_time() < until:
            pass  # nothing else has its turn, as when the process is stopped
        await following.until(lambda frame: isinstance(frame, Happened) and frame.kind == "stall")
        (told,) = [frame for frame in following.of(Happened) if frame.kind == "stall"]
        assert told.data["ms"] >= 2 * 1000 * observing.STALL_SECONDS

    run(scene)
