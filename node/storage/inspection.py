"""A node's database and redo log, looked at from outside: while it runs, or after it died.

Nothing is written, and nothing tidied up: what is found there next time, by the node or by whoever
looks for the cause of its end, is what was found this time.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from node.raft.messages import LogEntry
from node.storage import rows
from node.storage.base import CorruptionError, FormatVersionError, StorageError, Stored
from node.storage.ondisk import REDO
from node.storage.redo import Redone, entries_of, read_records, state_after
from node.storage.rows import DamagedRowError, State
from node.storage.sqlite import (
    DISK_ERRORS,
    SELECT_LOG,
    SELECT_SNAPSHOTS,
    SELECT_STATE,
    check_write_ahead_log,
    damaged,
    decode_text,
    translate,
    write_ahead_log,
)

DAMAGES_MAX = 1000
"""More are not listed."""
_TRIES_MAX = 10
_LOG_HEADER_BYTES = 32


@dataclass(frozen=True, slots=True)
class Inspected:
    """What is in a database and its redo log. `stored.log` ends in front of the first damaged
    entry; `damage` says, a line each, what keeps the node from starting.
    """

    cluster_id: str
    node_id: int
    stored: Stored
    damage: tuple[str, ...]


def read_database(path: Path) -> Inspected:
    """Raises FileNotFoundError; CorruptionError when nothing can be said; FormatVersionError;
    StorageError, also for a node that starts or stops all the time.
    """
    for _ in range(_TRIES_MAX):
        before = _files(path)
        try:
            inspected = _read(path, is_folded=before.log_bytes == 0)
        except StorageError:
            if _is_settled(path, before):
                raise
            continue
        if inspected is not None and _is_settled(path, before):
            return inspected
    raise StorageError(f"{path} changes while it is being read: try again")


def _is_settled(path: Path, before: "_Files") -> bool:
    """Whether what was read meanwhile is of one moment. With a write-ahead log SQLite sees to that;
    without one, whoever writes does so under the reader.
    """
    now = _files(path)
    return now == before or min(now.log_bytes, before.log_bytes) > 0


class _Files(NamedTuple):
    database: tuple[int, int]
    log_bytes: int


def _files(path: Path) -> _Files:
    """What tells whether anybody wrote. Raises FileNotFoundError."""
    found = path.stat()
    try:
        log_bytes = write_ahead_log(path).stat().st_size
    except FileNotFoundError:
        log_bytes = 0
    return _Files((found.st_size, found.st_mtime_ns), log_bytes)


def _read(path: Path, is_folded: bool) -> Inspected | None:
    """None when the redo log was laid into the database meanwhile, or when damage in it was another
    one at a second look: a node that runs goes on writing it.
    """
    damage: list[str] = []

    def report(what: str) -> None:
        if len(damage) < DAMAGES_MAX:
            damage.append(what)

    log_damage = _find_log_damage(path)
    if log_damage is not None:
        report(log_damage)
    try:
        with closing(_connect(path, is_folded)) as db:
            identity = rows.read_identity(db.execute("SELECT * FROM node").fetchone())
            _, generation = rows.read_state(db.execute(SELECT_STATE).fetchone())
            data = _redo_bytes(path)
            db.execute("BEGIN")  # all of it as it was at one moment
            state, generation_then = rows.read_state(db.execute(SELECT_STATE).fetchone())
            if generation_then != generation:
                return None
            redone = read_records(data, generation)
            if redone.damage and redone != read_records(_redo_bytes(path), generation):
                return None
            found = db.execute(SELECT_LOG, (state.base.index,))
            log = rows.read_log(state, _until_error(found, path, report), report)
            found = db.execute(SELECT_SNAPSHOTS)
            snapshots = rows.read_snapshots(state, log, _until_error(found, path, report), report)
    except (*DISK_ERRORS, DamagedRowError, FormatVersionError) as error:
        raise translate(error, path) from error
    is_whole = len(log) == state.last_index - state.base.index
    state = _take_in(redone, state, log if is_whole else [], path.with_name(REDO), report)
    stored = Stored(
        state.hard_state, log, identity.first, state.base, snapshots, state.commit_index
    )
    return Inspected(identity.cluster_id, identity.node_id, stored, tuple(damage))


def _take_in(
    redone: Redone, state: State, log: list[LogEntry], path: Path, report: Callable[[str], None]
) -> State:
    """Put the entries of the redo log behind those of the database, and give what is in force."""
    try:
        for record in redone.records:
            after, entries = state_after(state, record), entries_of(record)
            log += entries
            state = after
    except DamagedRowError as error:
        report(str(damaged(path, str(error))))
    if redone.damage is not None:
        report(str(damaged(path, redone.damage)))
    return state


def read_redo(path: Path) -> Redone:
    """What the redo log beside the database at `path` holds, of a node that does not run. Raises as
    `read_database` does.
    """
    try:
        with closing(_connect(path, _files(path).log_bytes == 0)) as db:
            rows.read_identity(db.execute("SELECT * FROM node").fetchone())
            _, generation = rows.read_state(db.execute(SELECT_STATE).fetchone())
        return read_records(_redo_bytes(path), generation)
    except (*DISK_ERRORS, DamagedRowError, FormatVersionError) as error:
        raise translate(error, path) from error


def _redo_bytes(path: Path) -> bytes:
    try:
        return path.with_name(REDO).read_bytes()
    except FileNotFoundError:
        return b""


def _find_log_damage(path: Path) -> str | None:
    """What is wrong with the write-ahead log. A node that runs goes on writing it, and begins it
    anew now and then: what is damage is found in the same place again.
    """
    before = None
    for _ in range(_TRIES_MAX):
        header = _log_header(path)
        try:
            check_write_ahead_log(path)
        except CorruptionError as error:
            found = (str(error), header)
        else:
            return None
        if found == before:
            return found[0]
        before = found
    return None


def _log_header(path: Path) -> bytes:
    try:
        with write_ahead_log(path).open("rb") as log:
            return log.read(_LOG_HEADER_BYTES)
    except FileNotFoundError:
        return b""


def _connect(path: Path, is_folded: bool) -> sqlite3.Connection:
    """Without a write-ahead log there is nobody to agree with, and SQLite is told so: it would make
    the files for that, and leave them behind. With one it needs them, and leaves the log alone.
    """
    mode = "immutable=1" if is_folded else "mode=ro"
    db = sqlite3.connect(f"file:{quote(str(path))}?{mode}", uri=True, isolation_level=None)
    db.text_factory = decode_text
    return db


def _until_error(
    found: Iterable[rows.Row], path: Path, report: Callable[[str], None]
) -> Iterator[rows.Row]:
    try:
        yield from found
    except DISK_ERRORS as error:
        report(str(translate(error, path)))
