"""The driver: the one task that touches the replica.

Connections put what they receive into an inbox and wake it. It empties the inbox, lets time pass,
and carries out one Ready, then again, until there is nothing left. While a batch is being saved it
goes on: heartbeats leave, messages and requests are taken in, and become the next batch. So a slow
disk makes a node slow, and not dead. Where a batch has nothing for the disk, other tasks get their
turn, or a long catch-up would leave sockets unread.

What waits is bounded. Beyond that, messages of peers are dropped, which Raft repeats, and requests
are refused. A disk that hangs for several election timeouts ends a leadership.
"""

import math
import random
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Protocol, cast

import trio

from node.raft.errors import RemoteProtocolError
from node.raft.events import Event, SnapshotDamaged
from node.raft.messages import Message
from node.raft.ready import Chunk, Envelope, Ready
from node.raft.snapshot import Snapshot, SnapshotId
from node.replica import Replica
from node.replica.replica import STALL_TIMEOUTS
from node.replica.snapshotting import LoadSnapshot
from node.replica.state import State
from node.server.disk import Disk, Outcome
from node.server.eventhub import EventHub
from node.server.measuring import Commits, DiskStats, RoundTrips
from node.server.nodefaults import NodeFaults
from node.server.snapshotter import Snapshotter
from node.storage.base import DiskFullError, SnapshotStore, Storage, StorageError
from node.wire.messages import WireMessage

DISK_FULL_RETRY_SECONDS = 0.2
STOP_SECONDS_MAX = 1.0
"""How long a node that is told to stop waits for its disk."""

MESSAGES_MAX = 4096
REQUESTS_MAX = 16_384


class Link(Protocol):
    def send_nowait(self, message: Message) -> None: ...


class Source(Protocol):
    """A connection, as the driver sees it."""

    def answer_nowait(self, replies: Sequence[WireMessage]) -> None:
        """The answers of one turn."""

    def misbehaved(self, error: RemoteProtocolError) -> None:
        """What it sent breaks the protocol: end it."""


