"""A node's snapshots as files, `<index>-<term>.snap`, and the one that is coming in.

A file appears under its name only once all of it is durable: it is written aside, flushed, renamed,
and the folder is flushed. A crash leaves the old ones, and maybe a piece that the next start
removes. While a file grows it is flushed every few megabytes: one flush of hundreds of them at the
end would hold up those of the log, which votes and heartbeats wait for.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Literal, NamedTuple

from node.raft.configuration import Configuration
from node.raft.snapshot import ReceivedChunk, Snapshot, SnapshotId
from node.storage.base import CorruptionError, disk_error, disk_errors
from node.storage.snapshot_format import Header, SnapshotReader, Tally, encode

FLUSHED_BYTES_MAX = 4 * 1024 * 1024
"""No flush has to write more than about this."""
_BLOCK_BYTES = 256 * 1024
_OPEN_FILES_MAX = 4
"""Of those that are being sent."""
_INCOMING = "incoming.part"
_SUFFIX = ".snap"
_ASIDE = ".tmp"

Access = Literal["write", "flush"]
Touch = Callable[[Access], None]
"""Called before a file is written or flushed. An OSError that it raises is taken for the disk's."""


def _freely(access: Access) -> None:
    """Nothing is in the way."""


class SnapshotFiles:
    """`SnapshotStore` in a folder of its own."""

    def __init__(self, folder: Path, cluster_id: str, touch: Touch = _freely) -> None:
        """Make the folder where there is none, and remove what a crash left in it.

        Raises DiskFullError, StorageError.
        """
        self._folder = folder
        self._cluster_id = cluster_id
        self._touch = touch
        self._sending: dict[SnapshotId, int] = {}
        self._sending_lock = threading.Lock()
        self._incoming: _Incoming | None = None
        self._incoming_lock = threading.Lock()
        with disk_errors(folder):
            if not folder.exists():
                folder.mkdir(mode=0o700)
                _flush_folder(folder.parent)
            for leftover in (*folder.glob(f"*{_ASIDE}"), folder / _INCOMING):
                leftover.unlink(missing_ok=True)

    def _path(self, index: int, term: int) -> Path:
        return self._folder / f"{index:016}-{term}{_SUFFIX}"

    # -- one of one's own --------------------------------------------------------------------------
    def write(
        self, index: int, term: int, configuration: Configuration, parts: Iterator[bytes]
    ) -> Snapshot:
        path = self._path(index, term)
        aside = path.with_suffix(_ASIDE)
        header = Header(self._cluster_id, index, term, configuration)
        with _removed_on_error(aside):
            tally = _write_flushed(aside, encode(header, parts), self._touch)
            self._publish(aside, path)
        return Snapshot(SnapshotId(index, term, tally.size, tally.digest), configuration)

    def _publish(self, aside: Path, path: Path) -> None:
        with disk_errors(path):
            with self._sending_lock:
                aside.replace(path)
                self._close_replaced(path)
            _flush_folder(self._folder)

    def _close_replaced(self, path: Path) -> None:
        """What is sent under this name from now on is the new file: the old one may be damaged."""
        for each in list(self._sending):
            if self._path(each.index, each.term) == path:
                os.close(self._sending.pop(each))

    def load(self, snapshot: SnapshotId) -> Iterator[bytes]:
        path = self._path(snapshot.index, snapshot.term)
        with _opened(path) as reader:
            yield from reader.parts_of(self._cluster_id, snapshot)

    def keep(self, snapshots: frozenset[SnapshotId]) -> None:
        names = {self._path(each.index, each.term).name for each in snapshots}
        with self._sending_lock, disk_errors(self._folder):
            for gone in self._sending.keys() - snapshots:
                os.close(self._sending.pop(gone))
            for path in self._folder.glob(f"*{_SUFFIX}"):
                if path.name not in names:
                    path.unlink(missing_ok=True)

    # -- sending -----------------------------------------------------------------------------------
    def read(self, snapshot: SnapshotId, offset: int, length: int) -> bytes | None:
        path = self._path(snapshot.index, snapshot.term)
        with self._sending_lock, disk_errors(path):
            descriptor = self._sending.get(snapshot)
            if descriptor is None:
                descriptor = self._open_to_send(path, snapshot)
            if descriptor is None:
                return None
            data = os.pread(descriptor, length, offset)
        return data if len(data) == length else None

    def _open_to_send(self, path: Path, snapshot: SnapshotId) -> int | None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        if os.fstat(descriptor).st_size != snapshot.size:
            os.close(descriptor)
            return None
        if len(self._sending) >= _OPEN_FILES_MAX:
            os.close(self._sending.pop(next(iter(self._sending))))
        self._sending[snapshot] = descriptor
        return descriptor

    # -- one that comes in -------------------------------------------------------------------------
    def put(self, chunk: ReceivedChunk) -> None:
        path = self._folder / _INCOMING
        with self._incoming_lock, disk_errors(path):
            try:
                if chunk.offset == 0:
                    self._drop_incoming()
                    self._incoming = _Incoming(chunk.snapshot, _GrowingFile(path, self._touch))
                incoming = self._incoming
                if incoming is None or incoming.snapshot != chunk.snapshot:
                    raise CorruptionError(f"{path}: its beginning did not come in")
                if chunk.offset > incoming.file.size:
                    raise CorruptionError(f"{path}: nothing is in front of byte {chunk.offset}")
                incoming.file.put(chunk.offset, chunk.data)
            except OSError:
                self._remove_incoming()
                raise

    def receive(self, snapshot: SnapshotId) -> Snapshot:
        path = self._path(snapshot.index, snapshot.term)
        aside = path.with_name(f"received-{path.stem}{_ASIDE}")
        with _removed_on_error(aside), closing(self._take_incoming(snapshot, aside)) as file:
            with _opened(aside) as reader:
                for _ in reader.parts_of(self._cluster_id, snapshot):
                    pass
            with disk_errors(aside):
                file.flush()
            self._publish(aside, path)
        return Snapshot(snapshot, reader.header.configuration)

    def _take_incoming(self, snapshot: SnapshotId, aside: Path) -> "_GrowingFile":
        """Out of the way of another one, which may begin while this one is being checked."""
        with self._incoming_lock, disk_errors(aside):
            incoming = self._incoming
            if incoming is None or incoming.snapshot != snapshot:
                raise CorruptionError(f"{aside}: the snapshot did not come in")
            try:
                (self._folder / _INCOMING).rename(aside)
            except OSError:
                self._remove_incoming()
                raise
            self._incoming = None
            return incoming.file

    def _drop_incoming(self) -> None:
        if self._incoming is not None:
            incoming, self._incoming = self._incoming, None
            incoming.file.close()

    def _remove_incoming(self) -> None:
        """The log may need the space."""
        self._drop_incoming()
        with suppress(OSError):
            (self._folder / _INCOMING).unlink()

    def close(self) -> None:
        """Release the open files. Nothing is lost by leaving it out."""
        with self._incoming_lock:
            self._drop_incoming()
        with self._sending_lock:
            while self._sending:
                os.close(self._sending.popitem()[1])


