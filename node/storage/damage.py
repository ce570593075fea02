"""Damage to the data of a node that does not run, as disks do it: to see what it makes of that.

A bit that flips is found by the checksum of its entries or its snapshot. An end that is lost goes
unnoticed where SQLite takes it for a write that was cut off, see `wal`: the node comes up and has
forgotten what it had promised, as after a disk that lied about its flushes.
"""

import os
import random
import sqlite3
from contextlib import closing
from pathlib import Path

from node.storage import rows
from node.storage.base import StorageError
from node.storage.inspection import read_database, read_redo
from node.storage.ondisk import DATABASE, REDO, DiskStorage
from node.storage.renewal import snapshots_folder
from node.storage.sqlite import DISK_ERRORS, PAGE_BYTES, translate, write_ahead_log
from node.storage.wal import transactions


def rot(data: Path, rng: random.Random) -> str:
    """Flip a bit, in entries or in the newest snapshot of the data in this folder. Says in which.

    Raises FileNotFoundError; StorageError for what is damaged already, or holds neither.
    """
    database = data / DATABASE
    database.stat()
    snapshots = sorted(snapshots_folder(data).glob("*.snap"))
    if snapshots and rng.random() < 0.5:
        return _rot_file(snapshots[-1], rng)
    _fold(data)
    try:
        with closing(sqlite3.connect(database, isolation_level=None)) as db:
            name = _rot_run(db, rng)
    except DISK_ERRORS as error:
        raise translate(error, database) from error
    if name is not None:
        return f"a bit of {name} flipped"
    if snapshots:
        return _rot_file(snapshots[-1], rng)
    raise StorageError(f"{database}: it holds nothing that could rot")


def _fold(data: Path) -> None:
    """Lay the redo log into the database, where a bit that flips is always found."""
    seen = read_database(data / DATABASE)
    DiskStorage(data, seen.cluster_id, seen.node_id).close()


def _rot_run(db: sqlite3.Connection, rng: random.Random) -> str | None:
    """Which entries; None: there are none."""
    (base,) = db.execute("SELECT base_index FROM hard_state").fetchone()
    found = db.execute("SELECT idx FROM log WHERE last > ?", (base,)).fetchall()
    if not found:
        return None
    (index,) = rng.choice(found)
    run = db.execute("SELECT idx, last, entries FROM log WHERE idx = ?", (index,)).fetchone()
    db.execute("UPDATE log SET entries = ? WHERE idx = ?", (_flipped(run[2], rng), index))
    return rows.run_name(run)


def _rot_file(path: Path, rng: random.Random) -> str:
    path.write_bytes(_flipped(path.read_bytes(), rng))
    return f"a bit of {path.name} flipped"


def _flipped(data: bytes, rng: random.Random) -> bytes:
    changed = bytearray(data)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def truncate(data: Path, rng: random.Random) -> str:
    """Cut off the newer half of the redo log, within a record; where there is none, of SQLite's
    write-ahead log, within a transaction; and after a clean stop of the database. Says what is
    gone.

    Raises FileNotFoundError, StorageError.
    """
    database, redo_log = data / DATABASE, data / REDO
    log_path = write_ahead_log(database)
    size = database.stat().st_size
    records = read_redo(database).ends
    if len(records) > 1:
        return _cut(redo_log, records, rng)
    flushed = _transactions(log_path)
    if len(flushed) > 1:
        if redo_log.exists():
            os.truncate(redo_log, 0)  # what it holds follows a transaction that goes
        return _cut(log_path, flushed, rng)
    log_path.unlink(missing_ok=True)
    os.truncate(database, max(size // 2 // PAGE_BYTES, 1) * PAGE_BYTES)
    return f"the second half of {DATABASE} is gone"


def _cut(path: Path, ends: list[int], rng: random.Random) -> str:
    kept = len(ends) // 2
    os.truncate(path, rng.randrange(ends[kept - 1], ends[kept]))
    return f"its last {len(ends) - kept} flushes are gone"


def _transactions(log_path: Path) -> list[int]:
    if not log_path.exists():
        return []
    with log_path.open("rb") as log:
        return transactions(log)
