"""A node's data for the next life of its cluster: written aside, then put in its place.

An operator can make a cluster anew out of what is left of it, or out of a snapshot. It gets a new
id then, and each of its nodes new data, all of which is written into `next-<id>` first, beside what
the node has. What counts is the moment in which `cluster.json` names the new id. Before it, what
lies aside belongs to nobody. After it, whoever comes by moves it into its place: the command
itself, the node when it starts, or a later command. So a node's data is always that of the id in
`cluster.json`, or one call of `adopt` away from it, whenever the power goes.

What a node had before stays in `before-<id>`, until the next time, in case somebody misses it.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import NamedTuple

from node.config import flush_folder
from node.raft.configuration import Configuration
from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.ready import HardState, Ready
from node.raft.snapshot import Snapshot, SnapshotId
from node.storage.base import DiskFullError, disk_errors
from node.storage.ondisk import DATABASE, FILES
from node.storage.snapshot_format import SnapshotReader
from node.storage.snapshots import SnapshotFiles
from node.storage.sqlite import SqliteStorage, write_ahead_log

SNAPSHOTS = "snapshots"
_ASIDE = "next-"
_BEFORE = "before-"
_BATCH_ENTRIES = 4096
_BATCH_BYTES = 4 * 1024 * 1024


class SnapshotSource(NamedTuple):
    """A snapshot, and which it has to be: of that cluster, and these bytes. `open` begins to read
    it, each time anew.
    """

    open: Callable[[], AbstractContextManager[SnapshotReader]]
    cluster_id: str
    id: SnapshotId


class Beginning(NamedTuple):
    """What every node begins with in the cluster's next life: a log of `entries` behind `base`, all
    of them committed, with a snapshot where the log does not begin at 1. `members` is the
    configuration in force, and `term` one that no node has voted in.
    """

    cluster_id: str
    members: Configuration
    term: int
    base: EntryId
    entries: Sequence[LogEntry]
    snapshot: SnapshotSource | None = None

    @property
    def last_index(self) -> int:
        return self.base.index + len(self.entries)


def next_folder(home: Path, cluster_id: str) -> Path:
    return home / f"{_ASIDE}{cluster_id}"


def before_folder(home: Path, cluster_id: str) -> Path:
    """Where that is which the node had before the life `cluster_id` began."""
    return home / f"{_BEFORE}{cluster_id}"


def data_folder(home: Path, cluster_id: str) -> Path:
    """Where the data of this life lies: in its place, or still aside."""
    aside = next_folder(home, cluster_id)
    return aside if (aside / DATABASE).exists() else home


def snapshots_folder(data: Path) -> Path:
    """Where the snapshots of this data lie: they come into their place before the database does."""
    if data.name.startswith(_ASIDE) and not (data / SNAPSHOTS).exists():
        return data.parent / SNAPSHOTS
    return data / SNAPSHOTS


def leftovers(home: Path) -> list[Path]:
    """What was written aside, for whatever life."""
    return sorted(home.glob(f"{_ASIDE}*"))


# -- written aside ---------------------------------------------------------------------------------
def prepare(home: Path, node_id: int, beginning: Beginning) -> None:
    """Write a node's new data aside, durably. The node has to be stopped, and to stay so.

    Raises StorageError: DiskFullError, or CorruptionError for a source that is damaged. What was
    written of it is for `discard` to remove.
    """
    aside = next_folder(home, beginning.cluster_id)
    with disk_errors(aside):
        aside.mkdir(mode=0o700)
    store = SnapshotFiles(aside / SNAPSHOTS, beginning.cluster_id)
    snapshot = _copied(beginning, store)
    path = aside / DATABASE
    # As for a newcomer: the log says who the members are. A learner is none that a cluster is made
    # with, and would not start.
    SqliteStorage.create(path, beginning.cluster_id, node_id, first=Configuration())
    with closing(SqliteStorage(path, beginning.cluster_id, node_id)) as storage:
        for batch in _batches(beginning, snapshot):
            storage.save(batch)
        storage.load()  # which finds whatever does not fit together
    log_path = write_ahead_log(path)
    if log_path.exists() and log_path.stat().st_size > 0:
        # SQLite folds it in when it closes, and says nothing when it cannot.
        raise DiskFullError(f"{path}: no space is left")
    with disk_errors(aside):
        flush_folder(aside)
        flush_folder(home)


def _copied(beginning: Beginning, store: SnapshotFiles) -> Snapshot | None:
    """The same state in a file of the new life: files say of which cluster they are."""
    source = beginning.snapshot
    if source is None:
        return None
    with source.open() as reader:
        parts = reader.parts_of(source.cluster_id, source.id)
        return store.write(source.id.index, source.id.term, beginning.members, parts)


def _batches(beginning: Beginning, snapshot: Snapshot | None) -> Iterator[Ready]:
    base = beginning.base
    first = Ready(1, HardState(beginning.term, None), snapshot=snapshot)
    if base.index > 0:
        first.base, first.truncate_from = base, base.index + 1
    yield first
    batch: list[LogEntry] = []
    size, index = 0, base.index + 1
    for entry in beginning.entries:
        batch.append(entry)
        size += len(entry.entry) if type(entry.entry) is bytes else 0
        if len(batch) >= _BATCH_ENTRIES or size >= _BATCH_BYTES:
            yield Ready(1, first_index=index, entries=batch, commit_index=beginning.last_index)
            index += len(batch)
            batch, size = [], 0
    if batch:
        yield Ready(1, first_index=index, entries=batch, commit_index=beginning.last_index)


# -- put in its place ------------------------------------------------------------------------------
def adopt(home: Path, cluster_id: str) -> bool:
    """Put in its place what was written aside for the life that `cluster.json` names. Gives whether
    there was anything.

    May be interrupted at any step, and called again. Nobody else may use the data meanwhile. Raises
    StorageError.
    """
    aside = next_folder(home, cluster_id)
    if not cluster_id.isalnum() or not aside.is_dir():
        return False
    before = before_folder(home, cluster_id)
    with disk_errors(home.parent):
        # Whoever wrote cluster.json may have ended before this. If the power took the new name and
        # left what follows, it would be the old cluster without its data.
        flush_folder(home.parent)
    with disk_errors(home):
        if (aside / SNAPSHOTS).exists():  # nothing of the new data is in its place yet
            _put_away(home, before)
            (aside / SNAPSHOTS).rename(home / SNAPSHOTS)
            flush_folder(home)
        if (aside / DATABASE).exists():
            (aside / DATABASE).rename(home / DATABASE)
            flush_folder(home)
        shutil.rmtree(aside)
        for older in home.glob(f"{_BEFORE}*"):
            if older != before or not any(older.iterdir()):
                shutil.rmtree(older)
        flush_folder(home)
    return True


def _put_away(home: Path, before: Path) -> None:
    before.mkdir(mode=0o700, exist_ok=True)
    for name in (*FILES, SNAPSHOTS):
        if (home / name).exists():
            (home / name).rename(before / name)
    flush_folder(before)
    flush_folder(home)


def discard(home: Path, cluster_id: str) -> None:
    """Remove what was written aside for other lives than this one. Raises StorageError."""
    for aside in leftovers(home):
        if aside != next_folder(home, cluster_id):
            with disk_errors(aside):
                shutil.rmtree(aside)
