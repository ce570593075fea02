"""Recordings: the frames of nodes' streams in a file, each as on the wire and with a checksum.

First comes a Recording, then frames whose `id` is their node. Behind each stands the CRC32 of its
length and its bytes: disks rot. A node writes a frame at once, so that a recording may end inside
of one for a moment, and for good if the node is killed in it. A length that rotted looks like that,
but for the frames that stand behind it. What stands in front of damage is good. All of it is read
frame by frame, so a recording may be larger than memory.
"""

import heapq
import zlib
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import BinaryIO, NamedTuple

from node.wire.cbor import CborError, end_of_first, load_plain
from node.wire.codec import DEPTH_MAX, WireError, decode, number_of
from node.wire.framing import HEADER_BYTES, frame
from node.wire.messages import Frame, Recording

FORMAT = 2
CLUSTER = 0
"""The `id` of frames about a simulated cluster as a whole, and of a head over several nodes."""
FRAME_BYTES_MAX = 4 * 1024 * 1024
"""More than any status holds."""
CLOCK_DIFFERS_NS = 60 * 1_000_000_000
"""By less than that Unix time may be set anew while a machine runs."""
_CHECKSUM_BYTES = 4


class RecordingError(Exception):
    """A recording that cannot be read from `at_byte` on. `is_cut`: it ends inside a frame there, as
    one that is being written, or whose node was killed.
    """

    def __init__(self, text: str, at_byte: int, is_cut: bool = False) -> None:
        super().__init__(text)
        self.at_byte = at_byte
        self.is_cut = is_cut


def checked_frame(payload: bytes) -> bytes:
    """An encoded message as it stands in a recording."""
    framed = frame(payload)
    return framed + zlib.crc32(framed).to_bytes(_CHECKSUM_BYTES, "big")


def read_recording(file: BinaryIO, at_byte: int = 0) -> Iterator[Recording | Frame]:
    """The head, and then the frames; from a frame on that begins at `at_byte`, where the file
    stands. Raises RecordingError where it cannot be read, OSError.
    """
    while header := file.read(HEADER_BYTES):
        length = _length(header, at_byte)
        body = file.read(length + _CHECKSUM_BYTES)
        payload, checksum = body[:length], body[length:]
        is_head = at_byte == 0 and len(payload) == length
        head = _head(payload) if is_head else None  # first: other formats have other checksums
        if len(checksum) < _CHECKSUM_BYTES:
            raise _too_short(body, length, at_byte)
        if int.from_bytes(checksum, "big") != zlib.crc32(payload, zlib.crc32(header)):
            raise _damaged(at_byte)
        yield _frame(payload, at_byte) if head is None else head
        at_byte += HEADER_BYTES + len(body)
    if at_byte == 0:
        raise RecordingError("it is empty", 0, is_cut=True)


def _too_short(body: bytes, length: int, at_byte: int) -> RecordingError:
    """A frame that has less behind its length than that says: it is cut, or its length is wrong."""
    found = end_of_first(body)
    if found is None or found == length:
        return _cut(at_byte)
    if at_byte == 0:
        _head(body[:found])
    return _damaged(at_byte)


def _length(header: bytes, at_byte: int) -> int:
    if len(header) < HEADER_BYTES:
        raise _cut(at_byte)
    length = int.from_bytes(header, "big")
    if not 0 < length <= FRAME_BYTES_MAX:
        raise _damaged(at_byte) if at_byte else RecordingError("it is no recording", 0)
    return length


def _cut(at_byte: int) -> RecordingError:
    return RecordingError(f"it ends inside a frame, at byte {at_byte}", at_byte, is_cut=True)


def _damaged(at_byte: int) -> RecordingError:
    return RecordingError(f"it is damaged at byte {at_byte}", at_byte)


def _head(payload: bytes) -> Recording:
    try:
        head = decode(payload)
    except WireError as error:
        raise _not_a_head(payload) from error
    if not isinstance(head, Recording):
        raise RecordingError("it is no recording", 0)
    if head.format != FORMAT:
        raise _of_format(head.format)
    return head


def _not_a_head(payload: bytes) -> RecordingError:
    """A newer format may have other fields."""
    try:
        values = load_plain(payload, DEPTH_MAX)
    except CborError:
        values = None
    is_head = type(values) is list and len(values) > 1 and values[0] == number_of(Recording)
    if is_head and values[1] != FORMAT:
        return _of_format(values[1])
    return RecordingError("it is no recording", 0)


def _of_format(number: object) -> RecordingError:
    return RecordingError(f"it is of format {number}, and format {FORMAT} is known here", 0)


def _frame(payload: bytes, at_byte: int) -> Frame:
    try:
        found = decode(payload)
    except WireError as error:
        raise RecordingError(f"{error}, at byte {at_byte}", at_byte) from error
    if not isinstance(found, Frame):
        what = f"{type(found).__name__} has no place in a recording"
        raise RecordingError(f"{what}, at byte {at_byte}", at_byte)
    return found


class Part(NamedTuple):
    """A recording to be merged with others: its head, and an iterator over its frames."""

    head: Recording
    frames: Iterable[Frame]


def merge(parts: Sequence[Part]) -> Iterator[Frame]:
    """The frames of several recordings in the order in which they were made.

    That is the order of the monotonic clock, which the nodes of a machine share, as long as that
    ran on: recordings from before the machine was started anew come first.
    """
    for era in _eras(parts):
        keyed = [
            (((each.mono_ns, each.id, each.seq), each) for each in part.frames) for part in era
        ]
        for _, each in heapq.merge(*keyed, key=itemgetter(0)):
            yield each


def _eras(parts: Sequence[Part]) -> list[list[Part]]:
    """Those of the same run of the machine together, the oldest first."""
    eras: list[list[Part]] = []
    for part in sorted(parts, key=lambda part: (part.head.wall_ns, part.head.mono_ns)):
        if eras and _is_same_run(eras[-1][-1].head, part.head):
            eras[-1].append(part)
        else:
            eras.append([part])
    return eras


def _is_same_run(before: Recording, after: Recording) -> bool:
    """Whether the monotonic clock ran on between these, as Unix time did: it begins anew with the
    machine, and stands still while that sleeps.
    """
    mono, wall = after.mono_ns - before.mono_ns, after.wall_ns - before.wall_ns
    return mono >= 0 or abs(wall - mono) < CLOCK_DIFFERS_NS
