"""Three drivers in one program, over disks that take longer than an election timeout."""

import threading
from collections.abc import Awaitable, Callable
from functools import partial

import trio

from node.raft.config import CoreConfig
from node.raft.messages import Message
from node.raft.ready import Ready
from node.replica import Replica, Ticket
from node.server.chance import seeded_rng
from node.server.clock import now_us
from node.server.driver import Driver
from node.server.eventhub import EventHub
from node.storage.memory import MemorySnapshots, MemoryStorage
from node.wire.messages import Applied, Failure
from tests.replica.driven import Recorder, command, new_state
from tests.server.test_driver import Caller

ELECTION_TIMEOUT_US = 100_000
IDS = (1, 2, 3)


class Disk(MemoryStorage):
    """Each save takes `seconds`; none ends while `moves` is cleared."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.saves = 0
        self.moves = threading.Event()
        self.moves.set()
        self._never = threading.Event()

    def save(self, batch: Ready) -> None:
        self._never.wait(self.seconds)
        assert self.moves.wait(20)
        super().save(batch)
        self.saves += 1


class Wire:
    """A link that delivers at once, into the inbox of the other driver."""

    def __init__(self, caller: Caller, deliver: Callable[[Caller, list[Message]], None]) -> None:
        self._caller = caller
        self._deliver = deliver

    def send_nowait(self, message: Message) -> None:
        self._deliver(self._caller, [message])


class Three:
    """A cluster of three, and a caller that asks whoever leads."""

    def __init__(self) -> None:
        self.disks = {node_id: Disk() for node_id in IDS}
        self.caller = Caller()
        self.drivers: dict[int, Driver] = {}
        for node_id in IDS:
            config = CoreConfig(
                node_id, frozenset(IDS), ELECTION_TIMEOUT_US, ELECTION_TIMEOUT_US // 4
            )
            disk = self.disks[node_id]
            replica = Replica(config, disk.load(), new_state(), Recorder, seeded_rng(), now_us())
            wires = {
                other: Wire(Caller(), partial(self._deliver, other))
                for other in IDS
                if other != node_id
            }
            self.drivers[node_id] = Driver(
                replica, disk, MemorySnapshots("c"), dict(wires), EventHub(node_id)
            )
        self._next = 0

    def _deliver(self, to: int, caller: Caller, messages: list[Message]) -> None:
        self.drivers[to].deliver(caller, messages)

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            await trio.lowlevel.checkpoint()

    async def leader(self) -> int:
        def leads(node_id: int) -> bool:
            core = self.drivers[node_id].replica.core
            return core.is_leader and core.commit_index > 0

        await self.until(lambda: any(map(leads, IDS)))
        return next(filter(leads, IDS))

    async def put(self, node_id: int) -> Applied | Failure:
        self._next += 1
        ticket, sealed = Ticket(self.caller, self._next), command(7, self._next, b"x")
        driver = self.drivers[node_id]
        driver.submit([lambda now: driver.replica.submit(ticket, sealed, now)])
        reply = await self.caller.reply(self._next)
        assert isinstance(reply, Applied | Failure)
        return reply


def run(scenario: Callable[[Three], Awaitable[None]]) -> None:
    async def main() -> None:
        three = Three()
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                for driver in three.drivers.values():
                    nursery.start_soon(driver.run)
                await scenario(three)
                for disk in three.disks.values():
                    disk.seconds = 0
                    disk.moves.set()
                for driver in three.drivers.values():
                    driver.stop()

    trio.run(main)


def test_disks_slower_than_an_election_timeout_cost_no_leader() -> None:
    async def scenario(three: Three) -> None:
        leader = await three.leader()
        term = three.drivers[leader].replica.core.term
        for disk in three.disks.values():
            disk.seconds = 1.5 * ELECTION_TIMEOUT_US / 1e6
        for _ in range(4):
            assert isinstance(await three.put(leader), Applied)
        assert three.drivers[leader].replica.core.term == term
        assert three.drivers[leader].replica.core.is_leader

    run(scenario)


def test_b40_leader_whose_disk_hangs_gives_way() -> None:
    async def scenario(three: Three) -> None:
        leader = await three.leader()
        three.disks[leader].moves.clear()
        reply = await three.put(leader)
        # The followers may have committed it without the leader's own copy.
        assert isinstance(reply, Failure)
        assert (reply.code, reply.outcome) == ("leadership_lost", "unknown")
        others = [node_id for node_id in IDS if node_id != leader]
        await three.until(lambda: any(three.drivers[n].replica.core.is_leader for n in others))
        new = next(n for n in others if three.drivers[n].replica.core.is_leader)
        assert isinstance(await three.put(new), Applied)
        assert three.drivers[new].replica.core.term > 1
        three.disks[leader].moves.set()
        replica = three.drivers[leader].replica
        await three.until(lambda: replica.last_applied >= three.drivers[new].replica.last_applied)

    run(scenario)


def test_b40_hiccup_of_the_leaders_disk_costs_no_election() -> None:
    async def scenario(three: Three) -> None:
        leader = await three.leader()
        term = three.drivers[leader].replica.core.term
        three.disks[leader].seconds = 0.5 * ELECTION_TIMEOUT_US / 1e6
        for _ in range(3):
            assert isinstance(await three.put(leader), Applied)
        assert three.drivers[leader].replica.core.term == term

    run(scenario)


async def hang_once(three: Three, bad: int) -> None:
    """The disk of `bad` hangs until another node leads, and then moves again."""
    three.disks[bad].moves.clear()
    if three.drivers[bad].replica.core.is_leader:
        await three.put(bad)
    others = [three.drivers[node_id].replica.core for node_id in IDS if node_id != bad]
    await three.until(lambda: any(core.is_leader for core in others))
    three.disks[bad].moves.set()
    replica = three.drivers[bad].replica
    await three.until(lambda: not replica.core.is_leader and replica.core.leader_id is not None)


async def elect_another(three: Three) -> None:
    """Whoever leads steps down, and all may campaign."""
    replica = three.drivers[await three.leader()].replica
    term = replica.core.term
    replica.core.step_down(now_us(), "a test")
    await three.until(lambda: replica.core.term > term)


def test_b40_node_whose_disk_hangs_now_and_then_does_not_win_again_and_again() -> None:
    async def scenario(three: Three) -> None:
        bad = await three.leader()
        for _ in range(4):
            await hang_once(three, bad)
            await elect_another(three)
            leader = await three.leader()
            assert leader != bad, "others come first for a while"
            assert isinstance(await three.put(leader), Applied)

    run(scenario)


def test_follower_whose_disk_hangs_costs_no_leader() -> None:
    async def scenario(three: Three) -> None:
        leader = await three.leader()
        term = three.drivers[leader].replica.core.term
        follower = next(node_id for node_id in IDS if node_id != leader)
        three.disks[follower].moves.clear()
        before = three.disks[leader].saves
        while three.disks[leader].saves < before + 200:
            assert isinstance(await three.put(leader), Applied)
        assert three.drivers[leader].replica.core.term == term

    run(scenario)


def test_node_whose_disk_hangs_climbs_no_terms() -> None:
    async def scenario(three: Three) -> None:
        leader = await three.leader()
        hung = next(node_id for node_id in IDS if node_id != leader)
        three.disks[hung].moves.clear()
        assert isinstance(await three.put(leader), Applied)
        core = three.drivers[hung].replica.core
        term = core.term
        for driver in three.drivers.values():
            if driver is not three.drivers[hung]:
                driver.stop()  # nobody leads any more
        deadline = now_us() + 10 * ELECTION_TIMEOUT_US
        await three.until(lambda: now_us() >= deadline)
        assert core.term <= term + 1
        three.disks[hung].moves.set()

    run(scenario)


def test_leader_is_elected_on_disks_almost_as_slow_as_an_election_timeout() -> None:
    async def scenario(three: Three) -> None:
        for disk in three.disks.values():
            disk.seconds = 0.6 * ELECTION_TIMEOUT_US / 1e6
        leader = await three.leader()
        assert isinstance(await three.put(leader), Applied)

    run(scenario)
