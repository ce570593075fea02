"""A node's redo log: saves that are on the disk, and not in the database yet.

It is a file that is written from its beginning again and again: to write over blocks that are
there needs one flush of the disk, where a file that grows needs its size flushed as well. A record
is one save: the term, the vote, how far is committed, and entries behind those in front.

The database has a generation, a number that each of its transactions counts up, from a random one
on. A record counts only if it has the generation of the database, so whatever the database saves
makes all records void in the same moment, whether they were laid into it or not.

A record begins at a multiple of 512 bytes, so that a write that is cut off tears none in front of
it. After a crash the last one may be incomplete; it was not flushed, and nobody was told of it. One
that is broken in front of a sound one was flushed, since each is written after the flush of the one
before it, and is damage: the node promised what it says. So is one of a later generation than the
database has: SQLite lost a transaction, which it takes for a write that was cut off. As with
SQLite's log, damage to the very last record cannot be told from such a write.
"""

import struct
import zlib
from typing import NamedTuple

from node.raft.messages import LogEntry
from node.raft.ready import HardState
from node.storage.rows import RUN_BYTES_MAX, DamagedRowError, Row, State, read_run

REDO_BYTES = 4 * 1024 * 1024
"""When no record fits any more, they are laid into the database, which takes some milliseconds.
Under load a snapshot comes before that, and stands for most of the entries.
"""
RECORDS_MAX = 1024
"""Small ones take more time for their bytes."""
RECORD_BYTES_MAX = 2 * RUN_BYTES_MAX
"""A larger save is for the database, once and not twice."""
ALIGNMENT = 512
LOST_MAX = 1 << 20
"""A database that lost transactions is behind by fewer: what is further ahead is another one's."""

_CHECKSUM = struct.Struct(">I")
"""In front of a record, over all of it."""
_HEAD = struct.Struct(">IQQqqq")
_HEAD_BYTES = _CHECKSUM.size + _HEAD.size
_RUN = struct.Struct(">qqqII")
"""First index, last index, term, bytes of the entries, checksum of the row."""
_NOBODY = -1

Place = tuple[int, int]
"""A record's generation and number: those that come later are larger."""


class _Head(NamedTuple):
    """What follows the checksum. `size`: the bytes of all runs."""

    size: int
    generation: int
    number: int
    term: int
    vote: int
    commit_index: int


class Record(NamedTuple):
    """A save: what is in force after it, and the rows of the entries that it appended."""

    hard_state: HardState
    commit_index: int
    runs: list[Row]


class Redone(NamedTuple):
    """What a redo log holds. `ends`: the offset behind each record. `damage`: why saves that were
    flushed would be lost; None where none would be.
    """

    records: list[Record]
    ends: list[int]
    damage: str | None = None


def encode_record(generation: int, number: int, record: Record) -> bytes | None:
    """The record `number` of its generation, counted from 0; None where it would be too large."""
    (term, vote), commit_index, runs = record
    data = b"".join(part for run in runs for part in _encode_run(run))
    if len(data) > RECORD_BYTES_MAX:
        return None
    voted_for = _NOBODY if vote is None else vote
    head = _HEAD.pack(len(data), generation, number, term, voted_for, commit_index)
    return _CHECKSUM.pack(zlib.crc32(data, zlib.crc32(head))) + head + data


def _encode_run(run: Row) -> tuple[bytes, bytes]:
    index, last, term, data, checksum = run
    return _RUN.pack(index, last, term, len(data), checksum), data


def aligned(offset: int) -> int:
    """Where the record behind `offset` begins."""
    return -(-offset // ALIGNMENT) * ALIGNMENT


def read_records(data: bytes, generation: int) -> Redone:
    """The records of this generation, up to the first that is not sound."""
    data = data[:REDO_BYTES]
    records: list[Record] = []
    ends: list[int] = []
    offset = 0
    while (found := read_record(data, offset, generation, len(records))) is not None:
        record, end = found
        records.append(record)
        ends.append(end)
        offset = aligned(end)
    return Redone(records, ends, _find_damage(data, offset, (generation, len(records))))


def _find_damage(data: bytes, end: int, expected: Place) -> str | None:
    """Whether anything was flushed behind the end of the records, where `expected` would be."""
    generation, number = expected
    for offset in range(end, len(data), ALIGNMENT):
        found = _head_at(data, offset, (generation, number + 1), (generation + LOST_MAX, 0))
        if found is not None and found.generation == generation:
            return f"damaged at byte {end}, in front of saves that were flushed"
        if found is not None:
            return "the database lost its last transactions, which other saves follow"
    return None


def read_record(
    data: bytes, offset: int, generation: int, number: int
) -> tuple[Record, int] | None:
    """The record `number`, if it begins there, and where it ends."""
    head = _head_at(data, offset, (generation, number), (generation, number + 1))
    if head is None:
        return None
    offset += _HEAD_BYTES
    end = offset + head.size
    runs = []
    while offset + _RUN.size <= end:
        index, last, term, length, checksum = _RUN.unpack_from(data, offset)
        offset += _RUN.size
        runs.append((index, last, term, data[offset : offset + length], checksum))
        offset += length
    hard_state = HardState(head.term, None if head.vote == _NOBODY else head.vote)
    return Record(hard_state, head.commit_index, runs), end


def _head_at(data: bytes, offset: int, first: Place, behind: Place) -> _Head | None:
    """That of the sound record that begins there, of a place from `first` on and before `behind`;
    None: none of them does.
    """
    start = offset + _HEAD_BYTES
    if start > len(data):
        return None
    head = _HEAD.unpack_from(data, offset + _CHECKSUM.size)
    size, generation, number, *_ = head
    if not first <= (generation, number) < behind or size > RECORD_BYTES_MAX:
        return None  # before its checksum is looked at, which takes its time
    (checksum,) = _CHECKSUM.unpack_from(data, offset)
    is_whole = start + size <= len(data)
    covered = data[offset + _CHECKSUM.size : start + size]
    return _Head(*head) if is_whole and zlib.crc32(covered) == checksum else None


# -- what the records make -------------------------------------------------------------------------
def state_after(state: State, record: Record) -> State:
    """What is in force after the record, where `state` was before it.

    Raises DamagedRowError for one that does not fit it.
    """
    term = record.hard_state.current_term
    if term < state.hard_state.current_term:
        raise DamagedRowError(f"term {term} follows term {state.hard_state.current_term}")
    index = state.last_index
    for first, last, run_term, _, _ in record.runs:
        if first != index + 1 or last < first:
            raise DamagedRowError(f"entries {first} to {last} follow entry {index}")
        if run_term > term:
            raise DamagedRowError(f"entry {first} has term {run_term}, above the saved term {term}")
        index = last
    return state.with_saved(record.hard_state, index - state.last_index, record.commit_index)


def entries_of(record: Record) -> list[LogEntry]:
    """Raises DamagedRowError."""
    return [entry for run in record.runs for entry in read_run(run)]
