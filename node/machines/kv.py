"""The built-in machine: keys and values, with compare-and-set, prefix scans and watches.

Commands and queries are CBOR arrays, a word and its arguments; the functions here write them, and
`decode_result` reads every answer. Keys are text, in the order of their code points, values bytes.
"""

from codecs import getincrementaldecoder
from collections.abc import Iterator
from itertools import chain, islice
from struct import Struct
from struct import error as StructError
from typing import Any

import cbor2

from node.machines.base import HistoryLostError
from node.machines.ordered import OrderedMap
from node.machines.recent import RecentChanges
from node.wire.cbor import CborError, PlainReader, load_plain

DEPTH_MAX = 1  # a command is an array of plain values
_ARRAYS = range(0x82, 0x85)
"""First bytes of a command: arrays of two to four. Longer ones are refused before they are read."""
_PUT = cbor2.dumps(["put", "", b""])[:-2]
_TEXT, _BYTES = 0x60, 0x40
"""The first bytes of strings, to which their lengths are added."""
_NEXT_BYTE, _NEXT_TWO_BYTES, _NEXT_FOUR_BYTES = 24, 25, 26
"""Added instead: the length follows."""
_SHORT_HEAD = len(_PUT) + 1
"""Bytes in front of a short key."""
_SHAPES = {
    _PUT + head: Struct(f">{_SHORT_HEAD - 1 + len(head)}x{size}sB")
    for size, head in (
        *((size, bytes((_TEXT + size,))) for size in range(1, _NEXT_BYTE)),
        *((size, bytes((_TEXT + _NEXT_BYTE, size))) for size in range(1, 256)),
    )
}
"""By what a put begins with: where its key lies, and the first byte of its value."""
KEY_BYTES_MAX = 4096
SCAN_MAX = 10_000
SCAN_BYTES_MAX = 1024 * 1024  # of keys and values, so that an answer fits into a frame
CHANGES_MAX = 4096
"""So many are kept for watches, and up to as many more."""
CHANGES_BYTES_MAX = 16 * 1024 * 1024
"""Of their keys and values; the like. Whoever keeps up loses none: a batch has fewer bytes."""
PART_ITEMS = 256
"""A part of a snapshot has no more. To write so many takes a fraction of a thread's turn."""
PART_BYTES = 48 * 1024
"""Nor more characters and bytes in them, unless it is one item."""
DESCRIBED_MAX = 32  # characters of a key, bytes of a value
_INDEX = Struct(">Q")
_index_bytes = _INDEX.pack
_FALSE, _TRUE = cbor2.dumps(False), cbor2.dumps(True)


class BadCommandError(Exception):
    """Not a command or query of this machine; a client gets its name in a CommandError."""


def put(key: str, value: bytes) -> bytes:
    """A command. Result: whether the key existed. Keys have 1 to 4,096 bytes of UTF-8."""
    # As an encoder would write it, in a third of the time.
    text = key.encode()
    return b"".join((_PUT, _head(_TEXT, len(text)), text, _head(_BYTES, len(value)), value))


def delete(key: str) -> bytes:
    """A command. Result: whether the key existed."""
    return cbor2.dumps(["delete", key])


def cas(key: str, old: bytes | None, new: bytes | None) -> bytes:
    """A command: set `key` to `new` if it holds `old`; None is "no such key".

    Result: [whether it did, the value now or None].
    """
    return cbor2.dumps(["cas", key, old, new])


def get(key: str) -> bytes:
    """A query. Answer: [value, index of the entry that wrote it], or None for no such key."""
    return cbor2.dumps(["get", key])


def scan(prefix: str, limit: int = SCAN_MAX, after: str | None = None) -> bytes:
    """A query. Answer: up to `limit` of [key, value, index] in order, those above `after` only.

    An answer holds at most SCAN_MAX items, and SCAN_BYTES_MAX of keys and values unless its one
    item is longer. For more, ask again after its last key; an empty answer is the end.
    """
    return cbor2.dumps(["scan", prefix, limit, after])