class _GrowingFile:
    """A new file, of its owner only, that is flushed as it grows. Raises OSError."""

    def __init__(self, path: Path, touch: Touch) -> None:
        self._touch = touch
        flags = os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        self.size = 0
        self._flushed = 0

    def put(self, offset: int, data: bytes) -> None:
        """Bytes that are there already may be put again."""
        assert offset <= self.size, "a file has no holes"
        view = memoryview(data)
        self._touch("write")
        while view:
            written = os.pwrite(self._descriptor, view[:FLUSHED_BYTES_MAX], offset)
            view = view[written:]
            offset += written
            self.size = max(self.size, offset)
            if self.size - self._flushed >= FLUSHED_BYTES_MAX:
                self._touch("flush")
                os.fdatasync(self._descriptor)
                self._flushed = self.size

    def flush(self) -> None:
        self._touch("flush")
        os.fsync(self._descriptor)

    def close(self) -> None:
        os.close(self._descriptor)


class _Incoming(NamedTuple):
    snapshot: SnapshotId
    file: _GrowingFile


# -- files of any cluster --------------------------------------------------------------------------
class SnapshotFile(NamedTuple):
    """What there is to say about a file. `damage` is None for a whole one; `header` is None if it
    cannot be read; `part_count` counts the sound ones, and size and digest are of what was read.
    """

    header: Header | None
    part_count: int
    size: int
    digest: bytes
    damage: str | None


def describe_snapshot(path: Path) -> SnapshotFile:
    """Read all of a file, without a state machine. Raises StorageError for one that is not there,
    or that the disk does not give.
    """
    with _opened_raw(path) as read:
        try:
            reader = SnapshotReader(read)
        except CorruptionError as error:
            return SnapshotFile(None, 0, path.stat().st_size, b"", str(error))
        damage = None
        try:
            for _ in reader.parts():
                pass
        except CorruptionError as error:
            damage = str(error)
        tally = reader.tally
        return SnapshotFile(reader.header, reader.part_count, tally.size, tally.digest, damage)


@contextmanager
def open_snapshot(path: Path, cluster_id: str | None = None) -> Iterator[SnapshotReader]:
    """A file from anywhere: its header, and its parts one by one.

    Raises CorruptionError, WrongClusterError for the file of another cluster than `cluster_id`,
    StorageError.
    """
    with _opened(path) as reader:
        if cluster_id is not None:
            reader.check_cluster(cluster_id)
        yield reader


# -- the disk --------------------------------------------------------------------------------------
@contextmanager
def _opened(path: Path) -> Iterator[SnapshotReader]:
    with _opened_raw(path) as read:
        yield SnapshotReader(read, str(path))


@contextmanager
def _opened_raw(path: Path) -> Iterator[Callable[[int], bytes]]:
    """How to read the file, with the disk's errors as ours."""
    with disk_errors(path):
        try:
            file = path.open("rb", buffering=_BLOCK_BYTES)
        except FileNotFoundError as error:
            raise CorruptionError(f"{path}: the snapshot is missing") from error

    def read(length: int) -> bytes:
        try:
            return file.read(length)
        except OSError as error:
            raise disk_error(error, path) from error

    with file:
        yield read


def _write_flushed(path: Path, pieces: Iterator[bytes], touch: Touch) -> Tally:
    """Make a file, durable but for its name. Raises StorageError; what `pieces` raises."""
    tally = Tally()
    with disk_errors(path):
        file = _GrowingFile(path, touch)
    with closing(file):
        for block in _blocks(pieces):
            with disk_errors(path):
                file.put(tally.size, block)
            tally.add(block)
        with disk_errors(path):
            file.flush()
    return tally


def _blocks(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The same bytes in fewer pieces."""
    block = bytearray()
    for piece in pieces:
        block += piece
        if len(block) >= _BLOCK_BYTES:
            yield bytes(block)
            block.clear()
    yield bytes(block)


def _flush_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _removed_on_error(path: Path) -> Iterator[None]:
    """Pages that a failed flush lost look clean afterwards: such a file is never tried again."""
    try:
        yield
    except BaseException:
        with suppress(OSError):
            path.unlink(missing_ok=True)
        raise
