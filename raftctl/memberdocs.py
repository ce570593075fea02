"""Documents about who belongs to a cluster, and about snapshots."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from raftctl.statusdocs import Configuration, Membership

ChangeVerb = Annotated[str, Literal["add", "promote", "demote", "remove", "replace"]]


@dataclass
class Sending:
    """A snapshot on its way to a member."""

    index: int
    bytes: int
    acked_bytes: int


@dataclass
class Member:
    id: str
    role: Membership
    address: str
    proc: str
    """As in the status; unknown for a member that cluster.json does not have."""
    note: str
    remedy: str
    leads: bool = False
    match_index: int | None = None
    """Up to where the leader knows it to hold the log."""
    lag: int | None = None
    heard_ms: int | None = None
    """How long ago it answered the leader last."""
    caught_up: bool | None = None
    """Of a learner: whether it could be promoted."""
    snapshot: Sending | None = None


@dataclass
class Members:
    cluster: str
    leader: str | None
    configuration: Configuration
    members: list[Member]


@dataclass
class MemberChange:
    """The answer of members add, promote, demote, remove and replace."""

    cluster: str
    change: ChangeVerb
    nodes: list[str]
    """Whom it was about; of a replacement the new one and the old one."""
    changed: bool
    """False when it was so already."""
    configuration: Configuration
    took_ms: int
    warning: str | None
    undo: str | None


@dataclass
class SnapshotFile:
    """A snapshot that a node keeps."""

    node: str
    index: int
    term: int
    bytes: int
    digest: str
    age_ms: int | None
    current: bool
    """Whether it is the newest of its node: what a restart and a follower begin with."""
    path: str
    damage: str | None = None
    """Why it is of no use; null when nothing is known against it."""


@dataclass
class Snapshots:
    cluster: str
    snapshots: list[SnapshotFile]


@dataclass
class SnapshotTaken:
    node: str
    ok: bool
    message: str
    index: int | None = None
    term: int | None = None
    bytes: int | None = None
    digest: str | None = None


@dataclass
class SnapshotTake:
    cluster: str
    targets: list[SnapshotTaken]


@dataclass
class SnapshotInspect:
    path: str
    ok: bool
    damage: str | None
    cluster_id: str | None
    index: int | None
    term: int | None
    voters: list[str]
    learners: list[str]
    parts: int
    bytes: int
    digest: str


@dataclass
class Compaction:
    """When nodes take snapshots by themselves."""

    entries: int
    bytes_max: int
    tail: int


@dataclass
class SnapshotAuto:
    cluster: str
    settings: Compaction
    """As cluster.json has them: what a node that starts obeys."""
    changed: bool
    nodes: dict[str, Compaction] = field(default_factory=dict)
    """What the running nodes obey."""
    untold: list[str] = field(default_factory=list)
    """Running nodes that were not reached."""


@dataclass
class Transfer:
    leader: str
    previous: str
    term: int
    took_ms: int
