"""A simulated node: its disk and its clock stay, its process comes and goes."""

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import partial

from node.raft.config import CoreConfig
from node.raft.configuration import Configuration
from node.raft.core import RaftCore
from node.replica import Replica, Ticket
from node.replica.compaction import CompactionPolicy
from node.replica.state import at_boot
from node.sim.answering import Owed
from node.sim.clock import Clock
from node.sim.disk import SimDisk
from node.sim.kernel import Kernel
from node.sim.machine import ObservedMachine, digest_of
from node.sim.process import Process
from node.sim.streams import stream
from node.sim.surroundings import Pace, Reply, Request, Send, Surroundings, Tell
from node.storage.base import CorruptionError, Stored
from node.verify.observation import Observers, Violation
from node.wire.codec import WireError, decode
from node.wire.entries import ENTRY_OVERHEAD_BYTES
from node.wire.messages import WireMessage


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What every node of a cluster runs with. Durations in microseconds."""

    cluster_id: str
    election_timeout_us: int
    heartbeat_us: int
    spare_us: int
    pre_vote: bool
    check_quorum: bool
    append_bytes_max: int
    inflight_max: int
    inflight_bytes_max: int
    uncommitted_max: int
    uncommitted_bytes_max: int
    reads_max: int
    priority_min: int
    lease_percent: int
    snapshot_chunk_bytes: int
    sessions_max: int
    compaction: CompactionPolicy
    pace: Pace


class Host:
    """One node. `Member` for whoever observes it."""

    def __init__(
        self,
        node_id: int,
        seed: int,
        kernel: Kernel,
        clock: Clock,
        first: Configuration,
        settings: NodeSettings,
        observers: Observers,
        send: Send,
        reply: Reply,
        tell: Tell,
        flushes: Callable[[int], None],
    ) -> None:
        """`first`: the members that the cluster was made with; empty for one that is to be added.
        `tell` hears of what the core reports, `flushes` of what is written.
        """
        self.id = node_id
        self.clock = clock
        self.disk = SimDisk(settings.cluster_id, first)
        self.is_wiped = False
        self.refused = ""
        """What it said when it would not start, since its disk is damaged; a wipe mends that."""
        self.lives = 0
        self.owed = Owed()
        self._kernel = kernel
        self._reply = reply
        self._first = first
        self._seed = seed
        self._settings = settings
        self._observers = observers
        self._priority = stream(seed, "priority", node_id).randint(settings.priority_min, 100)
        self._around = Surroundings(
            kernel,
            clock,
            stream(seed, "disk", node_id),
            settings.pace,
            observers,
            send,
            self._answer,
            tell,
            flushes,
        )
        self._process: Process | None = None
        self.core: RaftCore
        """That of the present life, or of the last one."""

    # -- looking at it -----------------------------------------------------------------------------
    @property
    def process(self) -> Process:
        """That of the present life, or of the last one."""
        assert self._process is not None, "it was started once"
        return self._process

    @property
    def is_running(self) -> bool:
        return self._process is not None and not self._process.is_over

    @property
    def is_paused(self) -> bool:
        return self.is_running and self.process.is_paused

    @property
    def is_up(self) -> bool:
        """Whether it takes part: it runs, and nobody stopped its process."""
        return self.is_running and not self.process.is_paused

    @property
    def is_loading(self) -> bool:
        """Whether a snapshot that came in is being loaded."""
        return self.is_running and self.process.is_loading

    @property
    def last_applied(self) -> int:
        return self.process.replica.last_applied

    def digest(self) -> bytes:
        return digest_of(self.process.replica.state)

    @property
    def durable(self) -> SimDisk:
        return self.disk

    @property
    def is_broken(self) -> bool:
        """Whether it does not start on what its disk holds."""
        return bool(self.refused)

    # -- its lives ---------------------------------------------------------------------------------
    def start(self) -> bool:
        """Start its process. False: what its disk holds is damaged, and it does not come up."""
        assert not self.is_running, "one process at a time"
        if self.is_wiped:  # what such a node keeps, it keeps in its memory
            self.disk = SimDisk(self._settings.cluster_id, self._first)
        try:
            stored = self.disk.load()
            replica = self._boot(stored)
        except CorruptionError as error:
            self._found_damage(str(error))
            self.refused = str(error)
            return False
        self.owed = Owed()
        self._process = Process(self, replica, self.disk, self._around, self.crash)
        self.core = replica.core
        for look in self._observers.booted:
            look(self, stored)
        self._process.turn()
        return True

    def _boot(self, stored: Stored) -> Replica:
        """As `node.server.run` does it. Raises CorruptionError."""
        snapshots = self.disk.snapshots
        state, damages = at_boot(
            stored.snapshots,
            snapshots,
            stored.base.index,
            self._new_machine,
            self._settings.sessions_max,
        )
        if damages:
            self._found_damage(", ".join(damages))
        if state.snapshot is not None:
            for look in self._observers.restored:
                look(self, state.index, digest_of(state))
        snapshots.keep(frozenset(snapshot.id for snapshot in stored.snapshots))
        self.lives += 1
        return Replica(
            self._config(stored),
            stored,
            state,
            self._new_machine,
            stream(self._seed, "node", self.id, self.lives),
            self.clock.now(),
            voting=not self.is_wiped,
            policy=self._settings.compaction,
        )

    def _found_damage(self, text: str) -> None:
        """Raises Violation if no fault touched what its disk holds: it did not keep it then."""
        if self.disk.is_rotten:
            self.disk.faults.bites("rot")
            return
        raise Violation("recovery_holds_what_was_promised", self.id, f"cannot start: {text}")

    def _config(self, stored: Stored) -> CoreConfig:
        settings = self._settings
        return CoreConfig(
            node_id=self.id,
            voters=stored.first.voters,
            addresses=stored.first.addresses,
            election_timeout_us=settings.election_timeout_us,
            heartbeat_us=settings.heartbeat_us,
            spare_us=settings.spare_us,
            pre_vote=settings.pre_vote,
            check_quorum=settings.check_quorum,
            append_bytes_max=settings.append_bytes_max,
            inflight_max=settings.inflight_max,
            inflight_bytes_max=settings.inflight_bytes_max,
            uncommitted_max=settings.uncommitted_max,
            uncommitted_bytes_max=settings.uncommitted_bytes_max,
            reads_max=settings.reads_max,
            priority=self._priority,
            lease_percent=settings.lease_percent,
            snapshot_chunk_bytes=settings.snapshot_chunk_bytes,
            snapshot_window_bytes=4 * settings.snapshot_chunk_bytes,
            entry_size=len,
            entry_overhead=ENTRY_OVERHEAD_BYTES,
        )

    def crash(self) -> None:
        """Its process is gone, without a word: kill -9, or the power."""
        assert self.is_running
        self.process.is_over = True
        self.disk.crash(self._around.disk_random, self._saving)
        for look in self._observers.crashed:
            look(self)

    def _saving(self, ready: object) -> None:
        for look in self._observers.saving:
            look(self, ready)

    def stop(self) -> None:
        """End it in an orderly way."""
        assert self.is_running
        self.process.finish()
        self.owed.check(self.id, "stops")
        self.disk.snapshots.forget_incoming()
        for look in self._observers.crashed:
            look(self)

    def wipe(self) -> None:
        """Its disk is lost, while it is down. It comes back without a vote."""
        assert not self.is_running
        self.is_wiped, self.refused = True, ""

    def pause(self) -> None:
        """Let it stand still: SIGSTOP. What comes in waits."""
        self.process.is_paused = True

    def resume(self) -> None:
        self.process.is_paused = False
        self.process.turn()

    # -- what comes in -----------------------------------------------------------------------------
    def deliver(self, frame: bytes) -> None:
        """A frame from a peer. One that is damaged ends a connection, which is opened anew."""
        if self.is_running:
            try:
                message = decode(frame)
            except WireError:
                return
            self.process.deliver(message)  # type: ignore[arg-type]  # peers speak Raft alone

    def lose(self, peer_id: int) -> None:
        """All its connections with a peer end."""
        if self.is_running:
            self.process.request(partial(self._lost, peer_id))

    def _lost(self, peer_id: int, replica: Replica, now: int) -> None:
        replica.core.peer_lost(peer_id, now)
        for look in self._observers.lost:
            look(self, peer_id)

    def request(self, ticket: Ticket, what: str, request: Request) -> None:
        """Something that a client or an operator asks, and who hears what comes of it."""
        if self.is_running:
            self.owed.take(ticket, what, self._kernel.now)
            self.process.request(request)

    def _answer(self, node_id: int, source: Hashable, message: WireMessage) -> None:
        self.owed.answer(node_id, source, message)
        self._reply(node_id, source, message)

    # -- what happens to it ------------------------------------------------------------------------
    def hurry(self) -> None:
        """What its disk is at ends now."""
        if self.is_running:
            self.process.hurry()

    def change_clock(self, change: Callable[[Clock], None]) -> None:
        """Have its clock run otherwise, or jump."""
        change(self.clock)
        if self.is_running:
            self.process.clock_changed()

    # -- its machine -------------------------------------------------------------------------------
    def _new_machine(self) -> ObservedMachine:
        observers = self._observers

        def executed(index: int, command: bytes, result: bytes) -> None:
            for look in observers.executed:
                look(self, index, command, result)

        def digested(index: int, digest: bytes) -> None:
            for look in observers.digested:
                look(self, index, digest)

        def captured(index: int, digest: bytes) -> None:
            for look in observers.captured:
                look(self, index, digest)

        return ObservedMachine(executed, digested, captured, lambda: self.process.replica.state)
