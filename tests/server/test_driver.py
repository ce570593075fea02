"""The driver over a disk that the test controls."""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any, ClassVar

import pytest
import trio
import trio.lowlevel

from node.machines.base import StateMachine
from node.machines.kv import KvMachine
from node.raft.config import CoreConfig
from node.raft.configuration import Configuration
from node.raft.core import APPLY_ENTRIES_MAX
from node.raft.errors import RemoteProtocolError
from node.raft.messages import AppendEntries, InstallSnapshot, LogEntry
from node.raft.ready import HardState, Ready
from node.raft.snapshot import Snapshot, SnapshotId
from node.replica import Replica, Ticket
from node.replica.sessions import Sessions
from node.replica.state import capture, empty
from node.server.chance import seeded_rng
from node.server.clock import now_us
from node.server.departures import Link
from node.server.driver import Driver
from node.server.eventhub import EventHub
from node.server.inbox import Inbox
from node.storage.base import DiskFullError, StorageError
from node.storage.memory import MemorySnapshots, MemoryStorage
from node.wire.messages import Applied, Failure, WireMessage
from tests.replica.driven import Recorder, command


class Disk(MemoryStorage):
    """Counts its writes; raises `fault` as long as there is one, hangs while not `moves`."""

    def __init__(self) -> None:
        super().__init__()
        self.writes = 0
        self.moves = threading.Event()
        self.moves.set()
        self.hangs = False
        self.fault: StorageError | None = None
        self.seconds = 0.0

    def save(self, batch: Ready) -> None:
        time.sleep(self.seconds)
        self.hangs = not self.moves.is_set()
        assert self.moves.wait(20)
        self.hangs = False
        if self.fault is not None:
            raise self.fault
        self.writes += 1
        super().save(batch)


class Shelf(MemorySnapshots):
    """Tells what is on it, and how many came in."""

    came_in = 0

    @property
    def kept(self) -> list[int]:
        return [snapshot.index for snapshot in self._complete]

    def receive(self, snapshot: SnapshotId) -> Snapshot:
        found = super().receive(snapshot)
        self.came_in += 1
        return found


class Caller:
    """A connection that keeps what it was told."""

    def __init__(self) -> None:
        self.replies: dict[int, WireMessage] = {}
        self.told = trio.Event()
        self.errors: list[RemoteProtocolError] = []

    def answer_nowait(self, replies: Sequence[WireMessage]) -> None:
        self.replies |= {message.id: message for message in replies}  # type: ignore[union-attr]
        self.told.set()

    def misbehaved(self, error: RemoteProtocolError) -> None:
        self.errors.append(error)

    async def reply(self, request_id: int) -> WireMessage:
        while request_id not in self.replies:
            self.told = trio.Event()
            await self.told.wait()
        return self.replies[request_id]


class Bench:
    """A node of one, its disk, and a caller."""

    def __init__(
        self,
        log: Sequence[LogEntry] = (),
        voters: int = 1,
        election_timeout_us: int = 60_000,
        new_machine: Callable[[], StateMachine] = Recorder,
        **options: Any,
    ) -> None:
        self.probes = count(1_000_000)
        self.disk = Disk()
        self.snapshots = Shelf("c")
        self.caller = Caller()
        members = frozenset(range(1, voters + 1))
        config = CoreConfig(
            1, members, election_timeout_us, election_timeout_us // 4, entry_size=len
        )
        if log:
            self.disk.save(
                Ready(0, HardState(log[-1].term, None), first_index=1, entries=list(log))
            )
        self.replica = Replica(
            config,
            self.disk.load(),
            empty(new_machine),
            new_machine,
            seeded_rng(),
            now_us(),
        )
        self.links: dict[int, Link] = {}
        self.driver = Driver(
            self.replica, self.disk, self.snapshots, self.links, EventHub(1), **options
        )

    def put(self, request_id: int) -> None:
        self.driver.submit([self.work(request_id)])

    def work(self, request_id: int) -> Callable[[int], None]:
        sealed = command(7, request_id, b"%d" % request_id)
        ticket = Ticket(self.caller, request_id)
        return lambda now: self.replica.submit(ticket, sealed, now)

    async def until_leader(self) -> None:
        """Ask until it takes a command; a node of one leads after one timeout."""
        while True:
            request_id = next(self.probes)
            self.put(request_id)
            if isinstance(await self.caller.reply(request_id), Applied):
                return

    async def until_disk_hangs(self) -> None:
        """A write is under way, and will be until the disk moves again."""
        self.disk.moves.clear()
        self.put(next(self.probes))
        while not self.disk.hangs:
            await trio.lowlevel.checkpoint()


