"""One SQLite database a node: its term and vote, its log, and what it knows of its snapshots.

Write-ahead logging with synchronous=FULL makes each commit one flush of the disk, and a save is
one transaction: term, vote, truncation and new entries land together or not at all. `rows` says how
damage is found when a node boots, and `wal` finds it in what SQLite has not folded into the
database yet. A node that finds such damage refuses to start, since it may have promised what it
lost.

The log lies there in runs, as `rows` says. What is cut off may begin within one, whose front is
written anew then.

A log is compacted by moving its base: what lies at or below it is not read any more, whether it is
there or not. Runs that lie there wholly are deleted, a few with each save here, so that none takes
long.

An error of the disk is final: after a failed flush nobody knows what reached it, and a second try
may succeed without having written (fsyncgate). The exception is a full disk, which SQLite reports
before it writes what makes a transaction count.
"""

import errno
import os
import secrets
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path
from typing import NoReturn

from node.config import flush_folder
from node.raft.configuration import Configuration
from node.raft.log import EntryId
from node.raft.ready import HardState, Ready
from node.storage import rows
from node.storage.base import (
    CorruptionError,
    DiskFullError,
    FormatVersionError,
    StorageError,
    Stored,
    disk_error,
)
from node.storage.rows import DamagedRowError, Identity, State
from node.storage.wal import find_damage

PAGE_BYTES = 32 * 1024
"""Transactions are large, and take half the time that they take with SQLite's own 4 KiB."""
WAL_PAGES_MAX = 128
"""The write-ahead log is folded into the database when it has this many pages."""
WAL_BYTES_MAX = 8 * 1024 * 1024
"""A larger one, which only a large batch makes, is cut back to this size after it was folded."""
SWEPT_ENTRIES_MAX = 256
"""So many compacted entries are deleted in a save, or twice as many as it writes. It is overstepped
by less than a run.
"""
SWEPT_BYTES_MAX = 512 * 1024
"""The like for their bytes. It is overstepped by a run, or by an entry that is larger."""

# SQLite's messages quote the file, so damage may show as text that cannot be decoded.
DISK_ERRORS = (sqlite3.Error, OSError, UnicodeDecodeError, OverflowError)
_BLOCK_BYTES = 256 * 1024
# A copy of earlier files would have forgotten promises as well: never suggest one.
_ADVICE = "wipe this node: it then has no vote, and the others go on without it"


Flush = Callable[[Callable[[], object]], None]


def flush_now(write: Callable[[], object]) -> None:
    """Carry out what ends in a flush of the disk."""
    write()


