"""Snapshots as files: whole or not there, in whatever moment the node dies or the disk fails."""

import errno
import itertools
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from node.raft.snapshot import ReceivedChunk, Snapshot, SnapshotId
from node.storage.base import (
    CorruptionError,
    DiskFullError,
    SnapshotStore,
    StorageError,
    WrongClusterError,
)
from node.storage.memory import MemorySnapshots
from node.storage.snapshots import (
    FLUSHED_BYTES_MAX,
    SnapshotFiles,
    describe_snapshot,
    open_snapshot,
)
from tests.storage.batches import FIRST, LARGER

ROOT = Path(__file__).parents[2]
OLD = [b"old state"]
NEW = [b"new", b"state" * 100, b"!"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "snapshots"


@pytest.fixture
def files(folder: Path) -> Iterator[SnapshotFiles]:
    made = SnapshotFiles(folder, "demo")
    yield made
    made.close()


@pytest.fixture(params=["files", "memory"])
def store(request: pytest.FixtureRequest) -> SnapshotStore:
    made: SnapshotStore
    if request.param == "files":
        made = request.getfixturevalue("files")
    else:
        made = MemorySnapshots("demo")
    return made


@pytest.fixture
def sent() -> tuple[Snapshot, bytes]:
    """A snapshot of a leader, and its bytes."""
    leader = MemorySnapshots("demo")
    snapshot = leader.write(9, 2, LARGER, iter(NEW))
    data = leader.read(snapshot.id, 0, snapshot.id.size)
    assert data is not None
    return snapshot, data


def _put(store: SnapshotStore, which: SnapshotId, data: bytes, step: int = 100) -> None:
    for offset in range(0, len(data), step):
        part = data[offset : offset + step]
        store.put(ReceivedChunk(which, offset, part, offset + len(part) == which.size))


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _file_of(folder: Path, snapshot: Snapshot) -> Path:
    (found,) = folder.glob(f"*{snapshot.index}-{snapshot.id.term}.snap")
    return found


# -- one of one's own ------------------------------------------------------------------------------
def test_snapshot_is_found_again_as_it_was_written(store: SnapshotStore) -> None:
    snapshot = store.write(9, 2, LARGER, iter(NEW))
    assert (snapshot.id.index, snapshot.id.term, snapshot.configuration) == (9, 2, LARGER)
    assert list(store.load(snapshot.id)) == NEW


def test_same_state_is_the_same_snapshot_on_every_node(
    tmp_path: Path, sent: tuple[Snapshot, bytes]
) -> None:
    for name in ("n1", "n2"):
        files = SnapshotFiles(tmp_path / name, "demo")
        assert files.write(9, 2, LARGER, iter(NEW)) == sent[0]
        assert _file_of(tmp_path / name, sent[0]).read_bytes() == sent[1]


def test_only_the_owner_can_read_any_file(folder: Path, sent: tuple[Snapshot, bytes]) -> None:
    before = os.umask(0)
    try:
        files = SnapshotFiles(folder, "demo")
        files.write(5, 1, FIRST, iter(OLD))
        _put(files, sent[0].id, sent[1][:100])
        modes = {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
        files.close()
    finally:
        os.umask(before)
    assert (modes, stat.S_IMODE(folder.stat().st_mode)) == ({0o600}, 0o700)


def test_names_sort_as_the_snapshots_do(files: SnapshotFiles, folder: Path) -> None:
    for index in (9, 100, 20):
        files.write(index, 1, FIRST, iter(OLD))
    assert [int(name.split("-")[0]) for name in _names(folder)] == [9, 20, 100]


def test_only_those_that_are_wanted_are_kept(store: SnapshotStore) -> None:
    first, second, third = (store.write(index, 1, FIRST, iter(OLD)) for index in (5, 6, 7))
    store.read(first.id, 0, 8)
    store.keep(frozenset({second.id}))
    for gone in (first, third):
        assert store.read(gone.id, 0, 8) is None
        with pytest.raises(CorruptionError, match="missing"):
            list(store.load(gone.id))
    assert list(store.load(second.id)) == OLD


def test_error_of_the_state_machine_leaves_nothing_and_is_its_own(
    files: SnapshotFiles, folder: Path
) -> None:
    def parts() -> Iterator[bytes]:
        yield b"a" * FLUSHED_BYTES_MAX
        raise OSError(errno.ENOSPC, "the machine's own")

    with pytest.raises(OSError, match="the machine's own"):
        files.write(9, 2, FIRST, parts())
    assert _names(folder) == []


# -- sending ---------------------------------------------------------------------------------------
def test_any_part_of_a_snapshot_can_be_read(
    store: SnapshotStore, sent: tuple[Snapshot, bytes]
) -> None:
    snapshot = store.write(9, 2, LARGER, iter(NEW))
    size = snapshot.id.size
    for offset, length in ((0, 1), (0, size), (100, 200), (size - 1, 1), (size, 0)):
        assert store.read(snapshot.id, offset, length) == sent[1][offset : offset + length]
    assert store.read(snapshot.id, 1, size) is None
    assert store.read(snapshot.id, size + 5, 1) is None


def test_what_is_not_there_to_be_sent_is_no_error(files: SnapshotFiles, folder: Path) -> None:
    snapshot = files.write(9, 2, FIRST, iter(NEW))
    assert files.read(SnapshotId(9, 3, snapshot.id.size, snapshot.id.digest), 0, 1) is None
    assert files.read(SnapshotId(9, 2, 5000, snapshot.id.digest), 0, 1) is None
    os.truncate(_file_of(folder, snapshot), 50)
    assert files.read(snapshot.id, 0, 1) is None


def test_b44_snapshot_that_was_damaged_while_it_was_sent_is_sent_anew_from_its_new_file(
    files: SnapshotFiles, folder: Path
) -> None:
    """On an idle leader the one that takes its place is of the same entry, and has the same id."""
    snapshot = files.write(9, 2, LARGER, iter(NEW))
    path, size = _file_of(folder, snapshot), snapshot.id.size
    sound = path.read_bytes()
    path.write_bytes(bytes(size))
    assert files.read(snapshot.id, 0, size) == bytes(size)
    assert files.write(9, 2, LARGER, iter(NEW)) == snapshot
    assert files.read(snapshot.id, 0, size) == sound


def test_few_files_are_kept_open(files: SnapshotFiles) -> None:
    made = [files.write(index, 1, FIRST, iter(OLD)) for index in range(1, 30)]
    before = len(os.listdir("/dev/fd"))
    for snapshot in made * 2:
        assert files.read(snapshot.id, 0, 4) == b"raft"
    assert len(os.listdir("/dev/fd")) - before <= 4


# -- one that comes in -----------------------------------------------------------------------------
def test_snapshot_that_came_in_is_kept(store: SnapshotStore, sent: tuple[Snapshot, bytes]) -> None:
    snapshot, data = sent
    _put(store, snapshot.id, data)
    assert store.receive(snapshot.id) == snapshot
    assert list(store.load(snapshot.id)) == NEW
    assert store.read(snapshot.id, 0, snapshot.id.size) == data


def test_part_may_be_put_again_and_a_first_one_begins_anew(
    store: SnapshotStore, sent: tuple[Snapshot, bytes]
) -> None:
    snapshot, data = sent
    other = SnapshotId(7, 1, 2000, b"other")
    _put(store, other, bytes(2000))
    _put(store, snapshot.id, data[:300])
    store.put(ReceivedChunk(snapshot.id, 200, data[200:300], False))
    store.put(ReceivedChunk(snapshot.id, 300, data[300:], True))
    assert store.receive(snapshot.id) == snapshot


def test_part_that_does_not_follow_is_refused(
    store: SnapshotStore, sent: tuple[Snapshot, bytes]
) -> None:
    """Parts may be under way when one in front of them could not be written."""
    snapshot, data = sent
    other = SnapshotId(7, 1, 2000, b"other")
    for which, offset in ((snapshot.id, 100), (snapshot.id, 101), (other, 100)):
        with pytest.raises(CorruptionError, match=r"in front of byte 101|did not come in"):
            store.put(ReceivedChunk(which, offset, b"a", False))
        _put(store, snapshot.id, data[:100])
    _put(store, snapshot.id, data)
    assert store.receive(snapshot.id) == snapshot


def test_snapshot_that_is_not_what_was_promised_is_refused_and_gone(
    store: SnapshotStore, sent: tuple[Snapshot, bytes]
) -> None:
    snapshot, data = sent
    for wrong in (data[:-1], data[:50] + b"?" + data[51:], data + b"?", b"?"):
        _put(store, snapshot.id, wrong)
        for _ in range(2):
            with pytest.raises(CorruptionError):
                store.receive(snapshot.id)
        assert store.read(snapshot.id, 0, 1) is None
    _put(store, snapshot.id, data)
    assert store.receive(snapshot.id) == snapshot


def test_snapshot_of_another_cluster_is_refused(sent: tuple[Snapshot, bytes]) -> None:
    store = MemorySnapshots("other")
    _put(store, sent[0].id, sent[1])
    with pytest.raises(WrongClusterError):
        store.receive(sent[0].id)


def test_another_one_may_begin_while_one_is_checked(
    files: SnapshotFiles, sent: tuple[Snapshot, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot, data = sent
    leader = MemorySnapshots("demo")
    newer = leader.write(20, 3, FIRST, iter([b"newer" * 50]))
    newer_data = leader.read(newer.id, 0, newer.id.size)
    assert newer_data is not None
    real = os.fsync

    def begin(descriptor: int) -> None:
        monkeypatch.setattr(os, "fsync", real)
        _put(files, newer.id, newer_data[:100])
        real(descriptor)

    _put(files, snapshot.id, data)
    monkeypatch.setattr(os, "fsync", begin)
    assert files.receive(snapshot.id) == snapshot
    files.put(ReceivedChunk(newer.id, 100, newer_data[100:], True))
    assert files.receive(newer.id) == newer
    assert list(files.load(snapshot.id)) == NEW


# -- damage ----------------------------------------------------------------------------------------
def test_b30_snapshot_file_damaged_at_any_byte_is_never_loaded_to_its_end(
    files: SnapshotFiles, folder: Path
) -> None:
    """Parts may come before the damage is found: they are no state yet."""
    snapshot = files.write(9, 2, FIRST, iter(NEW))
    path = _file_of(folder, snapshot)
    data = path.read_bytes()
    for position in range(len(data)):
        for wrong in (
            data[:position],
            data[:position] + bytes([data[position] ^ 0x10]) + data[position + 1 :],
            data[:position] + bytes(len(data) - position),
        ):
            if wrong == data:
                continue
            path.write_bytes(wrong)
            with pytest.raises(CorruptionError, match=str(path)):
                list(files.load(snapshot.id))
            assert describe_snapshot(path).damage is not None


def test_b45_snapshot_file_that_is_missing_is_said_to_be(
    files: SnapshotFiles, folder: Path
) -> None:
    snapshot = files.write(9, 2, FIRST, iter(NEW))
    _file_of(folder, snapshot).unlink()
    with pytest.raises(CorruptionError, match="the snapshot is missing"):
        list(files.load(snapshot.id))


def test_leftovers_of_a_crash_are_removed(files: SnapshotFiles, folder: Path) -> None:
    snapshot = files.write(9, 2, FIRST, iter(NEW))
    for name in ("incoming.part", "0000000000000020-3.tmp", "received-0000000000000020-3.tmp"):
        (folder / name).write_bytes(b"a piece")
    again = SnapshotFiles(folder, "demo")
    assert _names(folder) == [_file_of(folder, snapshot).name]
    assert list(again.load(snapshot.id)) == NEW


# -- files of any cluster --------------------------------------------------------------------------
def test_file_can_be_described_without_a_state_machine(files: SnapshotFiles, folder: Path) -> None:
    snapshot = files.write(9, 2, LARGER, iter(NEW))
    found = describe_snapshot(_file_of(folder, snapshot))
    assert found.header is not None
    assert (found.header.cluster_id, found.header.configuration) == ("demo", LARGER)
    assert (found.part_count, found.damage) == (len(NEW), None)
    assert (found.size, found.digest) == (snapshot.id.size, snapshot.id.digest)
    with pytest.raises(StorageError, match="missing"):
        describe_snapshot(folder / "none.snap")
    with pytest.raises(StorageError):
        describe_snapshot(folder)


def test_parts_of_a_file_can_go_into_another_cluster(tmp_path: Path) -> None:
    old = SnapshotFiles(tmp_path / "old", "demo")
    path = _file_of(tmp_path / "old", old.write(9, 2, LARGER, iter(NEW)))
    new = SnapshotFiles(tmp_path / "new", "restored")
    with open_snapshot(path) as reader:
        assert reader.header.cluster_id == "demo"
        taken = new.write(9, 2, FIRST, reader.parts())
    assert list(new.load(taken.id)) == NEW
    wrong = pytest.raises(WrongClusterError, match="of cluster demo, not of restored")
    with wrong, open_snapshot(path, "restored"):
        pass
    path.write_bytes(path.read_bytes()[:-5])
    with open_snapshot(path, "demo") as reader, pytest.raises(CorruptionError, match="cut short"):
        new.write(10, 2, FIRST, reader.parts())
    assert _names(tmp_path / "new") == [_file_of(tmp_path / "new", taken).name]


# -- crashes and disks that fail -------------------------------------------------------------------
class Killed(BaseException):
    """The process is gone."""


CALLS = ("open", "pwrite", "fdatasync", "fsync", "replace", "rename", "unlink", "mkdir")


class Disk:
    """Counts the calls that change files, and fails in one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.fails_at: int | None = None
        self.error: BaseException = Killed()
        for name in CALLS:
            monkeypatch.setattr(os, name, self._counted(name, getattr(os, name)))

    def _counted(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self.calls.append(name)
            at = len(self.calls) - 1
            is_dead = isinstance(self.error, Killed)
            if self.fails_at is not None and (
                at >= self.fails_at if is_dead else at == self.fails_at
            ):
                raise self.error
            return call(*arguments, **options)

        return counted

    @contextmanager
    def failing(self, at: int, error: BaseException) -> Iterator[None]:
        """The process dies in front of call `at`, and does nothing more, or that call fails."""
        self.calls, self.fails_at, self.error = [], at, error
        try:
            yield
        finally:
            self.fails_at = None


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def _write_new(files: SnapshotFiles, sent: tuple[Snapshot, bytes]) -> None:
    assert files.write(9, 2, LARGER, iter(NEW)) == sent[0]


def _receive_new(files: SnapshotFiles, sent: tuple[Snapshot, bytes]) -> None:
    _put(files, *(sent[0].id, sent[1]))
    assert files.receive(sent[0].id) == sent[0]


WAYS = pytest.mark.parametrize("way", [_write_new, _receive_new], ids=["write", "receive"])
Way = Callable[[SnapshotFiles, tuple[Snapshot, bytes]], None]


@WAYS
def test_b35_killed_at_any_step_leaves_the_old_snapshot_and_maybe_the_new_one(
    tmp_path: Path, disk: Disk, sent: tuple[Snapshot, bytes], way: Way
) -> None:
    outcomes = set()
    for step in itertools.count():
        folder = tmp_path / str(step)
        files = SnapshotFiles(folder, "demo")
        old = files.write(5, 1, FIRST, iter(OLD))
        try:
            with disk.failing(step, Killed()):
                way(files, sent)
            break
        except Killed:
            pass
        files.close()
        again = SnapshotFiles(folder, "demo")
        assert list(again.load(old.id)) == OLD
        outcomes.add(len(_names(folder)))
        if len(_names(folder)) > 1:
            assert list(again.load(sent[0].id)) == NEW
        assert {path.suffix for path in folder.iterdir()} == {".snap"}
    assert step > 4
    assert outcomes == {1, 2}


@WAYS
def test_name_appears_after_the_bytes_and_both_are_flushed(
    files: SnapshotFiles, disk: Disk, sent: tuple[Snapshot, bytes], way: Way
) -> None:
    disk.calls.clear()
    way(files, sent)
    publishing = disk.calls[disk.calls.index("fsync") :]
    assert publishing == ["fsync", "replace", "open", "fsync"]
    assert disk.calls.count("replace") == 1


@WAYS
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_b34_no_space_for_a_snapshot_leaves_the_old_one(
    tmp_path: Path, disk: Disk, sent: tuple[Snapshot, bytes], way: Way, number: int
) -> None:
    for step in itertools.count():
        folder = tmp_path / str(step)
        files = SnapshotFiles(folder, "demo")
        old = files.write(5, 1, FIRST, iter(OLD))
        try:
            with disk.failing(step, OSError(number, "no space")):
                way(files, sent)
            break
        except DiskFullError:
            pass
        assert set(_names(folder)) <= {_file_of(folder, old).name, "0000000000000009-2.snap"}
        assert list(files.load(old.id)) == OLD
        way(files, sent)  # there is space again
        assert list(files.load(sent[0].id)) == NEW
        files.close()
    assert step > 4


@WAYS
def test_b33_any_other_error_of_the_disk_is_a_storage_error(
    tmp_path: Path, disk: Disk, sent: tuple[Snapshot, bytes], way: Way
) -> None:
    kinds = []
    for step in itertools.count():
        files = SnapshotFiles(tmp_path / str(step), "demo")
        try:
            with disk.failing(step, OSError(errno.EIO, "input/output error")):
                way(files, sent)
            break
        except StorageError as error:
            kinds.append(type(error))
        files.close()
    assert kinds == [StorageError] * step
    assert step > 4


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO])
@pytest.mark.parametrize("call", ["pwrite", "fdatasync"])
def test_b34_part_that_the_disk_does_not_take_gives_back_the_space_of_all(
    files: SnapshotFiles, folder: Path, disk: Disk, number: int, call: str
) -> None:
    """And a flush that failed is not followed by one that says that all is well (fsyncgate)."""
    leader = MemorySnapshots("demo")
    snapshot = leader.write(9, 2, FIRST, iter([bytes(FLUSHED_BYTES_MAX + 1000)]))
    data = leader.read(snapshot.id, 0, snapshot.id.size)
    assert data is not None
    files.put(ReceivedChunk(snapshot.id, 0, data[:1000], False))
    at = ["pwrite", "fdatasync"].index(call)
    with disk.failing(at, OSError(number, "no")), pytest.raises(StorageError) as caught:
        files.put(ReceivedChunk(snapshot.id, 1000, data[1000:], True))
    assert disk.calls[-2:] == [call, "unlink"]
    assert isinstance(caught.value, DiskFullError) == (number == errno.ENOSPC)
    assert _names(folder) == []
    with pytest.raises(CorruptionError, match="did not come in"):
        files.put(ReceivedChunk(snapshot.id, 1000, data[1000:], True))
    with pytest.raises(CorruptionError, match="did not come in"):
        files.receive(snapshot.id)
    _put(files, snapshot.id, data, 100_000)
    assert files.receive(snapshot.id) == snapshot


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES])
def test_b34_node_whose_folder_cannot_be_made_says_so(
    tmp_path: Path, disk: Disk, number: int
) -> None:
    with disk.failing(0, OSError(number, "no")), pytest.raises(StorageError, match="snapshots"):
        SnapshotFiles(tmp_path / "snapshots", "demo")


# -- large ones ------------------------------------------------------------------------------------
def test_large_snapshot_is_flushed_as_it_grows(files: SnapshotFiles, disk: Disk) -> None:
    disk.calls.clear()
    files.write(9, 2, FIRST, iter([bytes(100_000)] * 200 + [bytes(20_000_000)]))
    assert 8 <= disk.calls.count("fdatasync") <= 10


LARGE = """
import resource, sys
from pathlib import Path
from node.raft.snapshot import ReceivedChunk
from node.storage.snapshots import *
from tests.storage.batches import FIRST

folder = Path(sys.argv[1])
sender, receiver = SnapshotFiles(folder / "1", "demo"), SnapshotFiles(folder / "2", "demo")

def grown():
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
snapshot = sender.write(9, 2, FIRST, (bytes([n % 256]) * 65536 for n in range(3200)))
print("write", grown())
print("load", sum(map(len, sender.load(snapshot.id))), grown())
size, step = snapshot.id.size, 1 << 20
for offset in range(0, size, step):
    data = sender.read(snapshot.id, offset, min(step, size - offset))
    receiver.put(ReceivedChunk(snapshot.id, offset, data, offset + len(data) == size))
receiver.receive(snapshot.id)
print("receive", grown())
"""


def test_large_snapshot_takes_little_memory(tmp_path: Path) -> None:
    """200 MiB written, read, sent and received."""
    command = [sys.executable, "-c", LARGE, str(tmp_path)]
    said = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True).stdout
    assert f"load {3200 * 65536} " in said
    assert max(int(line.split()[-1]) for line in said.splitlines()) < 30, said
