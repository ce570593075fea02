"""A database looked at from outside says what is there, and stays as it was."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.ready import HardState
from node.storage import inspection, rows
from node.storage.base import CorruptionError, FormatVersionError, StorageError
from node.storage.inspection import DAMAGES_MAX, read_database
from node.storage.sqlite import PAGE_BYTES, SqliteStorage
from tests.storage.batches import FIRST, LARGER, batch, compaction, snapshot

ROOT = Path(__file__).parents[2]
ENTRIES = [*[LogEntry(1, b"entry %d" % number) for number in range(1, 20)], LogEntry(2, LARGER)]


RUNS = ((1, 8), (9, 9), (10, 11), (12, 14), (15, 15), (16, 16), (17, 19), (20, 20))


def _fill(storage: SqliteStorage) -> None:
    for first, last in RUNS:
        entries = ENTRIES[first - 1 : last]
        storage.save(batch(HardState(3, 2), None, first, entries, commit_index=8))
    storage.save(compaction(5, 1))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The database of a node that was stopped, in a folder of its own."""
    folder = tmp_path / "n1"
    folder.mkdir()
    SqliteStorage.create(folder / "raft.db", "demo", 1, FIRST)
    with closing(SqliteStorage(folder / "raft.db", "demo", 1)) as storage:
        _fill(storage)
    return folder / "raft.db"


@pytest.fixture
def killed(path: Path) -> Path:
    """The same of a node that died."""
    path.unlink()
    script = (
        "import os, sys; from pathlib import Path; from tests.storage.test_inspection import *;"
        "from tests.storage.test_inspection import _fill; path = Path(sys.argv[1]);"
        "SqliteStorage.create(path, 'demo', 1, FIRST); storage = SqliteStorage(path, 'demo', 1);"
        "_fill(storage); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", script, str(path)], cwd=ROOT)
    assert done.returncode == -signal.SIGKILL
    assert path.with_name("raft.db-wal").stat().st_size > 0
    return path


def _contents(path: Path, but: tuple[str, ...] = ()) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in path.parent.iterdir() if p.name not in but}


@contextmanager
def _unchanged(path: Path, but: tuple[str, ...] = ()) -> Iterator[None]:
    before = _contents(path, but)
    yield
    assert _contents(path, but) == before


def _check(path: Path) -> None:
    found = read_database(path)
    assert (found.cluster_id, found.node_id, found.damage) == ("demo", 1, ())
    assert found.stored.log == ENTRIES[5:]
    assert (found.stored.base, found.stored.snapshots) == (EntryId(1, 5), (snapshot(5, 1),))
    assert (found.stored.hard_state, found.stored.first) == (HardState(3, 2), FIRST)


def test_stopped_node_is_read_without_a_trace(path: Path) -> None:
    with _unchanged(path):
        _check(path)


def test_killed_node_is_read_with_what_was_not_folded_in(killed: Path) -> None:
    """SQLite's index of the write-ahead log may be made anew: whoever opens next does so too."""
    with _unchanged(killed, but=("raft.db-shm",)):
        _check(killed)


def test_killed_node_without_an_index_is_read(killed: Path) -> None:
    killed.with_name("raft.db-shm").unlink()
    with _unchanged(killed, but=("raft.db-shm",)):
        _check(killed)
    with closing(SqliteStorage(killed, "demo", 1)) as storage:
        assert storage.load().log == ENTRIES[5:]


def test_running_node_is_read_and_goes_on(path: Path) -> None:
    with closing(SqliteStorage(path, "demo", 1)) as storage:
        _check(path)
        for index in range(21, 40):
            entry = LogEntry(3, b"x" * 4000)
            storage.save(batch(None, None, index, [entry]))
            with _unchanged(path, but=("raft.db-shm",)):
                assert read_database(path).stored.log == [*ENTRIES[5:], *[entry] * (index - 20)]
        storage._db.execute("PRAGMA wal_checkpoint")
        assert len(read_database(path).stored.log) == 34
    assert read_database(path).stored.log[-1] == entry
    assert [p.name for p in path.parent.iterdir()] == ["raft.db"]