def watch(prefix: str) -> bytes:
    """What to watch. Changes: [index, key, value or None for a deletion], each CBOR."""
    return cbor2.dumps(["watch", prefix])


def decode_result(result: bytes) -> Any:  # noqa: ANN401 - as each function above says
    """Read a result, answer or change of this machine; the functions above say what it is."""
    return cbor2.loads(result)


class KvMachine:
    """The map, and the latest changes to it."""

    def __init__(
        self, changes_max: int = CHANGES_MAX, changes_bytes_max: int = CHANGES_BYTES_MAX
    ) -> None:
        self._reader = PlainReader(DEPTH_MAX)
        self._items: OrderedMap[bytes] = OrderedMap()
        """The index of the entry that wrote it, then the value: in one, as a pair is something
        that the garbage collector looks at, a million times.
        """
        self._changes = RecentChanges(changes_max, changes_bytes_max)

    def apply(self, command: bytes, index: int) -> bytes:
        found = _read_put(command)
        if found is not None:
            key, value = found
            return _TRUE if self._set(key, value, index) else _FALSE
        match self._words(command):
            case ["put", str(key), bytes(value)]:
                return _TRUE if self._set(_checked(key), value, index) else _FALSE
            case ["delete", str(key)]:
                return _TRUE if self._remove(_checked(key), index) else _FALSE
            case ["cas", str(key), bytes() | None as old, bytes() | None as new]:
                return cbor2.dumps(self._compare_and_set(_checked(key), old, new, index))
            case _:
                raise BadCommandError

    def _compare_and_set(
        self, key: str, old: bytes | None, new: bytes | None, index: int
    ) -> list[Any]:
        item = self._items.get(key)
        current = None if item is None else _value(item)
        if current != old:
            return [False, current]
        if new is not None:
            self._set(key, new, index)
        elif item is not None:
            self._remove(key, index)
        return [True, new]

    def _set(self, key: str, value: bytes, index: int) -> bool:
        item = _index_bytes(index) + value
        self._changes.add(index, key, item)
        return self._items.put(key, item)

    def _remove(self, key: str, index: int) -> bool:
        existed = self._items.remove(key)
        if existed:
            self._changes.add(index, key, None)
        return existed

    def _words(self, data: bytes) -> list[Any]:
        if not data or data[0] not in _ARRAYS:
            raise BadCommandError
        try:
            words: list[Any] = self._reader.read(data)
        except CborError as error:
            raise BadCommandError from error
        return words

    def snapshot(self) -> Iterator[bytes]:
        return _parts(self._items.capture())

    def restore(self, parts: Iterator[bytes], index: int) -> None:
        before = ""
        for part in parts:
            words = load_plain(part, DEPTH_MAX)
            if type(words) is not list:
                raise ValueError("a part is no array")
            for key, item in zip(words[::2], words[1::2], strict=True):
                if key <= before:
                    raise ValueError("its keys are not in order")
                if type(item) is not bytes or len(item) < _INDEX.size:
                    raise ValueError("an item has no index")
                self._items.put(_checked(key), item)
                before = key
        self._changes.forgotten_through = index

    def dismantle(self) -> Iterator[None]:
        return self._items.dismantle()

    def query(self, query: bytes) -> bytes:
        match self._words(query):
            case ["get", key] if type(key) is str:
                item = self._items.get(key)
                return cbor2.dumps(None if item is None else [_value(item), _index(item)])
            case ["scan", str(prefix), int(limit), str() | None as after]:
                return cbor2.dumps(self._scan(prefix, min(limit, SCAN_MAX), after))
            case _:
                raise BadCommandError

    def _scan(self, prefix: str, limit: int, after: str | None) -> list[list[Any]]:
        found: list[list[Any]] = []
        size = 0
        for key, item in self._items.items(max(prefix, after or "")):
            if len(found) >= limit or not key.startswith(prefix):
                break
            if key == after:
                continue
            value = _value(item)
            size += len(key.encode()) + len(value)
            if found and size > SCAN_BYTES_MAX:
                break
            found.append([key, value, _index(item)])
        return found

    def describe(self, command: bytes) -> str:
        match self._words(command):
            case ["put", str(key), bytes(value)]:
                return f"put {_short(key)} {_quoted(value)}"
            case ["delete", str(key)]:
                return f"del {_short(key)}"
            case ["cas", str(key), bytes() | None as old, bytes() | None as new]:
                return f"cas {_short(key)} {_quoted(old)} -> {_quoted(new)}"
            case _:
                raise BadCommandError

    def changes(self, query: bytes, since: int) -> list[bytes]:
        match self._words(query):
            case ["watch", str(prefix)]:
                pass
            case _:
                raise BadCommandError
        forgotten = self._changes.forgotten_through
        if since < forgotten:
            raise HistoryLostError(f"changes up to entry {forgotten} are not kept")
        newer: list[bytes] = []
        for index, key, item in self._changes.newest_first():  # the newest are asked for most
            if index <= since:
                break
            if key.startswith(prefix):
                newer.append(cbor2.dumps([index, key, None if item is None else _value(item)]))
        newer.reverse()
        return newer


