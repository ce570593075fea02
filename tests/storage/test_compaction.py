"""A log that begins behind a snapshot: its base moves at once, what lies behind goes slowly."""

import itertools
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from operator import itemgetter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.ready import HardState, Ready
from node.storage import rows
from node.storage.base import CorruptionError, DiskFullError, Stored
from node.storage.memory import MemoryStorage
from node.storage.sqlite import SWEPT_BYTES_MAX, SWEPT_ENTRIES_MAX, SqliteStorage
from tests.storage.batches import FIRST, LARGER, batch, compaction, installation, snapshot
from tests.storage.databases import alter, load
from tests.storage.strace import needs_strace

ROOT = Path(__file__).parents[2]


def _entries(first: int, last: int, term: int = 1) -> list[LogEntry]:
    return [LogEntry(term, b"entry %d" % index) for index in range(first, last + 1)]


def _fill(storage: SqliteStorage, last: int, term: int = 1, run: int = 5000) -> None:
    """Entries up to `last`, of which each save writes `run`."""
    begin = storage.load().base.index + len(storage.load().log) + 1
    for first in range(begin, last + 1, run):
        entries = _entries(first, min(first + run - 1, last), term)
        storage.save(batch(HardState(term, 2), None, first, entries))


def _count(storage: SqliteStorage) -> int:
    """How many entries are there, compacted or not."""
    (found,) = storage._db.execute("SELECT ifnull(sum(last - idx + 1), 0) FROM log").fetchone()
    return int(found)


# -- what is found again ---------------------------------------------------------------------------
def test_first_configuration_is_found_again(storage: SqliteStorage) -> None:
    assert storage.load() == Stored(HardState(0, None), [], FIRST)


def test_log_begins_behind_the_base(storage: SqliteStorage, path: Path) -> None:
    _fill(storage, 10)
    storage.save(compaction(6, 1))
    expected = Stored(
        HardState(1, 2), _entries(7, 10), FIRST, EntryId(1, 6), (snapshot(6, 1),), commit_index=6
    )
    assert storage.load() == expected
    storage.close()
    assert load(path) == expected


def test_snapshots_that_the_log_follows_are_listed_newest_first(storage: SqliteStorage) -> None:
    _fill(storage, 30)
    for index in (5, 15, 25):
        storage.save(compaction(index, 1, base=EntryId(1, 3)))
    assert [each.index for each in storage.load().snapshots] == [25, 15, 5]
    storage.save(compaction(28, 1, base=EntryId(1, 15)))
    assert [each.index for each in storage.load().snapshots] == [28, 25, 15]


def test_installed_snapshot_takes_the_place_of_a_longer_log(storage: SqliteStorage) -> None:
    _fill(storage, 10)
    storage.save(installation(6, 3))
    found = storage.load()
    assert (found.base, found.log, found.commit_index) == (EntryId(3, 6), [], 6)
    assert found.snapshots == (snapshot(6, 3, LARGER),)


def test_installed_snapshot_takes_the_place_of_a_shorter_log(
    storage: SqliteStorage, path: Path
) -> None:
    _fill(storage, 10)
    installed = installation(1000, 3)
    installed.first_index, installed.entries = 1001, _entries(1001, 1002, 3)
    storage.save(installed)
    _fill(storage, 1003, 3)
    storage.close()
    found = load(path)
    assert (found.base, found.log) == (EntryId(3, 1000), _entries(1001, 1003, 3))


def test_commit_index_is_saved_with_what_is_saved_and_never_beyond_the_log(
    storage: SqliteStorage,
) -> None:
    storage.save(batch(HardState(1, None), None, 1, _entries(1, 5), commit_index=9))
    assert storage.load().commit_index == 5
    storage.save(batch(None, None, 6, _entries(6, 9), commit_index=3))
    assert storage.load().commit_index == 5
    changes = storage._db.total_changes
    storage.save(Ready(1, commit_index=8))
    assert (storage.load().commit_index, storage._db.total_changes) == (5, changes)


