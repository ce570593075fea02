"""Frames on a byte stream: a length of four bytes, big endian, then that many bytes.

`FrameReader` is fed whatever a socket gave, in pieces of any size. A length over the limit is an
error at once, before a byte of that frame is kept, so a stranger cannot make a node hold memory.
"""

import struct

HEADER_BYTES = 4
_HEADER = struct.Struct(">I")


class FrameError(Exception):
    """The stream is not made of frames of ours; nothing that follows can be understood."""


def frame(payload: bytes) -> bytes:
    """`payload` with its length in front."""
    return _HEADER.pack(len(payload)) + payload


class FrameReader:
    """Cuts a stream into frames of at most `frame_bytes_max` bytes."""

    def __init__(self, frame_bytes_max: int) -> None:
        self.frame_bytes_max = frame_bytes_max
        self._buffer = bytearray()

    @property
    def mid_frame(self) -> bool:
        """Whether a frame has begun that is not complete: an end of the stream here cuts it off."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """The payloads that `data` completes, in order.

        Raises FrameError for a length of zero or over the limit. The reader is of no use then.
        """
        whole: bytes | bytearray = data  # as frames come nearly always: then they are copied once
        if self._buffer:
            self._buffer += data
            whole = self._buffer
        payloads = []
        start = 0
        while len(whole) - start >= HEADER_BYTES:
            (length,) = _HEADER.unpack_from(whole, start)
            if not 0 < length <= self.frame_bytes_max:
                raise FrameError(f"a frame of {length} bytes; the limit is {self.frame_bytes_max}")
            end = start + HEADER_BYTES + length
            if len(whole) < end:
                break
            payloads.append(bytes(whole[start + HEADER_BYTES : end]))
            start = end
        if whole is data:
            self._buffer += data[start:]
        else:
            del self._buffer[:start]
        return payloads
