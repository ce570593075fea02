"""A framed connection: whole payloads in, whole frames out, with bounds on both.

Sending never waits. What the kernel takes at once leaves at once, since to wake a task for it takes
longer than to send it. The rest gathers in a buffer that one task, the writer, empties with one
`send_all` a round. Nobody else may send while it does: Trio refuses two senders at once. So the
last words of a connection are queued like all others, and the writer ends it when they have left.

A cancelled or failed send leaves an unknown part of the bytes on the wire, so after either the
connection is of no use and is closed: a side that does not read gets no Goodbye.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from node.raft.messages import Message
from node.wire.codec import encode
from node.wire.framing import FrameError, FrameReader, frame
from node.wire.messages import Goodbye, WireMessage

RECEIVE_BYTES = 256 * 1024
SEND_BYTES = 1024 * 1024
END_SECONDS_MAX = 5.0
"""How long what was queued before the end of a connection may take to leave."""
LINGER_SECONDS_MAX = 0.5


class FrameTooLargeError(Exception):
    """A message whose frame the other side would refuse. Nothing of it was queued."""


class Channel:
    """One connection, from either side."""

    def __init__(
        self, stream: trio.SocketStream, frame_bytes_max: int, buffer_bytes_max: int
    ) -> None:
        """Frames hold at most `frame_bytes_max` bytes, in both directions; what waits to be sent is
        at most `buffer_bytes_max`, beyond which the other side is taken for dead.
        """
        self._stream = stream
        self._reader = FrameReader(frame_bytes_max)
        self._send_frame_bytes_max = frame_bytes_max
        self._buffer: list[bytes] = []
        self._buffered_bytes = 0  # with what the writer is sending
        self._buffer_bytes_max = buffer_bytes_max
        self._holds = False
        """Frames gather, and leave together at the end."""
        self._wake = trio.Event()
        self._writing = trio.CancelScope()
        self._is_ending = False
        self.is_closed = False
        self.is_overrun = False

    @property
    def is_open(self) -> bool:
        """Whether what is sent now can still leave."""
        return not (self.is_closed or self.is_overrun or self._is_ending)

    @property
    def buffered_bytes(self) -> int:
        """What waits to be sent."""
        return self._buffered_bytes

    @property
    def fileno(self) -> int:
        """Of its socket; -1 when it has none."""
        return self._stream.socket.fileno()

    @property
    def peer_name(self) -> str:
        """host:port of the other side."""
        try:
            host, port = self._stream.socket.getpeername()[:2]
        except OSError:
            return "a connection that is gone"
        return f"{host}:{port}"

    def allow_frames_of(self, receive_bytes_max: int, send_bytes_max: int) -> None:
        """Change the limits, once it is known who is on the other side."""
        self._reader.frame_bytes_max = receive_bytes_max
        self._send_frame_bytes_max = send_bytes_max

    async def receive(self) -> list[bytes]:
        """The payloads that arrived, at least one; none at the end of the stream.

        Raises FrameError (also for an end inside a frame), trio.BrokenResourceError,
        trio.ClosedResourceError.
        """
        while True:
            data = await self._received()
            if not data:
                if self._reader.mid_frame:
                    raise FrameError("the stream ends inside a frame")
                return []
            payloads = self._reader.feed(data)
            if payloads:
                return payloads

    async def _received(self) -> bytes:
        """What has come, once something has. The stream looks before it waits: in vain, where each
        message is answered before the next one comes.
        """
        fileno = self.fileno
        if fileno < 0:  # it was closed, or is none of the system's
            return bytes(await self._stream.receive_some(RECEIVE_BYTES))
        while True:
            await trio.lowlevel.wait_readable(fileno)
            if self.fileno != fileno:  # closed since it was woken: another one may have its number
                raise trio.ClosedResourceError("the connection was closed")
            try:
                return os.read(fileno, RECEIVE_BYTES)
            except BlockingIOError:
                continue
            except OSError as error:
                raise trio.BrokenResourceError(f"the connection broke: {error}") from error

    def send_nowait(self, message: Message | WireMessage) -> None:
        """Queue `message`. A side that does not read overruns its buffer, and is closed.

        Raises FrameTooLargeError.
        """
        if self.is_open:  # else it would be encoded for nobody
            self.send_payload_nowait(encode(message))

    def send_payload_nowait(self, payload: bytes) -> None:
        """Queue an encoded message. Raises FrameTooLargeError."""
        limit = self._send_frame_bytes_max
        if len(payload) > limit:
            raise FrameTooLargeError(f"a frame of {len(payload)} bytes; the limit is {limit}")
        self.send_frame_nowait(frame(payload))

    def send_frame_nowait(self, frame: bytes) -> None:
        if not self.is_open:
            return
        if not self._holds and not self._buffered_bytes:
            frame = frame[self._sent_now(frame) :]
            if not frame:
                return
        self._buffered_bytes += len(frame)
        self._buffer.append(frame)
        if self._buffered_bytes > self._buffer_bytes_max:
            self.is_overrun = True
            self._buffer.clear()
            self._writing.cancel()  # it waits in a send that will not end
        if not self._holds:
            self._wake.set()

    def _sent_now(self, data: bytes) -> int:
        """How many bytes of it the kernel took. Whatever is wrong, the writer finds it too."""
        try:
            return os.write(self.fileno, data)
        except OSError:
            return 0

    @contextmanager
    def in_one_piece(self) -> Iterator[None]:
        """What is sent inside leaves together, at the end."""
        was_idle = not self._buffered_bytes
        self._holds = True
        try:
            yield
        finally:
            self._holds = False
            if was_idle and self.is_open:
                gathered = b"".join(self._buffer)
                self._buffer.clear()
                self._buffered_bytes = 0
                if gathered:
                    self.send_frame_nowait(gathered)
            else:
                self._wake.set()

    def end_nowait(self, last: Goodbye | None = None) -> None:
        """Take nothing more after `last`; the writer sends what is queued, and returns."""
        if not self.is_open:
            return
        if last is not None:
            self.send_nowait(last)
        self._is_ending = True
        self._writing.deadline = trio.current_time() + END_SECONDS_MAX
        self._wake.set()

    async def write(self) -> None:
        """The writer: send what is queued until `end_nowait`, an overrun or the close.

        Raises trio.BrokenResourceError, trio.ClosedResourceError.
        """
        with self._writing:
            while not self.is_closed:
                if self._buffer:
                    await self.flush()
                elif self._is_ending:
                    return
                else:
                    self._wake = trio.Event()
                    await self._wake.wait()

    async def flush(self) -> None:
        """Send what is queued now. For the writer, and for whoever comes before it."""
        data = b"".join(self._buffer)
        self._buffer.clear()
        if len(data) <= SEND_BYTES:
            await self._stream.send_all(data)
            self._buffered_bytes -= len(data)
            return
        # In parts, so that a side that reads slowly is not taken for one that does not read.
        view = memoryview(data)
        for start in range(0, len(data), SEND_BYTES):
            part = view[start : start + SEND_BYTES]
            await self._stream.send_all(part)
            self._buffered_bytes -= len(part)

    async def linger(self) -> None:
        """Let the other side read the last words: a close over unread input would take them away.

        Raises trio.BrokenResourceError, trio.ClosedResourceError.
        """
        with trio.move_on_after(LINGER_SECONDS_MAX):
            await self._stream.send_eof()
            while await self._stream.receive_some(RECEIVE_BYTES):
                pass

    async def aclose(self) -> None:
        self.is_closed = True
        self._wake.set()
        await trio.aclose_forcefully(self._stream)
