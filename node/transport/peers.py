"""The link to one peer: this node dials, and sends; what the peer says comes on its own connection.

Messages that cannot leave are dropped, never kept for later: Raft repeats what matters, and old
messages are the least useful ones. Faults act here, on whole messages, before they are bytes.
"""

import random
import time
from contextlib import suppress
from heapq import heappop, heappush
from itertools import count

import trio

from node.config import NodeAddress
from node.faults import LinkPolicy
from node.raft.messages import Message
from node.transport.channel import Channel, FrameTooLargeError
from node.transport.contacts import Contacts
from node.transport.opening import Identity, dial
from node.wire.codec import encode
from node.wire.framing import FrameError, frame
from node.wire.handshake import HandshakeError

BACKOFF_SECONDS_MIN = 0.05
BACKOFF_SECONDS_MAX = 1.0
DELAYED_MAX = 10_000
DELAYED_BYTES_MAX = 16 * 1024 * 1024
DELAY_US_MAX = 60_000_000
"""What would wait longer is dropped: Raft has long repeated it."""
ERROR_TEXT_MAX = 200


class PeerLink:
    """Everything that this node sends to one peer goes through here."""

    def __init__(
        self,
        address: NodeAddress,
        identity: Identity,
        policy: LinkPolicy,
        contacts: Contacts,
        rng: random.Random,
    ) -> None:
        self.peer_id = address.id
        self.address = address
        self.last_error: str | None = None
        self.came_later = False
        """Whether the peer did not listen yet when this node looked for it first."""
        self.sent = 0
        """Messages, those that did not leave included."""
        self._identity = identity
        self._policy = policy
        self._contacts = contacts
        self._rng = rng
        self._channel: Channel | None = None
        self._poked = trio.Event()
        self._delayed: list[tuple[int, int, bytes]] = []
        self._delayed_bytes = 0
        self._delay_order = count()
        self._delay_changed = trio.Event()

    @property
    def is_connected(self) -> bool:
        return self._channel is not None

    def send_nowait(self, message: Message) -> None:
        """Send, as far as the connection and the faults let it."""
        self.sent += 1
        if self._channel is None:
            return
        payload = encode(message)
        now_us = time.monotonic_ns() // 1000
        verdict = self._policy.on_send(
            self._identity.node_id,
            self.peer_id,
            type(message).__name__,
            len(payload),
            now_us,
            time.time(),
        )
        if verdict.corrupt:
            # The first byte says that an array follows: without it nothing decodes.
            payload = bytes([payload[0] ^ 0xFF]) + payload[1:]
        data = frame(payload)
        for delay_us in verdict.delays_us:
            if delay_us <= 0:
                self._channel.send_frame_nowait(data)
            else:
                self._delay(now_us, delay_us, data)

    def _delay(self, now_us: int, delay_us: int, data: bytes) -> None:
        is_full = len(self._delayed) >= DELAYED_MAX
        if is_full or self._delayed_bytes + len(data) > DELAYED_BYTES_MAX:
            return
        if delay_us <= DELAY_US_MAX:
            heappush(self._delayed, (now_us + delay_us, next(self._delay_order), data))
            self._delayed_bytes += len(data)
            self._delay_changed.set()

    def rules_changed(self) -> None:
        """Other faults than before are in force for this link: what the old ones held back is lost.

        Else a link that was slow would stay so, with messages that nobody waits for any more.
        """
        self._delayed.clear()
        self._delayed_bytes = 0
        self._delay_changed.set()

    def poke(self) -> None:
        """The peer is there, it has just dialled: do not wait before the next attempt."""
        self._poked.set()

    async def run(self) -> None:
        """Keep the link up, for ever."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._release_delayed)
            await self._keep_connected()

    async def _keep_connected(self) -> None:
        backoff = BACKOFF_SECONDS_MIN
        has_looked = False
        while True:
            is_first, has_looked = not has_looked, True
            try:
                channel = await dial(self.address, self._identity)
            except (
                OSError,
                HandshakeError,
                FrameError,
                FrameTooLargeError,
                trio.TooSlowError,
                UnicodeError,  # a host that is no name
            ) as error:
                self.last_error = (str(error) or type(error).__name__)[:ERROR_TEXT_MAX]
                self.came_later = self.came_later or is_first
            except trio.BrokenResourceError:
                self.last_error = "the connection broke"
            else:
                backoff = BACKOFF_SECONDS_MIN
                await self._use(channel)
            self._poked = trio.Event()
            with trio.move_on_after(backoff * self._rng.uniform(0.5, 1.0)):
                await self._poked.wait()
                backoff = BACKOFF_SECONDS_MIN
            backoff = min(backoff * 2, BACKOFF_SECONDS_MAX)

    async def _use(self, channel: Channel) -> None:
        """Send until the connection ends, from whichever side."""
        self._channel = channel
        self.last_error = None
        with self._contacts.connection(self.peer_id):
            try:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._write, channel, nursery.cancel_scope)
                    nursery.start_soon(self._watch_for_end, channel, nursery.cancel_scope)
            finally:
                self._channel = None
                await channel.aclose()

    async def _write(self, channel: Channel, scope: trio.CancelScope) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            await channel.write()
        if channel.is_overrun:
            self.last_error = "the peer does not read"
        scope.cancel()

    async def _watch_for_end(self, channel: Channel, scope: trio.CancelScope) -> None:
        """The peer says nothing on this connection, unless why it closes it."""
        try:
            await channel.receive()
        except (FrameError, trio.BrokenResourceError, trio.ClosedResourceError):
            self.last_error = "the connection broke"
        scope.cancel()

    async def _release_delayed(self) -> None:
        """Hand delayed messages on when their time has come."""
        while True:
            now_us = time.monotonic_ns() // 1000
            while self._delayed and self._delayed[0][0] <= now_us:
                data = heappop(self._delayed)[2]
                self._delayed_bytes -= len(data)
                if self._channel is not None:
                    self._channel.send_frame_nowait(data)
            self._delay_changed = trio.Event()
            wait = (self._delayed[0][0] - now_us) / 1e6 if self._delayed else float("inf")
            with trio.move_on_after(wait):
                await self._delay_changed.wait()
