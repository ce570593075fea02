"""The storage protocols: small, so that another engine can stand behind each."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple, Protocol

from node.raft.configuration import Configuration
from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.ready import HardState, Ready
from node.raft.snapshot import ReceivedChunk, Snapshot, SnapshotId


class StorageError(Exception):
    """The disk failed. The write may or may not have happened: the node must stop."""


class DiskFullError(StorageError):
    """No space: the write did not happen, nothing was lost, and it may be tried again."""


class CorruptionError(StorageError):
    """What was read back is not what was written; the message says what, and which index."""


class WrongClusterError(CorruptionError):
    """It is whole, and another cluster's."""


class FormatVersionError(StorageError):
    """It was written by another version, which writes it in another way."""


def disk_error(error: OSError, path: object) -> StorageError:
    """What an error of the system means for the file or folder at `path`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFullError(f"{path}: no space is left")
    return StorageError(f"{path}: {error.strerror or error}")


@contextmanager
def disk_errors(path: object) -> Iterator[None]:
    """What the system refuses inside is an error of the disk. Raises StorageError."""
    try:
        yield
    except OSError as error:
        raise disk_error(error, path) from error


class Stored(NamedTuple):
    """What a node finds at boot.

    `log` follows `base`. `first` is the configuration that the cluster was made with, which holds
    until the log or a snapshot has another; without voters for a node that is to be added.
    `snapshots` are those that the log follows without a hole, the newest first. Entries up to
    `commit_index` were known to be committed when something was saved last.
    """

    hard_state: HardState
    log: list[LogEntry]
    first: Configuration = Configuration()
    base: EntryId = EntryId(0, 0)
    snapshots: tuple[Snapshot, ...] = ()
    commit_index: int = 0


class Storage(Protocol):
    """One node's stable storage. Not thread-safe; one call at a time, from any one thread."""

    def load(self) -> Stored:
        """Read everything back, checked. Raises CorruptionError, StorageError."""
        ...

    def save(self, batch: Ready) -> None:
        """Write one batch, all of it or nothing, durable on return.

        That is its `hard_state`, `snapshot` (the file is there already), `base`, `truncate_from`,
        `entries` and `commit_index`: first everything at or above `truncate_from` goes, then
        `entries` follow at `first_index`; what lies at or below `base` is not read any more, and
        may go at leisure. Each `entry` is bytes, a Configuration, or None for a no-op.

        Raises DiskFullError (nothing was written) or StorageError (unknown what was written:
        latched, every later save raises it again).
        """
        ...

    def close(self) -> None: ...


class SnapshotStore(Protocol):
    """A node's snapshots: complete ones, and the one that is coming in from the leader.

    `read` and `put` may be called while `write`, `load` or `receive` goes on in another thread.
    """

    def write(
        self, index: int, term: int, configuration: Configuration, parts: Iterator[bytes]
    ) -> Snapshot:
        """Keep the state that `parts` describe, as it was after entry `index` of `term`.

        Written aside, durable on return, and complete or not there at all. The same arguments give
        the same bytes, on whatever node. Raises DiskFullError, StorageError; what `parts` raises.
        """
        ...

    def load(self, snapshot: SnapshotId) -> Iterator[bytes]:
        """The parts of a snapshot, each checked when its turn comes; the end comes only after the
        whole was as its digest says. Raises CorruptionError, StorageError.
        """
        ...

    def read(self, snapshot: SnapshotId, offset: int, length: int) -> bytes | None:
        """Bytes of a complete snapshot, to be sent; None when it is gone or too short.

        Raises StorageError.
        """
        ...

    def put(self, chunk: ReceivedChunk) -> None:
        """Take a part of one that is coming in, in order. Not durable on return.

        Raises CorruptionError for one that does not follow what came in; DiskFullError and
        StorageError, after which what came in is gone.
        """
        ...

    def receive(self, snapshot: SnapshotId) -> Snapshot:
        """All its parts have come in: check them, and keep it, durably. It does not count before it
        was saved. Raises CorruptionError, DiskFullError, StorageError; what came in is gone then.
        """
        ...

    def keep(self, snapshots: frozenset[SnapshotId]) -> None:
        """Remove all complete snapshots but these. Raises StorageError."""
        ...