class SqliteStorage:
    """`Storage` in one file. One call at a time, from any thread."""

    def __init__(self, path: Path, cluster_id: str, node_id: int, flush: Flush = flush_now) -> None:
        """Open what `create` made. `flush` carries out what ends in a flush of the disk; an OSError
        that it raises is taken for the disk's own.

        Raises FileNotFoundError, CorruptionError (also for the database of another node or
        cluster), FormatVersionError, StorageError.
        """
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, "no database", str(path))
        self._path = path
        self._flush = flush
        self._error: StorageError | None = None
        self._is_swept = False
        """Nothing is left at or below the base."""
        self._may_sweep = True
        self._connection: sqlite3.Connection | None = None
        try:
            check_write_ahead_log(path)
            _flush_write_ahead_log(path)
            self._db = self._connection = _connect(path)
            self._identity = rows.read_identity(self._db.execute("SELECT * FROM node").fetchone())
            found = rows.read_state(self._db.execute(SELECT_STATE).fetchone())
            self.state, self.generation = found
            if self._identity[:2] != (cluster_id, node_id):
                raise DamagedRowError(
                    f"it is not the database of node {node_id} of this cluster, but of node "
                    f"{self._identity.node_id} of {self._identity.cluster_id}"
                )
        except (*DISK_ERRORS, DamagedRowError, FormatVersionError) as error:
            self.close()
            raise translate(error, path) from error
        except CorruptionError:
            self.close()
            raise

    @classmethod
    def create(cls, path: Path, cluster_id: str, node_id: int, first: Configuration) -> None:
        """Make an empty database, readable by its owner only, durable on return.

        `first` is the configuration that the cluster is made with, the same on all of its nodes;
        one without voters for a node that is to be added. Raises FileExistsError, StorageError.
        """
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        try:
            with closing(_connect(path)) as db:
                db.executescript(rows.SCHEMA)
                db.execute("BEGIN IMMEDIATE")
                identity = Identity(cluster_id, node_id, first)
                first_state, generation = State(HardState(0, None)), secrets.randbits(48)
                db.execute(rows.INSERT_NODE, rows.identity_row(identity))
                db.execute(rows.SAVE_STATE, rows.state_row(first_state, generation))
                db.execute("COMMIT")
        except sqlite3.Error as error:
            path.unlink(missing_ok=True)
            raise translate(error, path) from error
        flush_folder(path.parent)

    def load(self) -> Stored:
        state = self.state
        try:
            found = self._db.execute(SELECT_LOG, (state.base.index,))
            log = rows.read_log(state, found, _raise)
            found = self._db.execute(SELECT_SNAPSHOTS)
            snapshots = rows.read_snapshots(state, log, found, _raise)
        except (*DISK_ERRORS, DamagedRowError) as error:
            raise translate(error, self._path) from error
        return Stored(
            state.hard_state,
            log,
            self._identity.first,
            state.base,
            snapshots,
            state.commit_index,
        )

    # -- writing -----------------------------------------------------------------------------------
    def save(self, batch: Ready) -> None:
        if self._error is not None:
            raise self._error
        state = self.state.after(batch)
        if state is self.state:
            return
        self._commit(state, rows.run_rows(batch.first_index, batch.entries), batch)

    def add(self, state: State, runs: Iterable[rows.Row], rest: Ready) -> None:
        """Save rows of entries that follow the log, or a base that `rest` has, the rest of `rest`,
        which cuts nothing off, and `state`, which is in force after all that. Raises as `save`.
        """
        if self._error is not None:
            raise self._error
        self._commit(state, runs, rest)

    def _commit(self, state: State, runs: Iterable[rows.Row], rest: Ready) -> None:
        try:
            self._write(state, runs, rest)
        except StorageError as error:
            self._error = error
            raise
        except (*DISK_ERRORS, DamagedRowError) as error:
            failure = translate(error, self._path)
            if isinstance(failure, DiskFullError):
                self._may_sweep = False  # it takes space for a while, which the batch may need
                self._roll_back()
            else:
                self._error = failure
            raise failure from error
        self._may_sweep = True
        self.state = state
        self.generation += 1

    def _write(self, state: State, runs: Iterable[rows.Row], rest: Ready) -> None:
        db = self._db
        db.execute("BEGIN IMMEDIATE")
        db.execute(rows.SAVE_STATE, rows.state_row(state, self.generation + 1))
        if rest.truncate_from is not None:
            self._truncate(rest.truncate_from, state.base)
        count = size = 0
        for run in runs:
            index, last, _, data, _ = run
            db.execute(rows.INSERT_RUN, run)
            count += last - index + 1
            size += len(data)
        if rest.snapshot is not None:
            db.execute(rows.SAVE_SNAPSHOT, rows.snapshot_row(rest.snapshot))
        if state.base != self.state.base:
            db.execute("DELETE FROM snapshot WHERE idx < ?", (state.base.index,))
            self._is_swept = False
        is_swept = self._is_swept or (self._may_sweep and self._sweep(state.base, count, size))
        self._flush(self._end_transaction)
        self._is_swept = is_swept

    def _end_transaction(self) -> None:
        try:
            self._db.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_IOERR_SHMSIZE:
                # The index is made larger for frames that are there, and flushed: it happened.
                raise StorageError(f"{self._path}: no space is left for what was saved") from error
            raise

    def _truncate(self, index: int, base: EntryId) -> None:
        """Delete the entries from `index` on. Raises DamagedRowError for damage to the run in front
        of it, which may reach there.
        """
        start, front = index, []
        run = self._db.execute(_SELECT_IN_FRONT, (index,)).fetchone()
        if run is not None and index <= base.index + 1:
            start = run[0]  # whatever is there, and how far it reaches: nobody reads it any more
        elif run is not None:
            entries = rows.read_run(run)
            if run[0] + len(entries) > index:
                start, front = run[0], entries[: index - run[0]]
        self._db.execute("DELETE FROM log WHERE idx >= ?", (start,))
        self._db.executemany(rows.INSERT_RUN, rows.run_rows(start, front))

    def _sweep(self, base: EntryId, count: int, size: int) -> bool:
        """Delete some of what was compacted, and say whether there was nothing any more. It must
        be more than was written, `count` entries of `size` bytes, or the file would grow for ever.
        """
        bytes_left = max(SWEPT_BYTES_MAX, 2 * size)
        entries_left = entries_max = max(SWEPT_ENTRIES_MAX, 2 * count)
        end = None
        with closing(self._db.execute(_SELECT_COMPACTED, (base.index, entries_max))) as found:
            for index, last, run_size in found:
                end = index
                entries_left -= last - index + 1
                bytes_left -= run_size
                if entries_left <= 0 or bytes_left < 0:
                    break
        if end is None:
            return True
        self._db.execute("DELETE FROM log WHERE idx <= ?", (end,))
        return False

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


