"""A node's disk: whatever it saved is found again, from the redo log, the database or both."""

import errno
import os
import random
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.ready import HardState, Ready
from node.storage import ondisk
from node.storage.base import CorruptionError, DiskFullError, StorageError, Stored
from node.storage.memory import MemoryStorage
from node.storage.ondisk import DATABASE, REDO, DiskStorage
from node.storage.redo import (
    RECORD_BYTES_MAX,
    RECORDS_MAX,
    REDO_BYTES,
    Record,
    aligned,
    encode_record,
)
from node.storage.rows import run_rows
from tests.storage.batches import FIRST, batch, compaction, snapshot
from tests.storage.folders import boot, flip, kill, make
from tests.storage.histories import history


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make(tmp_path / "n1")


@pytest.fixture
def storage(folder: Path) -> Iterator[DiskStorage]:
    with closing(DiskStorage(folder, "demo", 1)) as opened:
        yield opened


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A redo log that is full after a few saves."""
    monkeypatch.setattr(ondisk, "RECORDS_MAX", 5)
    monkeypatch.setattr(ondisk, "REDO_BYTES", 16 * 1024)


def _entries(first: int, last: int, term: int = 1) -> list[LogEntry]:
    return [LogEntry(term, b"entry %d" % index) for index in range(first, last + 1)]


def _append(storage: DiskStorage, first: int, last: int, term: int = 1) -> None:
    storage.save(batch(HardState(term, 2), None, first, _entries(first, last, term), first - 1))


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
    storage: DiskStorage, folder: Path
) -> None:
    before = (folder / DATABASE).read_bytes(), (folder / f"{DATABASE}-wal").read_bytes()
    for index in range(1, 1 + RECORDS_MAX):
        _append(storage, index, index)
    assert before == ((folder / DATABASE).read_bytes(), (folder / f"{DATABASE}-wal").read_bytes())
    assert _pending(storage) == RECORDS_MAX
    _append(storage, RECORDS_MAX + 1, RECORDS_MAX + 1)
    assert _pending(storage) == 0
    assert boot(kill(folder, folder.with_name("killed"))).log == _entries(1, RECORDS_MAX + 1)


def test_redo_log_never_grows_beyond_its_bytes(storage: DiskStorage, folder: Path) -> None:
    folds, size = 0, RECORD_BYTES_MAX - 200
    for index in range(1, 80):
        before = _pending(storage)
        storage.save(batch(HardState(1, None), None, index, [LogEntry(1, bytes(size))]))
        folds += _pending(storage) < before
    assert folds == 79 // (REDO_BYTES // aligned(RECORD_BYTES_MAX) + 1) > 1
    assert (folder / REDO).stat().st_size <= REDO_BYTES
    assert len(boot(kill(folder, folder.with_name("killed"))).log) == 79


def test_large_batch_is_written_once(storage: DiskStorage, folder: Path) -> None:
    _append(storage, 1, 3)
    redo = (folder / REDO).read_bytes()
    large = [LogEntry(1, bytes([n]) * (RECORD_BYTES_MAX // 2)) for n in range(3)]
    storage.save(batch(None, None, 4, large))
    assert (_pending(storage), (folder / REDO).read_bytes()) == (0, redo)
    assert boot(kill(folder, folder.with_name("killed"))).log == _entries(1, 3) + large


def test_vote_is_found_again(storage: DiskStorage, folder: Path) -> None:
    storage.save(batch(HardState(5, 3)))
    storage.save(batch(HardState(6, None)))
    first = kill(folder, folder.with_name("first"))
    storage.save(batch(HardState(6, 1)))
    second = kill(folder, folder.with_name("second"))
    assert [boot(each).hard_state for each in (first, second)] == [
        HardState(6, None),
        HardState(6, 1),
    ]


# -- a base, and what is cut off -------------------------------------------------------------------
@pytest.mark.parametrize("base", [1, 4, 5, 7, 8, 9, 14, 15])
def test_base_anywhere_leaves_what_is_behind_it(
    storage: DiskStorage, folder: Path, base: int
) -> None:
    """Entries 1 to 5 are in the database, 6 to 8, 9, and 10 to 15 in the redo log."""
    large = [LogEntry(1, bytes(RECORD_BYTES_MAX))]
    storage.save(batch(HardState(1, 2), None, 1, _entries(1, 4) + large))
    assert _pending(storage) == 0
    for first, last in ((6, 8), (9, 9), (10, 15)):
        _append(storage, first, last)
    storage.save(compaction(base, 1))
    log = (_entries(1, 4) + large + _entries(6, 15))[base:]
    taken = (snapshot(base, 1),)
    expected = Stored(HardState(1, 2), log, FIRST, EntryId(1, base), taken, max(9, base))
    assert storage.load() == expected
    _append(storage, 16, 17)
    storage.close()
    assert boot(folder).log == [*log, *_entries(16, 17)]


def test_compacted_saves_are_not_laid_into_the_database(storage: DiskStorage) -> None:
    for index in range(1, 8):
        _append(storage, index, index)
    of_two_terms = _entries(8, 8) + _entries(9, 10, 2)
    storage.save(batch(HardState(2, None), None, 8, of_two_terms, commit_index=8))
    statements: list[str] = []
    storage._database._db.set_trace_callback(statements.append)
    storage.save(compaction(8, 1))
    laid = [each.split(",")[0] for each in statements if each.startswith("INSERT INTO log")]
    assert laid == ["INSERT INTO log VALUES (9"]


@pytest.mark.parametrize("cut", [3, 5, 6, 7])
def test_cut_leaves_what_is_in_front_of_it(storage: DiskStorage, folder: Path, cut: int) -> None:
    for first, last in ((1, 2), (3, 5), (6, 6)):
        _append(storage, first, last)
    storage.save(batch(HardState(2, None), cut, cut, _entries(cut, cut, 2)))
    _append(storage, cut + 1, cut + 1, 2)
    expected = _entries(1, cut - 1) + _entries(cut, cut + 1, 2)
    assert storage.load().log == expected
    assert boot(kill(folder, folder.with_name("killed"))).log == expected


# -- files -----------------------------------------------------------------------------------------
def test_only_the_owner_can_read_any_of_its_files(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = make(tmp_path / "n1")
        with closing(DiskStorage(folder, "demo", 1)) as storage:
            _append(storage, 1, 1)
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in folder.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(ondisk.FILES, 0o600)


def test_stopped_node_leaves_nothing_in_the_redo_log_alone(folder: Path) -> None:
    with closing(DiskStorage(folder, "demo", 1)) as storage:
        _append(storage, 1, 4)
    assert sorted(each.name for each in folder.iterdir()) == [DATABASE, REDO]
    (folder / REDO).unlink()
    assert boot(folder).log == _entries(1, 4)


def test_folder_without_a_database_stays_empty(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        DiskStorage(tmp_path, "demo", 1)
    assert list(tmp_path.iterdir()) == []


def test_redo_log_of_another_life_does_not_count(folder: Path, tmp_path: Path) -> None:
    with closing(DiskStorage(folder, "demo", 1)) as storage:
        _append(storage, 1, 9)
        earlier = (folder / REDO).read_bytes()
    anew = make(tmp_path / "anew")
    (anew / REDO).write_bytes(earlier)
    assert boot(anew) == Stored(HardState(0, None), [], FIRST)


# -- errors of the disk ----------------------------------------------------------------------------
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
            _append(opened, index, index)
        yield opened


APPENDS = batch(HardState(2, None), None, 5, _entries(5, 6, 2))
COMPACTS = compaction(3, 1)
CUTS = batch(HardState(2, None), 3, 3, _entries(3, 3, 2))
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
    _append(failing, 5, 7, 4)
    failing.save(batch(HardState(5, 3)))
    expected = failing.load()
    assert expected.log == _entries(1, 4) + _entries(5, 7, 4)
    assert boot(kill(folder, folder.with_name("killed"))) == expected


def test_b34_database_without_room_leaves_the_redo_log(storage: DiskStorage, folder: Path) -> None:
    db = storage._database._db
    _append(storage, 1, 4)
    (pages,) = db.execute("PRAGMA page_count").fetchone()
    db.execute(f"PRAGMA max_page_count = {pages}")
    large = batch(None, None, 5, [LogEntry(1, bytes(RECORD_BYTES_MAX * 4))])
    before = storage.load()
    for _ in range(2):
        with pytest.raises(DiskFullError):
            storage.save(large)
        assert storage.load() == before
    assert boot(kill(folder, folder.with_name("full"))) == before
    _append(storage, 5, 5)  # what is small has room
    db.execute("PRAGMA max_page_count = 1000000")
    large.first_index = 6
    storage.save(large)
    expected = [*_entries(1, 5), *large.entries]
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
    misfit = Record(HardState(2, None), 0, run_rows(9, _entries(9, 9, 2)))
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
    _append(failing, 5, 5)
    (earlier / REDO).write_bytes((folder / REDO).read_bytes())
    with pytest.raises(CorruptionError, match="the database lost its last transaction"):
        DiskStorage(earlier, "demo", 1)
