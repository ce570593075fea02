"""Damage on purpose: what a node finds of it when it starts."""

import random
import re
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from node.machines.kv import KvMachine
from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.ready import HardState, Ready
from node.replica.sessions import Sessions
from node.replica.state import capture
from node.storage.base import CorruptionError, StorageError
from node.storage.damage import rot, truncate
from node.storage.ondisk import DATABASE, REDO, DiskStorage
from node.storage.snapshots import SnapshotFiles
from node.storage.sqlite import SWEPT_BYTES_MAX, SqliteStorage
from tests.storage.batches import FIRST, batch, compaction

SAVES = 20


@pytest.fixture(params=[REDO, f"{DATABASE}-wal"])
def data(request: pytest.FixtureRequest, path: Path) -> Path:
    """The folder of a node that was killed: entries 1 to 20, one to a flush, all of them in this
    file.
    """
    living = path.parent / "living"
    living.mkdir()
    SqliteStorage.create(living / "raft.db", "demo", 1, FIRST)
    is_redo = request.param == REDO
    with closing(
        open_in(living) if is_redo else SqliteStorage(living / DATABASE, "demo", 1)
    ) as storage:
        for number in range(1, SAVES + 1):
            value = b"command" if number % 2 else None
            storage.save(batch(HardState(1, 1), None, number, [LogEntry(1, value)]))
        for each in living.iterdir():
            shutil.copy(each, path.parent)
    return path.parent


def open_in(data: Path) -> DiskStorage:
    return DiskStorage(data, "demo", 1)


def boot(data: Path) -> int:
    """The last entry that it finds. Raises CorruptionError."""
    with closing(open_in(data)) as storage:
        return len(storage.load().log)


@pytest.mark.parametrize("seed", range(10))
def test_rotten_entry_is_named_when_the_node_starts(data: Path, seed: int) -> None:
    found = re.fullmatch(r"a bit of entry (\d+) flipped", rot(data, random.Random(seed)))
    assert found is not None
    with pytest.raises(CorruptionError, match=rf"entry {found[1]} is damaged \(checksum\)"):
        boot(data)


@pytest.mark.parametrize("seed", range(10))
def test_entries_that_rot_together_are_named_when_the_node_starts(path: Path, seed: int) -> None:
    """And none of what was compacted, which nobody reads."""
    with closing(SqliteStorage(path, "demo", 1)) as storage:
        for first in range(1, 6):
            storage.save(batch(HardState(1, 1), None, first, [LogEntry(1, bytes(SWEPT_BYTES_MAX))]))
        for first in (6, 11):
            entries = [LogEntry(1, b"command"), *[LogEntry(1, None)] * 4]
            storage.save(batch(None, None, first, entries))
        storage.save(compaction(7, 1))
        assert storage._db.execute("SELECT count(*) FROM log").fetchone() == (6,)
    says = rot(path.parent, random.Random(seed))
    assert says in ("a bit of entries 6 to 10 flipped", "a bit of entries 11 to 15 flipped")
    name = says.removeprefix("a bit of ").removesuffix(" flipped")
    with pytest.raises(CorruptionError, match=rf"{name} are damaged \(checksum\)"):
        boot(path.parent)


def test_rotten_snapshot_is_found_when_it_is_read(data: Path) -> None:
    store = SnapshotFiles(data / "snapshots", "demo")
    snapshot = store.write(SAVES, 1, FIRST, capture(KvMachine(), Sessions()))
    with closing(open_in(data)) as storage:
        storage.save(Ready(1, snapshot=snapshot, base=EntryId(1, SAVES)))
    assert rot(data, random.Random(1)) == f"a bit of {SAVES:016}-1.snap flipped"
    with pytest.raises(CorruptionError):
        list(store.load(snapshot.id))


def test_node_that_holds_nothing_cannot_rot(path: Path) -> None:
    with pytest.raises(StorageError, match="holds nothing that could rot"):
        rot(path.parent, random.Random(1))


@pytest.mark.parametrize("harm", [rot, truncate])
def test_folder_without_a_database_cannot_be_damaged(tmp_path: Path, harm: object) -> None:
    assert callable(harm)
    with pytest.raises(FileNotFoundError):
        harm(tmp_path, random.Random(1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("seed", range(10))
def test_node_without_the_end_of_its_log_has_forgotten_it(data: Path, seed: int) -> None:
    says = truncate(data, random.Random(seed))
    found = re.fullmatch(r"its last (\d+) flushes are gone", says)
    assert found is not None
    lost = int(found[1])
    assert 0 < lost < SAVES
    assert boot(data) == SAVES - lost


def test_node_without_half_of_its_database_does_not_start(data: Path) -> None:
    assert boot(data) == SAVES  # which folds all of it into the database, and ends cleanly
    assert not (data / "raft.db-wal").exists()
    assert truncate(data, random.Random(1)) == "the second half of raft.db is gone"
    with pytest.raises(CorruptionError, match="damaged"):
        boot(data)


def test_what_is_damaged_already_is_not_tidied_up(
    data: Path, request: pytest.FixtureRequest
) -> None:
    log = data / request.node.callspec.params["data"]
    log.write_bytes(b"\xff" * 32 + log.read_bytes()[32:])
    before = log.read_bytes()
    with pytest.raises(CorruptionError, match=rf"{log.name}: damaged at byte 0, in front of"):
        rot(data, random.Random(1))
    assert log.read_bytes() == before