Work = Callable[[int], None]
"""A request to the replica; the argument is the time, in microseconds."""


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
        messages_max: int = MESSAGES_MAX,
        requests_max: int = REQUESTS_MAX,
    ) -> None:
        self.replica = replica
        self.faults = faults or NodeFaults(seeded_rng())
        self.clock = self.faults.clock
        self.disk = DiskStats()
        self.commits = Commits(replica.core)
        self.round_trips = RoundTrips(replica.core)
        self._messages_max = messages_max
        self._requests_max = requests_max
        self._storage = storage
        self._snapshots = snapshots
        self._links = links
        self._hub = hub
        self._messages: list[tuple[Source, Message]] = []
        self._work: list[Work] = []
        self._wake = trio.Event()
        self._is_stopping = False
        self.is_saving = False
        """After `run`: a save still goes on, so that the storage must not be closed."""
        self._writing: Ready | None = None
        self._retry_at: float | None = None
        self._may_prune = False
        """There may be snapshots on the disk that nobody needs."""
        self._stall_seconds = STALL_TIMEOUTS * replica.core.config.election_timeout_us / 1e6
        self._after_apply: list[Callable[[], None]] = []
        self._on_event: list[Callable[[Event], None]] = []

    # -- from other tasks --------------------------------------------------------------------------
    def deliver(self, source: Source, messages: Sequence[Message]) -> None:
        """Messages from a peer. What is too much is dropped."""
        room = self._messages_max - len(self._messages)
        self._messages.extend((source, message) for message in messages[:room])
        self._wake.set()

    def submit(self, work: Sequence[Work]) -> None:
        """Requests, each called with the time when its turn comes; at once, and with the replica
        refusing whatever it is asked, when too many wait already.
        """
        room = self._requests_max - len(self._work)
        self._work.extend(work[:room])
        self._wake.set()
        if len(work) > room:
            self._refuse(work[room:])

    def _refuse(self, work: Sequence[Work]) -> None:
        self.replica.is_overloaded = True
        now = self.clock.now()
        for request in work:
            request(now)
        self.replica.is_overloaded = False
        self.send_replies()

    def after_apply(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each batch that changed the state machine."""
        self._after_apply.append(callback)

    def on_event(self, callback: Callable[[Event], None]) -> None:
        """Call `callback` for each thing that the core reports."""
        self._on_event.append(callback)

    def wake(self) -> None:
        """Look again what there is to do: the disk is done, or the clock runs at another rate."""
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
            while not self._is_stopping:
                self._take_in(self.clock.now())
                self._look_at(disk)
                self._look_at_snapshots(snapshotter)
                if self._writing is None and (ready := replica.ready()) is not None:
                    self._begin(ready, disk)
                    if self._writing is None:  # nothing for the disk
                        self.send_replies()  # there may be much to apply before it sleeps
                        await trio.lowlevel.checkpoint()
                        continue
                if self._writing is not None:
                    prompt = replica.take_prompt()
                    self._send_chunks(prompt.chunks)
                    self._send(prompt.messages)
                    self._publish(prompt.events)
                self.send_replies()
                await self._sleep(disk)
            await self._finish_saving(disk)
        self._take_in(self.clock.now())  # what came with the order to stop gets an answer too
        while self._work:  # and what was put off in this turn
            put_off, self._work = self._work, []
            self._refuse(put_off)
        replica.stop()
        self.send_replies()

    @contextmanager
    def _open_disk(self) -> Iterator[Disk]:
        with Disk(self._storage, self._snapshots, self.wake, self.faults.delay) as disk:
            try:
                yield disk
            finally:
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
        messages, self._messages = self._messages, []
        for source, message in messages:
            try:
                self.replica.step(message, now)
            except RemoteProtocolError as error:
                source.misbehaved(error)
        work, self._work = self._work, []
        for request in work:
            request(now)
        if now >= self.replica.next_deadline:
            self.replica.tick(now)
        self.commits.arrived(now)
        self.round_trips.look(now)

    def _begin(self, ready: Ready, disk: Disk) -> None:
        self._send_chunks(ready.chunks)
        self._send(ready.messages)
        self._publish(ready.events)
        self.replica.apply(ready)
        if ready.committed:
            self._applied()
        if ready.must_sync:
            self._writing = ready
            disk.begin(ready)
        else:
            self._finish(ready)

    def _applied(self) -> None:
        self.commits.took_effect(self.clock.now())
        for callback in self._after_apply:
            callback()

    def _finish(self, ready: Ready) -> None:
        self.replica.synced(ready, self.clock.now())
        self._send(ready.messages_after_sync)
        if ready.snapshot is not None:
            self._may_prune = True

    def _look_at(self, disk: Disk) -> None:
        """What became of the batch that is being saved."""
        outcome = disk.take_outcome()
        if self._writing is None:
            return
        if outcome is not None:
            self._saved(self._writing, outcome)
        elif self._retry_at is not None:
            if time.monotonic() >= self._retry_at:
                self._retry_at = None
                disk.begin(self._writing)
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
                self._hub.publish("disk", self.replica.core.term, state="has space again")
            self._writing = None
            self._finish(ready)
            if outcome.snapshot_error is not None:
                self._snapshot_refused(outcome.snapshot_error)

    def _disk_is_full(self, error: DiskFullError) -> None:
        """Nothing was written: refuse writes, and try the same again."""
        if not self.replica.is_disk_full:
            self._hub.publish("disk", self.replica.core.term, "error", state="full", why=str(error))
            self.replica.disk_full(self.clock.now())
        self._retry_at = time.monotonic() + DISK_FULL_RETRY_SECONDS

    def _stalls_at(self, disk: Disk) -> float:
        """When the save under way has taken too long (monotonic seconds)."""
        if disk.began_at is None or self.disk.is_stalled:
            return math.inf
        return disk.began_at + self._stall_seconds

    def _stalls(self) -> None:
        """A leader that cannot write is in the way of one that can."""
        self.disk.is_stalled = True
        self._hub.publish("disk", self.replica.core.term, "warn", state="stalls")
        self.replica.disk_stalls(self.clock.now())

    # -- snapshots ---------------------------------------------------------------------------------
    def _look_at_snapshots(self, snapshotter: Snapshotter) -> None:
        """What came of the job under way, and what is to be done next."""
        found = snapshotter.take_result()
        if found is not None:
            job, result = found
            if isinstance(result, Snapshot):
                self._snapshot_written(result)
            elif isinstance(result, State):
                self._snapshot_loaded(result)
                snapshotter.dismantle(result)
            elif not isinstance(result, Exception):
                raise TypeError(f"{result!r} is no result")
            elif isinstance(job, LoadSnapshot):
                self._snapshot_refused(result, job.snapshot)
                self._may_prune = True  # it may have been whole, and of no use to the machine
            else:
                self._snapshot_failed(result)
        if self._may_prune and not self.replica.snapshots.is_busy:
            self._may_prune = False
            snapshotter.keep(self.replica.kept_snapshots)
        next_job = self.replica.take_job()
        if next_job is not None:
            snapshotter.begin(next_job)

    def _snapshot_written(self, snapshot: Snapshot) -> None:
        counts = self.replica.snapshot_written(snapshot)
        self._may_prune = self._may_prune or not counts
        self._hub.publish(
            "snapshot", self._term, state="taken", index=snapshot.index, bytes=snapshot.id.size
        )

    def _snapshot_loaded(self, state: State) -> None:
        if self.replica.snapshot_loaded(state):
            self._applied()
        else:
            self._may_prune = True

    def _snapshot_refused(self, error: Exception, which: SnapshotId | None = None) -> None:
        """What the leader sent is of no use here: it hears so, and may send it again later."""
        self._hub.publish("snapshot", self._term, "error", state="refused", why=_text(error))
        self.replica.snapshot_refused(which)

    def _snapshot_failed(self, error: Exception) -> None:
        """The log still holds all that the snapshot would: nothing is lost, but space."""
        text = _text(error)
        self._hub.publish("snapshot", self._term, "error", state="failed", why=text)
        self.replica.snapshot_failed(text)

    @property
    def _term(self) -> int:
        return self.replica.core.term

    def _send_chunks(self, chunks: Sequence[Chunk]) -> None:
        for chunk in chunks:
            link = self._links.get(chunk.to)
            if link is None:
                continue
            try:
                data = self._snapshots.read(chunk.snapshot, chunk.offset, chunk.length)
            except StorageError as error:
                self._hub.publish("snapshot", self._term, "error", state="unread", why=str(error))
                data = None
            if data is None:
                self.replica.snapshot_unreadable(chunk.snapshot)
            else:
                link.send_nowait(chunk.message(data))

    def _publish(self, events: Sequence[Event]) -> None:
        for event in events:
            self._hub.publish_raft(event)
            for callback in self._on_event:
                callback(event)
            if isinstance(event, SnapshotDamaged):
                self.replica.renew_snapshot()

    def _send(self, envelopes: Sequence[Envelope]) -> None:
        for to, message in envelopes:
            link = self._links.get(to)
            if link is not None:  # else a member whose address is not known here yet
                link.send_nowait(message)
        self.round_trips.left(envelopes, self.clock.now())

    def send_replies(self) -> None:
        """Hand out what the replica has answered, to each connection in one piece."""
        by_source: dict[Hashable, list[WireMessage]] = {}
        for source, message in self.replica.take_replies(self.clock.now()):
            by_source.setdefault(source, []).append(message)
        for source, replies in by_source.items():
            cast(Source, source).answer_nowait(replies)  # tickets of this process hold connections

    async def _sleep(self, disk: Disk) -> None:
        """Until something arrives, or there is something to do."""
        seconds = self.clock.seconds_until(self.replica.next_deadline)
        until = self._stalls_at(disk) if self._retry_at is None else self._retry_at
        seconds = min(seconds, until - time.monotonic())
        if seconds <= 0:
            await trio.lowlevel.checkpoint()
            return
        with trio.move_on_after(seconds):
            await self._next_wake()

    async def _next_wake(self) -> None:
        if self._messages or self._work or self._is_stopping:
            await trio.lowlevel.checkpoint()
            return
        self._wake = trio.Event()
        await self._wake.wait()


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__


def seeded_rng() -> random.Random:
    """Election timeouts that differ between nodes that start in the same moment."""
    return random.Random(random.SystemRandom().getrandbits(64))
