"""Nodes in virtual time: what stays of one when its process goes, and all of them together."""

import random
from collections import Counter, deque
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import cbor2
import trio
from trio.testing import MockClock

from node.config import ClusterSpec, NodeAddress, first_configuration
from node.machines.kv import KvMachine
from node.raft.configuration import Configuration
from node.raft.core import RaftCore
from node.replica import Replica
from node.replica.state import State
from node.server import run
from node.server.node import Node
from node.server.nodefaults import NodeFaults
from node.sim.disk import DiskFaults, SimDisk
from node.sim.machine import ObservedMachine, digest_of
from node.sim.streams import stream
from node.storage.base import StorageError
from node.verify.observation import Observers, Violation
from tests.sim.virtual_streams import Network

TOKEN = b"t" * 32
PROMPT_SECONDS = 0.001

HERE: ContextVar["Host | None"] = ContextVar("HERE", default=None)
"""Which node the present task belongs to."""


def here() -> "Host":
    host = HERE.get()
    assert host is not None, "a task of a node"
    return host


class Counted(Protocol):
    """A session of a node."""

    @property
    def open_requests(self) -> int: ...
    @property
    def is_gone(self) -> bool: ...
    @property
    def is_open(self) -> bool: ...


class WatchedMachine(ObservedMachine):
    """One whose changes can be followed."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._machine = KvMachine()

    def query(self, query: bytes) -> bytes:
        here().think()
        return super().query(query)

    def changes(self, query: bytes, since: int) -> list[bytes]:
        here().think()
        return self._machine.changes(query, since)


@dataclass(slots=True)
class Pace:
    """Seconds."""

    flush_min: float
    flush_max: float
    snapshot_seconds_max: float
    thoughts: float
    """How often a query or a command takes long."""
    thought_seconds_max: float


class Host:
    """One node: its disk and its clock stay, its process comes and goes. A `Member`."""

    def __init__(self, world: "World", node_id: int, pace: Pace, is_spare: bool = False) -> None:
        """`is_spare`: the cluster begins without it."""
        self.id = node_id
        self.spec = world.spec
        first = first_configuration(world.spec.nodes)
        if is_spare:
            nodes = (*world.spec.nodes, address_of(node_id))
            self.spec, first = world.spec._replace(nodes=nodes), Configuration()
        self.world = world
        self.pace = pace
        self.random = stream(world.seed, "host", node_id)
        self.clock_offset = self.random.uniform(0, 1e6)
        self.disk = SimDisk(world.spec.cluster_id, first)
        self.is_wiped = False
        self.is_running = False
        self.has_failed = False
        """Its disk did, in this life."""
        self.lives = 0
        self.counts: Counter[str] = Counter()
        self.replica: Replica | None = None
        self.node: Node | None = None
        self.sessions: list[Counted] = []
        self.over = trio.Event()
        """The present life has ended, to the last task."""
        self.over.set()
        self.told_to_stop = trio.Event()
        self._life: trio.Nursery | None = None
        self._hurry = trio.Event()
        self._randoms = 0

    # -- for who observes it -----------------------------------------------------------------------
    @property
    def core(self) -> RaftCore:
        assert self.replica is not None, "it was started once"
        return self.replica.core

    @property
    def last_applied(self) -> int:
        return 0 if self.replica is None else self.replica.last_applied

    def digest(self) -> bytes:
        return digest_of(self._state())

    def _state(self) -> State:
        assert self.replica is not None, "it was started once"
        return self.replica.state

    @property
    def durable(self) -> SimDisk:
        return self.disk

    @property
    def nursery(self) -> trio.Nursery:
        """For what is the machine's business, and ends with the process."""
        assert self._life is not None
        return self._life

    def tell(self, what: str, *args: object) -> None:
        """One of the happenings. A rule that is broken fails the run, whoever may catch it here."""
        try:
            for look in getattr(self.world.observers, what):
                look(self, *args)
        except Violation as violation:
            self.world.violations.append(violation)
            raise

    # -- its surroundings --------------------------------------------------------------------------
    def next_random(self) -> random.Random:
        self._randoms += 1
        return stream(self.world.seed, "node", self.id, self._randoms)

    def new_machine(self) -> WatchedMachine:
        def executed(index: int, command: bytes, result: bytes) -> None:
            self.think()
            self.world.executed(index, command, result)
            self.tell("executed", index, command, result)

        return WatchedMachine(
            executed,
            lambda index, digest: self.tell("digested", index, digest),
            lambda index, digest: self.tell("captured", index, digest),
            self._state,
        )

    async def until_flushed(self) -> None:
        seconds = self.random.uniform(self.pace.flush_min, self.pace.flush_max)
        with trio.move_on_after(seconds + self.disk.faults.take_delay() / 1e6):
            await self._hurry.wait()

    def heal_disk(self) -> None:
        self.disk.faults = DiskFaults()
        self._hurry.set()
        self._hurry = trio.Event()

    def think(self) -> None:
        """The machine works, or the process stands still: no node does anything meanwhile."""
        if self.random.random() < self.pace.thoughts:
            self.world.jump(self.random.uniform(0, self.pace.thought_seconds_max))

    def check_promptness(self, what: str, late: float) -> None:
        """What there is to do is done at once, but for the time that the process stands still."""
        most = PROMPT_SECONDS + self.world.jumped_since(late)
        assert late <= most, f"n{self.id} leaves {what} for {late:.4f} s"

    # -- its lives ---------------------------------------------------------------------------------
    def start(self) -> None:
        assert self.over.is_set(), "one process at a time"
        self.over = trio.Event()
        self.told_to_stop = trio.Event()
        self.has_failed = False
        self.lives += 1
        self.world.network.lighten(self.id)
        self.world.nursery.start_soon(self._live)

    def crash(self, silently: bool) -> None:
        """Its process is gone, or its machine."""
        if self._life is not None and self.is_running:
            self.is_running = False
            if silently:
                self.world.network.darken(self.id)
            self._life.cancel_scope.cancel()

    async def _live(self) -> None:
        HERE.set(self)
        world = self.world
        try:
            async with trio.open_nursery() as self._life:
                faults = NodeFaults(random.Random(1))
                stores = run.Stores(self.disk.storage, self.disk.snapshots, False, faults)
                stored = self.disk.load()
                node = run.assemble(
                    Path("nowhere"), self.spec, TOKEN, self.id, stores, self.new_machine
                )
                self.node = node
                self.is_running = True
                self.tell("booted", stored)
                await run._serve(node, is_wiped=False)
                world.note(f"n{self.id} has stopped")
                self._life.cancel_scope.cancel()
        except BaseExceptionGroup as error:
            first = run._first(error)
            if not (isinstance(first, StorageError) and self.has_failed):
                raise
            world.note(f"n{self.id} ends: {first}")
        finally:
            self.is_running = False
            self._life = None
            self.disk.crash(self.random, lambda ready: self.tell("saving", ready))
            if self.replica is not None:
                self.tell("crashed")
            self.over.set()


