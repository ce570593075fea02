"""What happened inside a core, for people: status lines, logs, recordings."""

from typing import NamedTuple

from node.raft.configuration import Configuration


class RoleChanged(NamedTuple):
    """`role` is follower, precandidate, candidate or leader; `why` is a short reason."""

    term: int
    role: str
    why: str


class LeaderChanged(NamedTuple):
    """This node learnt who leads `term`, which may be the leader of an earlier one again, or (None)
    that nobody it knows does.
    """

    term: int
    leader_id: int | None


class LeaderElected(NamedTuple):
    """This node won. `votes` are the voters that chose it."""

    term: int
    votes: tuple[int, ...]
    took_us: int


class VoteCast(NamedTuple):
    term: int
    candidate_id: int


class LogTruncated(NamedTuple):
    """Entries `from_index`..`to_index` conflicted with the leader's and are gone, uncommitted."""

    term: int
    from_index: int
    to_index: int


class PeerLogReverted(NamedTuple):
    """A follower holds less than it once acknowledged: its disk lost data that it had promised."""

    term: int
    peer_id: int
    acknowledged_index: int
    conflict_index: int


class TransferStarted(NamedTuple):
    term: int
    target_id: int


class TransferEnded(NamedTuple):
    """`ok`: this node gave way to a later term; else it gave up, and takes proposals again."""

    term: int
    target_id: int
    ok: bool


class ConfigurationChanged(NamedTuple):
    """The configuration at `index` of the log is in force here, or, after a truncation, again."""

    term: int
    index: int  # type: ignore[assignment]  # not the method of tuples
    configuration: Configuration


class SnapshotSending(NamedTuple):
    """A follower needs entries that are compacted away, and is sent the snapshot at `index`."""

    term: int
    peer_id: int
    index: int  # type: ignore[assignment]  # not the method of tuples
    size: int


class SnapshotSent(NamedTuple):
    """The follower holds it; `sent_bytes` left for that, those that were sent again included."""

    term: int
    peer_id: int
    index: int  # type: ignore[assignment]  # not the method of tuples
    sent_bytes: int


class SnapshotDamaged(NamedTuple):
    """What the follower received of the snapshot at `index` is not what its digest promises."""

    term: int
    peer_id: int
    index: int  # type: ignore[assignment]  # not the method of tuples


class SnapshotInstalled(NamedTuple):
    """A snapshot of the leader took the place of this node's log up to `index`."""

    term: int
    index: int  # type: ignore[assignment]  # not the method of tuples


Event = (
    RoleChanged
    | LeaderChanged
    | LeaderElected
    | VoteCast
    | LogTruncated
    | PeerLogReverted
    | TransferStarted
    | TransferEnded
    | ConfigurationChanged
    | SnapshotSending
    | SnapshotSent
    | SnapshotDamaged
    | SnapshotInstalled
)
