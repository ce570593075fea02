"""One SQLite database a node: its term and vote, and its log.

Write-ahead logging with synchronous=FULL makes each commit one flush of the disk, and a batch is
one transaction: term, vote, truncation and new entries land together or not at all. A checksum
beside each entry covers its index and term too, so an entry that rots, or that turns up in the
place of another, is found at boot; a node that finds one refuses to start, since it may have
promised what it lost.

An error of the disk is final: after a failed flush nobody knows what reached it, and a second try
may succeed without having written (fsyncgate). The exception is a full disk, which SQLite reports
before it writes anything.
"""

import errno
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from node.raft.messages import LogEntry
from node.raft.ready import HardState
from node.storage.base import CorruptionError, DiskFullError, StorageError, Stored

FORMAT_VERSION = 1
WAL_PAGES_MAX = 1000
"""The write-ahead log is folded into the database when it has this many pages of 4 KiB."""

_SCHEMA = """
CREATE TABLE node (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    format INTEGER NOT NULL, cluster_id TEXT NOT NULL, node_id INTEGER NOT NULL
) STRICT;
CREATE TABLE hard_state (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    current_term INTEGER NOT NULL, voted_for INTEGER, crc INTEGER NOT NULL
) STRICT;
CREATE TABLE log (
    idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, entry BLOB, crc INTEGER NOT NULL
) STRICT;
"""
_INSERT = "INSERT INTO log (idx, term, entry, crc) VALUES (?, ?, ?, ?)"
_SAVE_STATE = "INSERT OR REPLACE INTO hard_state VALUES (1, ?, ?, ?)"


def _entry_crc(index: int, term: int, entry: bytes | None) -> int:
    kind = b"-" if entry is None else b"+"
    return zlib.crc32(entry or b"", zlib.crc32(b"%d %d %s" % (index, term, kind)))


def _state_crc(state: HardState) -> int:
    return zlib.crc32(f"{state.current_term} {state.voted_for}".encode())


class SqliteStorage:
    """`Storage` in one file. One call at a time, from any thread."""

    def __init__(self, path: Path, cluster_id: str, node_id: int) -> None:
        """Open what `create` made.

        Raises FileNotFoundError, CorruptionError (also for the database of another node or
        cluster), StorageError.
        """
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, "no database", str(path))
        self._path = path
        self._error: StorageError | None = None
        self._connection: sqlite3.Connection | None = None
        try:
            self._db = self._connection = _connect(path)
            row = self._db.execute("SELECT format, cluster_id, node_id FROM node").fetchone()
            last = self._db.execute("SELECT max(idx) FROM log").fetchone()[0]
        except sqlite3.Error as error:
            self.close()
            raise _translate(error, path) from error
        if row != (FORMAT_VERSION, cluster_id, node_id):
            self.close()
            raise CorruptionError(
                f"{path} is not the database of node {node_id} of this cluster: {row}"
            )
        self._last_index: int = last or 0

    @classmethod
    def create(cls, path: Path, cluster_id: str, node_id: int) -> None:
        """Make an empty database, readable by its owner only, durable on return.

        Raises FileExistsError, StorageError.
        """
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            db = _connect(path)
            db.executescript(_SCHEMA)
            db.execute("BEGIN IMMEDIATE")
            db.execute(
                "INSERT INTO node VALUES (1, ?, ?, ?)", (FORMAT_VERSION, cluster_id, node_id)
            )
            db.execute(_SAVE_STATE, (0, None, _state_crc(HardState(0, None))))
            db.execute("COMMIT")
            db.close()
        except sqlite3.Error as error:
            raise _translate(error, path) from error
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def load(self) -> Stored:
        try:
            state = self._load_state()
            log = list(self._load_log())
        except sqlite3.Error as error:
            raise _translate(error, self._path) from error
        if log and log[-1].term > state.current_term:
            raise CorruptionError(
                f"{self._path}: entry {len(log)} has term {log[-1].term}, above the saved term "
                f"{state.current_term}"
            )
        return Stored(state, log)

    def _load_state(self) -> HardState:
        row = self._db.execute("SELECT current_term, voted_for, crc FROM hard_state").fetchone()
        if row is None or _state_crc(HardState(row[0], row[1])) != row[2]:
            raise CorruptionError(f"{self._path}: the saved term and vote are damaged")
        return HardState(row[0], row[1])

    def _load_log(self) -> Iterator[LogEntry]:
        expected = 1
        for index, term, entry, crc in self._db.execute(
            "SELECT idx, term, entry, crc FROM log ORDER BY idx"
        ):
            if index != expected:
                raise CorruptionError(f"{self._path}: entry {expected} is missing")
            if _entry_crc(index, term, entry) != crc:
                raise CorruptionError(f"{self._path}: entry {index} is damaged (checksum)")
            yield LogEntry(term, entry)
            expected += 1

    def save(
        self,
        hard_state: HardState | None,
        truncate_from: int | None,
        first_index: int,
        entries: Sequence[LogEntry],
    ) -> None:
        if self._error is not None:
            raise self._error
        kept = self._last_index if truncate_from is None else truncate_from - 1
        assert not entries or first_index == kept + 1, "the log has no holes"
        try:
            self._write(hard_state, truncate_from, first_index, entries)
        except sqlite3.Error as error:
            failure = _translate(error, self._path)
            if isinstance(failure, DiskFullError):
                self._roll_back()
            else:
                self._error = failure
            raise failure from error
        self._last_index = kept + len(entries)

    def _write(
        self,
        hard_state: HardState | None,
        truncate_from: int | None,
        first_index: int,
        entries: Sequence[LogEntry],
    ) -> None:
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        if hard_state is not None:
            db.execute(_SAVE_STATE, (*hard_state, _state_crc(hard_state)))
        if truncate_from is not None:
            db.execute("DELETE FROM log WHERE idx >= ?", (truncate_from,))
        db.executemany(
            _INSERT,
            (
                (index, term, entry, _entry_crc(index, term, entry))
                for index, (term, entry) in enumerate(entries, first_index)
            ),
        )
        db.execute("COMMIT")

    def _roll_back(self) -> None:
        """SQLite may have rolled back by itself."""
        if self._db.in_transaction:
            try:
                self._db.execute("ROLLBACK")
            except sqlite3.Error as error:
                self._error = StorageError(f"{self._path}: {error}")
                raise self._error from error

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise sqlite3.OperationalError(f"write-ahead logging is not possible here ({mode})")
    db.execute("PRAGMA synchronous = FULL")
    db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES_MAX}")
    return db


def _translate(error: sqlite3.Error, path: Path) -> StorageError:
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_FULL:
        return DiskFullError(f"{path}: no space is left")
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return CorruptionError(f"{path} is damaged: {error}")
    return StorageError(f"{path}: {error}")
