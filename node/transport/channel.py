"""A framed connection: whole payloads in, whole frames out, with bounds on both.

Sending never waits: frames gather in a buffer that a writer task empties with one `send_all` a
round. A cancelled or failed send leaves an unknown part of the bytes on the wire, so after either
the connection is of no use and is closed.
"""

from collections.abc import Callable

import trio

from node.raft.messages import Message
from node.wire.codec import encode_frame
from node.wire.framing import FrameError, FrameReader
from node.wire.messages import WireMessage

RECEIVE_BYTES = 256 * 1024


class Channel:
    """One connection, from either side."""

    def __init__(
        self, stream: trio.SocketStream, frame_bytes_max: int, buffer_bytes_max: int
    ) -> None:
        """Frames from outside hold at most `frame_bytes_max` bytes; what waits to be sent is at
        most `buffer_bytes_max`, beyond which the other side is taken for dead.
        """
        self._stream = stream
        self._reader = FrameReader(frame_bytes_max)
        self._buffer: list[bytes] = []
        self._buffered_bytes = 0
        self._buffer_bytes_max = buffer_bytes_max
        self._wake = trio.Event()
        self.is_closed = False
        self.is_overrun = False

    @property
    def peer_name(self) -> str:
        """host:port of the other side."""
        try:
            host, port = self._stream.socket.getpeername()[:2]
        except OSError:
            return "a connection that is gone"
        return f"{host}:{port}"

    def allow_frames_of(self, frame_bytes_max: int) -> None:
        """Change the limit, once it is known who is on the other side."""
        self._reader.frame_bytes_max = frame_bytes_max

    async def receive(self) -> list[bytes]:
        """The payloads that arrived, at least one; none at the end of the stream.

        Raises FrameError (also for an end inside a frame), trio.BrokenResourceError,
        trio.ClosedResourceError.
        """
        while True:
            data = await self._stream.receive_some(RECEIVE_BYTES)
            if not data:
                if self._reader.mid_frame:
                    raise FrameError("the stream ends inside a frame")
                return []
            payloads = self._reader.feed(data)
            if payloads:
                return payloads

    def send_nowait(self, message: Message | WireMessage) -> None:
        """Queue `message`. A side that does not read overruns its buffer, and is closed."""
        self.send_frame_nowait(encode_frame(message))

    def send_frame_nowait(self, frame: bytes) -> None:
        if self.is_closed or self.is_overrun:
            return
        self._buffered_bytes += len(frame)
        self._buffer.append(frame)
        if self._buffered_bytes > self._buffer_bytes_max:
            self.is_overrun = True
            self._buffer.clear()
        self._wake.set()

    async def write_until_closed(self, on_overrun: Callable[[], None]) -> None:
        """Send what is queued, for ever. Returns once the connection is closed or overrun.

        Raises trio.BrokenResourceError.
        """
        while not self.is_closed:
            if self.is_overrun:
                on_overrun()
                return
            if self._buffer:
                await self.flush()
            else:
                self._wake = trio.Event()
                await self._wake.wait()

    async def flush(self) -> None:
        """Send what is queued now, in one piece."""
        data = b"".join(self._buffer)
        self._buffer.clear()
        self._buffered_bytes = 0
        if data:
            await self._stream.send_all(data)

    async def aclose(self) -> None:
        self.is_closed = True
        self._wake.set()
        await trio.aclose_forcefully(self._stream)
