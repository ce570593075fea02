"""What a node keeps on its disk: a database, and a redo log in front of it.

A save that only adds to the log is one record of the redo log: one write, and one flush. When no
record fits any more, all that they say becomes one transaction of the database; so does what is
more than an addition, or large, together with the records in front of it. What counts for the
database counts here: a save lands wholly or not at all, it is durable on return, and an error of
the disk is final, but for a full disk.

After a crash the process may find what the system wrote and never flushed. It would be taken for
saved, and be promised on, so it is flushed before anything of it counts.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path
from typing import NamedTuple, TypeVar

from node.config import flush_folder
from node.raft.ready import Ready
from node.storage.base import DiskFullError, StorageError, Stored
from node.storage.redo import (
    RECORDS_MAX,
    REDO_BYTES,
    Record,
    aligned,
    encode_record,
    entries_of,
    read_record,
    read_records,
    state_after,
)
from node.storage.rows import DamagedRowError, Row, State, run_rows
from node.storage.sqlite import Flush, SqliteStorage, damaged, flush_now, translate, write_all

Result = TypeVar("Result")

DATABASE = "raft.db"
REDO = "raft.redo"
FILES = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", REDO)
"""Where the term, the vote and the log are, in a node's folder."""

GROWTH_BYTES = 256 * 1024
"""By so much the file grows, so that most records are written over what is there."""

_FLAGS = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC
_NOTHING_ELSE = Ready(0)
_flush_data = getattr(os, "fdatasync", os.fsync)  # not every system has the former


class _Written(NamedTuple):
    """A record in the file: where it ends, and the last entry of the log after it."""

    end: int
    last_index: int


class DiskStorage:
    """`Storage` in a node's folder. One call at a time, from any thread."""

    def __init__(
        self, folder: Path, cluster_id: str, node_id: int, flush: Flush = flush_now
    ) -> None:
        """Open what `SqliteStorage.create` made. `flush` carries out what ends in a flush of the
        disk; an OSError that it raises is taken for the disk's own.

        Raises FileNotFoundError, CorruptionError (also for the files of another node or cluster),
        FormatVersionError, StorageError.
        """
        self._path = folder / REDO
        self._flush = flush
        self._error: StorageError | None = None
        self._written: list[_Written] = []
        self._size = 0
        self._file: int | None = None
        self._database = SqliteStorage(folder / DATABASE, cluster_id, node_id, flush)
        self._state = self._database.state
        try:
            self._file = os.open(self._path, _FLAGS, 0o600)
            self._redo(self._file)
        except BaseException as error:
            self._release()  # what is refused is not laid into the database
            if isinstance(error, OSError):
                raise translate(error, self._path) from error
            raise

    def _redo(self, file: int) -> None:
        """Take in what the redo log holds."""
        self._size = os.fstat(file).st_size
        if self._size == 0:
            flush_folder(self._path.parent)  # it may be new
        data = os.pread(file, min(self._size, REDO_BYTES), 0)
        found = read_records(data, self._database.generation)
        if found.damage is not None:
            raise damaged(self._path, found.damage)
        try:
            for record, end in zip(found.records, found.ends, strict=True):
                self._state = state_after(self._state, record)
                self._written.append(_Written(end, self._state.last_index))
        except DamagedRowError as error:
            raise damaged(self._path, str(error)) from error
        if found.records:
            write_all(file, data[: found.ends[-1]], 0)
            _flush_data(file)

    def load(self) -> Stored:
        return self._guarded(self._load)

    def _load(self) -> Stored:
        stored = self._database.load()
        records = self._records(stored.base.index)
        entries = [entry for record in records for entry in entries_of(record)]
        return stored._replace(
            hard_state=self._state.hard_state,
            log=stored.log + entries,
            commit_index=self._state.commit_index,
        )

    def _records(self, base_index: int) -> Iterator[Record]:
        """Those with entries above the base. Raises CorruptionError, StorageError."""
        assert self._file is not None
        offset = 0
        for number, (end, last_index) in enumerate(self._written):
            if last_index > base_index:
                try:
                    data = os.pread(self._file, end - offset, offset)
                except OSError as error:
                    raise translate(error, self._path) from error
                found = read_record(data, 0, self._database.generation, number)
                if found is None:
                    raise damaged(self._path, f"damaged at byte {offset}")
                yield found[0]
            offset = aligned(end)

    # -- writing -----------------------------------------------------------------------------------
    def save(self, batch: Ready) -> None:
        if self._error is not None:
            raise self._error
        state = self._state.after(batch)
        if state is self._state:
            return
        self._guarded(lambda: self._write(state, batch))
        self._state = state

    def _guarded(self, act: Callable[[], Result]) -> Result:
        """Every error but a full disk is final: nothing is written any more."""
        try:
            return act()
        except StorageError as error:
            self._latch(error)
            raise
        except (DamagedRowError, OSError) as error:
            failure = translate(error, self._path)
            self._latch(failure)
            raise failure from error

    def _latch(self, failure: StorageError) -> None:
        if not isinstance(failure, DiskFullError):
            self._error = failure

    def _write(self, state: State, batch: Ready) -> None:
        if batch.truncate_from is not None:
            if self._written:  # which changes nothing of what is saved
                self._fold(self._state, [], _NOTHING_ELSE)
            self._database.save(batch)
            return
        runs = run_rows(batch.first_index, batch.entries)
        is_more = batch.base is not None or batch.snapshot is not None
        if is_more or not self._append(state, runs):
            self._fold(state, runs, batch)

    def _append(self, state: State, runs: list[Row]) -> bool:
        """Whether there was room for it."""
        number = len(self._written)
        record = Record(state.hard_state, state.commit_index, runs)
        data = encode_record(self._database.generation, number, record)
        offset = aligned(self._written[-1].end) if number else 0
        if data is None or number >= RECORDS_MAX or offset + len(data) > REDO_BYTES:
            return False
        self._flush(lambda: self._put(data, offset))
        self._written.append(_Written(offset + len(data), state.last_index))
        return True

    def _put(self, record: bytes, offset: int) -> None:
        assert self._file is not None
        end = offset + len(record)
        if end > self._size:
            grown = -(-end // GROWTH_BYTES) * GROWTH_BYTES
            write_all(self._file, bytes(grown - self._size), self._size)
            self._size = grown
        write_all(self._file, record, offset)
        try:
            _flush_data(self._file)
        except OSError as error:
            # Final, even for lack of space: the record may be there.
            raise StorageError(f"{self._path}: {error.strerror or error}") from error

    def _fold(self, state: State, more: list[Row], rest: Ready) -> None:
        """Lay what the records say into the database, `more`, and what else `rest` has, after all
        of which `state` holds. What it compacts is not laid there.
        """
        base = state.base.index
        kept = (run for record in self._records(base) for run in record.runs if run[1] > base)
        self._database.add(state, chain(kept, more), rest)
        self._written = []

    def close(self) -> None:
        """What the records say is in the database then, unless the disk has no room."""
        if self._written and self._error is None and self._file is not None:
            with suppress(StorageError):
                self._fold(self._state, [], _NOTHING_ELSE)
        self._release()

    def _release(self) -> None:
        file, self._file = self._file, None
        self._database.close()
        if file is not None:
            os.close(file)
