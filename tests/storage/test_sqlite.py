"""What was saved is found, whole or not at all, and what rotted is named and refused."""

import itertools
import os
import sqlite3
import stat
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from node.raft.messages import LogEntry
from node.raft.ready import HardState
from node.storage import rows
from node.storage.base import (
    CorruptionError,
    DiskFullError,
    FormatVersionError,
    StorageError,
    Stored,
)
from node.storage.inspection import read_database, read_redo
from node.storage.sqlite import PAGE_BYTES, SqliteStorage
from node.wire.entries import encode_configuration
from tests.storage.batches import FIRST, LARGER, batch
from tests.storage.databases import alter, load

ENTRIES = [
    *(LogEntry(1, b"one"), LogEntry(1, None), LogEntry(2, b"three"), LogEntry(2, b"")),
    *(LogEntry(2, b"five"), LogEntry(2, LARGER)),
]


@pytest.fixture
def filled(path: Path) -> Path:
    """A database with term 2, a vote for 3 and ENTRIES, as the runs 1 to 2, 3, 4 to 5 and 6."""
    with closing(SqliteStorage(path, "demo", 1)) as opened:
        for first, last in ((1, 2), (3, 3), (4, 5), (6, 6)):
            opened.save(batch(HardState(2, 3), None, first, ENTRIES[first - 1 : last]))
    return path


@pytest.mark.parametrize(("cluster_id", "node_id"), [("demo", 2), ("other", 1)])
def test_the_database_of_another_node_or_cluster_is_refused(
    filled: Path, cluster_id: str, node_id: int
) -> None:
    with pytest.raises(CorruptionError, match=r"not the database of node .* but of node 1 of demo"):
        SqliteStorage(filled, cluster_id, node_id)


