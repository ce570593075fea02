"""One simulated node: the real replica, and what the driver of a real node does around it.

The order of things in a turn is that of `node.server.driver`: take in, look at the disk, hand out,
apply, save, and after the save what had to wait for it. Between two turns nothing happens.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from node.raft.config import CoreConfig
from node.raft.configuration import Configuration
from node.raft.core import RaftCore
from node.raft.errors import RemoteProtocolError
from node.raft.events import Event, LeaderElected, LogTruncated, SnapshotDamaged
from node.raft.messages import Message
from node.raft.ready import Chunk, Envelope, Ready
from node.raft.snapshot import Snapshot
from node.replica import Replica
from node.replica.compaction import CompactionPolicy
from node.replica.snapshotting import Job, LoadSnapshot
from node.replica.state import State, at_boot
from node.sim.clock import Clock
from node.sim.disk import SimDisk
from node.sim.kernel import Kernel
from node.sim.machine import ObservedMachine
from node.sim.streams import stream
from node.storage.base import CorruptionError, DiskFullError, StorageError
from node.verify.observation import Observers, Violation
from node.wire.codec import WireError, decode, encode
from node.wire.messages import WireMessage

DISK_FULL_RETRY_US = 200_000
STALL_TIMEOUTS = 4
ENTRY_OVERHEAD_BYTES = 16
MESSAGES_MAX = 4096
"""What a node that stands still keeps of what comes in."""

Send = Callable[[int, int, str, bytes], None]
"""From, to, kind of message, its bytes."""
Reply = Callable[[int, Hashable, WireMessage], None]
"""From, to whom, and what."""
Tell = Callable[[int, Event], None]
Request = Callable[[Replica, int], None]
"""Something asked of the replica; the number is its time."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What every node of a cluster runs with. Durations in microseconds."""

    cluster_id: str
    election_timeout_us: int
    heartbeat_us: int
    pre_vote: bool
    check_quorum: bool
    append_bytes_max: int
    inflight_max: int
    snapshot_chunk_bytes: int
    compaction: CompactionPolicy
    pace: "Pace"


@dataclass(slots=True)
class Pace:
    """How long things take, at least and at most, in microseconds; it may change in a run."""

    disk_us: tuple[int, int]
    """A flush."""
    snapshot_us: tuple[int, int]
    """To write a snapshot, or to load one."""


