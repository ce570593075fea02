"""Recordings: the frames of nodes' streams in a file, as they are on the wire.

First comes a Recording, then frames whose `id` is their node. A node that is killed may leave half
a frame at the end; what stands in front of damage is good. All of it is read frame by frame, so a
recording may be larger than memory.
"""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from operator import itemgetter
from typing import BinaryIO, NamedTuple

from node.wire.cbor import CborError, load_plain
from node.wire.codec import DEPTH_MAX, WireError, decode, number_of
from node.wire.framing import HEADER_BYTES
from node.wire.messages import Frame, Recording

FORMAT = 1
CLUSTER = 0
"""The `id` of frames about a simulated cluster as a whole, and of a head over several nodes."""
FRAME_BYTES_MAX = 4 * 1024 * 1024
"""More than any status holds."""
CLOCK_DIFFERS_NS = 60 * 1_000_000_000
"""By less than that Unix time may be set anew while a machine runs."""


class RecordingError(Exception):
    """A recording that cannot be read from `at_byte` on. `is_cut`: it ends inside a frame there, as
    one of a node that was killed may.
    """

    def __init__(self, reason: str, at_byte: int, is_cut: bool = False) -> None:
        super().__init__(f"{reason}, at byte {at_byte}")
        self.reason = reason
        self.at_byte = at_byte
        self.is_cut = is_cut


def read_recording(file: BinaryIO) -> Iterator[Recording | Frame]:
    """The head, and then the frames. Raises RecordingError where it cannot be read, OSError."""
    at_byte = 0
    for payload in _payloads(file):
        yield _head(payload) if at_byte == 0 else _frame(payload, at_byte)
        at_byte += HEADER_BYTES + len(payload)
    if at_byte == 0:
        raise RecordingError("it is empty", 0)


def _payloads(file: BinaryIO) -> Iterator[bytes]:
    at_byte = 0
    while header := file.read(HEADER_BYTES):
        length = int.from_bytes(header, "big")
        is_whole = len(header) == HEADER_BYTES
        if is_whole and not 0 < length <= FRAME_BYTES_MAX:
            why = f"a frame of {length} bytes" if at_byte else "it is no recording"
            raise RecordingError(why, at_byte)
        payload = file.read(length) if is_whole else b""
        if not is_whole or len(payload) < length:
            raise RecordingError("it ends inside a frame", at_byte, is_cut=True)
        yield payload
        at_byte += HEADER_BYTES + length


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
        frame = decode(payload)
    except WireError as error:
        raise RecordingError(str(error), at_byte) from error
    if not isinstance(frame, Frame):
        raise RecordingError(f"{type(frame).__name__} has no place in a recording", at_byte)
    return frame


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
            (((frame.mono_ns, frame.id, frame.seq), frame) for frame in part.frames) for part in era
        ]
        for _, frame in heapq.merge(*keyed, key=itemgetter(0)):
            yield frame


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
