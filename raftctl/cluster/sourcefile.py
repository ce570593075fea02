"""The file that a cluster goes back to: found, read to its end, and held until it was used.

It is opened once. Whoever removes it, or puts another one in its place, takes its name alone: nodes
do so with snapshots that they do not need any more, and somebody may take long to read and answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path

from node.config import ClusterSpec
from node.raft.snapshot import Snapshot, SnapshotId
from node.storage.base import CorruptionError, StorageError
from node.storage.renewal import SnapshotSource
from node.storage.snapshot_format import Header, SnapshotReader
from raftctl.errors import CliError, from_os_error
from raftctl.exit_codes import Exit

BLOCK_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class HeldFile:
    """A file that is open. `path` is where it was found."""

    path: Path
    raw: RawIOBase

    @contextmanager
    def open(self) -> Iterator[SnapshotReader]:
        """Read it from its beginning, as it is now. Raises CorruptionError, StorageError."""
        with self._disk_errors():
            self.raw.seek(0)

        def read(length: int) -> bytes:
            with self._disk_errors():
                return file.read(length)

        # A reader that was used before would give what it remembers.
        with open(self.raw.fileno(), "rb", buffering=BLOCK_BYTES, closefd=False) as file:
            yield SnapshotReader(read, str(self.path))

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StorageError(f"{self.path}: {error.strerror or error}") from error


@dataclass(frozen=True, slots=True)
class Source:
    """What the file is."""

    held: HeldFile
    header: Header
    id: SnapshotId
    is_former: bool
    """It was taken before the cluster was made anew."""

    @property
    def path(self) -> Path:
        return self.held.path

    @property
    def snapshot(self) -> SnapshotSource:
        return SnapshotSource(self.held.open, self.header.cluster_id, self.id)


@contextmanager
def hold_file(path: Path) -> Iterator[HeldFile]:
    """Raises CliError where there is none."""
    if not path.is_file():
        raise CliError(
            "E_NO_FILE",
            f"there is no file {path}",
            Exit.NOT_FOUND,
            hint="raftctl snapshot ls lists those that the nodes keep",
        )
    try:
        raw = path.open("rb", buffering=0)
    except OSError as error:
        raise from_os_error(error) from error
    with raw:
        yield HeldFile(path, raw)


def read_source(held: HeldFile, spec: ClusterSpec) -> Source:
    """What it is, read to its end. Raises CliError for one that cannot be gone back to."""
    try:
        with held.open() as reader:
            for _ in reader.parts():
                pass
    except CorruptionError as error:
        raise CliError(
            "E_DAMAGED",
            f"{error}: it cannot be gone back to",
            Exit.CHECK_FAILED,
            hint="another node's file of the same entry, or an older one",
        ) from error
    except StorageError as error:
        hint = f"ls -l {held.path}"
        raise CliError("E_IO", str(error), Exit.UNEXPECTED, hint=hint) from error
    header, tally = reader.header, reader.tally
    is_former = header.cluster_id in spec.former_ids
    if header.cluster_id != spec.cluster_id and not is_former:
        raise CliError(
            "E_WRONG_CLUSTER",
            f"{held.path} is of the cluster {header.cluster_id}; {spec.name} is {spec.cluster_id}"
            + (f", and was {' '.join(spec.former_ids)}" if spec.former_ids else ""),
            Exit.PRECONDITION,
            hint="-c names the cluster that it is of",
        )
    which = SnapshotId(header.index, header.term, tally.size, tally.digest)
    return Source(held, header, which, is_former)


def check_machine(source: Source, spec: ClusterSpec) -> None:
    """Raises CliError when the cluster's machine cannot be made of it: no node would start."""
    from node.machines.loading import MachineError, load_machine
    from node.replica.state import restore as make_state

    try:
        with source.held.open() as reader:
            make_state(
                Snapshot(source.id, source.header.configuration),
                reader.parts_of(source.header.cluster_id, source.id),
                lambda: load_machine(spec.machine, spec.machine_path),
            )
    except (CorruptionError, MachineError) as error:
        raise CliError(
            "E_DAMAGED",
            f"{source.path} makes no {spec.machine}: {error}",
            Exit.CHECK_FAILED,
            hint="another file, or the machine's code as it was then",
        ) from error
    except StorageError as error:
        hint = f"ls -l {source.path}"
        raise CliError("E_IO", str(error), Exit.UNEXPECTED, hint=hint) from error
