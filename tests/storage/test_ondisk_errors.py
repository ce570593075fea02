"""A node's disk that fails, fills up, or rots: what it saved stays, and is never made up."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from node.raft.messages import LogEntry
from node.raft.ready import HardState, Ready
from node.storage import ondisk
from node.storage.base import CorruptionError, DiskFullError, StorageError
from node.storage.memory import MemoryStorage
from node.storage.ondisk import REDO, DiskStorage
from node.storage.redo import (
    RECORD_BYTES_MAX,
    Record,
    aligned,
    encode_record,
)
from node.storage.rows import run_rows
from tests.storage.batches import FIRST, addition, batch, compaction, numbered
from tests.storage.folders import boot, flip, kill


class Disk:
    """Lets the flush fail whose number from now on is `fails_at`, before or after the write."""

    def __init__(self) -> None:
        self.fails_at, self.code, self.is_written = 0, 0, False
        self.count = 0

    def fail(self, at: int, code: int, is_written: bool = False) -> None:
        self.fails_at, self.code, self.is_written, self.count = at, code, is_written, 0

    def flush(self, write: Callable[[], object]) -> None:
        self.count += 1
        fails = self.count == self.fails_at
        if not fails or self.is_written:
            write()
        if fails:
            raise OSError(self.code, os.strerror(self.code))


@pytest.fixture
def disk() -> Disk:
    return Disk()


@pytest.fixture
def failing(folder: Path, disk: Disk) -> Iterator[DiskStorage]:
    """Entries 1 to 4 are in its redo log."""
    with closing(DiskStorage(folder, "demo", 1, disk.flush)) as opened:
        for index in range(1, 5):
            opened.save(addition(index, index))
        yield opened


APPENDS = batch(HardState(2, None), None, 5, numbered(5, 6, 2))
COMPACTS = compaction(3, 1)
CUTS = batch(HardState(2, None), 3, 3, numbered(3, 3, 2))
KINDS = pytest.mark.parametrize(
    ("made", "at"),
    [(APPENDS, 1), (COMPACTS, 1), (CUTS, 1), (CUTS, 2)],
    ids=["append", "compact", "fold", "cut"],
)


@KINDS
@pytest.mark.parametrize("is_written", [False, True])
def test_b33_failed_flush_is_latched(
    failing: DiskStorage, disk: Disk, folder: Path, made: Ready, at: int, is_written: bool
) -> None:
    before = failing.load()
    disk.fail(at, errno.EIO, is_written)
    with pytest.raises(StorageError) as first:
        failing.save(made)
    assert type(first.value) is StorageError
    for _ in range(3):  # nothing is tried, though the disk works again
        with pytest.raises(StorageError) as later:
            failing.save(batch(HardState(9, None)))
        assert later.value is first.value
    assert disk.count == at
    failing.close()
    assert disk.count == at
    memory = MemoryStorage(FIRST)
    memory.save(batch(before.hard_state, None, 1, before.log, before.commit_index))
    assert memory.load() == before
    memory.save(made)
    assert boot(folder) in (before, memory.load())


def test_b33_full_disk_that_a_flush_tells_of_is_final(
    failing: DiskStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some systems look for space no sooner; the record may be there, so nothing is tried again."""

    def flush_data(file: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patched:
        patched.setattr(ondisk, "_flush_data", flush_data)
        with pytest.raises(StorageError) as first:
            failing.save(APPENDS)
    assert type(first.value) is StorageError
    with pytest.raises(StorageError) as later:
        failing.save(APPENDS)
    assert later.value is first.value


def test_b30_damage_found_by_load_is_final(failing: DiskStorage, folder: Path) -> None:
    flip(folder / REDO, 40)
    kept = (folder / REDO).read_bytes()
    with pytest.raises(CorruptionError, match="damaged at byte 0"):
        failing.load()
    failing.close()
    assert (folder / REDO).read_bytes() == kept
    with pytest.raises(CorruptionError, match="damaged at byte 0"):
        DiskStorage(folder, "demo", 1)


@KINDS
def test_b34_full_disk_leaves_nothing_of_the_batch(
    failing: DiskStorage, disk: Disk, folder: Path, made: Ready, at: int
) -> None:
    before = failing.load()
    for _ in range(3):
        disk.fail(at, errno.ENOSPC)
        with pytest.raises(DiskFullError, match="no space is left"):
            failing.save(made)
        assert failing.load() == before
        at = 1  # what was folded need not be folded again
    assert boot(kill(folder, folder.with_name("full"))) == before
    failing.save(made)
    after = failing.load()
    assert after != before
    assert boot(kill(folder, folder.with_name("killed"))) == after


@KINDS
def test_b34_what_is_saved_after_a_full_disk_is_found(
    failing: DiskStorage, disk: Disk, folder: Path, made: Ready, at: int
) -> None:
    """Also where the records were laid into the database, and the cut behind that had no room."""
    disk.fail(at, errno.ENOSPC)
    with pytest.raises(DiskFullError):
        failing.save(made)
    failing.save(addition(5, 7, 4))
    failing.save(batch(HardState(5, 3)))
    expected = failing.load()
    assert expected.log == numbered(1, 4) + numbered(5, 7, 4)
    assert boot(kill(folder, folder.with_name("killed"))) == expected


def test_b34_database_without_room_leaves_the_redo_log(
    disk_storage: DiskStorage, folder: Path
) -> None:
    db = disk_storage._database._db
    disk_storage.save(addition(1, 4))
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    large = batch(None, None, 5, [LogEntry(1, bytes(RECORD_BYTES_MAX * 4))])
    before = disk_storage.load()
    for _ in range(2):
        with pytest.raises(DiskFullError):
            disk_storage.save(large)
        assert disk_storage.load() == before
    assert boot(kill(folder, folder.with_name("full"))) == before
    disk_storage.save(addition(5, 5))  # what is small has room
    db.execute("PRAGMA max_page_count = 1000000")
    large.first_index = 6
    disk_storage.save(large)
    expected = [*numbered(1, 5), *large.entries]
    assert boot(kill(folder, folder.with_name("killed"))).log == expected


@pytest.mark.parametrize("number", [0, 2, 3])
def test_b30_record_that_rots_before_it_is_folded_ends_the_node(
    failing: DiskStorage, folder: Path, number: int
) -> None:
    starts = [0, *(aligned(each.end) for each in failing._written)]
    flip(folder / REDO, starts[number] + 50)
    with pytest.raises(CorruptionError, match=rf"raft\.redo: damaged at byte {starts[number]}"):
        failing.save(CUTS)
    with pytest.raises(CorruptionError):
        failing.save(batch(HardState(9, None)))


# -- damage that is found at the start -------------------------------------------------------------
def test_b30_damaged_redo_log_names_the_place_and_is_refused_again(
    failing: DiskStorage, folder: Path
) -> None:
    killed = kill(folder, folder.with_name("killed"))
    start = aligned(failing._written[0].end)
    flip(killed / REDO, start + 30)
    damaged = (killed / REDO).read_bytes()
    for _ in range(2):
        with pytest.raises(CorruptionError, match=rf"damaged at byte {start}, .*wipe this node"):
            DiskStorage(killed, "demo", 1)
    assert (killed / REDO).read_bytes() == damaged


def test_b36_record_that_does_not_fit_is_refused_again(failing: DiskStorage, folder: Path) -> None:
    """The saves in front of it are not laid into the database, which would make it void."""
    misfit = Record(HardState(2, None), 0, run_rows(9, numbered(9, 9, 2)))
    record = encode_record(failing._database.generation, 4, misfit)
    assert record is not None
    killed = kill(folder, folder.with_name("killed"))
    with (killed / REDO).open("r+b") as file:
        file.seek(aligned(failing._written[-1].end))
        file.write(record)
    for _ in range(2):
        with pytest.raises(CorruptionError, match="entries 9 to 9 follow entry 4"):
            DiskStorage(killed, "demo", 1)


def test_b33_database_that_lost_a_flushed_fold_is_refused(
    failing: DiskStorage, folder: Path
) -> None:
    earlier = kill(folder, folder.with_name("earlier"))
    failing.save(COMPACTS)
    failing.save(addition(5, 5))
    (earlier / REDO).write_bytes((folder / REDO).read_bytes())
    with pytest.raises(CorruptionError, match="the database lost its last transaction"):
        DiskStorage(earlier, "demo", 1)
