"""Snapshots that take ten election timeouts, to write and to load: nobody notices."""

import time
from collections.abc import Iterator
from functools import partial

import trio

from node.raft.config import CoreConfig
from node.raft.events import Event, SnapshotInstalled
from node.raft.messages import Message
from node.replica import Replica, Ticket
from node.replica.compaction import CompactionPolicy
from node.replica.state import empty
from node.server.chance import seeded_rng
from node.server.clock import now_us
from node.server.driver import Driver
from node.server.eventhub import EventHub
from node.storage.memory import MemorySnapshots, MemoryStorage
from node.wire.messages import Applied, Document, WireMessage
from tests.replica.driven import Recorder, command
from tests.server.test_driver import Caller

ELECTION_TIMEOUT_US = 150_000
PARTS = 300
PART_SECONDS = 0.005
"""Of work that holds the interpreter, for each part: ten election timeouts in all."""
SECONDS_MAX = 60


def work() -> None:
    until = time.monotonic() + PART_SECONDS
    while time.monotonic() < until:
        pass


class Slow(Recorder):
    """A machine whose state takes long to write down and to read."""

    def snapshot(self) -> Iterator[bytes]:
        applied = list(self.applied)

        def parts() -> Iterator[bytes]:
            yield b"%d" % len(applied)
            for _ in range(PARTS):
                work()
                yield b"-"

        return parts()

    def restore(self, parts: Iterator[bytes], index: int) -> None:
        self.applied = [b"?"] * int(next(parts))
        for _ in parts:
            work()


class Wire:
    """A link that may be cut."""

    def __init__(self, deliver: partial[None]) -> None:
        self._deliver = deliver
        self.is_cut = False

    def send_nowait(self, message: Message) -> None:
        if not self.is_cut:
            self._deliver(Caller(), [message])


class Three:
    """Three drivers in one process, of which node 3 can be cut off."""

    def __init__(self) -> None:
        self.caller = Caller()
        self.drivers: dict[int, Driver] = {}
        self.wires: dict[tuple[int, int], Wire] = {}
        self.installed = 0
        self._next = 0
        for node_id in (1, 2, 3):
            self._make(node_id)

    def _make(self, node_id: int) -> None:
        config = CoreConfig(
            node_id, frozenset({1, 2, 3}), ELECTION_TIMEOUT_US, ELECTION_TIMEOUT_US // 5
        )
        storage = MemoryStorage()
        replica = Replica(
            config,
            storage.load(),
            empty(Slow),
            Slow,
            seeded_rng(),
            now_us(),
            policy=CompactionPolicy(entries=0, tail=0),
        )
        for other in {1, 2, 3} - {node_id}:
            self.wires[node_id, other] = Wire(partial(self._deliver, other))
        links = {to: wire for (src, to), wire in self.wires.items() if src == node_id}
        driver = Driver(replica, storage, MemorySnapshots("c"), links, EventHub(node_id))
        driver.on_event(self._look)
        self.drivers[node_id] = driver

    def _deliver(self, to: int, caller: Caller, messages: list[Message]) -> None:
        self.drivers[to].deliver(caller, messages)

    def _look(self, event: Event) -> None:
        self.installed += isinstance(event, SnapshotInstalled)

    def cut(self, node_id: int, is_cut: bool) -> None:
        for pair, wire in self.wires.items():
            if node_id in pair:
                wire.is_cut = is_cut

    async def leader(self) -> int:
        while True:
            for node_id, driver in self.drivers.items():
                core = driver.replica.core
                if core.is_leader and core.commit_index > 0:
                    return node_id
            await trio.lowlevel.checkpoint()

    async def put(self, node_id: int) -> WireMessage:
        self._next += 1
        ticket, sealed = Ticket(self.caller, self._next), command(7, self._next, b"x")
        replica = self.drivers[node_id].replica
        self.drivers[node_id].submit([lambda now: replica.submit(ticket, sealed, now)])
        return await self.caller.reply(self._next)


async def scenario(three: Three) -> None:
    leader = await three.leader()
    away = next(n for n in (3, 2) if n != leader)
    three.cut(away, True)
    for _ in range(20):
        assert isinstance(await three.put(leader), Applied)
    terms = {three.drivers[n].replica.core.term for n in three.drivers if n != away}
    writers = [n for n in three.drivers if n != away]
    longest = 0
    # One after the other: nodes share no interpreter, and so no snapshot holds up that of another.
    for number, node_id in enumerate(writers):
        began = now_us()
        replica = three.drivers[node_id].replica
        ticket = Ticket(three.caller, 1_000_000 + number)
        three.drivers[node_id].submit([lambda now, r=replica, t=ticket: r.take_snapshot(t)])  # type: ignore[misc]
        while ticket.id not in three.caller.replies:
            # Of this process's own time: on a busy machine others take theirs between.
            asked = time.process_time_ns()
            assert isinstance(await three.put(leader), Applied)
            longest = max(longest, (time.process_time_ns() - asked) // 1_000)
        assert isinstance(three.caller.replies[ticket.id], Document)
        assert now_us() - began > 10 * ELECTION_TIMEOUT_US, "it did take long"
    assert longest < ELECTION_TIMEOUT_US, "writes went on"
    assert {three.drivers[n].replica.core.term for n in writers} == terms, "and nobody campaigned"

    three.cut(away, False)
    while not three.installed:
        assert isinstance(await three.put(leader), Applied)
    core = three.drivers[away].replica.core
    assert three.drivers[leader].replica.core.is_leader
    term = core.term
    while three.drivers[away].replica.last_applied < three.drivers[leader].replica.last_applied:
        await trio.lowlevel.checkpoint()
    assert core.term == term


def test_b46_snapshots_that_take_ten_election_timeouts_cost_no_leader_and_no_write() -> None:
    async def main() -> None:
        three = Three()
        with trio.fail_after(SECONDS_MAX):
            async with trio.open_nursery() as nursery:
                for driver in three.drivers.values():
                    nursery.start_soon(driver.run)
                await scenario(three)
                for driver in three.drivers.values():
                    driver.stop()

    trio.run(main)