def _head(kind: int, size: int) -> bytes:
    """What stands in front of a string of `size` bytes."""
    if size < _NEXT_BYTE:
        return bytes((kind + size,))
    if size < 1 << 8:
        return bytes((kind + _NEXT_BYTE, size))
    if size < 1 << 16:
        return bytes((kind + _NEXT_TWO_BYTES,)) + size.to_bytes(2)
    return bytes((kind + _NEXT_FOUR_BYTES,)) + size.to_bytes(4)


def _read_put(command: bytes) -> tuple[str, bytes] | None:
    """The key and the value of a command that `put` wrote, as a decoder would read them, which
    takes several times as long. None for all others, and for those with a long key or value.
    """
    shape = _SHAPES.get(command[:_SHORT_HEAD]) or _SHAPES.get(command[: _SHORT_HEAD + 1])
    if shape is None:
        return None
    try:
        key, kind = shape.unpack_from(command)
        begin, size = shape.size, kind - _BYTES
        if size == _NEXT_BYTE:
            begin, size = begin + 1, command[begin]
        elif size == _NEXT_TWO_BYTES:
            begin, size = begin + 2, int.from_bytes(command[begin : begin + 2])
        elif not 0 <= size < _NEXT_BYTE:
            return None
        return (key.decode(), command[begin:]) if begin + size == len(command) else None
    except (StructError, IndexError, UnicodeDecodeError):
        return None


def _parts(found: Iterator[tuple[str, bytes]]) -> Iterator[bytes]:
    """The items in the order of their keys, as arrays of a key, its item, a key and so on."""
    while some := list(islice(found, PART_ITEMS)):
        yield from _pieces(some)


def _pieces(items: list[tuple[str, bytes]]) -> Iterator[bytes]:
    """One array if that is not too long, or those of each half."""
    words = list(chain.from_iterable(items))
    if len(items) == 1 or sum(map(len, words)) <= PART_BYTES:
        yield cbor2.dumps(words)
    else:
        middle = len(items) // 2
        yield from _pieces(items[:middle])
        yield from _pieces(items[middle:])


def _value(item: bytes) -> bytes:
    return item[_INDEX.size :]


def _index(item: bytes) -> int:
    return int.from_bytes(item[: _INDEX.size])


def _short(text: str) -> str:
    return text if len(text) <= DESCRIBED_MAX else f"{text[:DESCRIBED_MAX]}…"


def _quoted(value: bytes | None) -> str:
    """The beginning of a value, in quotes; None is "no such key"."""
    if value is None:
        return "absent"
    # The cut may fall into a character, which the decoder then leaves out.
    decoder = getincrementaldecoder("utf-8")("backslashreplace")
    is_whole = len(value) <= DESCRIBED_MAX
    text = decoder.decode(value[:DESCRIBED_MAX], final=is_whole).replace('"', '\\"')
    return f'"{text}"' if is_whole else f'"{text}…"'


def _checked(key: str) -> str:
    if not 0 < len(key.encode()) <= KEY_BYTES_MAX:
        raise BadCommandError
    return key
