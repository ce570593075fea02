"""The streams of events that one connection follows."""

from collections.abc import Callable

from node.server.eventhub import EventHub, Sealed
from node.transport.channel import Channel, FrameTooLargeError
from node.wire.codec import with_id
from node.wire.messages import Failure, Subscribe, WireMessage

SUBSCRIPTIONS_MAX = 16
"""Of one connection."""
STREAM_BYTES_MAX = 1024 * 1024
"""Of a connection that reads slower than it is sent: what follows in a stream waits in the hub."""


class Subscriptions:
    """Those of one connection, by the ids of their requests."""

    def __init__(
        self, hub: EventHub, channel: Channel, push: Callable[[WireMessage], None]
    ) -> None:
        """`push` sends what is no frame of a stream."""
        self._hub = hub
        self._channel = channel
        self._push = push
        self._ids: set[int] = set()

    def is_full_for(self, request_id: int) -> bool:
        return len(self._ids) >= SUBSCRIPTIONS_MAX and request_id not in self._ids

    def begin(self, message: Subscribe) -> None:
        request_id = message.id

        def tell(sealed: Sealed) -> None:
            try:
                self._channel.send_payload_nowait(with_id(sealed.payload, request_id))
            except FrameTooLargeError as error:
                self.end(request_id)
                self._push(Failure(request_id, "too_large", str(error), "none", None))

        self._ids.add(request_id)
        self._hub.subscribe(
            (self, request_id),
            tell,
            history=message.history,
            behind=(message.boot, message.since) if message.boot else None,
            has_room=lambda: self._channel.buffered_bytes < STREAM_BYTES_MAX,
        )

    def end(self, request_id: int) -> None:
        """If there is such a one."""
        if request_id in self._ids:
            self._ids.remove(request_id)
            self._hub.unsubscribe((self, request_id))

    def end_all(self) -> None:
        for request_id in list(self._ids):
            self.end(request_id)
