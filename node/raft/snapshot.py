"""Snapshots: what the log up to an index amounts to, so that the log need not be kept.

A snapshot is a file, or whatever the host makes of it: the core knows its place in the log, its
size and its digest, never its bytes. Two nodes that took a snapshot at the same entry hold the same
one, as long as the machine writes itself down in a determined order. That is why a transfer goes on
where it stood when the connection broke, or when another leader takes over: the follower says how
much it has of *this* snapshot, by place, size and digest.
"""

from dataclasses import dataclass
from typing import NamedTuple

from node.raft.configuration import Configuration
from node.raft.log import EntryId


class SnapshotId(NamedTuple):
    """Which snapshot: the last entry in it, its length in bytes, and a digest of them."""

    index: int  # type: ignore[assignment]  # not the method of tuples
    term: int
    size: int
    digest: bytes

    @property
    def last_entry(self) -> EntryId:
        return EntryId(self.term, self.index)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A complete one, and the configuration that was in force at its last entry."""

    id: SnapshotId
    configuration: Configuration

    @property
    def index(self) -> int:
        return self.id.index


class ReceivedChunk(NamedTuple):
    """Bytes of a snapshot from the leader, to be put at `offset`. At 0 a new one begins, and what
    there is of an older one goes; `is_last`: with this the snapshot is complete.
    """

    snapshot: SnapshotId
    offset: int
    data: bytes
    is_last: bool


@dataclass(slots=True)
class Receipt:
    """A snapshot that is coming in: the host was handed everything below `offset`."""

    snapshot: SnapshotId
    offset: int = 0
    saved_offset: int = 0
    """What of that the host has put in its place."""
    is_damaged: bool = False
    """What came first was not what it should be, and the leader does not know yet."""

    @property
    def is_complete(self) -> bool:
        return self.offset == self.snapshot.size


@dataclass(slots=True)
class SnapshotTransfer:
    """A snapshot on its way to one follower.

    Chunks follow each other without waiting, up to a window. Each answer says how much the follower
    has; one that has less than what came before its chunk has lost some, and the leader goes back
    to there, once for all that had been sent by then.
    """

    snapshot: SnapshotId
    began_at: int
    """The newest of all messages that the leader had sent when it began: answers up to that number
    are about an earlier transfer, perhaps of the same snapshot.
    """
    next_offset: int | None = None
    """None until the follower has said how much it has already."""
    acked_offset: int = 0
    sent_before: int = 0
    """Answers to messages up to this number, of all that the leader sent, are about a time before
    it went back last.
    """
    sent_bytes: int = 0

    def answered(self, sequence: int, chunk_offset: int, offset: int, newest_sequence: int) -> None:
        """The follower holds `offset` bytes, in answer to the chunk at `chunk_offset`."""
        if sequence <= self.sent_before:
            return
        is_behind = self.next_offset is None or offset < chunk_offset
        if is_behind:
            self.next_offset = offset
            self.acked_offset = offset
            self.sent_before = newest_sequence
            return
        assert self.next_offset is not None
        self.acked_offset = max(self.acked_offset, offset)
        self.next_offset = max(self.next_offset, offset)