class Host:
    """A node through all its lives. `Member` for whoever observes it."""

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
        priority: int = 100,
    ) -> None:
        """`first`: the members that the cluster was made with; empty for one that is to be added.
        `tell` hears of what the core reports.
        """
        self.id = node_id
        self.clock = clock
        self.disk = SimDisk(settings.cluster_id, first)
        self.is_running = False
        self.is_paused = False
        self.is_wiped = False
        self.is_broken = False
        """It refuses to start: what its disk holds is damaged."""
        self.lives = 0
        self._first = first
        self._seed = seed
        self._kernel = kernel
        self._settings = settings
        self._observers = observers
        self._send_frame = send
        self._reply = reply
        self._tell = tell
        self._priority = priority
        self._disk_random = stream(seed, "disk", node_id)
        self._replica: Replica | None = None
        self._messages: list[Message] = []
        self._requests: list[Request] = []
        self._writing: Ready | None = None
        self._outcome: StorageError | bool = False
        """Of the flush that has just ended; True: it did what it should."""
        self._began_at: int | None = None
        self._is_stalled = False
        self._retry_at: int | None = None
        self._job: Job | None = None
        self._may_prune = False
        self._refused_part = False
        """A part of a snapshot could not be kept."""
        self._timer_at: int | None = None
        self._commit_index = 0

    # -- looking at it -----------------------------------------------------------------------------
    @property
    def replica(self) -> Replica:
        """That of the present life, or the last one."""
        assert self._replica is not None, "it was started once"
        return self._replica

    @property
    def core(self) -> RaftCore:
        return self.replica.core

    @property
    def last_applied(self) -> int:
        return self.replica.last_applied

    @property
    def durable(self) -> SimDisk:
        return self.disk

    @property
    def is_up(self) -> bool:
        """Whether it takes part: it runs, and nobody stopped its process."""
        return self.is_running and not self.is_paused

    # -- its lives ---------------------------------------------------------------------------------
    def start(self) -> None:
        """Start its process. One whose disk is damaged does not come up."""
        assert not self.is_running, "one process at a time"
        settings = self._settings
        if self.is_wiped:  # what such a node keeps, it keeps in its memory
            self.disk = SimDisk(settings.cluster_id, self._first)
        try:
            stored = self.disk.load()
            state, _ = at_boot(
                stored.snapshots, self.disk.snapshots, stored.base.index, self._new_machine
            )
        except CorruptionError:
            self.is_broken = True
            return
        self.disk.snapshots.keep(frozenset(each.id for each in stored.snapshots))
        self.lives += 1
        now = self.clock.now()
        config = CoreConfig(
            node_id=self.id,
            voters=stored.first.voters,
            addresses=stored.first.addresses,
            election_timeout_us=settings.election_timeout_us,
            heartbeat_us=settings.heartbeat_us,
            pre_vote=settings.pre_vote,
            check_quorum=settings.check_quorum,
            append_bytes_max=settings.append_bytes_max,
            inflight_max=settings.inflight_max,
            snapshot_chunk_bytes=settings.snapshot_chunk_bytes,
            snapshot_window_bytes=4 * settings.snapshot_chunk_bytes,
            priority=self._priority,
            entry_size=_entry_size,
        )
        rng = stream(self._seed, "node", self.id, self.lives)
        self._replica = Replica(
            config,
            stored,
            state,
            self._new_machine,
            rng,
            now,
            voting=not self.is_wiped,
            policy=settings.compaction,
        )
        self._commit_index = self.core.commit_index
        self.is_running = True
        for look in self._observers.booted:
            look(self, stored)
        self.turn()

    def crash(self) -> None:
        """Its process is gone, without a word: kill -9, or the power."""
        assert self.is_running
        self.is_running = self.is_paused = False
        self.disk.crash(self._disk_random, self._saving)
        self._forget()
        for look in self._observers.crashed:
            look(self)

    def _forget(self) -> None:
        """What a process had in its memory."""
        self._messages, self._requests = [], []
        self._writing = self._began_at = self._retry_at = self._job = None
        self._outcome, self._is_stalled, self._may_prune = False, False, False

    def stop(self) -> None:
        """End it in an orderly way: the flush under way ends, and everybody gets an answer."""
        assert self.is_running
        writing = self._writing
        if writing is not None and self.disk.under_way is not None:
            self.disk.put_received(writing)
            if self.disk.end(self._saving) is None:
                for look in self._observers.saved:
                    look(self, writing)
                self._finish(writing)
        self.replica.stop()
        self._send_replies()
        self.is_running = self.is_paused = False
        self.disk.snapshots.forget_incoming()
        self._forget()
        for look in self._observers.crashed:
            look(self)

    def wipe(self) -> None:
        """Its disk is lost, while it is down. It comes back without a vote."""
        assert not self.is_running
        self.disk = SimDisk(self._settings.cluster_id, self._first)
        self.is_wiped, self.is_broken = True, False

    def pause(self) -> None:
        """Let it stand still: SIGSTOP. What comes in waits."""
        self.is_paused = True

    def resume(self) -> None:
        self.is_paused = False
        self.turn()

    # -- what comes in -----------------------------------------------------------------------------
    def deliver(self, frame: bytes) -> None:
        """A frame from a peer."""
        if not self.is_running:
            return
        try:
            message = decode(frame)
        except WireError:
            return  # the connection is closed, and opened anew
        if len(self._messages) < MESSAGES_MAX:
            self._messages.append(message)  # type: ignore[arg-type]  # peers speak Raft alone
        if not self.is_paused:
            self.turn()

    def request(self, request: Request) -> None:
        """Something that a client or an operator asks."""
        if self.is_running:
            self._requests.append(request)
            if not self.is_paused:
                self.turn()

    # -- a turn ------------------------------------------------------------------------------------
    def turn(self) -> None:
        """Do all that there is to do now."""
        replica = self.replica
        self._take_in(replica, self.clock.now())
        while True:
            if not self._look_at_disk():
                return
            self._look_at_snapshots()
            if self._writing is None and (ready := replica.ready()) is not None:
                self._begin(ready)
                if self._writing is None:
                    continue
            if self._writing is not None:
                prompt = replica.take_prompt()
                self._publish(prompt.events)
                self._send_chunks(prompt.chunks)
                self._send(prompt.messages)
            break
        self._send_replies()
        for look in self._observers.turned:
            look(self)
        self._set_timer()

    def _take_in(self, replica: Replica, now: int) -> None:
        if self._messages:
            messages, self._messages = self._messages, []
            for message in messages:
                try:
                    replica.step(message, now)
                except RemoteProtocolError as error:
                    text = f"calls {message} illegal: {error}"
                    raise Violation("peers_are_legal", self.id, text) from error
                self._look_at_commit()
        if self._requests:
            requests, self._requests = self._requests, []
            for request in requests:
                request(replica, now)
        if now >= replica.next_deadline:
            replica.tick(now)
            self._look_at_commit()

    def _look_at_commit(self) -> None:
        core = self.core
        if core.commit_index != self._commit_index:
            self._commit_index = core.commit_index
            if core.is_leader:
                for look in self._observers.commit_advanced:
                    look(self)

    def _begin(self, ready: Ready) -> None:
        self._publish(ready.events)
        self._send_chunks(ready.chunks)
        self._send(ready.messages)
        self.replica.apply(ready)
        if ready.committed:
            for look in self._observers.applied:
                look(self, ready)
        if ready.must_sync:
            self._writing = ready
            self._flush(ready)
        else:
            self._finish(ready)

    def _finish(self, ready: Ready) -> None:
        self.replica.synced(ready, self.clock.now())
        self._look_at_commit()
        self._send(ready.messages_after_sync)
        if ready.snapshot is not None:
            self._may_prune = True

    # -- the disk ----------------------------------------------------------------------------------
    def _flush(self, ready: Ready) -> None:
        self.disk.begin(ready)
        self._began_at = self.clock.now()
        delay = self._disk_random.randint(*self._settings.pace.disk_us)
        delay += self.disk.faults.take_delay()
        self._kernel.after(delay, "disk", self._flushed, self.lives, ready.seq)

    def _flushed(self, life: int, seq: int) -> None:
        """A flush would be over, if the disk does not hang."""
        writing = self._writing
        if life != self.lives or not self.is_running or writing is None or writing.seq != seq:
            return
        if self.disk.under_way is None:
            return
        snapshot_error = self.disk.put_received(writing)
        error = self.disk.end(self._saving)
        self._began_at = None
        if error is None:
            for look in self._observers.saved:
                look(self, writing)
        self._outcome = True if error is None else error
        if snapshot_error is not None and error is None:
            self._refused_part = True
        if not self.is_paused:
            self.turn()

    def hurry(self) -> None:
        """The flush under way ends now, however long it was to take."""
        if self.is_running and self._writing is not None and self.disk.under_way is not None:
            self._kernel.after(0, "disk", self._flushed, self.lives, self._writing.seq)

    def _saving(self, ready: Ready) -> None:
        for look in self._observers.saving:
            look(self, ready)

    def _look_at_disk(self) -> bool:
        """What became of the flush under way. False: the disk failed, and the node with it."""
        writing = self._writing
        if writing is None:
            return True
        now = self.clock.now()
        outcome, self._outcome = self._outcome, False
        if outcome is True:
            self._writing, self._is_stalled = None, False
            self._finish(writing)
            if self._refused_part:
                self._refused_part = False
                self.replica.snapshot_refused(None)
        elif isinstance(outcome, DiskFullError):
            if not self.replica.is_disk_full:
                self.replica.disk_full(now)
            self._retry_at = now + DISK_FULL_RETRY_US
        elif isinstance(outcome, StorageError):
            for look in self._observers.disk_failed:
                look(self)
            self.crash()
            return False
        elif self._retry_at is not None:
            if now >= self._retry_at:
                self._retry_at = None
                self._flush(writing)
        elif now >= self._stalls_at:
            self._is_stalled = True
            self.replica.disk_stalls(now)
        return True

    @property
    def _stalls_at(self) -> int:
        if self._began_at is None or self._is_stalled:
            return 1 << 62
        return self._began_at + STALL_TIMEOUTS * self._settings.election_timeout_us

    # -- snapshots ---------------------------------------------------------------------------------
    def _look_at_snapshots(self) -> None:
        if self._may_prune and not self.replica.snapshots.is_busy:
            self._may_prune = False
            self.disk.snapshots.keep(self.replica.kept_snapshots)
        if self._job is None and (job := self.replica.take_job()) is not None:
            self._job = job
            delay = self._disk_random.randint(*self._settings.pace.snapshot_us)
            self._kernel.after(delay, "snapshot", self._job_done, self.lives, job)

    def _job_done(self, life: int, job: Job) -> None:
        if life != self.lives or not self.is_running or self._job is not job:
            return
        self._job = None
        try:
            if self.disk.faults.is_full:
                raise DiskFullError("no space is left")
            result = job.run(self.disk.snapshots, lambda parts: parts)
        except StorageError as error:
            if isinstance(job, LoadSnapshot):
                self.replica.snapshot_refused(job.snapshot)
                self._may_prune = True
            else:
                self.replica.snapshot_failed(str(error))
        else:
            self._job_succeeded(result)
        if not self.is_paused:
            self.turn()

    def _job_succeeded(self, result: Snapshot | State) -> None:
        if isinstance(result, Snapshot):
            counts = self.replica.snapshot_written(result)
            self._may_prune = self._may_prune or not counts
        elif not self.replica.snapshot_loaded(result):
            self._may_prune = True
        self._commit_index = max(self._commit_index, self.core.commit_index)

    def _send_chunks(self, chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            data = self.disk.snapshots.read(chunk.snapshot, chunk.offset, chunk.length)
            if data is None:
                self.replica.snapshot_unreadable(chunk.snapshot)
            else:
                self._send([Envelope(chunk.to, chunk.message(data))])

    # -- what goes out -----------------------------------------------------------------------------
    def _publish(self, events: Sequence[Event]) -> None:
        observers = self._observers
        for event in events:
            if type(event) is LeaderElected:
                for look in observers.elected:
                    look(self, event)
            elif type(event) is LogTruncated:
                for look in observers.truncated:
                    look(self, event)
            elif type(event) is SnapshotDamaged:
                self.replica.renew_snapshot()
            self._tell(self.id, event)

    def _send(self, envelopes: Sequence[Envelope]) -> None:
        sending, me = self._observers.sending, self.id
        for to, message in envelopes:
            for look in sending:
                look(self, to, message)
            self._send_frame(me, to, type(message).__name__, encode(message))

    def _send_replies(self) -> None:
        for source, message in self.replica.take_replies(self.clock.now()):
            self._reply(self.id, source, message)

    # -- time --------------------------------------------------------------------------------------
    def _set_timer(self) -> None:
        """Wake it when there is something to do. A timer that is early looks again, so one is
        enough as long as it does not come too late.
        """
        deadline = self.replica.next_deadline
        if self._retry_at is not None:
            deadline = min(deadline, self._retry_at)
        else:
            deadline = min(deadline, self._stalls_at)
        at = max(self.clock.time_of(deadline), self._kernel.now)
        if self._timer_at is None or at < self._timer_at:
            self._timer_at = at
            self._kernel.at(at, "timer", self._timer, at)

    def _timer(self, at: int) -> None:
        if at != self._timer_at:
            return
        self._timer_at = None
        if not self.is_up:
            return
        now = self.clock.now()
        is_due = now >= self.replica.next_deadline or now >= self._stalls_at
        if is_due or (self._retry_at is not None and now >= self._retry_at):
            self.turn()
        else:
            self._set_timer()

    # -- the machine -------------------------------------------------------------------------------
    def _new_machine(self) -> ObservedMachine:
        observers = self._observers

        def executed(index: int, command: bytes, result: bytes) -> None:
            for look in observers.executed:
                look(self, index, command, result)

        def captured(index: int, digest: bytes) -> None:
            for look in observers.captured:
                look(self, index, digest)

        def restored(index: int, digest: bytes) -> None:
            for look in observers.restored:
                look(self, index, digest)

        return ObservedMachine(executed, captured, restored, lambda: self.last_applied)


def _entry_size(entry: bytes) -> int:
    return len(entry) + ENTRY_OVERHEAD_BYTES
