"""CBOR from strangers: what JSON knows, and bytes. Whoever decodes such bytes does it here.

cbor2 makes objects of tagged values by itself, and some take as long as the sender likes: a
fraction of two huge numbers keeps a processor busy for a minute. So tags are refused before their
value is looked at. And a byte is enough for an element: 8 MiB of empty arrays take seconds and a
gigabyte. So the elements of whatever is long are counted first, which needs no objects and stops at
the limit.
"""

import io
from typing import Any

import cbor2

INTEGER_MAX = 2**62
"""Far below what SQLite keeps, so that nothing counted up from a peer's number overflows there."""
ELEMENTS_MAX = 65_536
"""Values in one message, keys and containers included. With as many, decoding takes up to 14 ms."""
COUNTED_FROM_BYTES = 65_536
"""What is shorter cannot hold more."""

_STRINGS = (2, 3)
_SHORT_BYTES = 0x58
"""The first byte of bytes whose length, in one byte, follows it."""


def _steps() -> tuple[int, ...]:
    """From the first byte of an element to the next one, by that byte; 0: a length follows it."""
    steps = []
    for first in range(256):
        major, info = first >> 5, first & 31
        width = {24: 1, 25: 2, 26: 4, 27: 8}.get(info, 0)
        if major not in _STRINGS:
            steps.append(1 + width)
        else:
            steps.append(0 if width else 1 + info if info < 24 else 1)
    return tuple(steps)


_STEPS = _steps()


class CborError(Exception):
    """Bytes that are not exactly one plain CBOR value."""


def _refuse_tag(decoder: object, tag: object = None) -> None:
    raise CborError("tags are not used")


# Those that cbor2 would make objects of by itself: dates, big numbers, shared references, patterns.
_TAGS = (
    *(0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100),
    *(256, 258, 260, 261, 1004, 43000, 55799),
)
_NO_TAGS = dict.fromkeys(_TAGS, _refuse_tag)


class PlainReader:
    """Reads one value after the other. Not thread-safe.

    To make one takes longer than to read a small value.
    """

    def __init__(self, depth_max: int) -> None:
        """Arrays and maps nest at most `depth_max` deep."""
        self._depth_max = depth_max
        self._begin()

    def _begin(self) -> None:
        self._stream = io.BytesIO()
        self._decoder = _decoder_of(self._stream, self._depth_max)

    def read(self, data: bytes) -> Any:  # noqa: ANN401 - whatever it says
        """The one value in `data`. Raises CborError."""
        stream = self._stream
        stream.seek(0)
        stream.write(data)
        stream.truncate()
        stream.seek(0)
        try:
            return _only_value(self._decoder, stream, data)
        except CborError:
            self._begin()  # nobody knows what the decoder keeps of what was wrong
            raise


class PlainReaders:
    """As one reader, for any number of threads: each read has one for itself."""

    def __init__(self, depth_max: int) -> None:
        self._depth_max = depth_max
        self._free: list[PlainReader] = []

    def read(self, data: bytes) -> Any:  # noqa: ANN401 - whatever it says
        """The one value in `data`. Raises CborError."""
        try:
            reader = self._free.pop()
        except IndexError:
            reader = PlainReader(self._depth_max)
        try:
            return reader.read(data)
        finally:
            self._free.append(reader)


def load_plain(data: bytes, depth_max: int) -> Any:  # noqa: ANN401 - whatever it says
    """The one value in `data`, in which arrays and maps nest at most `depth_max` deep.

    Raises CborError.
    """
    stream = io.BytesIO(data)
    return _only_value(_decoder_of(stream, depth_max), stream, data)


def _decoder_of(stream: io.BytesIO, depth_max: int) -> cbor2.CBORDecoder:
    return cbor2.CBORDecoder(
        stream,
        max_depth=depth_max,
        tag_hook=_refuse_tag,
        semantic_decoders=_NO_TAGS,
        strict_hashable_types=True,
    )


def _only_value(decoder: cbor2.CBORDecoder, stream: io.BytesIO, data: bytes) -> Any:  # noqa: ANN401
    if len(data) > COUNTED_FROM_BYTES:
        _count_elements(data)
    try:
        value = decoder.decode()
    except MemoryError:
        raise  # it is this process that has nothing to spare: another one may read the same
    except Exception as error:
        # Whatever the decoder makes of hostile bytes, it is those bytes' fault.
        raise CborError(f"not CBOR: {type(error).__name__}") from error
    if stream.tell() != len(data):
        raise CborError("bytes after the message")
    return value


def end_of_first(data: bytes) -> int | None:
    """Where the first value in `data` ends; None: it is not all there, or of no definite length."""
    at, wanted = 0, 1
    while wanted:
        if at >= len(data):
            return None
        major, info = data[at] >> 5, data[at] & 31
        width = {24: 1, 25: 2, 26: 4, 27: 8}.get(info, 0)
        if info > 27:
            return None
        number = int.from_bytes(data[at + 1 : at + 1 + width]) if width else info
        at += 1 + width
        wanted -= 1
        if major in _STRINGS:
            at += number
        elif major in (4, 5, 6):  # arrays, maps, tags
            wanted += {4: number, 5: 2 * number, 6: 1}[major]
    return at if at <= len(data) else None


def _count_elements(data: bytes) -> None:
    """Raise CborError when there are more than ELEMENTS_MAX."""
    at = 0
    end = len(data)
    try:
        for _ in range(ELEMENTS_MAX):
            if at >= end:
                return
            first = data[at]
            if first == _SHORT_BYTES:  # what is long consists of commands, which are mostly such
                step = 2 + data[at + 1]
            elif not (step := _STEPS[first]):
                width = 1 << (first & 3)  # 24 to 27 stand for 1, 2, 4 and 8 bytes
                step = 1 + width + int.from_bytes(data[at + 1 : at + 1 + width])
            at += step
    except IndexError:
        return  # it is cut short there, which the decoder will find
    if at < end:
        raise CborError(f"more than {ELEMENTS_MAX} elements")
