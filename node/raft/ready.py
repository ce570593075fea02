"""What the core wants done: one value, and the order in which to do it.

The host of a core, for each Ready:

1. sends the `chunks` of snapshots, with the bytes that they ask for, and then `messages`, which
   may ask what has become of them,
2. applies `committed` and answers `reads` (both are settled facts: they need no disk write),
3. puts the bytes of `received` in their places, and writes `hard_state`, `snapshot`, `base`,
   `truncate_from`, `entries` and `commit_index` in one transaction, if `must_sync`,
4. calls `core.synced(ready.seq)`,
5. sends `messages_after_sync`.

Steps 1 to 3 may run at the same time (thesis 10.2.1). A message that promises something (a vote, an
acknowledgement) promises it from stable storage, so it waits for step 4. A host that dies between
two steps has promised nothing that it did not write.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from node.raft.events import Event
from node.raft.log import EntryId
from node.raft.messages import InstallSnapshot, LogEntry, Message
from node.raft.snapshot import ReceivedChunk, Snapshot, SnapshotId


class HardState(NamedTuple):
    """The term and the vote: one record, since a vote means nothing without its term."""

    current_term: int
    voted_for: int | None


class ReadState(NamedTuple):
    """The end of a read. Serve it once `last_applied >= read_index`; None: it was not confirmed."""

    context: object
    read_index: int | None


class Envelope(NamedTuple):
    """A message and the node it goes to."""

    to: int
    message: Message


class Chunk(NamedTuple):
    """A part of a snapshot that is to be sent to `to`: `length` bytes of it from `offset` on."""

    to: int
    term: int
    leader_id: int
    snapshot: SnapshotId
    offset: int
    length: int
    sequence: int

    def message(self, data: bytes) -> InstallSnapshot:
        """The message, with the bytes that were asked for."""
        assert len(data) == self.length, "what was asked for"
        which = self.snapshot
        return InstallSnapshot(
            self.term,
            self.leader_id,
            which.index,
            which.term,
            which.size,
            which.digest,
            self.offset,
            data,
            self.sequence,
        )


class Prompt(NamedTuple):
    """What need not wait for the Ready under way: messages that promise nothing, parts of
    snapshots, ended reads, and what there is to tell.
    """

    messages: list[Envelope]
    chunks: list[Chunk]
    reads: list[ReadState]
    events: list[Event]


@dataclass(slots=True)
class Ready:
    """One batch of effects.

    `entries` start at `first_index`; what the log on disk holds at or above `truncate_from` goes
    first. `snapshot` is one that counts from now on, and is durable already; with `base` the log
    begins behind that entry, and what is in front may go. `committed` starts at
    `committed_first_index`, no-ops and configurations included, in log order, each entry handed out
    once. `commit_index` alone is no reason to write.
    """

    seq: int
    hard_state: HardState | None = None
    snapshot: Snapshot | None = None
    base: EntryId | None = None
    truncate_from: int | None = None
    first_index: int = 0
    entries: list[LogEntry] = field(default_factory=list)
    commit_index: int = 0
    received: list[ReceivedChunk] = field(default_factory=list)
    messages: list[Envelope] = field(default_factory=list)
    chunks: list[Chunk] = field(default_factory=list)
    messages_after_sync: list[Envelope] = field(default_factory=list)
    committed_first_index: int = 0
    committed: list[LogEntry] = field(default_factory=list)
    reads: list[ReadState] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    @property
    def must_sync(self) -> bool:
        """Whether anything has to reach the disk before `synced`."""
        return (
            bool(self.entries or self.received)
            or self.hard_state is not None
            or self.truncate_from is not None
            or self.snapshot is not None
            or self.base is not None
        )
