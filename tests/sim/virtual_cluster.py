"""One cluster in virtual time, from its beginning to its end, and what its clients do meanwhile."""

import random
from collections import Counter
from dataclasses import dataclass

import trio
from trio.testing import MockClock

from node.config import ClusterSpec, Limits, RaftSettings, SnapshotSettings
from node.sim.streams import stream
from node.verify.invariants import every
from node.verify.observation import Kind
from node.wire.messages import Document, ReadMode, SetFaults
from tests.sim.virtual_clients import VirtualClient, command
from tests.sim.virtual_hosts import Host, Pace, World, address_of
from tests.sim.virtual_streams import Network
from tests.sim.virtual_trio import surroundings

GETS_WELL_SECONDS = 12.0
"""Once faults have ended: a cut that is over shows when a kernel sends again, and who dials waits
up to a second between two attempts.
"""
KEYS = 4
HARMLESS = frozenset({"refused_connections", "slow_hello", "bad_frame", "unknown_node"})
"""What a node may count of others that keep to the rules, over connections that do not."""


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
    pre_vote: bool = True
    buffer_bytes: int = 64 * 1024 * 1024
    """What a connection holds back for a side that does not read."""
    has_spare: bool = False
    """One node more, which is no member at first."""


class Cluster:
    """One run. What happens in it is up to `meanwhile`."""

    def __init__(self, seed: int, settings: Settings) -> None:
        self.seed = seed
        self.settings = settings
        self.random = stream(seed, "plan")
        self.ended = trio.Event()
        """Clients begin nothing new."""
        self.done: Counter[str] = Counter()
        self.harmless = HARMLESS
        self._latencies: dict[tuple[int, int], random.Random] = {}
        self._numbers = 0

    async def meanwhile(self, nursery: trio.Nursery) -> None:
        """Let things happen; what lasts longer goes on in `nursery`."""
        raise NotImplementedError

    async def main(self, clock: MockClock) -> None:
        settings = self.settings
        network = Network(stream(self.seed, "network"), self._latency)
        tasks_before = trio.lowlevel.current_statistics().tasks_living
        async with trio.open_nursery() as nursery:
            self.world = world = World(self.seed, self._spec(), network, nursery, clock)
            world.observers = every(world.hosts)
            for node in world.spec.nodes:
                world.hosts[node.id] = Host(world, node.id, settings.pace)
            if settings.has_spare:
                spare = settings.nodes + 1
                world.hosts[spare] = Host(world, spare, settings.pace, is_spare=True)
            for host in world.hosts.values():
                host.start()
            async with trio.open_nursery() as clients:
                for number in range(1, settings.clients + 1):
                    clients.start_soon(self._work, VirtualClient(world, number, timeout=2.0))
                await self.meanwhile(nursery)
                self.ended.set()
            await self._get_well()
            await self._stop_all()
        assert trio.lowlevel.current_statistics().tasks_living == tasks_before
        assert not world.violations
        assert not network.listeners
        assert not network.connections

    def _spec(self) -> ClusterSpec:
        settings = self.settings
        heartbeat_ms = settings.heartbeat_ms
        return ClusterSpec(
            "virtual",
            "virtual",
            tuple(address_of(number) for number in range(1, settings.nodes + 1)),
            raft=RaftSettings(heartbeat_ms, 4 * heartbeat_ms, pre_vote=settings.pre_vote),
            snapshots=SnapshotSettings(settings.snapshot_entries, 1 << 20, tail=5),
            limits=Limits(4096, 128 * 1024),
        )

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

    def number(self) -> int:
        self._numbers += 1
        return self._numbers

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
                world, host.id, lambda request_id: SetFaults(request_id, [], []), bytes(16)
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
            assert host.node is not None
            odd = host.node.status.counters.keys() - self.harmless
            assert not odd, f"n{host.id} counts {odd}"

    def _missing(self) -> str | None:
        hosts = self.world.hosts.values()
        leaders = [host.id for host in hosts if host.is_running and host.core.is_leader]
        if len(leaders) != 1:
            return f"leaders: {leaders}"
        leader = self.world.hosts[leaders[0]]
        if leader.core.configuration.is_joint:
            return "the members are still changing"
        for host in hosts:
            if not host.is_running:
                return f"n{host.id} does not run"
            # It may have handed a command on that got lost, which it waits for eight timeouts.
            if any(each.open_requests and not each.is_gone for each in host.sessions):
                return f"n{host.id} owes an answer"
            if host.id not in leader.core.configuration.members:
                continue
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


def run_cluster(cluster: Cluster) -> None:
    """Run it. What goes wrong says what happened last."""
    with surroundings(cluster.seed) as patch:
        settings = cluster.settings
        patch.setattr("node.server.run.SNAPSHOT_CHUNK_BYTES", settings.chunk_bytes)
        for module in ("server.run", "transport.opening", "transport.listener"):
            patch.setattr(f"node.{module}.BUFFER_BYTES_MAX", settings.buffer_bytes)
        clock = MockClock(autojump_threshold=0)
        try:
            trio.run(cluster.main, clock, clock=clock)
        except BaseException as error:
            tail = "\n".join(cluster.world.lines[-40:]) if hasattr(cluster, "world") else ""
            error.add_note(f"seed {cluster.seed}, {settings}\n{tail}")
            raise
