"""One SQLite database a node: its term and vote, and its log.

Write-ahead logging with synchronous=FULL makes each commit one flush of the disk, and a batch is
one transaction: term, vote, truncation and new entries land together or not at all. A checksum
beside each entry covers its index and term too, so an entry that rots, or that turns up in the
place of another, is found at boot, and so is a lost end of the log, whose last index lies beside
the vote; `wal` finds damage in what SQLite has not folded into the database yet. A node that finds
such damage refuses to start, since it may have promised what it lost.

An error of the disk is final: after a failed flush nobody knows what reached it, and a second try
may succeed without having written (fsyncgate). The exception is a full disk, which SQLite reports
before it writes anything.
"""

import errno
import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from node.raft.messages import LogEntry
from node.raft.ready import HardState
from node.storage.base import CorruptionError, DiskFullError, StorageError, Stored
from node.storage.wal import find_damage

FORMAT_VERSION = 1
WAL_PAGES_MAX = 1000
"""The write-ahead log is folded into the database when it has this many pages of 4 KiB."""
WAL_BYTES_MAX = 8 * 1024 * 1024
"""A larger one, which only a large batch makes, is cut back to this size after it was folded."""

_SCHEMA = """
CREATE TABLE node (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    format INTEGER NOT NULL, cluster_id TEXT NOT NULL, node_id INTEGER NOT NULL
) STRICT;
CREATE TABLE hard_state (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    current_term INTEGER NOT NULL, voted_for INTEGER, last_index INTEGER NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
CREATE TABLE log (
    idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, entry BLOB, crc INTEGER NOT NULL
) STRICT;
"""
# SQLite's messages quote the file, so damage may show as text that cannot be decoded.
_DISK_ERRORS = (sqlite3.Error, OSError, UnicodeDecodeError, OverflowError)
# A copy of earlier files would have forgotten promises as well: never suggest one.
_ADVICE = "wipe this node: it then has no vote, and the others go on without it"

_INSERT = "INSERT INTO log (idx, term, entry, crc) VALUES (?, ?, ?, ?)"
_SAVE_STATE = "INSERT OR REPLACE INTO hard_state VALUES (1, ?, ?, ?, ?)"


def _entry_crc(index: int, term: int, entry: bytes | None) -> int:
    kind = b"-" if entry is None else b"+"
    return zlib.crc32(entry or b"", zlib.crc32(b"%d %d %s" % (index, term, kind)))