def run(scenario: Callable[[Bench], object], bench_of: Callable[[], Bench] = Bench) -> None:
    async def main() -> None:
        bench = bench_of()
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


def test_requests_beyond_the_limit_are_refused_while_the_disk_hangs() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_leader()
        await bench.until_disk_hangs()
        bench.driver.submit([bench.work(number) for number in range(1, 4)])
        bench.driver.submit([bench.work(number) for number in range(4, 8)])
        for number in (6, 7):
            refused = bench.caller.replies[number]  # at once: nothing has been awaited
            assert isinstance(refused, Failure)
            assert (refused.code, refused.outcome) == ("busy", "none")
        bench.disk.moves.set()
        for number in range(1, 6):
            assert isinstance(await bench.caller.reply(number), Applied)
        bench.put(6)
        while isinstance(bench.caller.replies[6], Failure):
            await trio.lowlevel.checkpoint()

    run(scenario, lambda: Bench(inbox=Inbox(requests_max=5)))


def test_messages_beyond_the_limit_are_dropped_while_the_disk_hangs() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_leader()
        await bench.until_disk_hangs()
        message = AppendEntries(1, 9, 0, 0, [], 0, 1)  # of a stranger: each that is read is refused
        bench.driver.deliver(bench.caller, [message] * 3)
        bench.driver.deliver(bench.caller, [message] * 3)
        bench.disk.moves.set()
        await bench.until_leader()
        assert len(bench.caller.errors) == 5

    run(scenario, lambda: Bench(inbox=Inbox(messages_max=5)))


def test_snapshot_that_the_machine_cannot_take_on_does_not_stay_on_the_disk() -> None:
    """It was whole, so it was kept before the machine was asked; the leader sends it again."""
    members = Configuration(frozenset({1, 2}))
    leader = MemorySnapshots("c")
    parts = capture(KvMachine(), Sessions())
    snapshot = leader.write(7, 1, members, parts).id
    data = leader.read(snapshot, 0, snapshot.size)
    assert data is not None
    message = InstallSnapshot(1, 2, 7, 1, snapshot.size, snapshot.digest, 0, data, 1)

    async def scenario(bench: Bench) -> None:
        bench.driver.deliver(bench.caller, [message])
        while bench.snapshots.came_in == 0 or bench.snapshots.kept:
            await trio.lowlevel.checkpoint()
        assert bench.replica.last_applied == 0

    run(scenario, lambda: Bench(voters=2))


class Pieces(KvMachine):
    """Notes in which thread it was dropped."""

    dropped_in: ClassVar[list[str]] = []

    def dismantle(self) -> Iterator[None]:
        yield from super().dismantle()
        self.dropped_in.append(threading.current_thread().name)


def test_machine_that_a_snapshot_replaces_is_dropped_in_the_thread_of_the_snapshots() -> None:
    leader = MemorySnapshots("c")
    snapshot = leader.write(7, 1, Configuration(frozenset({1, 2})), capture(Pieces(), Sessions()))
    which = snapshot.id
    data = leader.read(which, 0, which.size)
    assert data is not None
    message = InstallSnapshot(1, 2, 7, 1, which.size, which.digest, 0, data, 1)

    async def scenario(bench: Bench) -> None:
        bench.driver.deliver(bench.caller, [message])
        while not Pieces.dropped_in:
            await trio.lowlevel.checkpoint()
        assert bench.replica.last_applied == 7
        assert Pieces.dropped_in == ["snapshots"]

    run(scenario, lambda: Bench(voters=2, new_machine=Pieces))


