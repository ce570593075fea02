"""What the host of a `Raft` brings: callbacks that it must have, and some that it may have.

An Exception out of `make_rpc` is ignored: the message counts as lost, and is repeated in time.
Whatever else is raised, out of any callback, stops the instance for good, KeyboardInterrupt and a
cancellation included: half of an effect cannot be taken back.
"""

from typing import Any, Protocol, runtime_checkable

from node.raft.configuration import Configuration
from node.raft.log import EntryId
from node.raft.messages import LogEntry, Message
from node.raft.snapshot import ReceivedChunk, Snapshot, SnapshotId


class Callbacks(Protocol):
    """What every host brings: a way to send, a log and two numbers on disk, a state machine."""

    def make_rpc(self, peer_id: int, rpc: Message) -> None:
        """Send `rpc` to `peer_id`, without waiting for anything."""
        ...

    def apply_entry(self, entry: Any) -> None:  # noqa: ANN401 - of the host's own type
        """Apply a committed entry. Deterministic: the same entries give the same state."""
        ...

    def log_append(self, log_entry: LogEntry) -> None:
        """Put an entry at the end of the log on disk."""
        ...

    def log_pop(self) -> LogEntry:
        """Remove the last entry of the log on disk, and give it."""
        ...

    def persist_current_term(self, term: int) -> None:
        """Overwrite the saved term."""
        ...

    def persist_voted_for(self, voted_for: int | None) -> None:
        """Overwrite the saved vote."""
        ...


@runtime_checkable
class Syncs(Protocol):
    """Callbacks may have this too: then the others need not be durable when they return."""

    def sync(self) -> None:
        """Make all that was appended, popped and persisted durable before returning."""
        ...


@runtime_checkable
class Snapshots(Protocol):
    """Callbacks may have these too: then the log need not be kept for ever. The host writes its
    machine down when it likes, and says so with `Raft.snapshot_saved`.
    """

    def persist_snapshot(self, snapshot: Snapshot, base: EntryId) -> None:
        """From now on `snapshot`, which is durable, is where a boot begins, and the log on disk
        begins after `base`: what is in front of that may go, at once or later.
        """
        ...

    def read_snapshot(self, snapshot: SnapshotId, offset: int, length: int) -> bytes:
        """`length` bytes of a snapshot that was saved here, to be sent to a follower. Fewer mean
        that it is gone: then a newer one will be asked for.
        """
        ...

    def write_snapshot(self, chunk: ReceivedChunk) -> None:
        """Keep a part of a snapshot that comes in from the leader; parts come in order."""
        ...

    def check_snapshot(self, snapshot: SnapshotId) -> Configuration:
        """All parts came in: make them durable, and give the configuration that stands in them.

        Raises DamagedSnapshotError for bytes that are not as `snapshot.digest` says.
        """
        ...

    def restore_snapshot(self, snapshot: Snapshot) -> None:
        """The state machine takes on the state in it; what was applied before is part of that."""
        ...


@runtime_checkable
class Members(Protocol):
    """Callbacks may have this too, to know where to send messages."""

    def configuration_changed(self, configuration: Configuration) -> None:
        """Who belongs to the cluster, from now on; or again, when a change was lost."""
        ...
