"""The driver: it alone touches the replica.

Connections put what they receive into an inbox and wake it. It empties the inbox, lets time pass,
and carries out one Ready, then again, until there is nothing left. While a batch is being saved it
goes on: heartbeats leave, messages and requests are taken in, and become the next batch. So a slow
disk makes a node slow, and not dead. Where a batch has nothing for the disk, other tasks get their
turn, or a long catch-up would leave sockets unread.

A turn that is due because something came in is taken by whoever brought it, unless more waits at
other connections: to wake the driver's own task takes longer than such a turn, and what waits is to
share a batch. The task keeps to deadlines, and to what is too long for one turn.

What waits is bounded. Beyond that, messages of peers are dropped, which Raft repeats, and requests
are refused. A disk that hangs for several election timeouts ends a leadership.
"""

import math
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import cast

import trio

from node.raft.errors import RemoteProtocolError
from node.raft.events import Event, SnapshotDamaged
from node.raft.messages import Message
from node.raft.ready import Prompt, Ready
from node.replica import Replica
from node.replica.replica import STALL_TIMEOUTS
from node.server.chance import seeded_rng
from node.server.departures import Departures, Link
from node.server.disk import Disk, Outcome
from node.server.eventhub import EventHub
from node.server.inbox import Inbox, Source, Work
from node.server.measuring import Commits, DiskStats
from node.server.nodefaults import NodeFaults
from node.server.snapshotjobs import SnapshotJobs
from node.server.snapshotter import Snapshotter
from node.storage.base import DiskFullError, SnapshotStore, Storage
from node.wire.messages import WireMessage

DISK_FULL_RETRY_SECONDS = 0.2
STOP_SECONDS_MAX = 1.0
"""How long a node that is told to stop waits for its disk."""

TURN_US_MAX = 5000
"""Then other tasks have their turns, however much there is to apply."""
TOLERANCE_SECONDS = 0.001
"""The task is not woken to sleep for so much less."""