@st.composite
def _histories(draw: st.DrawFn) -> list[Ready]:
    """Batches of a log that grows, is cut off, is compacted and is replaced."""
    base, term, commit, batches = 0, 1, 0, list[Ready]()
    terms = [0]  # by index
    kinds = st.sampled_from(["append", "replace", "compact", "install", "vote"])
    for kind in draw(st.lists(kinds, max_size=12)):
        made = Ready(1)
        if kind == "vote":
            term += 1
            made.hard_state = HardState(term, draw(st.none() | st.integers(1, 2**62)))
        elif kind == "compact" and commit > base:
            index = draw(st.integers(base + 1, commit))
            base = draw(st.integers(base, index))
            made.snapshot = snapshot(index, terms[index])
            made.base = EntryId(terms[base], base) if base else None
        elif kind == "install":
            base = commit = commit + draw(st.integers(1, 400))
            terms = [*terms[:base], *[term] * (base + 1 - len(terms[:base]))]
            made.snapshot, made.base = snapshot(base, terms[-1], LARGER), EntryId(terms[-1], base)
            made.truncate_from = base + 1
        if kind == "replace" and len(terms) - 1 > commit:
            made.truncate_from = draw(st.integers(commit + 1, len(terms) - 1))
            del terms[made.truncate_from :]
        if kind in ("append", "replace", "install"):
            values = st.none() | st.binary(max_size=9) | st.just(LARGER)
            some = draw(st.lists(st.tuples(st.integers(terms[-1], term), values), max_size=300))
            made.first_index = len(terms)
            made.entries = [LogEntry(*each) for each in sorted(some, key=itemgetter(0))]
            terms += [each.term for each in made.entries]
        made.commit_index = commit = draw(st.integers(commit, len(terms) - 1))
        batches.append(made)
    return batches


@settings(max_examples=30, deadline=None)
@given(_histories())
def test_it_keeps_what_memory_keeps(batches: list[Ready]) -> None:
    memory = MemoryStorage(FIRST)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "raft.db"
        SqliteStorage.create(path, "demo", 1, FIRST)
        with closing(SqliteStorage(path, "demo", 1)) as storage:
            for each in (batch(HardState(1, None)), *batches):
                storage.save(each)
                memory.save(each)
                assert storage.load() == memory.load()
        assert load(path) == memory.load()


