"""One life of a simulated node: the real replica, driven as a real node drives it.

The order of things in a turn is that of `node.server.driver`: take in, look at the disk, hand out,
apply, save, and after the save what had to wait for it. Between two turns nothing happens.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from node.raft.errors import RemoteProtocolError
from node.raft.events import Event, SnapshotDamaged
from node.raft.messages import Message
from node.raft.ready import Chunk, Envelope, Ready
from node.raft.snapshot import Snapshot
from node.replica import Replica
from node.replica.replica import STALL_TIMEOUTS
from node.replica.snapshotting import Job, LoadSnapshot, dismantle
from node.replica.state import State
from node.sim.disk import SimDisk
from node.sim.machine import digest_of
from node.sim.surroundings import Request, Surroundings
from node.storage.base import DiskFullError, StorageError
from node.verify.observation import Member, Violation
from node.wire.codec import encode

T = TypeVar("T")

DISK_FULL_RETRY_US = 200_000
MESSAGES_MAX = 4096
"""What a node that stands still keeps of what comes in."""
PASSES_MAX = 4096
"""Of a turn: each hands out what there is, 4,096 entries among it."""
NEVER = 1 << 62


class Process:
    """Runs a replica over a disk, until `is_over`. `member` is the node, for whoever observes it;
    `failed` is called when the disk ends the process.
    """

    def __init__(
        self,
        member: Member,
        replica: Replica,
        disk: SimDisk,
        around: Surroundings,
        failed: Callable[[], None],
    ) -> None:
        self.replica = replica
        self.is_over = False
        self.is_paused = False
        self._member = member
        self._disk = disk
        self._around = around
        self._observers = around.observers
        self._clock = around.clock
        self._failed = failed
        self._stall_us = STALL_TIMEOUTS * replica.core.config.election_timeout_us
        self._messages: list[Message] = []
        self._requests: list[Request] = []
        self._writing: Ready | None = None
        self._outcome: StorageError | bool = False
        """Of the flush that has just ended; True: it did what it should."""
        self._snapshot_error: StorageError | None = None
        """Why a part of a snapshot could not be kept."""
        self._began_at: int | None = None
        self._is_stalled = False
        self._retry_at: int | None = None
        self._job: Job | None = None
        """What is under way beside the turns."""
        self._job_end: tuple[Job, Snapshot | State | StorageError] | None = None
        """Of the job that has just ended."""
        self._may_prune = False
        self._timer_at: int | None = None
        self._commit_index = replica.core.commit_index
        self._led_term = 0
        """The term that it led before what it is being told now; 0: it followed."""

    # -- what comes in -----------------------------------------------------------------------------
    def deliver(self, message: Message) -> None:
        """A message from a peer."""
        if len(self._messages) < MESSAGES_MAX:
            self._messages.append(message)
        if not self.is_paused:
            self.turn()

    def request(self, request: Request) -> None:
        """Something that a client or an operator asks."""
        self._requests.append(request)
        if not self.is_paused:
            self.turn()

    def finish(self) -> None:
        """End it in an orderly way: the flush under way ends, and everybody gets an answer."""
        writing = self._writing
        if writing is not None and self._disk.under_way is not None:
            self._disk.put_received(writing)
            if self._disk.end(self._around.disk_random, self._saving) is None:
                self._tell_saved(writing)
                self._finish(writing)
        self.replica.stop()
        self._send_replies()
        self.is_over = True

    # -- a turn ------------------------------------------------------------------------------------
    def turn(self) -> None:
        """Do all that there is to do now."""
        replica = self.replica
        self._take_in(replica, self._clock.now())
        passes = 0
        while True:
            passes += 1
            if passes > PASSES_MAX:
                text = f"has more to do after {passes} rounds of one turn, in which no time passes"
                raise Violation("turns_end", self._member.id, text)
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
            look(self._member)
        self._set_timer()

    def _take_in(self, replica: Replica, now: int) -> None:
        if self._messages:
            messages, self._messages = self._messages, []
            for message in messages:
                self._look_at_role()
                try:
                    replica.step(message, now)
                except RemoteProtocolError as error:
                    text = f"calls {message} illegal: {error}"
                    raise Violation("peers_are_legal", self._member.id, text) from error
                for look in self._observers.received:
                    look(self._member, message)
                self._look_at_commit()
        if self._requests:
            requests, self._requests = self._requests, []
            for request in requests:
                request(replica, now)
        if now >= replica.next_deadline:
            self._look_at_role()
            replica.tick(now)
            self._look_at_commit()

    def _look_at_role(self) -> None:
        core = self.replica.core
        self._led_term = core.term if core.is_leader else 0

    def _look_at_commit(self) -> None:
        """Who commits its own removal leads no longer when that is seen."""
        core = self.replica.core
        if core.commit_index != self._commit_index:
            self._commit_index = core.commit_index
            if core.is_leader or self._led_term == core.term:
                for look in self._observers.commit_advanced:
                    look(self._member)

    def _begin(self, ready: Ready) -> None:
        self._publish(ready.events)
        self._send_chunks(ready.chunks)
        self._send(ready.messages)
        self.replica.apply(ready)
        if ready.committed:
            for look in self._observers.applied:
                look(self._member, ready)
        if ready.must_sync:
            self._writing = ready
            self._flush(ready)
        else:
            self._finish(ready)

    def _finish(self, ready: Ready) -> None:
        self._look_at_role()
        self.replica.synced(ready, self._clock.now())
        self._look_at_commit()
        self._send(ready.messages_after_sync)
        if ready.snapshot is not None:
            self._may_prune = True

    # -- the disk ----------------------------------------------------------------------------------
    def _flush(self, ready: Ready) -> None:
        around = self._around
        self._disk.begin(ready)
        self._began_at = self._clock.now()
        delay = around.disk_random.randint(*around.pace.disk_us) + self._disk.faults.take_delay()
        around.kernel.after(delay, "disk", self._flushed, ready.seq)
        rare = (ready.hard_state, ready.base, ready.truncate_from)
        if any(each is not None for each in rare):
            around.flushes(delay)

    def hurry(self) -> None:
        """What the disk is at ends now, however long it was to take."""
        if self._job is not None:
            self._around.kernel.after(0, "snapshot", self._job_done, self._job)
        if self._writing is not None and self._disk.under_way is not None:
            self._around.kernel.after(0, "disk", self._flushed, self._writing.seq)

    def _flushed(self, seq: int) -> None:
        writing = self._writing
        if self.is_over or writing is None or writing.seq != seq or self._disk.under_way is None:
            return  # it was hurried
        self._snapshot_error = self._disk.put_received(writing)
        error = self._disk.end(self._around.disk_random, self._saving)
        self._began_at = None
        if error is None:
            self._tell_saved(writing)
        self._outcome = True if error is None else error
        if not self.is_paused:
            self.turn()

    def _saving(self, ready: Ready) -> None:
        for look in self._observers.saving:
            look(self._member, ready)

    def _tell_saved(self, ready: Ready) -> None:
        for look in self._observers.saved:
            look(self._member, ready)

    def _look_at_disk(self) -> bool:
        """What became of the flush under way. False: the disk failed, and the node with it."""
        writing = self._writing
        if writing is None:
            return True
        now = self._clock.now()
        outcome, self._outcome = self._outcome, False
        if outcome is True:
            self._saved(writing)
        elif isinstance(outcome, DiskFullError):
            if not self.replica.is_disk_full:
                self.replica.disk_full(now)
            self._retry_at = now + DISK_FULL_RETRY_US
        elif isinstance(outcome, StorageError):
            for look in self._observers.disk_failed:
                look(self._member)
            self._failed()
            return False
        elif self._retry_at is not None:
            if now >= self._retry_at:
                self._retry_at = None
                self._flush(writing)
        elif now >= self._stalls_at:
            self._is_stalled = True
            self.replica.disk_stalls(now)
        return True

    def _saved(self, ready: Ready) -> None:
        self._writing, self._is_stalled = None, False
        self._finish(ready)
        if self._snapshot_error is not None:
            self._snapshot_error = None
            self.replica.snapshot_refused(None)

    @property
    def _stalls_at(self) -> int:
        if self._began_at is None or self._is_stalled:
            return NEVER
        return self._began_at + self._stall_us

    # -- snapshots ---------------------------------------------------------------------------------
    @property
    def is_loading(self) -> bool:
        """Whether a snapshot that came in is being loaded."""
        return isinstance(self._job, LoadSnapshot)

    def _look_at_snapshots(self) -> None:
        """What came of the job under way, and what is to be done next."""
        if self._job_end is not None:
            (done, result), self._job_end = self._job_end, None
            if not isinstance(result, StorageError):
                self._job_succeeded(result)
            elif isinstance(done, LoadSnapshot):
                self.replica.snapshot_refused(done.snapshot)
                self._may_prune = True
            else:
                self.replica.snapshot_failed(str(result))
        if self._may_prune and not self.replica.snapshots.is_busy:
            self._may_prune = False
            self._disk.snapshots.keep(self.replica.kept_snapshots)
        if self._job is None and (job := self.replica.take_job()) is not None:
            self._job = job
            around, pace = self._around, self._around.pace
            span_us = pace.load_us if isinstance(job, LoadSnapshot) else pace.snapshot_us
            delay = around.disk_random.randint(*span_us)
            around.kernel.after(delay, "snapshot", self._job_done, job)

    def _job_done(self, job: Job) -> None:
        if self.is_over or job is not self._job:
            return  # or it was hurried
        self._job = None
        try:
            self._disk.check_space()
            self._job_end = job, job.run(self._disk.snapshots, _at_once)
        except StorageError as error:
            self._job_end = job, error
        if not self.is_paused:
            self.turn()

    def _job_succeeded(self, result: Snapshot | State) -> None:
        if isinstance(result, Snapshot):
            counts = self.replica.snapshot_written(result)
            self._may_prune = self._may_prune or not counts
        else:
            for look in self._observers.restored:
                look(self._member, result.index, digest_of(result))
            known = self.replica.core.commit_index
            if not self.replica.snapshot_loaded(result):
                self._may_prune = True
                for look in self._observers.declined:
                    look(self._member, result.index, known)
            dismantle(result, _at_once)  # what nobody uses any more, which has to be true
        self._commit_index = self.replica.core.commit_index

    def _send_chunks(self, chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            data = self._disk.snapshots.read(chunk.snapshot, chunk.offset, chunk.length)
            if data is None:
                self.replica.snapshot_unreadable(chunk.snapshot)
            else:
                self._send([Envelope(chunk.to, chunk.message(data))])

    # -- what goes out -----------------------------------------------------------------------------
    def _publish(self, events: Sequence[Event]) -> None:
        for event in events:
            if type(event) is SnapshotDamaged:
                if self._disk.is_rotten:  # or what it sent was damaged on its way
                    self._disk.faults.bites("rot")
                self.replica.renew_snapshot()
            self._around.report(self._member, event)

    def _send(self, envelopes: Sequence[Envelope]) -> None:
        if not envelopes:
            return
        sending, member, send = self._observers.sending, self._member, self._around.send
        for to, message in envelopes:
            for look in sending:
                look(member, to, message)
            send(member.id, to, type(message).__name__, encode(message))

    def _send_replies(self) -> None:
        for source, message in self.replica.take_replies(self._clock.now()):
            self._around.reply(self._member.id, source, message)

    # -- time --------------------------------------------------------------------------------------
    @property
    def _next_deadline(self) -> int:
        deadline = self.replica.next_deadline
        other = self._stalls_at if self._retry_at is None else self._retry_at
        return min(deadline, other)

    def _set_timer(self) -> None:
        """Wake it when there is something to do. A timer that is early looks again, so one is
        enough as long as it does not come too late.
        """
        at = max(self._clock.time_of(self._next_deadline), self._around.kernel.now)
        if self._timer_at is None or at < self._timer_at:
            self._timer_at = at
            self._around.kernel.at(at, "timer", self._timer, at)

    def clock_changed(self) -> None:
        """What was to be done at a time is to be done at another one."""
        self._timer_at = None
        if not self.is_paused:
            self._set_timer()

    def _timer(self, at: int) -> None:
        if at != self._timer_at or self.is_over:
            return
        self._timer_at = None
        if self.is_paused:
            return
        if self._clock.now() >= self._next_deadline:
            self.turn()
        else:
            self._set_timer()


def _at_once(parts: Iterator[T]) -> Iterator[T]:
    return parts