class Driver:
    """Runs a replica over a storage and links to the peers."""

    def __init__(
        self,
        replica: Replica,
        storage: Storage,
        snapshots: SnapshotStore,
        links: Mapping[int, Link],
        hub: EventHub,
        faults: NodeFaults | None = None,
        inbox: Inbox | None = None,
        is_more_to_come: Callable[[], bool] = lambda: True,
    ) -> None:
        """`is_more_to_come`: whether something waits to be read, and will be brought soon."""
        self.replica = replica
        self.faults = faults or NodeFaults(seeded_rng())
        self.clock = self.faults.clock
        self.disk = DiskStats()
        self.commits = Commits(replica.core)
        self._inbox = inbox or Inbox()
        self._is_more_to_come = is_more_to_come
        self._storage = storage
        self._snapshots = snapshots
        self._departures = Departures(replica, snapshots, links, hub, self.clock)
        self.round_trips = self._departures.round_trips
        self._hub = hub
        self._helpers: tuple[Disk, Snapshotter] | None = None
        self._is_turning = False
        self._failure: Exception | None = None
        """What a turn raised that another task took."""
        self._wake = trio.Event()
        self._is_due = False
        """The task's turn is due, though nothing came in."""
        self._deadline = 0
        """When time asks for something next, as of the end of the last turn (microseconds)."""
        self._nap = trio.CancelScope()
        """The sleep of the task, or its last one."""
        self._is_stopping = False
        self.is_saving = False
        """After `run`: a save still goes on, so that the storage must not be closed."""
        self._writing: Ready | None = None
        self._retry_at: float | None = None
        self._snapshot_jobs = SnapshotJobs(replica, hub, self._applied)
        self._timeout_seconds = replica.core.config.election_timeout_us / 1e6
        self._after_apply: list[Callable[[], None]] = []
        self._on_event: list[Callable[[Event], None]] = []

    # -- from other tasks --------------------------------------------------------------------------
    def deliver(self, source: Source, messages: Sequence[Message]) -> None:
        """Messages from a peer. What is too much is dropped."""
        self._inbox.put_messages(source, messages)
        self._something_came()

    def submit(self, work: Sequence[Work]) -> None:
        """Requests, each called with the time when its turn comes; at once, and with the replica
        refusing whatever it is asked, when too many wait already.
        """
        too_many = self._inbox.put_work(work)
        if too_many:
            self._refuse(too_many)
        self._something_came()

    def _refuse(self, work: Sequence[Work]) -> None:
        was_turning, self._is_turning = self._is_turning, True
        self.replica.is_overloaded = True
        now = self.clock.now()
        for request in work:
            request(now)
        self.replica.is_overloaded = False
        self._is_turning = was_turning
        self.send_replies()

    def after_apply(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each batch that changed the state machine."""
        self._after_apply.append(callback)

    def on_event(self, callback: Callable[[Event], None]) -> None:
        """Call `callback` for each thing that the core reports."""
        self._on_event.append(callback)

    def wake(self) -> None:
        """Look again what there is to do: the disk is done, or the clock runs at another rate."""
        self._is_due = True
        self._wake.set()

    def stop(self) -> None:
        """Answer what waits, and return from `run`."""
        self._is_stopping = True
        self._wake.set()

    # -- the task ----------------------------------------------------------------------------------
    async def run(self) -> None:
        """Returns after `stop`. Raises StorageError when the disk failed."""
        replica = self.replica
        with self._open_disk() as disk, Snapshotter(self._snapshots, self.wake) as snapshotter:
            self._helpers = disk, snapshotter
            while not self._is_stopping:
                if self._turn(disk, snapshotter):
                    await trio.lowlevel.checkpoint()
                else:
                    await self._sleep(disk)
                if self._failure is not None:
                    raise self._failure
            await self._finish_saving(disk)
        self._take_in(self.clock.now())  # what came with the order to stop gets an answer too
        while put_off := self._inbox.take_work():  # and what was put off in this turn
            self._refuse(put_off)
        replica.stop()
        self.send_replies()

    def _something_came(self) -> None:
        is_other_tasks = self._is_turning or self._is_stopping or self._failure is not None
        if self._helpers is None or is_other_tasks or self._is_more_to_come():
            self._wake.set()
        else:
            self._turn_at_once(*self._helpers)

    def _turn_at_once(self, disk: Disk, snapshotter: Snapshotter) -> None:
        """In the task of whoever brought something, which an error does not concern."""
        goes_on = False
        try:
            goes_on = self._turn(disk, snapshotter)
        except Exception as error:
            self._failure = error
        ends_at = trio.current_time() + self._seconds_to_sleep(disk)
        if self._failure or goes_on:
            self.wake()
        elif ends_at < self._nap.deadline - TOLERANCE_SECONDS:
            self._nap.deadline = ends_at  # the task need not wake for it

    def _turn(self, disk: Disk, snapshotter: Snapshotter) -> bool:
        """Take in what came, and carry out Readys until something else comes or time is over.
        Whether there may be more to do at once.
        """
        now = self.clock.now()
        self._is_turning = True
        self._is_due = False
        try:
            self._take_in(now)
            self._look_at(disk)
            self._snapshot_jobs.look(snapshotter)
            while self._writing is None and (ready := self.replica.ready()) is not None:
                self._begin(ready, disk)
                if self._makes_room(now):
                    return True
            if self._writing is not None:
                self._let_go(self.replica.take_prompt())
            self.send_replies()
            return False
        finally:
            self._is_turning = False
            self._deadline = self.replica.next_deadline

    def _makes_room(self, now: int) -> bool:
        """Whether others have their turns before what is left to apply."""
        if self._writing is not None or self.replica.last_applied >= self.replica.core.commit_index:
            return False
        return self._is_more_to_come() or self.clock.elapsed_us(now) > TURN_US_MAX

    @contextmanager
    def _open_disk(self) -> Iterator[Disk]:
        with Disk(self._storage, self._snapshots, self.wake, self.faults.delay) as disk:
            try:
                yield disk
            finally:
                self._helpers = None
                self.is_saving = disk.began_at is not None

    async def _finish_saving(self, disk: Disk) -> None:
        """Let the save under way end: what it stands for is promised still. No new one begins."""
        with trio.move_on_after(STOP_SECONDS_MAX):
            while disk.began_at is not None:
                self._wake = trio.Event()
                self._look_at(disk)
                if disk.began_at is not None:
                    await self._wake.wait()

    def _take_in(self, now: int) -> None:
        for source, message in self._inbox.take_messages():
            try:
                self.replica.step(message, now)
            except RemoteProtocolError as error:
                source.misbehaved(error)
        for request in self._inbox.take_work():
            request(now)
        if now >= self._deadline:
            self.replica.tick(now)
        self.commits.arrived(now)
        self.round_trips.look(now)

    def _begin(self, ready: Ready, disk: Disk) -> None:
        self._let_go(ready)
        if not ready.must_sync:
            self._apply(ready)
            self._finish(ready)
        elif self.replica.core.is_leader:
            self._writing = ready
            self._apply(ready)  # which clients wait for
            self._save(ready, disk)
        else:
            self._writing = ready
            self._save(ready, disk)  # which the leader waits for
            self._apply(ready)

    def _let_go(self, batch: Ready | Prompt) -> None:
        """What waits for nothing: it promises nothing, or happened already."""
        if batch.chunks:
            self._departures.send_chunks(batch.chunks)
        if batch.messages:
            self._departures.send(batch.messages)
        if batch.events:
            self._publish(batch.events)

    def _apply(self, ready: Ready) -> None:
        self.replica.apply(ready)
        if ready.committed:
            self._applied()
        self.send_replies()

    def _save(self, ready: Ready, disk: Disk) -> None:
        disk.begin(ready)
        self._look_at(disk)  # what is done by now wakes nobody

    def _applied(self) -> None:
        self.commits.took_effect(self.clock.now())
        for callback in self._after_apply:
            callback()

    def _finish(self, ready: Ready) -> None:
        self.replica.synced(ready, self.clock.now())
        if ready.messages_after_sync:
            self._departures.send(ready.messages_after_sync)
        if ready.snapshot is not None:
            self._snapshot_jobs.may_prune = True

    def _look_at(self, disk: Disk) -> None:
        """What became of the batch that is being saved."""
        if self._writing is None:
            return
        outcome = disk.take_outcome()
        if outcome is not None:
            self._saved(self._writing, outcome)
        elif self._retry_at is not None:
            if time.monotonic() >= self._retry_at:
                self._retry_at = None
                self._save(self._writing, disk)
        elif time.monotonic() >= self._stalls_at(disk):
            self._stalls()

    def _saved(self, ready: Ready, outcome: Outcome) -> None:
        if outcome.stall_us:
            ms = outcome.stall_us / 1000
            self._hub.publish("disk", self._term, "warn", state="held up", ms=ms)
        if isinstance(outcome.error, DiskFullError):
            self._disk_is_full(outcome.error)
        elif outcome.error is not None:
            raise outcome.error
        else:
            self.disk.saved(outcome.seconds, self.clock.now())
            if self.replica.is_disk_full:
                self._hub.publish("disk", self._term, state="has space again")
            self._writing = None
            self._finish(ready)
            if outcome.snapshot_error is not None:
                self._snapshot_jobs.refused(outcome.snapshot_error)

    def _disk_is_full(self, error: DiskFullError) -> None:
        """Nothing was written: refuse writes, and try the same again."""
        if not self.replica.is_disk_full:
            self._hub.publish("disk", self._term, "error", state="full", why=str(error))
            self.replica.disk_full(self.clock.now())
        self._retry_at = time.monotonic() + DISK_FULL_RETRY_SECONDS

    def _stalls_at(self, disk: Disk) -> float:
        """When the save under way has taken too long (monotonic seconds)."""
        if disk.began_at is None or self.disk.is_stalled:
            return math.inf
        return disk.began_at + STALL_TIMEOUTS * self._timeout_seconds

    def _stalls(self) -> None:
        """A leader that cannot write is in the way of one that can."""
        self.disk.is_stalled = True
        self._hub.publish("disk", self._term, "warn", state="stalls")
        self.replica.disk_stalls(self.clock.now())

    @property
    def _term(self) -> int:
        return self.replica.core.term

    def _publish(self, events: Sequence[Event]) -> None:
        for event in events:
            self._hub.publish_raft(event)
            for callback in self._on_event:
                callback(event)
            if isinstance(event, SnapshotDamaged):
                self.replica.renew_snapshot()

    def send_replies(self) -> None:
        """Hand out what the replica has answered, to each connection in one piece."""
        if not self.replica.has_replies:
            return
        by_source: dict[Hashable, list[WireMessage]] = {}
        for source, message in self.replica.take_replies(self.clock.now()):
            by_source.setdefault(source, []).append(message)
        for source, replies in by_source.items():
            cast(Source, source).answer_nowait(replies)  # tickets of this process hold connections

    def _seconds_to_sleep(self, disk: Disk) -> float:
        """Until there is something to do though nothing comes; below 0 when there is."""
        at = self._stalls_at(disk) if self._retry_at is None else self._retry_at
        seconds = self.clock.seconds_until(self._deadline)
        return min(seconds, at - time.monotonic())

    async def _sleep(self, disk: Disk) -> None:
        """Until something arrives, or there is something to do."""
        # A follower draws another deadline with each append, at least so far ahead: one that is
        # nearer than the last then wakes nobody.
        seconds = max(min(self._seconds_to_sleep(disk), self._timeout_seconds), 0.0)
        with trio.move_on_after(seconds) as self._nap:
            await self._next_wake()

    async def _next_wake(self) -> None:
        if self._has_turn():
            await trio.lowlevel.checkpoint()
        while not self._has_turn():  # what it was woken for may be done by now
            self._wake = trio.Event()
            await self._wake.wait()

    def _has_turn(self) -> bool:
        return self._is_due or self._is_stopping or not self._inbox.is_empty