def _make_format_1(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("CREATE TABLE node (only_ INT, format INT, cluster_id TEXT, node_id INT) STRICT")
        db.execute("INSERT INTO node VALUES (1, 1, 'demo', 1)")
        db.execute("CREATE TABLE hard_state (current_term INT, voted_for INT, last_index INT, crc)")


def test_database_of_an_older_version_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "raft.db"
    _make_format_1(path)
    with pytest.raises(FormatVersionError, match=r"made by an older version .* new cluster"):
        SqliteStorage(path, "demo", 1)


_LOG_OF_FORMAT_2 = "idx INTEGER PRIMARY KEY, term INT, kind INT, entry BLOB, crc INT"


@pytest.mark.parametrize(
    ("version", "other"),
    [
        (2, ["DROP TABLE log", f"CREATE TABLE log ({_LOG_OF_FORMAT_2}) STRICT"]),
        (3, []),
    ],
)
def test_database_of_format_2_or_3_is_no_damage(
    filled: Path, version: int, other: list[str]
) -> None:
    values = (version, "demo", 1, encode_configuration(FIRST))
    alter(
        filled,
        f"UPDATE node SET format = {version}, crc = {rows._crc(values)}",
        *("ALTER TABLE hard_state DROP COLUMN generation", *other),
    )
    with pytest.raises(FormatVersionError, match=r"made by an older version .* new cluster"):
        SqliteStorage(filled, "demo", 1)
    with pytest.raises(FormatVersionError, match=r"made by an older version .* new cluster"):
        read_database(filled)
    with pytest.raises(FormatVersionError, match=r"made by an older version .* new cluster"):
        read_redo(filled)


def test_database_of_a_newer_version_is_no_damage(filled: Path) -> None:
    values = (rows.FORMAT_VERSION + 1, "demo", 1, b"")
    alter(filled, f"UPDATE node SET format = {values[0]}, first = x'', crc = {rows._crc(values)}")
    with pytest.raises(FormatVersionError, match="newer version of raftctl"):
        SqliteStorage(filled, "demo", 1)


def test_only_the_owner_can_read_any_of_its_files(tmp_path: Path) -> None:
    path = tmp_path / "n1.db"
    before = os.umask(0)
    try:
        SqliteStorage.create(path, "demo", 1, FIRST)
        with closing(SqliteStorage(path, "demo", 1)) as storage:
            storage.save(batch(HardState(1, None), None, 1, ENTRIES[:2]))
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(["n1.db", "n1.db-wal", "n1.db-shm"], 0o600)


def test_create_never_overwrites(filled: Path) -> None:
    with pytest.raises(FileExistsError):
        SqliteStorage.create(filled, "demo", 1, FIRST)
    assert load(filled).log == ENTRIES


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("UPDATE log SET entries = x'81457468726f65' WHERE idx = 3", "entry 3 is damaged"),
        ("UPDATE log SET entries = x'82436f6e6540' WHERE idx = 1", "entries 1 to 2 are damaged"),
        ("UPDATE log SET entries = x'82f64466697665' WHERE idx = 4", "entries 4 to 5 are damaged"),
        ("UPDATE log SET entries = x'81f6' WHERE idx = 3", "entry 3 is damaged"),
        ("UPDATE log SET entries = x'81a0' WHERE idx = 6", "entry 6 is damaged"),
        ("UPDATE log SET entries = x'' WHERE idx = 1", "entries 1 to 2 are damaged"),
        ("UPDATE log SET term = 1 WHERE idx = 3", "entry 3 is damaged"),
        ("UPDATE log SET term = 1 WHERE idx = 4", "entries 4 to 5 are damaged"),
        ("UPDATE log SET last = 3 WHERE idx = 1", r"entries 1 to 3 are damaged \(checksum"),
        ("UPDATE log SET last = 1 WHERE idx = 1", r"entry 1 is damaged \(checksum"),
        ("UPDATE log SET last = 0 WHERE idx = 1", "entry 1 is damaged"),
        ("UPDATE log SET last = 999 WHERE idx = 3", "entry 3 is damaged"),
        ("UPDATE log SET crc = crc + 1 WHERE idx = 1", "entries 1 to 2 are damaged"),
        ("UPDATE log SET crc = crc + 1 WHERE idx = 3", "entry 3 is damaged"),
        ("DELETE FROM log WHERE idx = 1", "entry 1 is missing, and all up to 2"),
        ("DELETE FROM log WHERE idx = 3", "entry 3 is missing;"),
        ("UPDATE log SET idx = 9 WHERE idx = 3", "entry 3 is missing;"),
        ("UPDATE log SET idx = 0 WHERE idx = 1", "entries 0 to 2 are damaged"),
        ("DELETE FROM log WHERE idx = 6", "entry 6 is missing, the log went on to 6"),
        ("DELETE FROM log WHERE idx IN (3, 4)", "entry 3 is missing, and all up to 5"),
        ("INSERT INTO log SELECT 7, 7, term, entries, crc FROM log WHERE idx = 3", "entry 7"),
        ("UPDATE hard_state SET last_index = 5", "term and vote are damaged"),
        ("UPDATE hard_state SET commit_index = 3", "term and vote are damaged"),
        ("UPDATE hard_state SET base_index = 2, base_term = 1", "term and vote are damaged"),
        ("UPDATE node SET first = x'a0'", "whose database it is cannot be read"),
        ("DELETE FROM node", "whose database it is cannot be read"),
        ("UPDATE hard_state SET voted_for = NULL", "term and vote are damaged"),
        ("UPDATE hard_state SET current_term = 3", "term and vote are damaged"),
        ("DELETE FROM hard_state", "term and vote are damaged"),
        ("UPDATE node SET format = 1", "whose database it is cannot be read"),
        ("UPDATE node SET node_id = 2", "whose database it is cannot be read"),
    ],
)
def test_b30_damage_is_found_and_named(filled: Path, damage: str, reason: str) -> None:
    alter(filled, damage)
    with pytest.raises(CorruptionError, match=reason):
        load(filled)


