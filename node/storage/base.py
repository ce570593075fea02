"""The storage protocol: small, so that another engine can stand behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from node.raft.messages import LogEntry
from node.raft.ready import HardState


class StorageError(Exception):
    """The disk failed. The write may or may not have happened: the node must stop."""


class DiskFullError(StorageError):
    """No space: the write did not happen, nothing was lost, and it may be tried again."""


class CorruptionError(StorageError):
    """What was read back is not what was written; the message says which index."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What a node finds at boot. `log[0]` is entry 1."""

    hard_state: HardState
    log: list[LogEntry]


class Storage(Protocol):
    """One node's stable storage. Not thread-safe; one call at a time, from any one thread."""

    def load(self) -> Stored:
        """Read everything back, checked. Raises CorruptionError, StorageError."""
        ...

    def save(
        self,
        hard_state: HardState | None,
        truncate_from: int | None,
        first_index: int,
        entries: Sequence[LogEntry],
    ) -> None:
        """Write one batch, all of it or nothing, durable on return.

        First everything at or above `truncate_from` goes, then `entries` follow at `first_index`;
        each `entry` is bytes, or None for a no-op. Raises DiskFullError (nothing was written) or
        StorageError (unknown what was written: latched, every later save raises it again).
        """
        ...

    def close(self) -> None: ...
