"""What a batch of puts costs a node, counted at its seams: how often it waits, writes, sends and
calls. Times are another each day; these figures are nearly the same in each run.
"""

import sys
import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import trio

from node.machines import kv
from node.storage.memory import MemoryStorage
from node.transport.channel import Channel
from node.wire.batches import ProposeAll
from node.wire.codec import encode_frame
from node.wire.framing import FrameReader
from node.wire.messages import Propose
from tests.server.stage import Stage, Visitor, stage

BATCH = 256
WRITES_MAX = 3
SENDS_MAX = 8
"""With the one of who asks; it takes 2, and more where the system hands bytes over in parts."""
TURNS_MAX = 20
"""Of tasks, and so of awaits; it takes 5. An await for each put would be more than BATCH."""
CALLS_MAX = 150
"""Of functions, those in C included, for each put; it takes 136."""
CALLS_IN_ONE_MAX = 39
"""The like for each put of those that come in one frame; it takes 33."""
CALLS_ALONE_MAX = 665
"""The like for a put that nothing comes with, and of who asks for it; it takes 593."""
KEPT_BYTES_MAX = 1200
"""Of memory for each new key of 100 bytes, in the log and in the machine; it takes 600 to 800."""


@dataclass(slots=True)
class Cost:
    """Of a batch, with what the other end of the connection does."""

    turns: int = 0
    writes: int = 0
    sends: int = 0
    calls: int = 0


class Turns(trio.abc.Instrument):
    def __init__(self, cost: Cost) -> None:
        self._cost = cost

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self._cost.turns += 1


class Puts:
    """A client that asks for many puts at once, and counts frames instead of reading them."""

    def __init__(self, made: Stage, visitor: Visitor) -> None:
        self._made = made
        self._stream = visitor.stream
        self._next = 0

    def asked(self, count: int) -> bytes:
        """Frames of the next puts, each of a key of its own."""
        first, self._next = self._next, self._next + count
        return b"".join(
            encode_frame(Propose(n + 1, self._made.command(kv.put(f"key-{n}", b"x" * 100))))
            for n in range(first, self._next)
        )

    def asked_in_one(self, count: int) -> bytes:
        """The like, as one request."""
        first, self._next = self._next, self._next + count
        commands = [
            self._made.command(kv.put(f"key-{n}", b"x" * 100)) for n in range(first, self._next)
        ]
        return encode_frame(ProposeAll(first + 1, commands))

    async def answered(self, asked: bytes, count: int) -> None:
        reader = FrameReader(1 << 28)
        await self._stream.send_all(asked)
        while count > 0:
            count -= len(reader.feed(await self._stream.receive_some(1 << 20)))

    async def batch(self, count: int) -> None:
        await self.answered(self.asked(count), count)

    async def counted(self, count: int, monkeypatch: pytest.MonkeyPatch) -> Cost:
        cost = Cost()
        asked = self.asked(count)
        with monkeypatch.context() as patch, counting(cost, patch):
            await self.answered(asked, count)
        return cost


@contextmanager
def counting(cost: Cost, patch: pytest.MonkeyPatch) -> Iterator[None]:
    save, send_all = MemoryStorage.save, trio.SocketStream.send_all
    sent_now = Channel._sent_now

    def counted_save(self: MemoryStorage, batch: Any) -> None:
        cost.writes += 1
        save(self, batch)

    async def counted_send(self: trio.SocketStream, data: bytes) -> None:
        cost.sends += 1
        await send_all(self, data)

    def counted_at_once(self: Channel, data: bytes) -> int:
        cost.sends += 1
        return sent_now(self, data)

    def profile(frame: object, event: str, arg: object) -> None:
        cost.calls += event in ("call", "c_call")

    patch.setattr(MemoryStorage, "save", counted_save)
    patch.setattr(trio.SocketStream, "send_all", counted_send)
    patch.setattr(Channel, "_sent_now", counted_at_once)
    turns = Turns(cost)
    trio.lowlevel.add_instrument(turns)
    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield
    finally:
        sys.setprofile(before)
        trio.lowlevel.remove_instrument(turns)


def run(scenario: Callable[[Puts], Awaitable[None]]) -> None:
    async def main() -> None:
        async with stage() as made:
            puts = Puts(made, await made.visit())
            await puts.batch(BATCH)  # what is made once is not counted
            await scenario(puts)

    trio.run(main)


def test_batch_of_puts_waits_writes_and_sends_a_few_times_and_not_for_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(puts: Puts) -> None:
        cost = await puts.counted(BATCH, monkeypatch)
        assert 1 <= cost.writes <= WRITES_MAX
        assert 2 <= cost.sends <= SENDS_MAX
        assert cost.turns <= TURNS_MAX

    run(scenario)


def test_put_takes_no_more_calls_than_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(puts: Puts) -> None:
        cost = await puts.counted(BATCH, monkeypatch)
        assert cost.calls / BATCH <= CALLS_MAX

    run(scenario)


def test_lone_put_takes_no_more_calls_than_it_did(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(puts: Puts) -> None:
        costs = [await puts.counted(1, monkeypatch) for _ in range(9)]
        assert sorted(cost.calls for cost in costs)[4] <= CALLS_ALONE_MAX
        assert all(cost.writes == 1 for cost in costs)

    run(scenario)


def test_put_in_one_frame_with_others_takes_a_part_of_the_calls(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(puts: Puts) -> None:
        cost = Cost()
        asked = puts.asked_in_one(BATCH)
        with monkeypatch.context() as patch, counting(cost, patch):
            await puts.answered(asked, 1)
        assert cost.calls / BATCH <= CALLS_IN_ONE_MAX
        assert cost.writes <= WRITES_MAX

    run(scenario)


def test_twice_the_puts_take_twice_the_calls_however_many_came_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(puts: Puts) -> None:
        first = await puts.counted(BATCH, monkeypatch)
        await puts.batch(20 * BATCH)
        later = await puts.counted(BATCH, monkeypatch)
        twice = await puts.counted(2 * BATCH, monkeypatch)
        assert later.calls < 1.15 * first.calls
        assert twice.calls < 2.3 * first.calls

    run(scenario)


def test_put_leaves_no_more_memory_than_its_entry_and_its_value() -> None:
    async def scenario(puts: Puts) -> None:
        tracemalloc.start()
        try:
            await puts.batch(BATCH)
            before, _ = tracemalloc.get_traced_memory()
            await puts.batch(8 * BATCH)
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        kept = (after - before) / (8 * BATCH)
        assert kept <= KEPT_BYTES_MAX

    run(scenario)