# -- what is not needed any more -------------------------------------------------------------------
def test_compacted_entries_go_a_few_with_each_save(storage: SqliteStorage) -> None:
    _fill(storage, 2000, run=64)
    storage.save(compaction(1990, 1))
    counts = [_count(storage)]
    while counts[-1] > 2000 % 64:
        storage.save(batch(HardState(2, None)))
        counts.append(_count(storage))
    gone = [before - after for before, after in itertools.pairwise([2000, *counts])]
    assert gone == [SWEPT_ENTRIES_MAX] * 7 + [2000 // 64 * 64 - 7 * SWEPT_ENTRIES_MAX]
    assert storage.load().log == _entries(1991, 2000)


def test_large_compacted_entries_go_fewer_at_a_time(storage: SqliteStorage) -> None:
    size = SWEPT_BYTES_MAX // 4
    storage.save(batch(HardState(1, None), None, 1, [LogEntry(1, bytes(size))] * 20))
    storage.save(compaction(19, 1))
    assert _count(storage) == 20 - 4  # a row is a little larger than its entries


def test_more_is_deleted_than_is_written(storage: SqliteStorage) -> None:
    """Whatever a save writes: else the file would grow for ever."""
    _fill(storage, 4000)
    storage.save(compaction(4000, 1))
    before = _count(storage)
    storage.save(batch(None, None, 4001, _entries(4001, 4600)))
    assert 0 < _count(storage) <= before - 600


def test_file_stops_growing_under_a_steady_load(storage: SqliteStorage, path: Path) -> None:
    sizes, last = [], 0
    storage.save(batch(HardState(1, None)))
    for number in range(1, 241):
        entries = [LogEntry(1, bytes(150))] * 50
        made = batch(None, None, last + 1, entries, commit_index=last)
        last += 50
        if number % 20 == 0:
            made.snapshot, made.base = snapshot(last - 100, 1), EntryId(1, last - 500)
        storage.save(made)
        if number % 40 == 0:
            storage._db.execute("PRAGMA wal_checkpoint")
            sizes.append(path.stat().st_size)
    assert sizes[1:] == [sizes[1]] * (len(sizes) - 1)


def test_compacted_entries_are_not_looked_at(storage: SqliteStorage, path: Path) -> None:
    _fill(storage, 900, run=20)
    storage.save(compaction(800, 1))
    left = storage._db.execute("SELECT min(idx) FROM log").fetchone()[0]
    storage.close()
    alter(path, f"UPDATE log SET crc = 0 WHERE idx < {left + 100}")
    alter(path, f"UPDATE log SET last = 9000 WHERE idx = {left + 100}")
    alter(path, f"DELETE FROM log WHERE idx = {left + 200}")
    assert load(path).log == _entries(801, 900)


def test_deleting_goes_on_after_a_restart(path: Path) -> None:
    for saves in range(4):
        with closing(SqliteStorage(path, "demo", 1)) as storage:
            if saves == 0:
                _fill(storage, 1000)
                storage.save(compaction(1000, 1))
            storage.save(batch(HardState(9, None)))
    with closing(SqliteStorage(path, "demo", 1)) as storage:
        assert _count(storage) == 0
        storage.save(batch(None, None, 1001, _entries(1001, 1001, 9)))
        assert storage.load().log == _entries(1001, 1001, 9)


def test_b34_deleting_takes_no_space_that_a_batch_needs(storage: SqliteStorage) -> None:
    """A save that failed for want of space is tried again without it."""
    _fill(storage, 2000, run=64)
    storage.save(compaction(1990, 1))
    (pages,) = storage._db.execute("PRAGMA page_count").fetchone()
    storage._db.execute(f"PRAGMA max_page_count = {pages}")
    before = _count(storage)
    with pytest.raises(DiskFullError):
        storage.save(batch(None, None, 2001, [LogEntry(1, bytes(3_000_000))]))
    assert _count(storage) == before
    storage.save(batch(HardState(2, None)))
    assert _count(storage) == before
    storage.save(batch(HardState(3, None)))
    assert _count(storage) == before - SWEPT_ENTRIES_MAX


# -- damage ----------------------------------------------------------------------------------------
@pytest.fixture
def compacted(path: Path) -> Path:
    """Entries 7 to 10, each by itself, behind two snapshots, of entries 6 and 8."""
    with closing(SqliteStorage(path, "demo", 1)) as storage:
        _fill(storage, 6)
        _fill(storage, 10, term=2, run=1)
        storage.save(compaction(6, 1))
        storage.save(compaction(8, 2, base=EntryId(1, 6)))
    return path


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("UPDATE snapshot SET term = 2 WHERE idx = 6", "known of snapshot 6 is damaged"),
        ("UPDATE snapshot SET size = 9 WHERE idx = 8", "known of snapshot 8 is damaged"),
        ("UPDATE snapshot SET digest = x'00' WHERE idx = 8", "known of snapshot 8 is damaged"),
        ("UPDATE snapshot SET configuration = x'a0'", "known of snapshot 6 is damaged"),
        ("UPDATE snapshot SET idx = 7 WHERE idx = 8", "known of snapshot 7 is damaged"),
        ("DELETE FROM snapshot", "no snapshot stands for the entries up to 6"),
        ("DELETE FROM log WHERE idx = 7", "entry 7 is missing"),
        ("DELETE FROM log WHERE idx = 10", "entry 10 is missing"),
        ("UPDATE hard_state SET base_index = 7", "term and vote are damaged"),
        ("UPDATE hard_state SET base_term = 2", "term and vote are damaged"),
    ],
)
def test_b30_damage_around_a_base_is_found_and_named(
    compacted: Path, damage: str, reason: str
) -> None:
    alter(compacted, damage)
    with pytest.raises(CorruptionError, match=f"{reason}.*wipe this node"):
        load(compacted)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((8, LogEntry(1, b"x")), "entry 8 has term 1, after term 2"),
        ((7, LogEntry(0, b"x")), "entry 7 has term 0, after term 1"),
        ((10, LogEntry(5, b"x")), "entry 10 has term 5, above the saved term 2"),
        ((11, LogEntry(2, b"x")), "entry 11 is there, though the log ended at 10"),
    ],
)
def test_b36_entries_that_contradict_each_other_are_refused(
    compacted: Path, row: tuple[int, LogEntry], reason: str
) -> None:
    """Each row is as it was written, and together they cannot be."""
    with closing(sqlite3.connect(compacted, isolation_level=None)) as db:
        db.execute(rows.INSERT_RUN.replace("INSERT", "REPLACE"), *rows.run_rows(row[0], [row[1]]))
    with pytest.raises(CorruptionError, match=reason):
        load(compacted)


