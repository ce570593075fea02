"""What may befall a cluster in virtual time, drawn by a seed."""

from collections.abc import Callable
from typing import Any

import trio

from node.client.errors import UnreachableError
from node.machines import kv
from node.sim.streams import stream
from node.wire.codec import encode_frame
from node.wire.messages import (
    Cancel,
    ChangeMembers,
    GetStatus,
    Read,
    SetFaults,
    Subscribe,
    TakeSnapshot,
    TransferLeadership,
    Watch,
)
from tests.sim.virtual_clients import CLIENT, ClientLink, VirtualClient, command, observe, watch
from tests.sim.virtual_cluster import HARMLESS, Cluster, Settings
from tests.sim.virtual_hosts import Host, Pace
from tests.sim.virtual_trio import EPOCH

FAULT_SECONDS = 8.0

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
    "stranger",
    "hurried stop",
    "spare",
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
            rng.choice((0, 0.02, 0.1)),
            rng.choice((0.02, 0.05)),
        ),
        snapshot_entries=rng.choice((15, 40, 1000)),
        chunk_bytes=rng.choice((100, 1000, 10_000)),
        pre_vote=rng.random() < 0.8,
        buffer_bytes=rng.choice((64 << 20, 512 << 10)),
        has_spare=rng.random() < 0.4,
    )


class Hostile(Cluster):
    """One that a seed stands for."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed, settings_of(seed))
        rng = stream(seed, "faults")
        self._kinds = [fault for fault in FAULTS if rng.random() < 0.6] or ["crash"]
        if not self.settings.has_spare:
            self._kinds = [fault for fault in self._kinds if fault != "spare"] or ["stop"]
        if "stranger" in self._kinds:
            self.harmless = HARMLESS | {"not_permitted", "slow_reader", "wrong_token"}

    async def meanwhile(self, nursery: trio.Nursery) -> None:
        """Let things happen for a while; what lasts longer goes on in `nursery`."""
        rng, world = self.random, self.world
        end = trio.current_time() + FAULT_SECONDS
        await trio.sleep(0.5)
        while trio.current_time() < end:
            for follow in (watch, observe):
                if rng.random() < 0.3:
                    nursery.start_soon(follow, world, self._some_id(), self.number())
            fault = rng.choice(self._kinds)
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
        number = self.number()
        expiry = EPOCH + trio.current_time() + rng.uniform(0.2, 2)
        for src, dsts in chosen.items():
            rules = [
                {"fault": number, "src": src, "dst": dst, "expires_at": expiry} | effect
                for dst in dsts
            ]
            self._command(nursery, src, lambda request_id, r=rules: SetFaults(request_id, r, []))

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

    def _spare(self, nursery: trio.Nursery) -> None:
        """The spare node comes in, or goes."""
        leader, spare = self.world.leader, max(self.world.hosts)
        if leader is None:
            return
        change: dict[str, Any] = {"do": "remove", "id": spare}
        if spare not in leader.core.configuration.members:
            address = self.world.hosts[spare].spec.address_of(spare)
            change = {"do": "add", "id": spare, "address": address.text, "promote": True}
        self._command(nursery, leader.id, lambda request_id: ChangeMembers(request_id, [change]))

    def _hurried_stop(self, nursery: trio.Nursery) -> None:
        """Orders that come just when it is told to stop."""
        leader = self.world.leader
        if leader is None:
            return
        others = [{"do": "demote", "id": each} for each in self.world.hosts if each != leader.id]
        change = self.random.sample(others, self.random.randint(1, len(others)))
        request_of: Any = self.random.choice(
            (
                lambda request_id: ChangeMembers(request_id, change),
                lambda request_id: TransferLeadership(request_id, 0),
                TakeSnapshot,
            )
        )
        self._command(nursery, leader.id, request_of)
        nursery.start_soon(self._stop_after, leader, self.random.uniform(0, 8) * self._hop)

    @property
    def _hop(self) -> float:
        return self.settings.latency

    async def _stop_after(self, host: Host, seconds: float) -> None:
        await trio.sleep(seconds)
        if host.is_running:
            host.told_to_stop.set()
            await self._start_later(host, self.random.uniform(0, 1))

    def _stranger(self, nursery: trio.Nursery) -> None:
        node_id = self._some_host().id
        who = self.random.choice((self._silent, self._noisy, self._greedy, self._hasty))
        nursery.start_soon(who, node_id, self.random.uniform(0, 3))

    async def _silent(self, node_id: int, seconds: float) -> None:
        """It connects, and does not say who it is."""
        await self._knock(node_id, b"", seconds)

    async def _noisy(self, node_id: int, seconds: float) -> None:
        """What it says is none of our words, or half of one."""
        data = self.random.choice((b"GET / HTTP/1.1\r\n\r\n", encode_frame(GetStatus(1))[:-1]))
        await self._knock(node_id, data, seconds)

    async def _knock(self, node_id: int, data: bytes, seconds: float) -> None:
        with trio.move_on_after(seconds):
            try:
                caller = await self.world.network.connect(CLIENT, node_id)
            except OSError:
                return
            try:
                if data:
                    await caller.send_all(data)
                    await caller.send_eof()
                await trio.sleep(seconds)
            except trio.BrokenResourceError:
                return
            finally:
                caller.close_nowait()

    async def _greedy(self, node_id: int, seconds: float) -> None:
        """It asks for much, in a row, and reads nothing of it."""
        await self._ask_for_much(node_id, seconds, 3000)

    async def _hasty(self, node_id: int, seconds: float) -> None:
        """It asks, takes it back, and is gone."""
        await self._ask_for_much(node_id, 0.0, 20)

    async def _ask_for_much(self, node_id: int, seconds: float, count: int) -> None:
        link = ClientLink(self.world, node_id, "client", self.random.randbytes(16))
        until = trio.current_time() + 3
        try:
            await link.open(until)
            for _ in range(count // 20):
                read = Read(link.new_id(), kv.scan(""), "linearizable", True)
                watching = Watch(link.new_id(), kv.watch(""), 0)
                stale = [Read(link.new_id(), kv.scan(""), "stale", True) for _ in range(17)]
                await link.send([read, watching, Cancel(read.id), *stale], until)
            if self.random.random() < 0.1:
                await link.send([Subscribe(link.new_id(), True)], until)  # is for observers
            await trio.sleep(seconds)
        except UnreachableError:
            return
        finally:
            link.close()

    def _burst(self, nursery: trio.Nursery) -> None:
        client = VirtualClient(self.world, 1000 + self.number(), timeout=2.0)
        nursery.start_soon(client.burst, self._some_host().id, self.random.randint(2, 60))