def _state_row(state: HardState, last_index: int) -> tuple[int, int | None, int, int]:
    """Term, vote, where the log ends, and a checksum over them."""
    crc = zlib.crc32(f"{state.current_term} {state.voted_for} {last_index}".encode())
    return (*state, last_index, crc)


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
            _check_write_ahead_log(path)
            self._db = self._connection = _connect(path)
            row = self._db.execute("SELECT format, cluster_id, node_id FROM node").fetchone()
            self._hard_state, self._last_index = self._load_state()
        except _DISK_ERRORS as error:
            self.close()
            raise _translate(error, path) from error
        except CorruptionError:
            self.close()
            raise
        if row != (FORMAT_VERSION, cluster_id, node_id):
            self.close()
            raise CorruptionError(
                f"{path} is not the database of node {node_id} of this cluster: {row}"
            )

    @classmethod
    def create(cls, path: Path, cluster_id: str, node_id: int) -> None:
        """Make an empty database, readable by its owner only, durable on return.

        Raises FileExistsError, StorageError.
        """
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with closing(_connect(path)) as db:
                db.executescript(_SCHEMA)
                db.execute("BEGIN IMMEDIATE")
                identity = (FORMAT_VERSION, cluster_id, node_id)
                db.execute("INSERT INTO node VALUES (1, ?, ?, ?)", identity)
                db.execute(_SAVE_STATE, _state_row(HardState(0, None), 0))
                db.execute("COMMIT")
        except sqlite3.Error as error:
            path.unlink(missing_ok=True)
            raise _translate(error, path) from error
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def load(self) -> Stored:
        try:
            log = list(self._load_log())
        except _DISK_ERRORS as error:
            raise _translate(error, self._path) from error
        if len(log) != self._last_index:
            raise _damaged(
                self._path,
                f"entry {len(log) + 1} is missing, the log went on to {self._last_index}",
            )
        if log and log[-1].term > self._hard_state.current_term:
            raise _damaged(
                self._path,
                f"entry {len(log)} has term {log[-1].term}, above the saved term "
                f"{self._hard_state.current_term}",
            )
        return Stored(self._hard_state, log)

    def _load_state(self) -> tuple[HardState, int]:
        row = self._db.execute(
            "SELECT current_term, voted_for, last_index, crc FROM hard_state"
        ).fetchone()
        if row is None or _state_row(HardState(row[0], row[1]), row[2]) != row:
            raise _damaged(self._path, "the saved term and vote are damaged")
        return HardState(row[0], row[1]), row[2]

    def _load_log(self) -> Iterator[LogEntry]:
        expected = 1
        for index, term, entry, crc in self._db.execute(
            "SELECT idx, term, entry, crc FROM log ORDER BY idx"
        ):
            if index != expected:
                raise _damaged(self._path, f"entry {expected} is missing")
            is_typed = type(term) is int and (entry is None or type(entry) is bytes)
            if not is_typed or _entry_crc(index, term, entry) != crc:
                raise _damaged(self._path, f"entry {index} is damaged (checksum)")
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
        assert truncate_from is None or truncate_from >= 1, "the log begins at 1"
        kept = (
            self._last_index if truncate_from is None else min(truncate_from - 1, self._last_index)
        )
        assert not entries or first_index == kept + 1, "the log has no holes"
        state = hard_state or self._hard_state
        last_index = kept + len(entries)
        try:
            self._write(_state_row(state, last_index), truncate_from, first_index, entries)
        except _DISK_ERRORS as error:
            failure = _translate(error, self._path)
            if isinstance(failure, DiskFullError):
                self._roll_back()
            else:
                self._error = failure
            raise failure from error
        self._hard_state, self._last_index = state, last_index

    def _write(
        self,
        state_row: tuple[int, int | None, int, int],
        truncate_from: int | None,
        first_index: int,
        entries: Sequence[LogEntry],
    ) -> None:
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        db.execute(_SAVE_STATE, state_row)
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
    try:
        mode = db.execute("PRAGMA journal_mode = WAL").fetchone()[0]
        if mode != "wal":
            raise sqlite3.OperationalError(f"write-ahead logging is not possible here ({mode})")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {WAL_PAGES_MAX}")
        db.execute(f"PRAGMA journal_size_limit = {WAL_BYTES_MAX}")
    except BaseException:
        db.close()
        raise
    return db


def _check_write_ahead_log(path: Path) -> None:
    log_path = path.with_name(f"{path.name}-wal")
    try:
        with log_path.open("rb") as log:
            offset = find_damage(log)
    except FileNotFoundError:
        return  # the node was stopped cleanly
    if offset is not None:
        raise _damaged(log_path, f"damaged at byte {offset}, in front of saves that were flushed")


def _damaged(path: Path, what: str) -> CorruptionError:
    return CorruptionError(f"{path}: {what}; {_ADVICE}")


def _translate(error: Exception, path: Path) -> StorageError:
    if isinstance(error, UnicodeDecodeError):
        return CorruptionError(f"{path} is damaged: its texts are not readable; {_ADVICE}")
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary == sqlite3.SQLITE_FULL:
        return DiskFullError(f"{path}: no space is left")
    # SQLITE_ERROR: a table or a column is not there.
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
        return CorruptionError(f"{path} is damaged: {error}; {_ADVICE}")
    return StorageError(f"{path}: {error}")