def test_b30_an_entry_in_the_place_of_another_is_found(filled: Path) -> None:
    moves = ((3, 99), (6, 3), (99, 6))
    alter(filled, *(f"UPDATE log SET idx = {b}, last = {b} WHERE idx = {a}" for a, b in moves))
    with pytest.raises(CorruptionError, match="entry 3 is damaged"):
        load(filled)


@pytest.mark.parametrize(
    "damage",
    [
        *("entries = CAST(entries AS TEXT)", "entries = 7", "entries = NULL"),
        *("term = 'x'", "term = 1.5", "term = NULL", "last = 'x'", "last = 3.5", "last = NULL"),
        *("crc = 'x'", "crc = crc + 0.5", "crc = NULL"),
    ],
)
def test_b30_an_entry_of_another_type_is_found_and_named(filled: Path, damage: str) -> None:
    """One bit of a record's header changes the type of a column; STRICT looks at writes only."""
    strict = "sql = replace(replace(sql, ') STRICT', ')'), 'NOT NULL', '')"
    alter(filled, "PRAGMA writable_schema = ON", f"UPDATE sqlite_schema SET {strict}")
    alter(filled, f"UPDATE log SET {damage} WHERE idx = 3")
    with pytest.raises(CorruptionError, match="entry 3 is damaged"):
        load(filled)


@pytest.fixture(scope="module")
def rotted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[int]]:
    """What came of each byte of a database with one bit flipped, and at which offsets."""
    path = tmp_path_factory.mktemp("rotted") / "n1.db"
    SqliteStorage.create(path, "demo", 1, FIRST)
    with closing(SqliteStorage(path, "demo", 1)) as storage:
        storage.save(batch(HardState(2, 3), None, 1, ENTRIES))
    good, expected = path.read_bytes(), load(path)
    outcomes: dict[str, list[int]] = {}
    for position, bit in itertools.product(range(len(good)), (2, 7)):
        if good[position]:
            data = bytearray(good)
            data[position] ^= 1 << bit
            path.write_bytes(data)
            try:
                outcome = "the same" if load(path) == expected else "something else"
            except Exception as error:  # which ones may come is the test
                outcome = type(error).__name__
            outcomes.setdefault(outcome, []).append(position)
    return outcomes


def test_b30_a_rotten_bit_raises_nothing_but_storage_errors(rotted: dict[str, list[int]]) -> None:
    allowed = {"the same", "something else", "CorruptionError", "StorageError"}
    assert {name: where for name, where in rotted.items() if name not in allowed} == {}


def test_b30_a_rotten_bit_never_changes_what_is_loaded(rotted: dict[str, list[int]]) -> None:
    assert rotted.get("something else", []) == []


@pytest.mark.parametrize("size", [100, 5000])
def test_b30_a_garbage_file_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "n1.db"
    path.write_bytes(b"\xa5" * size)
    with pytest.raises(CorruptionError, match="damaged"):
        SqliteStorage(path, "demo", 1)
    assert path.read_bytes() == b"\xa5" * size


def test_b30_a_file_cut_short_is_refused(filled: Path) -> None:
    filled.write_bytes(filled.read_bytes()[:5000])
    with pytest.raises(CorruptionError):
        load(filled)


def test_b36_log_ahead_of_saved_term_is_refused(storage: SqliteStorage) -> None:
    storage.save(batch(HardState(1, None), None, 1, [LogEntry(1, b"a"), LogEntry(2, b"b")]))
    with pytest.raises(CorruptionError, match="entry 2 has term 2, above the saved term 1"):
        storage.load()


class FailingConnection:
    """Stands in for sqlite's: fails once in the statement that begins with `word`."""

    def __init__(self, db: sqlite3.Connection, word: str, code: int) -> None:
        self.db, self.word, self.code = db, word, code
        self.calls = 0

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Cursor:
        self.calls += 1
        if self.word and sql.startswith(self.word):
            self.word, error = "", sqlite3.OperationalError("disk I/O error")
            error.sqlite_errorcode = self.code
            raise error
        return self.db.execute(sql, parameters)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.db, name)


