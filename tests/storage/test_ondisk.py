"""A node's disk: whatever it saved is found again, from the redo log, the database or both."""

import os
import random
import stat
from contextlib import closing
from pathlib import Path

import pytest

from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.ready import HardState
from node.storage import ondisk
from node.storage.base import Stored
from node.storage.memory import MemoryStorage
from node.storage.ondisk import DATABASE, REDO, DiskStorage
from node.storage.redo import (
    RECORD_BYTES_MAX,
    RECORDS_MAX,
    REDO_BYTES,
    aligned,
)
from tests.storage.batches import FIRST, addition, batch, compaction, numbered, snapshot
from tests.storage.folders import boot, kill, make
from tests.storage.histories import history


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A redo log that is full after a few saves."""
    monkeypatch.setattr(ondisk, "RECORDS_MAX", 5)
    monkeypatch.setattr(ondisk, "REDO_BYTES", 16 * 1024)


def _pending(storage: DiskStorage) -> int:
    """How many saves are in the redo log alone."""
    return len(storage._written)


# -- as a storage that forgets nothing -------------------------------------------------------------
@pytest.mark.parametrize("seed", range(16))
def test_it_keeps_what_memory_keeps(folder: Path, short: None, seed: int) -> None:
    """Whenever it is stopped, or killed, and started again."""
    rng, memory, folded = random.Random(seed), MemoryStorage(FIRST), 0
    storage = DiskStorage(folder, "demo", 1)
    for number, each in enumerate(history(seed, 70)):
        pending = _pending(storage)
        storage.save(each)
        folded += _pending(storage) < pending
        memory.save(each)
        what = rng.choices(["nothing", "look", "stop", "kill"], [4, 3, 1, 2])[0]
        if what == "kill":
            folder = kill(folder, folder.with_name(f"killed{number}"))
        if what in ("stop", "kill"):
            storage.close()
            storage = DiskStorage(folder, "demo", 1)
        if what != "nothing":
            assert storage.load() == memory.load()
    storage.close()
    assert boot(folder) == memory.load()
    assert folded > 3


@pytest.mark.parametrize("seed", range(3))
def test_it_keeps_what_memory_keeps_of_large_batches(folder: Path, seed: int) -> None:
    memory = MemoryStorage(FIRST)
    with closing(DiskStorage(folder, "demo", 1)) as storage:
        for each in history(seed, 40, large=RECORD_BYTES_MAX // 2 - 500):
            storage.save(each)
            memory.save(each)
        assert storage.load() == memory.load()
        killed = kill(folder, folder.with_name("killed"))
    assert boot(folder) == boot(killed) == memory.load()


def test_what_is_saved_is_in_the_redo_log_until_it_is_full(
    disk_storage: DiskStorage, folder: Path
) -> None:
    before = (folder / DATABASE).read_bytes(), (folder / f"{DATABASE}-wal").read_bytes()
    for index in range(1, 1 + RECORDS_MAX):
        disk_storage.save(addition(index, index))
    assert before == ((folder / DATABASE).read_bytes(), (folder / f"{DATABASE}-wal").read_bytes())
    assert _pending(disk_storage) == RECORDS_MAX
    disk_storage.save(addition(RECORDS_MAX + 1, RECORDS_MAX + 1))
    assert _pending(disk_storage) == 0
    assert boot(kill(folder, folder.with_name("killed"))).log == numbered(1, RECORDS_MAX + 1)


def test_redo_log_never_grows_beyond_its_bytes(disk_storage: DiskStorage, folder: Path) -> None:
    folds, size = 0, RECORD_BYTES_MAX - 200
    for index in range(1, 80):
        before = _pending(disk_storage)
        disk_storage.save(batch(HardState(1, None), None, index, [LogEntry(1, bytes(size))]))
        folds += _pending(disk_storage) < before
    assert folds == 79 // (REDO_BYTES // aligned(RECORD_BYTES_MAX) + 1) > 1
    assert (folder / REDO).stat().st_size <= REDO_BYTES
    assert len(boot(kill(folder, folder.with_name("killed"))).log) == 79


def test_large_batch_is_written_once(disk_storage: DiskStorage, folder: Path) -> None:
    disk_storage.save(addition(1, 3))
    redo = (folder / REDO).read_bytes()
    large = [LogEntry(1, bytes([n]) * (RECORD_BYTES_MAX // 2)) for n in range(3)]
    disk_storage.save(batch(None, None, 4, large))
    assert (_pending(disk_storage), (folder / REDO).read_bytes()) == (0, redo)
    assert boot(kill(folder, folder.with_name("killed"))).log == numbered(1, 3) + large


def test_vote_is_found_again(disk_storage: DiskStorage, folder: Path) -> None:
    disk_storage.save(batch(HardState(5, 3)))
    disk_storage.save(batch(HardState(6, None)))
    first = kill(folder, folder.with_name("first"))
    disk_storage.save(batch(HardState(6, 1)))
    second = kill(folder, folder.with_name("second"))
    assert [boot(each).hard_state for each in (first, second)] == [
        HardState(6, None),
        HardState(6, 1),
    ]


# -- a base, and what is cut off -------------------------------------------------------------------
@pytest.mark.parametrize("base", [1, 4, 5, 7, 8, 9, 14, 15])
def test_base_anywhere_leaves_what_is_behind_it(
    disk_storage: DiskStorage, folder: Path, base: int
) -> None:
    """Entries 1 to 5 are in the database, 6 to 8, 9, and 10 to 15 in the redo log."""
    large = [LogEntry(1, bytes(RECORD_BYTES_MAX))]
    disk_storage.save(batch(HardState(1, 2), None, 1, numbered(1, 4) + large))
    assert _pending(disk_storage) == 0
    for first, last in ((6, 8), (9, 9), (10, 15)):
        disk_storage.save(addition(first, last))
    disk_storage.save(compaction(base, 1))
    log = (numbered(1, 4) + large + numbered(6, 15))[base:]
    taken = (snapshot(base, 1),)
    expected = Stored(HardState(1, 2), log, FIRST, EntryId(1, base), taken, max(9, base))
    assert disk_storage.load() == expected
    disk_storage.save(addition(16, 17))
    disk_storage.close()
    assert boot(folder).log == [*log, *numbered(16, 17)]


def test_compacted_saves_are_not_laid_into_the_database(disk_storage: DiskStorage) -> None:
    for index in range(1, 8):
        disk_storage.save(addition(index, index))
    of_two_terms = numbered(8, 8) + numbered(9, 10, 2)
    disk_storage.save(batch(HardState(2, None), None, 8, of_two_terms, commit_index=8))
    statements: list[str] = []
    disk_storage._database._db.set_trace_callback(statements.append)
    disk_storage.save(compaction(8, 1))
    laid = [each.split(",")[0] for each in statements if each.startswith("INSERT INTO log")]
    assert laid == ["INSERT INTO log VALUES (9"]


@pytest.mark.parametrize("cut", [3, 5, 6, 7])
def test_cut_leaves_what_is_in_front_of_it(
    disk_storage: DiskStorage, folder: Path, cut: int
) -> None:
    for first, last in ((1, 2), (3, 5), (6, 6)):
        disk_storage.save(addition(first, last))
    disk_storage.save(batch(HardState(2, None), cut, cut, numbered(cut, cut, 2)))
    disk_storage.save(addition(cut + 1, cut + 1, 2))
    expected = numbered(1, cut - 1) + numbered(cut, cut + 1, 2)
    assert disk_storage.load().log == expected
    assert boot(kill(folder, folder.with_name("killed"))).log == expected


# -- files -----------------------------------------------------------------------------------------
def test_only_the_owner_can_read_any_of_its_files(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = make(tmp_path / "n1")
        with closing(DiskStorage(folder, "demo", 1)) as storage:
            storage.save(addition(1, 1))
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(ondisk.FILES, 0o600)


def test_stopped_node_leaves_nothing_in_the_redo_log_alone(folder: Path) -> None:
    with closing(DiskStorage(folder, "demo", 1)) as storage:
        storage.save(addition(1, 4))
    assert sorted(each.name for each in folder.iterdir()) == [DATABASE, REDO]
    (folder / REDO).unlink()
    assert boot(folder).log == numbered(1, 4)


def test_folder_without_a_database_stays_empty(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        DiskStorage(tmp_path, "demo", 1)
    assert list(tmp_path.iterdir()) == []


def test_redo_log_of_another_life_does_not_count(folder: Path, tmp_path: Path) -> None:
    with closing(DiskStorage(folder, "demo", 1)) as storage:
        storage.save(addition(1, 9))
        earlier = (folder / REDO).read_bytes()
    anew = make(tmp_path / "anew")
    (anew / REDO).write_bytes(earlier)
    assert boot(anew) == Stored(HardState(0, None), [], FIRST)
