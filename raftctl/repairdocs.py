"""Documents about what is done to a cluster that lost too much; the others are in `documents`."""

from dataclasses import dataclass, field

from raftctl.logdocs import LogEntry


@dataclass
class Tail:
    """Entries at the end of a log; `entries` has the first and the last of them when it is long."""

    node: str
    count: int
    first_index: int | None
    last_index: int | None
    entries: list[LogEntry] = field(default_factory=list)


@dataclass
class Recover:
    """The answer of recover: the cluster that the survivors are from now on."""

    cluster: str
    cluster_id: str
    former_id: str
    nodes: list[str]
    gone: list[str]
    """Who is no member any more, and cannot come back with its data."""
    log_of: str
    """Whose log was taken."""
    term: int
    last_index: int
    """The new configuration is this entry."""
    commit_index: int
    """Up to where entries were known to be committed."""
    tail: Tail
    """What came after, which is committed by this."""
    lost: list[Tail]
    """What other survivors held beside that log."""
    warnings: list[str]


@dataclass
class Restore:
    """The answer of snapshot restore."""

    cluster: str
    cluster_id: str
    former_id: str
    file: str
    snapshot_index: int
    snapshot_term: int
    of_former_life: bool
    """Whether the snapshot was taken before the cluster was made anew an earlier time."""
    nodes: list[str]
    learners: list[str]
    gone: list[str]
    """Who has no place any more: it was no member, or a member that cluster.json did not have."""
    term: int
    last_index: int
    undone: int | None
    """How many entries that were there are gone; null when no log could be read."""
    warnings: list[str]
