"""The driver over a disk that the test controls."""

from collections.abc import Callable, Sequence
from itertools import count

import pytest
import trio

from node.raft.config import CoreConfig
from node.raft.errors import RemoteProtocolError
from node.raft.messages import LogEntry
from node.raft.ready import HardState
from node.replica import Replica, Ticket
from node.server.driver import Driver, now_us, seeded_rng
from node.server.eventhub import EventHub
from node.storage.base import DiskFullError, StorageError, Stored
from node.storage.memory import MemoryStorage
from node.wire.messages import Applied, Failure, WireMessage
from tests.replica.driven import Recorder, command


class Disk(MemoryStorage):
    """Counts its writes; raises `fault` as long as there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.fault: StorageError | None = None

    def save(
        self,
        hard_state: HardState | None,
        truncate_from: int | None,
        first_index: int,
        entries: Sequence[LogEntry],
    ) -> None:
        if self.fault is not None:
            raise self.fault
        self.writes += 1
        super().save(hard_state, truncate_from, first_index, entries)


class Caller:
    """A connection that keeps what it was told."""

    def __init__(self) -> None:
        self.replies: dict[int, WireMessage] = {}
        self.told = trio.Event()

    def reply_nowait(self, message: WireMessage) -> None:
        self.replies[message.id] = message  # type: ignore[union-attr]
        self.told.set()

    def misbehaved(self, error: RemoteProtocolError) -> None:
        raise AssertionError("nobody sent anything wrong")

    async def reply(self, request_id: int) -> WireMessage:
        while request_id not in self.replies:
            self.told = trio.Event()
            await self.told.wait()
        return self.replies[request_id]


class Bench:
    """A node of one, its disk, and a caller."""

    def __init__(self) -> None:
        self._probes = count(1_000_000)
        self.disk = Disk()
        self.caller = Caller()
        config = CoreConfig(1, frozenset({1}), 20_000, 5_000, entry_size=len)
        stored = Stored(HardState(0, None), [])
        self.replica = Replica(config, stored, Recorder(), seeded_rng(), now_us())
        self.driver = Driver(self.replica, self.disk, {}, EventHub(1))

    def put(self, request_id: int) -> None:
        self.driver.submit([self.work(request_id)])

    def work(self, request_id: int) -> Callable[[int], None]:
        sealed = command(7, request_id, b"%d" % request_id)
        ticket = Ticket(self.caller, request_id)
        return lambda now: self.replica.submit(ticket, sealed, now)

    async def until_leader(self) -> None:
        """Ask until it takes a command; a node of one leads after one timeout."""
        while True:
            request_id = next(self._probes)
            self.put(request_id)
            if isinstance(await self.caller.reply(request_id), Applied):
                return


def run(scenario: Callable[[Bench], object]) -> None:
    async def main() -> None:
        bench = Bench()
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(bench.driver.run)
                await scenario(bench)  # type: ignore[misc]
                bench.driver.stop()

    trio.run(main)


def test_requests_that_arrive_together_share_one_write() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_leader()
        before = bench.disk.writes
        bench.driver.submit([bench.work(number) for number in range(1, 101)])
        for number in range(1, 101):
            assert isinstance(await bench.caller.reply(number), Applied)
        assert bench.disk.writes == before + 1

    run(scenario)


def test_b34_node_with_a_full_disk_refuses_writes_and_goes_on_when_there_is_space() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_leader()
        bench.disk.fault = DiskFullError("no space")
        bench.put(1)
        first = await bench.caller.reply(1)
        assert isinstance(first, Failure)
        assert first.outcome == "unknown"
        bench.put(2)
        second = await bench.caller.reply(2)
        assert isinstance(second, Failure)
        assert (second.code, second.outcome) == ("disk_full", "none")
        bench.disk.fault = None
        await bench.until_leader()
        bench.put(3)
        assert isinstance(await bench.caller.reply(3), Applied)

    run(scenario)


def test_b33_node_whose_disk_fails_stops_and_acknowledges_nothing() -> None:
    bench_used: list[Bench] = []

    async def scenario(bench: Bench) -> None:
        bench_used.append(bench)
        await bench.until_leader()
        bench.disk.fault = StorageError("input/output error")
        bench.put(1)
        await trio.sleep_forever()

    with pytest.raises(BaseExceptionGroup) as caught:
        run(scenario)
    assert caught.group_contains(StorageError, match="input/output error")
    assert 1 not in bench_used[0].caller.replies


def test_b63_stopping_answers_everything_that_waits() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_leader()
        bench.driver.submit([bench.work(1)])
        bench.driver.stop()
        reply = await bench.caller.reply(1)
        assert isinstance(reply, Applied | Failure)

    run(scenario)
