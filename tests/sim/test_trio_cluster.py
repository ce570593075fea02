"""Whole clusters of the real driver, sessions and links, in virtual time and under faults."""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
from trio.testing import MockClock

from node.config import ClusterSpec, Limits, RaftSettings, SnapshotSettings
from node.sim.streams import stream
from node.verify.invariants import every
from node.verify.observation import Kind
from node.wire.messages import (
    ChangeMembers,
    Document,
    GetStatus,
    ReadMode,
    SetFaults,
    TakeSnapshot,
    TransferLeadership,
)
from tests.sim.virtual_clients import VirtualClient, command, observe, watch
from tests.sim.virtual_streams import Network
from tests.sim.virtual_trio import EPOCH, Host, Pace, World, address_of, surroundings

SEEDS = range(1, 21)
FAULT_SECONDS = 8.0
GETS_WELL_SECONDS = 12.0
"""Once faults have ended: a cut that is over shows when a kernel sends again, and who dials waits
up to a second between two attempts.
"""
KEYS = 4


@dataclass(slots=True)
class Settings:
    """What a seed stands for. Seconds."""

    nodes: int
    clients: int
    heartbeat_ms: int
    latency: float
    pace: Pace
    snapshot_entries: int
    chunk_bytes: int
    pre_vote: bool
    faults: list[str] = field(default_factory=list)


FAULTS = (
    "crash",
    "power cut",
    "stop",
    "break",
    "silence",
    "isolate",
    "rules",
    "stall",
    "full",
    "broken disk",
    "transfer",
    "snapshot",
    "members",
    "burst",
)


def settings_of(seed: int) -> Settings:
    rng = stream(seed, "settings")
    slow = rng.choice((0.001, 0.005, 0.02))
    return Settings(
        nodes=rng.choice((3, 3, 4, 5)),
        clients=rng.randint(2, 4),
        heartbeat_ms=rng.choice((50, 80, 120)),
        latency=rng.choice((0.0002, 0.002, 0.008)),
        pace=Pace(
            0.0001,
            slow,
            rng.choice((0.001, 0.05, 0.5)),
            rng.choice((0, 0, 0.01, 0.05)),
            rng.choice((0.005, 0.03)),
        ),
        snapshot_entries=rng.choice((15, 40, 1000)),
        chunk_bytes=rng.choice((100, 1000, 10_000)),
        pre_vote=rng.random() < 0.8,
        faults=[fault for fault in FAULTS if rng.random() < 0.6] or ["crash"],
    )