SELECT_STATE = (
    "SELECT current_term, voted_for, base_index, base_term, last_index, commit_index, "
    "generation, crc "
    "FROM hard_state"
)
# The base may lie within a run, which then holds the first entries above it.
SELECT_LOG = (
    "SELECT idx, last, term, entries, crc FROM log "
    "WHERE idx >= ifnull((SELECT max(idx) FROM log WHERE idx <= ?1 + 1), 0) "
    "AND (idx > ?1 OR last > ?1) ORDER BY idx"
)
SELECT_SNAPSHOTS = "SELECT idx, term, size, digest, configuration, crc FROM snapshot"
_SELECT_IN_FRONT = (
    "SELECT idx, last, term, entries, crc FROM log WHERE idx < ? ORDER BY idx DESC LIMIT 1"
)
_SELECT_COMPACTED = (
    "SELECT idx, last, ifnull(length(entries), 0) FROM log WHERE idx <= ?1 AND last <= ?1 "
    "ORDER BY idx LIMIT ?2"
)


def _connect(path: Path) -> sqlite3.Connection:
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5)
    db.text_factory = decode_text
    try:
        db.execute(f"PRAGMA page_size = {PAGE_BYTES}")  # which counts when a database is made
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


def decode_text(data: bytes) -> str:
    """Rot makes a text of what is none. Such a row is damaged, and has to be read to be named."""
    return data.decode(errors="replace")


def write_ahead_log(path: Path) -> Path:
    """Where SQLite keeps that of the database at `path`; there may be none."""
    return path.with_name(f"{path.name}-wal")


def check_write_ahead_log(path: Path) -> None:
    """To be called before SQLite opens the database. Raises CorruptionError, OSError."""
    log_path = write_ahead_log(path)
    try:
        with log_path.open("rb") as log:
            offset = find_damage(log)
    except FileNotFoundError:
        return  # the node was stopped cleanly
    if offset is not None:
        raise damaged(log_path, f"damaged at byte {offset}, in front of saves that were flushed")


def _flush_write_ahead_log(path: Path) -> None:
    """After a crash of the process it may hold what was never flushed, which counts from now on.

    It is written anew: after a flush that failed, the system takes for flushed what it has.
    """
    try:
        log = write_ahead_log(path).open("r+b", buffering=0)
    except FileNotFoundError:
        return
    with log:
        offset = 0
        while block := os.pread(log.fileno(), _BLOCK_BYTES, offset):
            write_all(log.fileno(), block, offset)
            offset += len(block)
        os.fsync(log.fileno())


def write_all(file: int, data: bytes, offset: int) -> None:
    """All of `data`, to `offset` in the file that this descriptor stands for. Raises OSError."""
    written = 0
    while written < len(data):
        written += os.pwrite(file, data[written:], offset + written)


def damaged(path: Path, what: str) -> CorruptionError:
    return CorruptionError(f"{path}: {what}; {_ADVICE}")


def _raise(what: str) -> NoReturn:
    raise DamagedRowError(what)


def translate(error: Exception, path: Path) -> StorageError:
    """What an error of SQLite, or a row, means for the database at `path`."""
    if isinstance(error, DamagedRowError):
        return damaged(path, str(error))
    if isinstance(error, FormatVersionError):
        return FormatVersionError(f"{path}: {error}")
    if isinstance(error, OSError):
        return disk_error(error, path)
    if isinstance(error, UnicodeDecodeError):
        return CorruptionError(f"{path} is damaged: its texts are not readable; {_ADVICE}")
    code = getattr(error, "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    # The index of the write-ahead log has another code: no room for it when it is opened.
    if primary == sqlite3.SQLITE_FULL or code == sqlite3.SQLITE_IOERR_SHMSIZE:
        return DiskFullError(f"{path}: no space is left")
    # SQLITE_ERROR: a table or a column is not there.
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):
        return CorruptionError(f"{path} is damaged: {error}; {_ADVICE}")
    return StorageError(f"{path}: {error}")
