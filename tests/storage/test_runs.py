"""Entries that one save writes share rows, and a row may be cut, compacted in part, or rot."""

import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.raft.configuration import Configuration
from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.ready import HardState
from node.storage import rows
from node.storage.base import CorruptionError, DiskFullError
from node.storage.inspection import read_database
from node.storage.rows import RUN_BYTES_MAX, RUN_ENTRIES_MAX
from node.storage.sqlite import SqliteStorage
from tests.storage.batches import FIRST, LARGER, batch, compaction, installation
from tests.storage.databases import alter, load

TEN = [LogEntry(1, b"entry %d" % index) for index in range(1, 11)]


@pytest.fixture
def ten(path: Path) -> Path:
    """A database with one run, of ten entries."""
    with closing(SqliteStorage(path, "demo", 1)) as opened:
        opened.save(batch(HardState(1, None), None, 1, TEN))
    return path


@pytest.fixture
def open_ten(ten: Path) -> Iterator[SqliteStorage]:
    """What stores in it."""
    with closing(SqliteStorage(ten, "demo", 1)) as opened:
        yield opened


def _runs(path: Path) -> list[tuple[int, int]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute("SELECT idx, last FROM log ORDER BY idx").fetchall()


# -- which entries share a row ---------------------------------------------------------------------
def test_entries_of_one_save_and_term_share_a_row(storage: SqliteStorage, path: Path) -> None:
    terms = [1, 1, 2, 4, 4, 4]
    entries = [LogEntry(term, b"x") for term in terms]
    storage.save(batch(HardState(4, None), None, 1, entries))
    storage.save(batch(None, None, 7, [LogEntry(4, b"y")]))
    assert _runs(path) == [(1, 2), (3, 3), (4, 6), (7, 7)]
    assert storage.load().log == [*entries, LogEntry(4, b"y")]


def test_no_ops_and_configurations_share_rows_with_commands(
    storage: SqliteStorage, path: Path
) -> None:
    values = [b"a", None, LARGER, b"", None, FIRST, b"\xf6"]
    entries = [LogEntry(3, value) for value in values]
    storage.save(batch(HardState(3, None), None, 1, entries))
    assert _runs(path) == [(1, 7)]
    assert load(path).log == entries


@pytest.mark.parametrize(
    ("sizes", "runs"),
    [
        ([1] * (RUN_ENTRIES_MAX + 1), 2),
        ([RUN_BYTES_MAX // 4] * 9, 4),
        ([RUN_BYTES_MAX * 3, 1, RUN_BYTES_MAX * 3], 2),
        ([1] * 300 + [RUN_BYTES_MAX // 2] * 3 + [1] * 300, 4),
    ],
)
def test_row_has_few_entries_and_few_bytes_or_one_entry(
    storage: SqliteStorage, path: Path, sizes: list[int], runs: int
) -> None:
    entries = [LogEntry(1, bytes(size)) for size in sizes]
    storage.save(batch(HardState(1, None), None, 1, entries))
    found = storage._db.execute("SELECT idx, last, length(entries) FROM log").fetchall()
    for index, last, size in found:
        assert index == last or (last - index < RUN_ENTRIES_MAX and size <= RUN_BYTES_MAX)
    assert len(found) >= runs
    assert load(path).log == entries


def test_what_is_too_long_for_a_row_is_encoded_once(
    storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever encodes lets nobody else in: heartbeats waited for half a second."""
    encoded: list[int] = []
    dumps = cbor2.dumps

    def counted(values: object, **options: Any) -> bytes:
        data = dumps(values, **options)
        encoded.append(len(data))
        return data

    monkeypatch.setattr(cbor2, "dumps", counted)
    entries = [LogEntry(1, bytes(RUN_BYTES_MAX * 4))] * 16 + [LogEntry(1, bytes(100))] * 100
    storage.save(batch(HardState(1, None), None, 1, entries))
    assert sum(encoded) < 1.01 * sum(len(entry) for _, entry in entries)


def test_run_of_large_configurations_can_be_read(storage: SqliteStorage, path: Path) -> None:
    everybody = frozenset(range(1, 51)), frozenset(range(51, 100))
    addresses = tuple((member, "a") for member in range(1, 100))
    large = Configuration(everybody[0], outgoing=everybody[1], addresses=addresses)
    entries = [LogEntry(1, large)] * RUN_ENTRIES_MAX
    storage.save(batch(HardState(1, None), None, 1, entries))
    assert load(path).log == entries


# -- cut off ---------------------------------------------------------------------------------------
@pytest.mark.parametrize("term", [1, 2])
def test_truncation_inside_a_run_keeps_the_front(ten: Path, term: int) -> None:
    entries = [LogEntry(term, b"new")] * 3
    with closing(SqliteStorage(ten, "demo", 1)) as storage:
        storage.save(batch(HardState(2, None), 7, 7, entries))
        assert storage.load().log == TEN[:6] + entries
        assert read_database(ten).stored == storage.load()
    assert _runs(ten) == [(1, 6), (7, 9)]
    assert load(ten).log == TEN[:6] + entries


def test_truncation_inside_a_run_without_new_entries_keeps_the_front(ten: Path) -> None:
    with closing(SqliteStorage(ten, "demo", 1)) as storage:
        storage.save(batch(HardState(2, None), 2))
        storage.save(batch(None, None, 2, [LogEntry(2, None)]))
    assert load(ten).log == [TEN[0], LogEntry(2, None)]


@pytest.mark.parametrize(("index", "runs"), [(1, [(1, 1)]), (11, [(1, 10), (11, 11)])])
def test_truncation_at_the_first_index_of_a_run_leaves_the_run_in_front(
    ten: Path, index: int, runs: list[tuple[int, int]]
) -> None:
    with closing(SqliteStorage(ten, "demo", 1)) as storage:
        storage.save(batch(None, None, 11, TEN[:5]))
        before = storage._db.total_changes
        storage.save(batch(HardState(2, None), index, index, [LogEntry(2, b"new")]))
        changed = storage._db.total_changes - before
    assert _runs(ten) == runs
    assert changed == 1 + (3 - len(runs)) + 1  # the state, what goes, what comes
    assert load(ten).log == [*TEN[: index - 1], LogEntry(2, b"new")]


def test_truncation_goes_over_many_runs(ten: Path) -> None:
    with closing(SqliteStorage(ten, "demo", 1)) as storage:
        for first in range(11, 40):
            storage.save(batch(None, None, first, TEN[:1]))
        storage.save(batch(HardState(2, None), 4, 4, [LogEntry(2, b"new")]))
    assert _runs(ten) == [(1, 3), (4, 4)]
    assert load(ten).log == [*TEN[:3], LogEntry(2, b"new")]


def test_b34_full_disk_leaves_the_run_that_was_to_be_cut(open_ten: SqliteStorage) -> None:
    before = open_ten.load()
    (pages,) = open_ten._db.execute("PRAGMA page_count").fetchone()
    open_ten._db.execute(f"PRAGMA max_page_count = {pages}")
    full = batch(HardState(2, None), 7, 7, [LogEntry(2, bytes(50_000))])
    for _ in range(2):
        with pytest.raises(DiskFullError):
            open_ten.save(full)
        assert open_ten.load() == before
    open_ten._db.execute("PRAGMA max_page_count = 1000000")
    open_ten.save(full)
    assert open_ten.load().log == TEN[:6] + full.entries


def test_b30_damaged_run_is_not_cut_and_the_node_stops(open_ten: SqliteStorage) -> None:
    alter(open_ten._path, "UPDATE log SET crc = crc + 1")
    for _ in range(2):
        with pytest.raises(CorruptionError, match="entries 1 to 10 are damaged") as caught:
            open_ten.save(batch(HardState(2, None), 7, 7, [LogEntry(2, b"new")]))
    open_ten.close()
    assert caught.value.__cause__ is not None
    with pytest.raises(CorruptionError, match="entries 1 to 10 are damaged"):
        load(open_ten._path)


# -- compacted -------------------------------------------------------------------------------------
def test_base_inside_a_run_is_found_again_when_the_node_starts(ten: Path) -> None:
    with closing(SqliteStorage(ten, "demo", 1)) as storage:
        storage.save(compaction(6, 1))
        assert storage.load().log == TEN[6:]
    found = load(ten)
    assert (found.base, found.log) == (EntryId(1, 6), TEN[6:])
    assert read_database(ten).stored == found
    with closing(SqliteStorage(ten, "demo", 1)) as storage:
        storage.save(batch(HardState(2, None), 9, 9, [LogEntry(2, b"new")]))
    assert load(ten).log == [*TEN[6:8], LogEntry(2, b"new")]


def test_sweep_never_deletes_a_run_that_reaches_above_the_base(ten: Path) -> None:
    with closing(SqliteStorage(ten, "demo", 1)) as storage:
        storage.save(batch(None, None, 11, TEN))
        storage.save(compaction(19, 1))
        for term in range(2, 6):
            storage.save(batch(HardState(term, None)))
            assert _runs(ten) == [(11, 20)]
    assert load(ten).log == TEN[9:]
    with closing(SqliteStorage(ten, "demo", 1)) as storage:
        storage.save(compaction(20, 1))
    assert _runs(ten) == []
    assert load(ten).log == []


@pytest.mark.parametrize("index", [4, 10, 11, 500])
def test_installed_snapshot_takes_the_place_of_a_run_that_it_ends_in(ten: Path, index: int) -> None:
    installed = installation(index, 2)
    installed.first_index, installed.entries = index + 1, [LogEntry(2, b"new")]
    with closing(SqliteStorage(ten, "demo", 1)) as storage:
        storage.save(installed)
        assert storage.load().log == installed.entries
    assert load(ten).log == installed.entries


def test_installed_snapshot_does_not_need_a_damaged_run_in_front_of_it(ten: Path) -> None:
    alter(ten, "UPDATE log SET crc = crc + 1")
    with closing(SqliteStorage(ten, "demo", 1)) as storage:
        storage.save(installation(6, 2))
    assert load(ten).log == []


# -- damaged ---------------------------------------------------------------------------------------
def _forge(path: Path, index: int, last: int, data: bytes, term: int = 1) -> None:
    """Put a row there whose checksum is right."""
    row = (index, last, term, data, rows._run_crc(index, last, term, data))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute(rows.INSERT_RUN.replace("INSERT", "REPLACE"), row)


def _refused(path: Path, what: str) -> None:
    with pytest.raises(CorruptionError, match=re.escape(what)):
        load(path)
    assert any(what in line for line in read_database(path).damage)


@pytest.mark.parametrize(("count", "last"), [(10, 9), (10, 11), (9, 10), (11, 10), (0, 10)])
def test_run_of_another_number_of_entries_is_refused(ten: Path, count: int, last: int) -> None:
    _forge(ten, 1, last, cbor2.dumps([b"x"] * count))
    _refused(ten, f"entries 1 to {last} are damaged (it is a row of {count})")


def test_run_of_no_entries_is_refused(ten: Path) -> None:
    _forge(ten, 11, 10, cbor2.dumps([]))
    _refused(ten, "entry 11 is damaged (it is a row of 0)")


def test_run_of_too_many_entries_is_refused(path: Path) -> None:
    count = RUN_ENTRIES_MAX + 1
    with closing(SqliteStorage(path, "demo", 1)) as storage:
        storage.save(batch(HardState(1, None), None, 1, [LogEntry(1, b"x")] * count))
    alter(path, "DELETE FROM log")
    _forge(path, 1, count, cbor2.dumps([b"x"] * count))
    _refused(path, f"entry 1 is damaged (it is a row of {count})")


@pytest.mark.parametrize(
    ("index", "what"),
    [(10, "entry 10 is there twice"), (3, "entry 3 is there twice")],
)
def test_runs_that_overlap_are_refused(ten: Path, index: int, what: str) -> None:
    _forge(ten, index, index + 1, cbor2.dumps([b"x", b"y"]))
    _refused(ten, what)


def test_run_that_overlaps_the_one_that_the_base_lies_in_is_refused(ten: Path) -> None:
    with closing(SqliteStorage(ten, "demo", 1)) as storage:
        storage.save(compaction(6, 1))
    _forge(ten, 9, 10, cbor2.dumps([b"x", b"y"]))
    _refused(ten, "entry 9 is there twice")


@pytest.mark.parametrize(
    "data",
    [
        *map(cbor2.dumps, ([b"x", "text"], [b"x", 1], [b"x", 1.5], [b"x", [b"y"]], [b"x", True])),
        *map(cbor2.dumps, ([b"x", {}], [b"x", {"voters": []}], [b"x", {"voters": [2**63]}])),
        *map(cbor2.dumps, (b"xy", {0: b"x", 1: b"y"}, None, 2, "xy", [[[[b"x"]]], b"y"])),
        *(b"", b"\x82\x41x", b"\xff", b"\x82\x41x\x41y\x00", b"\x82\x41x\xc2\x41y"),
        b"\x9b" + bytes([255] * 8),
        b"\x82\x5b" + bytes([255] * 8),
    ],
)
def test_run_with_what_is_no_entry_is_refused(ten: Path, data: bytes) -> None:
    _forge(ten, 11, 12, data)
    _refused(ten, "entries 11 to 12 are damaged (")


@pytest.mark.parametrize("term", [-1, 2**63 - 1])
def test_run_of_a_term_that_cannot_be_is_refused(ten: Path, term: int) -> None:
    _forge(ten, 11, 12, cbor2.dumps([b"x", b"y"]), term)
    _refused(ten, "entries 11 to 12 are damaged (")


def test_log_ends_in_front_of_a_damaged_run_and_each_of_them_is_listed(ten: Path) -> None:
    with closing(SqliteStorage(ten, "demo", 1)) as storage:
        for first in (11, 21, 31):
            storage.save(batch(None, None, first, TEN))
        storage.save(batch(None, None, 41, TEN[:1]))
    alter(ten, "UPDATE log SET crc = crc + 1 WHERE idx IN (11, 31, 41)")
    found = read_database(ten)
    assert found.stored.log == TEN
    assert found.damage == (
        "entries 11 to 20 are damaged (checksum)",
        "entries 31 to 40 are damaged (checksum)",
        "entry 41 is damaged (checksum)",
    )


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with runs of several entries and of one, and with a base inside a run."""
    path = tmp_path_factory.mktemp("sound") / "raft.db"
    SqliteStorage.create(path, "demo", 1, FIRST)
    with closing(SqliteStorage(path, "demo", 1)) as storage:
        entries = [*TEN, *[LogEntry(2, b"x" * 3000)] * 5, LogEntry(3, LARGER)]
        storage.save(batch(HardState(3, None), None, 1, entries))
        storage.save(batch(None, None, 17, [LogEntry(3, None)]))
        storage.save(compaction(4, 1))
    assert _runs(path) == [(1, 10), (11, 15), (16, 16), (17, 17)]
    return path


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([1, 11, 16, 17]), st.data())
def test_b30_bit_that_flips_anywhere_in_a_row_is_found(
    sound: Path, index: int, data: st.DataObject
) -> None:
    column = data.draw(st.sampled_from(["idx", "last", "term", "entries", "crc"]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(shutil.copy(sound, folder))
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            select = f"SELECT {column} FROM log WHERE idx = ?"
            (value,) = db.execute(select, (index,)).fetchone()
            raw = bytearray(value if column == "entries" else value.to_bytes(8, signed=True))
            raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
            rotten = bytes(raw) if column == "entries" else int.from_bytes(raw, signed=True)
            change = f"UPDATE OR REPLACE log SET {column} = ? WHERE idx = ?"
            db.execute(change, (rotten, index))
        with pytest.raises(CorruptionError, match=r"damaged|missing|twice"):
            load(path)
        assert read_database(path).damage