class Run:
    """One seed, from its beginning to its end."""

    def __init__(self, seed: int) -> None:
        self.settings = settings_of(seed)
        self.random = stream(seed, "plan")
        self.seed = seed
        self.ended = trio.Event()
        self.done: Counter[str] = Counter()
        self._latencies: dict[tuple[int, int], random.Random] = {}
        self._numbers = 0

    async def main(self, clock: MockClock) -> World:
        settings = self.settings
        raft = RaftSettings(
            settings.heartbeat_ms, 4 * settings.heartbeat_ms, pre_vote=settings.pre_vote
        )
        spec = ClusterSpec(
            "virtual",
            "virtual",
            tuple(address_of(number) for number in range(1, settings.nodes + 1)),
            raft=raft,
            snapshots=SnapshotSettings(settings.snapshot_entries, 1 << 20, tail=5),
            limits=Limits(4096, 128 * 1024),
        )
        network = Network(stream(self.seed, "network"), self._latency)
        tasks_before = trio.lowlevel.current_statistics().tasks_living
        async with trio.open_nursery() as nursery:
            self.world = world = World(self.seed, spec, network, nursery, clock)
            for node in spec.nodes:
                world.hosts[node.id] = Host(world, node.id, settings.pace)
            world.observers = every(world.hosts)
            for host in world.hosts.values():
                host.start()
            async with trio.open_nursery() as clients:
                for number in range(1, settings.clients + 1):
                    clients.start_soon(self._work, VirtualClient(world, number, timeout=2.0))
                await self._be_mean(nursery)
                self.ended.set()
            await self._get_well()
            await self._stop_all()
        assert trio.lowlevel.current_statistics().tasks_living == tasks_before
        assert not world.violations
        return world

    def _latency(self, src: int, dst: int) -> float:
        rng = self._latencies.get((src, dst))
        if rng is None:
            rng = self._latencies[src, dst] = stream(self.seed, "latency", src, dst)
        return self.settings.latency * rng.uniform(0.5, 1.5)

    # -- clients -----------------------------------------------------------------------------------
    async def _work(self, client: VirtualClient) -> None:
        rng = client.random
        while not self.ended.is_set():
            await trio.sleep(rng.uniform(0.01, 0.15))
            kind: Kind = rng.choice(("put", "put", "get", "get", "cas", "delete"))
            mode: ReadMode = rng.choice(("linearizable", "linearizable", "lease", "stale"))
            only = rng.choice(sorted(self.world.hosts)) if rng.random() < 0.2 else None
            await client.operate(kind, f"k{rng.randrange(KEYS)}", mode, only)
        client.close()

    def _number(self) -> int:
        self._numbers += 1
        return self._numbers

    # -- faults ------------------------------------------------------------------------------------
    async def _be_mean(self, nursery: trio.Nursery) -> None:
        """Let things happen for a while; what lasts longer goes on in `nursery`."""
        rng, world = self.random, self.world
        end = trio.current_time() + FAULT_SECONDS
        await trio.sleep(0.5)
        while trio.current_time() < end:
            for follow in (watch, observe):
                if rng.random() < 0.3:
                    nursery.start_soon(follow, world, self._some_id(), self._number())
            fault = rng.choice(self.settings.faults)
            world.note(f"-- {fault}")
            self.done[fault] += 1
            do: Callable[[trio.Nursery], Any] = getattr(self, "_" + fault.replace(" ", "_"))
            do(nursery)
            await trio.sleep(rng.uniform(0.05, 0.9))

    def _some_id(self) -> int:
        return self.random.choice(sorted(self.world.hosts))

    def _some_host(self) -> Host:
        leader = self.world.leader
        if leader is not None and self.random.random() < 0.4:
            return leader
        return self.world.hosts[self._some_id()]

    def _crash(self, nursery: trio.Nursery) -> None:
        nursery.start_soon(self._down, self._some_host(), False, self.random.uniform(0, 1.5))

    def _power_cut(self, nursery: trio.Nursery) -> None:
        nursery.start_soon(self._down, self._some_host(), True, self.random.uniform(0, 1.5))

    async def _down(self, host: Host, silently: bool, seconds: float) -> None:
        if host.is_running:
            host.crash(silently)
            await self._start_later(host, seconds)

    async def _start_later(self, host: Host, seconds: float) -> None:
        await host.over.wait()
        await trio.sleep(seconds)
        if host.over.is_set():
            host.start()

    def _stop(self, nursery: trio.Nursery) -> None:
        host = self._some_host()
        if host.is_running:
            host.told_to_stop.set()
            nursery.start_soon(self._start_later, host, self.random.uniform(0, 1))

    def _break(self, nursery: trio.Nursery) -> None:
        self.world.network.break_some(self.random.choice((0.1, 0.5, 1.0)))

    def _silence(self, nursery: trio.Nursery) -> None:
        """Some links pass nothing for a while, as when a switch is gone."""
        ids = sorted(self.world.hosts)
        pairs = [(a, b) for a in ids for b in ids if a != b and self.random.random() < 0.3]
        nursery.start_soon(self._cut, pairs, self.random.uniform(0.1, 2))

    def _isolate(self, nursery: trio.Nursery) -> None:
        """Nothing comes or goes from one node, not even to clients."""
        one = self._some_host().id
        others = [0, *(other for other in self.world.hosts if other != one)]
        pairs = [pair for other in others for pair in ((one, other), (other, one))]
        nursery.start_soon(self._cut, pairs, self.random.uniform(0.1, 2))

    async def _cut(self, pairs: list[tuple[int, int]], seconds: float) -> None:
        self.world.network.cut(pairs)
        await trio.sleep(seconds)
        self.world.network.heal(pairs)

    def _rules(self, nursery: trio.Nursery) -> None:
        rng = self.random
        ids = sorted(self.world.hosts)
        chosen = {a: [b for b in ids if b != a and rng.random() < 0.5] for a in ids}
        effect: dict[str, Any] = rng.choice(
            (
                {"cut": True},
                {"latency_ms": 30.0, "jitter_ms": 30.0},
                {"drop": 0.3, "duplicate": 0.3},
                {"reorder": 0.3},
                {"corrupt": 0.05},
                {"rate_bytes_s": 20_000},
            )
        )
        number = self._number()
        expiry = EPOCH + trio.current_time() + rng.uniform(0.2, 2)
        for src, dsts in chosen.items():
            rules = [
                {"fault": number, "src": src, "dst": dst, "expires_at": expiry} | effect
                for dst in dsts
            ]
            self._command(nursery, src, lambda request_id, r=rules: SetFaults(request_id, r))

    def _command(self, nursery: trio.Nursery, node_id: int, request_of: Any) -> None:
        nursery.start_soon(command, self.world, node_id, request_of, self.random.randbytes(16))

    def _stall(self, nursery: trio.Nursery) -> None:
        self._some_host().disk.faults.stall_us = self.random.randrange(2_000_000)

    def _full(self, nursery: trio.Nursery) -> None:
        nursery.start_soon(self._full_for, self._some_host(), self.random.uniform(0.1, 1.5))

    async def _full_for(self, host: Host, seconds: float) -> None:
        host.disk.faults.is_full = True
        await trio.sleep(seconds)
        host.disk.faults.is_full = False

    def _broken_disk(self, nursery: trio.Nursery) -> None:
        nursery.start_soon(self._broken_for, self._some_host(), self.random.uniform(0.1, 1))

    async def _broken_for(self, host: Host, seconds: float) -> None:
        host.disk.faults.fails = True
        with trio.move_on_after(seconds):
            await host.over.wait()
        host.disk.faults.fails = False
        if host.over.is_set():
            await self._start_later(host, seconds)

    def _transfer(self, nursery: trio.Nursery) -> None:
        target = self.random.choice((0, self._some_id()))
        self._command(
            nursery,
            self._some_host().id,
            lambda request_id: TransferLeadership(request_id, target),
        )

    def _snapshot(self, nursery: trio.Nursery) -> None:
        self._command(nursery, self._some_id(), TakeSnapshot)
        self._command(nursery, self._some_id(), GetStatus)

    def _members(self, nursery: trio.Nursery) -> None:
        change = {"do": self.random.choice(("demote", "promote")), "id": self._some_id()}
        leader = self.world.leader
        if leader is not None:
            self._command(
                nursery, leader.id, lambda request_id: ChangeMembers(request_id, [change])
            )

    def _burst(self, nursery: trio.Nursery) -> None:
        client = VirtualClient(self.world, 1000 + self._number(), timeout=2.0)
        nursery.start_soon(client.burst, self._some_host().id, self.random.randint(2, 60))

    # -- the end -----------------------------------------------------------------------------------
    async def _get_well(self) -> None:
        """All faults end. In time there is one leader, one state, and it serves."""
        world = self.world
        world.note("-- all faults end")
        world.network.heal()
        await trio.sleep(2.1)  # who was to be started later is
        world.network.heal()
        for host in world.hosts.values():
            host.heal_disk()
            if host.over.is_set():
                host.start()
        client = VirtualClient(world, 5000, timeout=GETS_WELL_SECONDS)
        for host in world.hosts.values():
            answer = await command(
                world, host.id, lambda request_id: SetFaults(request_id, []), bytes(16)
            )
            assert isinstance(answer, Document), f"n{host.id} does not take an order: {answer}"
        try:
            with trio.fail_after(GETS_WELL_SECONDS):
                written = await client.operate("put", "end")
                read = await client.operate("get", "end")
                while self._missing() is not None:  # noqa: ASYNC110 - many nodes have a say
                    await trio.sleep(0.05)
        except trio.TooSlowError:
            raise AssertionError(f"it does not get well: {self._missing()}") from None
        finally:
            client.close()
        assert written.outcome == "ok"
        assert read.outcome == "ok"
        for look in world.observers.finished:
            look(world.hosts)
        for host in world.hosts.values():
            for session in host.sessions:
                assert session.is_gone or session.open_requests == 0, f"n{host.id} owes an answer"

    def _missing(self) -> str | None:
        hosts = self.world.hosts.values()
        leaders = [host.id for host in hosts if host.is_running and host.core.is_leader]
        if len(leaders) != 1:
            return f"leaders: {leaders}"
        leader = self.world.hosts[leaders[0]]
        for host in hosts:
            if not host.is_running:
                return f"n{host.id} does not run"
            if host.last_applied != leader.core.last_index:
                return f"n{host.id} has applied {host.last_applied} of {leader.core.last_index}"
        return None

    async def _stop_all(self) -> None:
        """Each is told to stop, and does, soon."""
        for host in self.world.hosts.values():
            host.told_to_stop.set()
        with trio.fail_after(5):
            for host in self.world.hosts.values():
                await host.over.wait()


def run_seed(seed: int) -> tuple[World, Run]:
    with surroundings(seed):
        run = Run(seed)
        try:
            clock = MockClock(autojump_threshold=0)
            world = trio.run(run.main, clock, clock=clock)
        except BaseException as error:
            tail = "\n".join(run.world.lines[-40:]) if hasattr(run, "world") else ""
            error.add_note(f"seed {seed}, {run.settings}\n{tail}")
            raise
    return world, run


@pytest.mark.parametrize("seed", SEEDS)
def test_cluster_keeps_its_promises_and_gets_well(seed: int) -> None:
    run_seed(seed)
