"""Damage in SQLite's write-ahead log, which SQLite itself takes for the end of the log.

After a crash SQLite replays the log up to the last commit in front of the first frame whose
checksum is wrong, and forgets the rest without a word. That is right for a write that the crash cut
off: nobody was told that it happened. It is wrong for a bit that rotted in front of writes that
were flushed: votes and acknowledged entries would be gone, and the node would promise again.

The two can be told apart. A transaction begins only after the one before it was flushed, so a crash
leaves at most one unfinished, which holds at most one commit frame. Two commit frames behind the
break, in frames whose checksums follow from each other, mean that the first of them was flushed,
and with it what stood in front. What this cannot see is damage in the last transaction or in the
end of the one before, which looks like a write that was cut off, and a log that was cut short or
removed.

The format: https://sqlite.org/fileformat2.html#walformat
"""

import struct
from typing import BinaryIO

FRAME_HEADER_BYTES = 24
_HEADER = struct.Struct(">8I")  # magic, version, page size, count, two salts, checksum (two words)
_FRAME = struct.Struct(">6I")  # page, pages in all (0: no commit), two salts, checksum
_BLOCK_BYTES = 64 * 1024
_WORD_ORDERS = {0x377F0682: "<", 0x377F0683: ">"}  # by magic

Checksum = tuple[int, int]


def find_damage(log: BinaryIO) -> int | None:
    """The offset in a write-ahead log from which on flushed transactions would be lost, or None.

    `log` is at its start. It is to be asked before SQLite opens the database: the connection that
    closes last removes the log.
    """
    header = log.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None  # SQLite has not begun it
    if not any(header):
        return 0 if any(map(any, iter(lambda: log.read(_BLOCK_BYTES), b""))) else None
    magic, _, page_bytes, _, *rest = _HEADER.unpack(header)
    salts, in_front = (rest[0], rest[1]), (rest[2], rest[3])
    order = _WORD_ORDERS.get(magic)
    if order is None or _checksum(order, header[:24], (0, 0)) != in_front:
        return 0  # it lies in one sector, flushed before the first frame: no crash cuts it in two
    offset, damage = log.tell(), None
    row: int | None = 0  # commits in the row of frames that this one ends; None: it ends none
    is_commit = False
    frame_bytes = FRAME_HEADER_BYTES + page_bytes
    while len(frame := log.read(frame_bytes)) == frame_bytes:
        _, pages, salt_1, salt_2, *words = _FRAME.unpack_from(frame)
        checksum = (words[0], words[1])
        is_of_this_log = (salt_1, salt_2) == salts
        if is_of_this_log and _frame_checksum(order, frame, in_front) == checksum:
            # A row begins with the frame in front: this one's checksum starts from that one's.
            row = (int(is_commit) if row is None else row) + (pages > 0)
            if damage is not None and row >= 2:
                return damage
        else:
            row = None
            damage = offset if damage is None else damage
        is_commit = is_of_this_log and pages > 0
        in_front = checksum
        offset += frame_bytes
    return None


def transactions(log: BinaryIO) -> list[int]:
    """The offsets at which transactions end, up to the first frame that is not sound. `log` is at
    its start.
    """
    header = log.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return []
    magic, _, page_bytes, _, *rest = _HEADER.unpack(header)
    salts, in_front = (rest[0], rest[1]), (rest[2], rest[3])
    order = _WORD_ORDERS.get(magic)
    if order is None or _checksum(order, header[:24], (0, 0)) != in_front:
        return []
    ends = []
    frame_bytes = FRAME_HEADER_BYTES + page_bytes
    while len(frame := log.read(frame_bytes)) == frame_bytes:
        _, pages, salt_1, salt_2, *words = _FRAME.unpack_from(frame)
        in_front = _frame_checksum(order, frame, in_front)
        if (salt_1, salt_2) != salts or in_front != (words[0], words[1]):
            break
        if pages:
            ends.append(log.tell())
    return ends


def _frame_checksum(order: str, frame: bytes, start: Checksum) -> Checksum:
    return _checksum(order, frame[:8] + frame[FRAME_HEADER_BYTES:], start)


def _checksum(order: str, data: bytes, start: Checksum) -> Checksum:
    """SQLite's running sum over pairs of words."""
    a, b = start
    words = iter(struct.unpack(f"{order}{len(data) // 4}I", data))
    for x, y in zip(words, words, strict=True):
        a = (a + x + b) & 0xFFFFFFFF
        b = (b + y + a) & 0xFFFFFFFF
    return a, b
