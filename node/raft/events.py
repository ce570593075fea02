"""What happened inside a core, for people: status lines, logs, recordings."""

from dataclasses import dataclass

from node.raft.configuration import Configuration


@dataclass(frozen=True, slots=True)
class RoleChanged:
    """`role` is follower, precandidate, candidate or leader; `why` is a short reason."""

    term: int
    role: str
    why: str


@dataclass(frozen=True, slots=True)
class LeaderChanged:
    """This node learnt who leads `term`, which may be the leader of an earlier one again, or (None)
    that nobody it knows does.
    """

    term: int
    leader_id: int | None


@dataclass(frozen=True, slots=True)
class LeaderElected:
    """This node won. `votes` are the voters that chose it."""

    term: int
    votes: tuple[int, ...]
    took_us: int


@dataclass(frozen=True, slots=True)
class VoteCast:
    term: int
    candidate_id: int


@dataclass(frozen=True, slots=True)
class LogTruncated:
    """Entries `from_index`..`to_index` conflicted with the leader's and are gone, uncommitted."""

    term: int
    from_index: int
    to_index: int


@dataclass(frozen=True, slots=True)
class PeerLogReverted:
    """A follower holds less than it once acknowledged: its disk lost data that it had promised."""

    term: int
    peer_id: int
    acknowledged_index: int
    conflict_index: int


@dataclass(frozen=True, slots=True)
class TransferStarted:
    term: int
    target_id: int


@dataclass(frozen=True, slots=True)
class TransferEnded:
    """`ok`: this node gave way to a later term; else it gave up, and takes proposals again."""

    term: int
    target_id: int
    ok: bool


@dataclass(frozen=True, slots=True)
class ConfigurationChanged:
    """The configuration at `index` of the log is in force here, or, after a truncation, again."""

    term: int
    index: int
    configuration: Configuration


@dataclass(frozen=True, slots=True)
class SnapshotSending:
    """A follower needs entries that are compacted away, and is sent the snapshot at `index`."""

    term: int
    peer_id: int
    index: int
    size: int


@dataclass(frozen=True, slots=True)
class SnapshotSent:
    """The follower holds it; `sent_bytes` left for that, those that were sent again included."""

    term: int
    peer_id: int
    index: int
    sent_bytes: int


@dataclass(frozen=True, slots=True)
class SnapshotDamaged:
    """What the follower received of the snapshot at `index` is not what its digest promises."""

    term: int
    peer_id: int
    index: int


@dataclass(frozen=True, slots=True)
class SnapshotInstalled:
    """A snapshot of the leader took the place of this node's log up to `index`."""

    term: int
    index: int


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