@pytest.mark.parametrize(
    ("index", "term", "reason"),
    [
        (6, 2, "snapshot 6 is not of this log"),
        (9, 1, "snapshot 9 is not of this log"),
        (11, 2, "snapshot 11 is ahead of the log"),
    ],
)
def test_b36_snapshot_that_does_not_fit_the_log_is_refused(
    compacted: Path, index: int, term: int, reason: str
) -> None:
    with closing(sqlite3.connect(compacted, isolation_level=None)) as db:
        db.execute(rows.SAVE_SNAPSHOT, rows.snapshot_row(snapshot(index, term)))
    with pytest.raises(CorruptionError, match=reason):
        load(compacted)


# -- crashes ---------------------------------------------------------------------------------------
CHILD = """
import os, sys
from pathlib import Path
from node.storage.sqlite import *
from tests.storage.batches import *

storage = SqliteStorage(Path(sys.argv[1]), "demo", 1)
for number in range(1, 41):
    last = 400 * number
    made = batch(None, None, last + 1, [LogEntry(1, b"x" * 100)] * 400)
    made.snapshot, made.base = snapshot(last - 50, 1), EntryId(1, last - 100)
    storage.save(made)
    os.write(1, b"%d\\n" % number)
"""


def _after(number: int) -> Stored:
    last = 400 * (number + 1)
    entry = LogEntry(1, b"x" * 100)
    if number == 0:
        return Stored(HardState(1, None), [entry] * 400, FIRST)
    taken = tuple(snapshot(each, 1) for each in (last - 450,))
    base = EntryId(1, last - 500)
    return Stored(HardState(1, None), [entry] * 500, FIRST, base, taken, last - 500)


@pytest.fixture
def child(path: Path) -> list[str]:
    """The command for a process that compacts with each save."""
    with closing(SqliteStorage(path, "demo", 1)) as storage:
        storage.save(batch(HardState(1, None), None, 1, [LogEntry(1, b"x" * 100)] * 400))
    return [sys.executable, "-c", CHILD, str(path)]


def _check_old_or_new(path: Path, said: list[str]) -> None:
    saved = int(said[-1]) if said else 0
    assert load(path) in [_after(saved), _after(saved + 1)]


def test_b35_crash_during_compaction_leaves_old_or_new_log(child: list[str], path: Path) -> None:
    with subprocess.Popen(child, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(5)]
        process.kill()
        said += process.stdout.readlines()
    assert process.returncode == -signal.SIGKILL
    _check_old_or_new(path, said)


@needs_strace
@pytest.mark.parametrize("number", [3, 20, 60, 150, 281, 450, 562, 730])
def test_b35_killed_at_a_write_of_a_compaction_leaves_old_or_new_log(
    child: list[str], path: Path, tmp_path: Path, number: int
) -> None:
    inject = f"inject=pwrite64:signal=SIGKILL:when={number}"
    strace = ["strace", "-f", "-o", str(tmp_path / "trace"), "-e", "trace=pwrite64", "-e", inject]
    done = subprocess.run([*strace, *child], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    said = done.stdout.splitlines()
    assert "40" not in said
    _check_old_or_new(path, said)