# -- all of it -------------------------------------------------------------------------------------
@dataclass
class World:
    """A cluster in virtual time."""

    seed: int
    spec: ClusterSpec
    network: Network
    nursery: trio.Nursery
    clock: MockClock
    hosts: dict[int, Host] = field(default_factory=dict)
    observers: Observers = field(default_factory=lambda: Observers([]))
    violations: list[Violation] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    changes: dict[int, list[Any]] = field(default_factory=dict)
    """What the machine changed: index, key and value, by index."""
    counts: Counter[str] = field(default_factory=Counter)
    _jumps: deque[tuple[float, float]] = field(default_factory=lambda: deque(maxlen=1000))

    def jump(self, seconds: float) -> None:
        """Time passes, and nobody does anything."""
        self.clock.jump(seconds)
        self._jumps.append((trio.current_time(), seconds))

    def jumped_since(self, late: float) -> float:
        """How much of the last `late` seconds passed by jumps."""
        since = trio.current_time() - late
        return sum(seconds for at, seconds in self._jumps if at > since)

    def note(self, text: str) -> None:
        self.lines.append(f"{trio.current_time():.6f} {text}")

    def executed(self, index: int, command: bytes, result: bytes) -> None:
        change = change_of(index, command, result)
        if change is not None:
            assert self.changes.setdefault(index, change) == change

    @property
    def leader(self) -> Host | None:
        """Who leads the latest term, of those that run."""
        leading = [each for each in self.hosts.values() if each.is_running and each.core.is_leader]
        return max(leading, key=lambda host: host.core.term, default=None)


def change_of(index: int, command: bytes, result: bytes) -> list[Any] | None:
    """What a watch shows of a command with that result."""
    told = cbor2.loads(result)
    match cbor2.loads(command):
        case ["put", key, value]:
            return [index, key, value]
        case ["delete", key] if told:
            return [index, key, None]
        case ["cas", key, _, value] if told[0]:
            return [index, key, value]
    return None


def address_of(node_id: int) -> NodeAddress:
    return NodeAddress(node_id, f"n{node_id}", node_id)
