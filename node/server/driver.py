"""The driver: the one task that touches the replica.

Connections put what they receive into an inbox and wake it. It empties the inbox, lets time pass,
and carries out one Ready, then again, until there is nothing left. It awaits once a batch: the
disk, or where a batch has nothing for it, the other tasks' turn, without which a long catch-up
would leave sockets unread and heartbeats unsent. What arrives meanwhile is the next batch.

A disk may hang for long, so what waits for it is bounded. Beyond that, messages of peers are
dropped, which Raft repeats, and requests are refused.
"""

import random
import time
from collections.abc import Callable, Sequence
from typing import Protocol, cast

import trio

from node.raft.errors import RemoteProtocolError
from node.raft.messages import Message
from node.raft.ready import Envelope, Ready
from node.replica import Replica
from node.server.eventhub import EventHub
from node.storage.base import DiskFullError, Storage
from node.wire.messages import WireMessage

DISK_FULL_RETRY_SECONDS = 0.2

MESSAGES_MAX = 4096
REQUESTS_MAX = 16_384


def now_us() -> int:
    """Microseconds on the monotonic clock, the core's time."""
    return time.monotonic_ns() // 1000


class Link(Protocol):
    def send_nowait(self, message: Message) -> None: ...


class Source(Protocol):
    """A connection, as the driver sees it."""

    def reply_nowait(self, message: WireMessage) -> None: ...

    def misbehaved(self, error: RemoteProtocolError) -> None:
        """What it sent breaks the protocol: end it."""
        ...


class DiskStats:
    def __init__(self) -> None:
        self.syncs = 0
        self.last_ms = 0.0


Work = Callable[[int], None]
"""A request to the replica; the argument is the time, in microseconds."""


class Driver:
    """Runs a replica over a storage and links to the peers."""

    def __init__(
        self,
        replica: Replica,
        storage: Storage,
        links: dict[int, Link],
        hub: EventHub,
        messages_max: int = MESSAGES_MAX,
        requests_max: int = REQUESTS_MAX,
    ) -> None:
        self.replica = replica
        self.disk = DiskStats()
        self._messages_max = messages_max
        self._requests_max = requests_max
        self._storage = storage
        self._links = links
        self._hub = hub
        self._messages: list[tuple[Source, Message]] = []
        self._work: list[Work] = []
        self._wake = trio.Event()
        self._limiter = trio.CapacityLimiter(1)
        self._is_stopping = False
        self._after_apply: list[Callable[[], None]] = []

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
        now = now_us()
        for request in work:
            request(now)
        self.replica.is_overloaded = False
        self._send_replies()

    def after_apply(self, callback: Callable[[], None]) -> None:
        """Call `callback` after each batch that changed the state machine."""
        self._after_apply.append(callback)

    def stop(self) -> None:
        """Answer what waits, and return from `run`."""
        self._is_stopping = True
        self._wake.set()

    # -- the task ----------------------------------------------------------------------------------
    async def run(self) -> None:
        """Returns after `stop`. Raises StorageError when the disk failed."""
        replica = self.replica
        while not self._is_stopping:
            self._take_in(now_us())
            ready = replica.ready()
            if ready is not None:
                await self._carry_out(ready)
                continue
            self._send_replies()
            await self._sleep()
        self._take_in(now_us())  # what came with the order to stop gets an answer too
        replica.stop()
        self._send_replies()

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

    async def _carry_out(self, ready: Ready) -> None:
        self._send(ready.messages)
        for event in ready.events:
            self._hub.publish_raft(event)
        self.replica.apply(ready)
        if ready.committed:
            for callback in self._after_apply:
                callback()
        self._send_replies()
        if ready.must_sync:
            await self._save(ready)
        else:
            await trio.lowlevel.checkpoint()
        self.replica.synced(ready.seq, now_us())
        self._send(ready.messages_after_sync)

    def _send(self, envelopes: Sequence[Envelope]) -> None:
        for to, message in envelopes:
            self._links[to].send_nowait(message)

    def _send_replies(self) -> None:
        for source, message in self.replica.take_replies():
            cast(Source, source).reply_nowait(message)  # tickets of this process hold connections

    async def _save(self, ready: Ready) -> None:
        """On a full disk nothing was written: refuse writes, and try the same again."""
        while True:
            started = time.monotonic()
            try:
                await trio.to_thread.run_sync(
                    self._storage.save,
                    ready.hard_state,
                    ready.truncate_from,
                    ready.first_index,
                    ready.entries,
                    limiter=self._limiter,
                )
            except DiskFullError as error:
                await self._wait_for_space(error)
            else:
                self.disk.syncs += 1
                self.disk.last_ms = (time.monotonic() - started) * 1000
                if self.replica.is_disk_full:
                    self._hub.publish("disk", self.replica.core.term, state="has space again")
                return

    async def _wait_for_space(self, error: DiskFullError) -> None:
        if not self.replica.is_disk_full:
            self._hub.publish("disk", self.replica.core.term, "error", state="full", why=str(error))
            self.replica.disk_full(now_us())
        until = trio.current_time() + DISK_FULL_RETRY_SECONDS
        while trio.current_time() < until:
            self._take_in(now_us())
            self.replica.fail_lost_proposals()
            self._send_replies()
            if self._is_stopping:
                raise error
            with trio.move_on_at(until):
                await self._next_wake()

    async def _sleep(self) -> None:
        """Until something arrives, or the next deadline."""
        seconds = (self.replica.next_deadline - now_us()) / 1e6
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


def seeded_rng() -> random.Random:
    """Election timeouts that differ between nodes that start in the same moment."""
    return random.Random(random.SystemRandom().getrandbits(64))