def _break(storage: SqliteStorage, word: str, code: int) -> FailingConnection:
    broken = FailingConnection(storage._db, word, code)
    standing_in: Any = broken
    storage._db = standing_in
    return broken


@pytest.mark.parametrize("word", ["BEGIN", "INSERT", "DELETE", "COMMIT"])
def test_b33_fsync_error_is_latched(storage: SqliteStorage, word: str) -> None:
    broken = _break(storage, word, sqlite3.SQLITE_IOERR_FSYNC)
    with pytest.raises(StorageError) as first:
        storage.save(batch(HardState(1, None), 1, 1, [LogEntry(1, b"a")]))
    assert type(first.value) is StorageError
    calls = broken.calls
    for _ in range(3):  # nothing is tried, though the disk works again
        with pytest.raises(StorageError) as later:
            storage.save(batch(None, None, 1, [LogEntry(1, b"b")]))
        assert later.value is first.value
    assert broken.calls == calls


def test_b34_disk_full_is_rolled_back_and_can_be_retried(storage: SqliteStorage) -> None:
    storage.save(batch(HardState(1, 1), None, 1, [LogEntry(1, b"kept"), LogEntry(1, b"goes")]))
    before = storage.load()
    full = batch(HardState(2, None), 2, 2, [LogEntry(2, bytes(12 * PAGE_BYTES)), LogEntry(2, b"y")])
    (pages,) = storage._db.execute("PRAGMA page_count").fetchone()
    storage._db.execute(f"PRAGMA max_page_count = {pages + 1}")
    for _ in range(3):
        with pytest.raises(DiskFullError, match="no space is left"):
            storage.save(full)
        assert storage.load() == before
    storage.save(batch(HardState(2, 3)))  # what fits can still be written
    storage._db.execute("PRAGMA max_page_count = 1000000")
    storage.save(full)
    assert storage.load() == Stored(HardState(2, None), [before.log[0], *full.entries], FIRST)
    assert load(storage._path) == storage.load()


@pytest.mark.parametrize(
    ("word", "code"),
    [("COMMIT", sqlite3.SQLITE_FULL), ("BEGIN", sqlite3.SQLITE_IOERR_SHMSIZE)],
)
def test_b34_disk_full_at_the_commit_is_rolled_back(
    storage: SqliteStorage, word: str, code: int
) -> None:
    """The second is what a full disk says that has no room for the write-ahead log's index."""
    _break(storage, word, code)
    full = batch(HardState(1, 1), None, 1, [LogEntry(1, b"a")])
    with pytest.raises(DiskFullError):
        storage.save(full)
    assert storage.load() == Stored(HardState(0, None), [], FIRST)
    storage.save(full)
    assert storage.load() == Stored(HardState(1, 1), full.entries, FIRST)


def test_b33_no_room_for_the_index_of_what_was_committed_is_final(storage: SqliteStorage) -> None:
    """By then all of it is in the write-ahead log, and flushed: it was taken for rolled back."""
    broken = _break(storage, "COMMIT", sqlite3.SQLITE_IOERR_SHMSIZE)
    for _ in range(2):
        with pytest.raises(StorageError, match="no space is left for what was saved") as caught:
            storage.save(batch(HardState(1, 1), None, 1, [LogEntry(1, b"a")]))
        assert type(caught.value) is StorageError
    assert broken.word == ""


def test_b34_a_rollback_that_fails_is_final(storage: SqliteStorage) -> None:
    _break(storage, "COMMIT", sqlite3.SQLITE_FULL)
    outer = _break(storage, "ROLLBACK", sqlite3.SQLITE_IOERR)
    for _ in range(2):
        with pytest.raises(StorageError) as caught:
            storage.save(batch(HardState(1, 1), None, 0, []))
        assert type(caught.value) is StorageError
    assert outer.calls == 5  # BEGIN, INSERT, SELECT, COMMIT, ROLLBACK; then nothing