def test_node_that_starts_in_between_is_read_again(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = inspection._read
    storages: list[SqliteStorage] = []

    def read(path: Path, is_folded: bool) -> inspection.Inspected | None:
        found = real(path, is_folded)
        if not storages:
            storages.append(SqliteStorage(path, "demo", 1))
            storages[0].save(batch(None, None, 21, [LogEntry(3, b"new")]))
        return found

    monkeypatch.setattr(inspection, "_read", read)
    assert read_database(path).stored.log[-1] == LogEntry(3, b"new")
    storages[0].close()


def test_database_that_changes_all_the_time_is_given_up(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = inspection._read

    def read(path: Path, is_folded: bool) -> inspection.Inspected | None:
        found = real(path, is_folded)
        os.utime(path, ns=(1, path.stat().st_mtime_ns + 1_000_000))
        return found

    monkeypatch.setattr(inspection, "_read", read)
    with pytest.raises(StorageError, match="changes while it is being read"):
        read_database(path)


def test_path_with_signs_that_urls_use_is_read(path: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a b?mode=rwc#%41"
    shutil.copytree(path.parent, odd)
    _check(odd / "raft.db")


def test_b30_each_damaged_entry_is_listed(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE log SET crc = crc + 1 WHERE idx IN (9, 12, 16)")
        db.execute("DELETE FROM log WHERE idx = 15")
        db.execute("UPDATE snapshot SET size = 1")
    for leftover in path.parent.glob("raft.db-*"):
        leftover.unlink()
    with _unchanged(path):
        found = read_database(path)
    assert found.damage == (
        "entry 9 is damaged (checksum)",
        "entries 12 to 14 are damaged (checksum)",
        "entry 15 is missing",
        "entry 16 is damaged (checksum)",
        "what is known of snapshot 5 is damaged (checksum)",
        "no snapshot stands for the entries up to 5, which are gone",
    )
    assert found.stored.log == ENTRIES[5:8]
    damaged = pytest.raises(CorruptionError, match="entry 9 is damaged")
    with closing(SqliteStorage(path, "demo", 1)) as storage, damaged:
        storage.load()


def test_b30_page_that_cannot_be_read_ends_the_list(tmp_path: Path) -> None:
    path = tmp_path / "raft.db"
    SqliteStorage.create(path, "demo", 1, FIRST)
    with closing(SqliteStorage(path, "demo", 1)) as storage:
        entries = [LogEntry(1, bytes([number]) * 7200) for number in range(40)]
        for index, entry in enumerate(entries, 1):
            storage.save(batch(HardState(1, None), None, index, [entry]))
    data = bytearray(path.read_bytes())
    start = data.index(bytes([30]) * 7200) // PAGE_BYTES * PAGE_BYTES
    data[start : start + 8] = b"\xff" * 8  # the head of the page with entry 31
    path.write_bytes(data)
    found = read_database(path)
    assert 20 < len(found.stored.log) < 31
    assert found.stored.log == entries[: len(found.stored.log)]
    assert "is damaged" in found.damage[0]
    assert "the log went on to 40" in found.damage[-1]


def test_b30_damage_in_the_write_ahead_log_is_listed(killed: Path) -> None:
    log_path = killed.with_name("raft.db-wal")
    with closing(SqliteStorage(killed, "demo", 1)) as storage:
        for index in range(21, 25):
            storage.save(batch(None, None, index, [LogEntry(3, b"more")]))
        data = bytearray(log_path.read_bytes())
        copy = killed.parent.parent / "copy"
        shutil.copytree(killed.parent, copy)
    data[200] ^= 1
    (copy / "raft.db-wal").write_bytes(data)
    (copy / "raft.db-shm").unlink()
    found = read_database(copy / "raft.db")
    assert "raft.db-wal: damaged at byte 32" in found.damage[0]
    assert (copy / "raft.db-wal").read_bytes() == data


def test_list_of_damage_has_a_limit(tmp_path: Path) -> None:
    path = tmp_path / "raft.db"
    SqliteStorage.create(path, "demo", 1, FIRST)
    with closing(SqliteStorage(path, "demo", 1)) as storage:
        storage.save(batch(HardState(1, None)))
        damaged = [(index, index, 1, b"", 0) for index in range(1, DAMAGES_MAX + 11)]
        storage._db.executemany(rows.INSERT_RUN, damaged)
    assert len(read_database(path).damage) == DAMAGES_MAX


def test_b30_database_of_which_nothing_can_be_said_is_refused(path: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_database(tmp_path / "none.db")
    garbage = tmp_path / "garbage.db"
    garbage.write_bytes(b"\xa5" * 5000)
    with pytest.raises(CorruptionError, match="damaged"):
        read_database(garbage)
    assert [p.name for p in tmp_path.glob("garbage*")] == ["garbage.db"]
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("UPDATE hard_state SET current_term = 9")
    with pytest.raises(CorruptionError, match="term and vote are damaged"):
        read_database(path)


def test_database_of_an_older_version_is_said_to_be_one(tmp_path: Path) -> None:
    path = tmp_path / "raft.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TABLE node (one INT, format INT, cluster_id TEXT, node_id INT) STRICT")
        db.execute("INSERT INTO node VALUES (1, 1, 'demo', 1)")
    with pytest.raises(FormatVersionError, match="older version"):
        read_database(path)