def test_other_tasks_have_their_turn_while_a_long_log_is_applied() -> None:
    batches = 5
    entry = LogEntry(1, command(7, 1, b"x"))

    async def scenario(bench: Bench) -> None:
        seen: set[int] = set()
        while bench.replica.last_applied <= batches * APPLY_ENTRIES_MAX:
            seen.add(bench.replica.last_applied)
            await trio.lowlevel.checkpoint()
        # The scheduler shuffles, so one that is first in one round may be last in the next.
        assert len(seen) > batches // 2, "a turn after each batch"

    run(scenario, lambda: Bench([entry] * (batches * APPLY_ENTRIES_MAX)))


def test_answers_leave_while_a_long_log_is_applied() -> None:
    """Not only once there is nothing more to apply, which may take minutes."""
    batches = 20
    entry = LogEntry(1, command(7, 1, b"x"))

    async def scenario(bench: Bench) -> None:
        while bench.replica.last_applied == 0:
            await trio.lowlevel.checkpoint()
        ticket = Ticket(bench.caller, 1)
        bench.driver.submit([lambda now: bench.replica.submit(ticket, b"no command", now)])
        assert isinstance(await bench.caller.reply(1), Failure)
        assert bench.replica.last_applied < (batches // 2) * APPLY_ENTRIES_MAX

    run(scenario, lambda: Bench([entry] * (batches * APPLY_ENTRIES_MAX)))


def test_order_to_stop_ends_a_node_with_a_full_disk_cleanly() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_leader()
        bench.disk.fault = DiskFullError("no space")
        bench.put(1)
        assert isinstance(await bench.caller.reply(1), Failure)

    run(scenario)


def test_request_that_was_put_off_gets_an_answer_from_a_node_that_stops() -> None:
    """As a connection does with requests that come late in a long turn."""

    async def scenario(bench: Bench) -> None:
        await bench.until_leader()
        bench.driver.submit([lambda now: bench.driver.submit([bench.work(1)])])
        bench.driver.stop()
        with trio.fail_after(5):
            reply = await bench.caller.reply(1)
        assert isinstance(reply, Failure)
        assert (reply.code, reply.outcome) == ("busy", "none")

    run(scenario)


def test_order_to_stop_waits_for_the_write_under_way() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_leader()
        await bench.until_disk_hangs()
        writes = bench.disk.writes
        bench.driver.stop()
        for _ in range(100):
            await trio.lowlevel.checkpoint()
        assert bench.disk.writes == writes
        bench.disk.moves.set()
        while bench.disk.writes == writes:
            await trio.lowlevel.checkpoint()

    run(scenario)


def test_node_that_is_told_to_stop_does_not_wait_for_a_disk_that_hangs() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_leader()
        await bench.until_disk_hangs()

    benches: list[Bench] = []

    def keep() -> Bench:
        benches.append(Bench())
        return benches[-1]

    begun = time.monotonic()
    run(scenario, keep)
    assert time.monotonic() - begun < 10
    assert benches[0].driver.is_saving
    benches[0].disk.moves.set()


def test_node_that_ends_by_an_error_knows_that_a_save_goes_on() -> None:
    benches: list[Bench] = []

    def keep() -> Bench:
        benches.append(Bench())
        return benches[-1]

    async def scenario(bench: Bench) -> None:
        await bench.until_leader()
        await bench.until_disk_hangs()
        raise RecursionError

    with pytest.raises(BaseExceptionGroup):
        run(scenario, keep)
    assert benches[0].driver.is_saving
    benches[0].disk.moves.set()


def test_node_that_is_told_to_stop_begins_no_new_write() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_leader()
        await bench.until_disk_hangs()
        bench.put(1)  # it waits for the write under way
        writes = bench.disk.writes
        bench.driver.stop()
        await trio.lowlevel.checkpoint()
        bench.disk.moves.set()
        reply = await bench.caller.reply(1)
        assert isinstance(reply, Failure)
        assert (reply.code, reply.outcome) == ("stopping", "unknown")
        assert bench.disk.writes == writes + 1

    run(scenario)
