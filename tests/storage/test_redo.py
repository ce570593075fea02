"""The redo log's format: what was flushed is found or refused, what was not flushed may go."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.raft.messages import LogEntry
from node.raft.ready import HardState
from node.storage.redo import (
    ALIGNMENT,
    LOST_MAX,
    RECORD_BYTES_MAX,
    Record,
    Redone,
    aligned,
    encode_record,
    entries_of,
    read_records,
    state_after,
)
from node.storage.rows import DamagedRowError, Row, State, run_rows
from tests.storage.batches import LARGER

GENERATION = 77
_NUMBERS = st.integers(0, 2**62)
_ROWS = st.tuples(
    *(_NUMBERS, _NUMBERS, _NUMBERS, st.binary(max_size=700), st.integers(0, 2**32 - 1))
)
_RECORDS = st.builds(
    Record,
    st.builds(HardState, _NUMBERS, st.none() | _NUMBERS),
    _NUMBERS,
    st.lists(_ROWS, max_size=3),
)


def _encoded(record: Record, number: int, generation: int = GENERATION) -> bytes:
    data = encode_record(generation, number, record)
    assert data is not None
    return data


def _lay(records: Sequence[Record], generation: int = GENERATION) -> tuple[bytes, list[int]]:
    """A file of these records, and where each ends."""
    data, ends = b"", list[int]()
    for number, record in enumerate(records):
        data = data.ljust(aligned(len(data)), b"\0") + _encoded(record, number, generation)
        ends.append(len(data))
    return data, ends


def _over(before: bytes, data: bytes) -> bytes:
    """The file `before`, written over from its beginning."""
    return data + before[len(data) :]


def _records(count: int, size: int = 300) -> list[Record]:
    """Such as a node writes: entries and votes in turn, of one block or more."""
    records, last = [], 0
    for number in range(1, count + 1):
        entries = [LogEntry(number, bytes([number]) * size)] * (number % 4)
        records.append(
            Record(HardState(number, number % 3 or None), last, run_rows(last + 1, entries))
        )
        last += len(entries)
    return records


BEHIND = "the database lost its last transactions, which other saves follow"


def _broken(offset: int) -> str:
    return f"damaged at byte {offset}, in front of saves that were flushed"


def _flip(data: bytes, position: int, bit: int = 3) -> bytes:
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)


@given(st.lists(_RECORDS, max_size=5), st.integers(1, 2**63), st.integers(0, 3000))
def test_records_are_read_as_they_were_written(
    records: list[Record], generation: int, zeros: int
) -> None:
    data, ends = _lay(records, generation)
    assert read_records(data + bytes(zeros), generation) == Redone(records, ends, None)


def test_each_record_begins_a_block() -> None:
    """So that a write which is cut off tears none in front of it."""
    records = _records(6)
    data, ends = _lay(records)
    starts = [0, *map(aligned, ends[:-1])]
    assert all(start % ALIGNMENT == 0 for start in starts)
    assert starts == sorted(set(starts))
    shifted = data[: starts[3]] + bytes(100) + data[starts[3] :]
    assert read_records(shifted, GENERATION).records == records[:3]


def test_record_that_would_be_too_large_is_none() -> None:
    def of(size: int) -> bytes | None:
        return encode_record(GENERATION, 0, Record(HardState(1, 1), 0, [(1, 1, 1, bytes(size), 0)]))

    largest = next(size for size in range(RECORD_BYTES_MAX, 0, -1) if of(size) is not None)
    assert RECORD_BYTES_MAX - largest < 100
    data = of(largest)
    assert data is not None
    assert len(read_records(data, GENERATION).records) == 1


# -- what was cut off, and what rotted -------------------------------------------------------------
@pytest.mark.parametrize("fill", [b"", b"\0", b"\xff"])
def test_b31_last_record_cut_off_at_any_byte_does_not_count(fill: bytes) -> None:
    records = _records(4)
    data, ends = _lay(records)
    for size in range(aligned(ends[-2]), len(data)):
        cut = data[:size] + fill * (len(data) - size)
        if cut == data:
            continue  # it ends in what it was filled with
        assert read_records(cut, GENERATION) == Redone(records[:-1], ends[:-1], None), size


def test_b31_last_record_of_which_any_blocks_are_there_does_not_count() -> None:
    """Over what an earlier pass left, and over zeros."""
    records = _records(3, 700)
    data, ends = _lay(records)
    start = aligned(ends[-2])
    earlier, _ = _lay(_records(4, 900), GENERATION - 1)
    rng = random.Random(1)
    for before in (bytes(len(earlier)), earlier):
        old, new = _over(before, data[: ends[-2]]), _over(before, data)
        blocks = range(start, len(data), ALIGNMENT)
        for _ in range(200):
            taken = [block for block in blocks if rng.random() < 0.6]
            mixed = bytearray(old)
            for block in taken:
                mixed[block : block + ALIGNMENT] = new[block : block + ALIGNMENT]
            count = 3 if mixed[start:] == new[start:] else 2
            assert read_records(bytes(mixed), GENERATION) == Redone(
                records[:count], ends[:count], None
            )


def test_b30_bit_that_rots_in_the_last_record_takes_only_that() -> None:
    records = _records(4)
    data, ends = _lay(records)
    for position in range(aligned(ends[-2]), len(data)):
        found = read_records(_flip(data, position, position % 8), GENERATION)
        assert found == Redone(records[:-1], ends[:-1], None), position


def test_b30_bit_that_rots_in_front_of_a_sound_record_is_damage() -> None:
    records = _records(5)
    data, ends = _lay(records)
    starts = [0, *map(aligned, ends[:-1])]
    for number, (start, end) in enumerate(zip(starts[:-1], ends, strict=False)):
        for position in range(start, end):
            found = read_records(_flip(data, position, position % 8), GENERATION)
            assert found == Redone(records[:number], ends[:number], _broken(start)), position


def test_b30_blocks_that_are_gone_in_front_of_a_sound_record_are_damage() -> None:
    records = _records(5)
    data, ends = _lay(records)
    for number, start in enumerate([0, *map(aligned, ends[:-2])]):
        holed = data[:start] + bytes(ALIGNMENT) + data[start + ALIGNMENT :]
        assert read_records(holed, GENERATION) == Redone(
            records[:number], ends[:number], _broken(start)
        )


# -- generations -----------------------------------------------------------------------------------
@settings(deadline=None)
@given(st.integers(1, 8), st.integers(0, 8), st.integers(1, LOST_MAX))
def test_records_of_an_earlier_generation_do_not_count(before: int, after: int, ago: int) -> None:
    earlier, _ = _lay(_records(before, 900), LOST_MAX + GENERATION - ago)
    records = _records(after)
    data, ends = _lay(records, LOST_MAX + GENERATION)
    found = read_records(_over(earlier, data), LOST_MAX + GENERATION)
    assert found == Redone(records, ends, None)


def test_b31_first_record_of_a_pass_torn_over_an_earlier_pass_is_no_damage() -> None:
    earlier, _ = _lay(_records(8, 900), GENERATION - 1)
    (record,) = [record for record in _records(3) if len(record.runs[0][3]) > 700][:1]
    data = _encoded(record, 0)
    for size in range(len(data)):
        torn = data[:size] + earlier[size:]
        assert read_records(torn, GENERATION) == Redone([], [], None), size


@pytest.mark.parametrize("ahead", [1, 2, 1000, LOST_MAX - 1])
def test_b33_record_of_a_later_generation_is_damage(ahead: int) -> None:
    """The database lost a transaction, of which the node had been told that it was flushed."""
    data, _ = _lay(_records(1), GENERATION + ahead)
    assert read_records(data, GENERATION) == Redone([], [], BEHIND)


def test_b33_later_generation_behind_records_that_count_is_damage() -> None:
    records = _records(2)
    data, ends = _lay(records)
    data = data.ljust(aligned(len(data)), b"\0")
    later = data + _encoded(_records(1)[0], 2, GENERATION + 1)
    assert read_records(later, GENERATION) == Redone(records, ends, BEHIND)


def test_records_of_another_database_do_not_count() -> None:
    for other in (GENERATION + LOST_MAX, GENERATION + 2**40):
        data, _ = _lay(_records(5), other)
        assert read_records(data, GENERATION) == Redone([], [], None)


def test_record_in_the_place_of_another_is_damage() -> None:
    records = _records(3)
    data, ends = _lay(records)
    moved = _over(data, _encoded(records[0], 1))
    assert read_records(moved, GENERATION) == Redone([], [], _broken(0))
    again = data.ljust(aligned(len(data)), b"\0") + _encoded(records[0], 0)
    assert read_records(again, GENERATION) == Redone(records, ends, None)


@given(st.binary(max_size=4000))
def test_b30_garbage_is_no_record(data: bytes) -> None:
    assert read_records(data, GENERATION) == Redone([], [], None)


@settings(deadline=None)
@given(st.randoms(use_true_random=False))
def test_b30_records_of_which_anything_rotted_never_show_what_was_not_saved(
    rng: random.Random,
) -> None:
    records = _records(5)
    data = bytearray(_lay(records)[0])
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(data))
        data[start : start + rng.choice([1, 16, 600])] = rng.randbytes(rng.choice([1, 16, 600]))
    found = read_records(bytes(data), GENERATION)
    assert found.records == records[: len(found.records)]


# -- what the records make -------------------------------------------------------------------------
BEFORE = State(HardState(3, 1), last_index=4, commit_index=2)


def test_records_are_laid_onto_what_the_database_holds() -> None:
    more = [LogEntry(3, None), LogEntry(4, LARGER), LogEntry(4, b"x")]
    records = [
        Record(HardState(4, None), 3, run_rows(5, more[:2])),
        Record(HardState(4, 2), 3, []),
        Record(HardState(4, 2), 9, run_rows(7, more[2:])),
    ]
    state = BEFORE
    for record in records:
        state = state_after(state, record)
    assert state == State(HardState(4, 2), last_index=7, commit_index=7)
    assert [entry for record in records for entry in entries_of(record)] == more


@pytest.mark.parametrize(
    ("term", "runs", "reason"),
    [
        (2, [], "term 2 follows term 3"),
        (3, run_rows(6, [LogEntry(3, None)]), "entries 6 to 6 follow entry 4"),
        (3, run_rows(4, [LogEntry(3, None)]), "entries 4 to 4 follow entry 4"),
        (3, [(5, 4, 3, b"", 0)], "entries 5 to 4 follow entry 4"),
        (3, run_rows(5, [LogEntry(9, None)]), "entry 5 has term 9, above the saved term 3"),
    ],
)
def test_b36_record_that_does_not_fit_is_refused(term: int, runs: list[Row], reason: str) -> None:
    with pytest.raises(DamagedRowError, match=reason):
        state_after(BEFORE, Record(HardState(term, None), 2, runs))


def test_b30_entries_that_rotted_in_front_of_the_checksum_are_found() -> None:
    """A record covers what it was given: the checksum of a row is as old as the entries."""
    row = run_rows(5, [LogEntry(3, b"entry")])[0]
    record = Record(HardState(3, 1), 2, [(*row[:3], _flip(row[3], 2), row[4])])
    (found,) = read_records(_lay([record])[0], GENERATION).records
    with pytest.raises(DamagedRowError, match=r"entry 5 is damaged \(checksum\)"):
        entries_of(found)
