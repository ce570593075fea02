"""What a core is told at birth: its settings, and what its disk holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from node.raft.configuration import Configuration
from node.raft.log import EntryId, Placed
from node.raft.messages import LogEntry
from node.raft.snapshot import Snapshot

NO_ENTRY = EntryId(0, 0)
"""The empty prefix that all logs share."""
LEASE_PERCENT = 90


@dataclass(frozen=True, slots=True)
class CoreConfig:
    """What a core needs to know. Durations in microseconds.

    `voters`, at `addresses`, are the members of a log that has no other configuration in it: the
    first ones of a cluster. A node that is to be added has none, and learns who they are from them.
    An election timeout is drawn from [`election_timeout_us`, twice that), and `priority` percent
    below 100 add as much of a timeout to it, so that others are elected first. A leader answers
    lease reads for `lease_percent` of a timeout after its messages left, which holds as long as no
    two clocks differ in rate by more than the rest. For `spare_us` after a quorum has answered, a
    leader asks no others (see `sparing`); 0 means that it always asks all. `uncommitted_max` bounds
    the entries that a leader takes without a majority (always at least what is proposed at once),
    `inflight_max` the appends with entries on their way to one follower, `append_entries_max` the
    entries of one append. With `entry_size`, which gives an entry's bytes, to which each adds
    `entry_overhead`, bytes are bounded instead: `append_bytes_max` those of one append (always at
    least one entry), `inflight_bytes_max` those of all that are on their way to one follower
    (always at least one append), so that what one burst sends fits into its buffers, and
    `uncommitted_bytes_max` those that a leader takes without a majority (with the same exception).

    Raises ValueError for values that cannot work together.
    """

    node_id: int
    voters: frozenset[int]
    election_timeout_us: int = 150_000
    heartbeat_us: int = 50_000
    pre_vote: bool = True
    check_quorum: bool = True
    uncommitted_max: int = 4096
    inflight_max: int = 64
    append_entries_max: int = 64
    append_bytes_max: int = 1024 * 1024
    inflight_bytes_max: int = 8 * 1024 * 1024
    uncommitted_bytes_max: int = 64 * 1024 * 1024
    reads_max: int = 65_536
    priority: int = 100
    lease_percent: int = LEASE_PERCENT
    snapshot_chunk_bytes: int = 256 * 1024
    snapshot_window_bytes: int = 4 * 1024 * 1024
    entry_size: Callable[[Any], int] | None = None
    entry_overhead: int = 0
    addresses: tuple[tuple[int, str], ...] = ()
    spare_us: int = 0

    def __post_init__(self) -> None:
        if self.voters and self.node_id not in self.voters:
            raise ValueError(f"node {self.node_id} is not one of the voters {sorted(self.voters)}")
        if not 0 <= self.priority <= 100 or not 0 < self.lease_percent < 100:
            raise ValueError("priority is from 0 to 100, lease_percent between them")
        if not 0 < self.heartbeat_us < self.election_timeout_us:
            raise ValueError("the heartbeat has to be shorter than the election timeout, above 0")
        if self.spare_us < 0:
            raise ValueError("spare_us has to be at least 0")
        limits = ("uncommitted_max", "inflight_max", "append_entries_max", "reads_max")
        sizes = (
            "append_bytes_max",
            "inflight_bytes_max",
            "uncommitted_bytes_max",
            "snapshot_chunk_bytes",
            "snapshot_window_bytes",
        )
        for name in (*limits, *sizes):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} has to be at least 1")


@dataclass(frozen=True, slots=True)
class InitialState:
    """What was on the disk at boot.

    `log` follows `base`, the last entry that was compacted away; without a snapshot its first entry
    is number 1. `snapshot` is the newest one, whose state the machine is in unless `last_applied`
    says that it is further. Entries up to `commit_index` were known to be committed.

    Raises ValueError when the parts do not belong together: a log from a later term than
    `current_term`, terms that fall or begin below 1, a vote in term 0, which has no elections, a
    snapshot that the log does not follow without a hole, or more committed or applied entries than
    there are.
    """

    current_term: int = 0
    voted_for: int | None = None
    log: Sequence[LogEntry] = ()
    last_applied: int = 0
    base: EntryId = NO_ENTRY
    snapshot: Snapshot | None = None
    commit_index: int = 0

    def __post_init__(self) -> None:
        if self.current_term < 0:
            raise ValueError(f"the saved term is {self.current_term}; terms begin at 0")
        if self.current_term == 0 and self.voted_for is not None:
            raise ValueError(
                f"a vote for {self.voted_for} was saved in term 0, which elects nobody"
            )
        self._check_terms()
        if not self.base.index <= self.snapshot_index <= self.last_index:
            raise ValueError(
                f"the log is of entries {self.base.index + 1} to {self.last_index}, "
                f"which do not follow a snapshot at {self.snapshot_index}"
            )
        if not self.snapshot_index <= self.applied_index <= self.last_index:
            raise ValueError(
                f"{self.last_applied} entries were applied, but the log has {self.last_index}"
            )
        if not 0 <= self.commit_index <= self.last_index:
            raise ValueError(
                f"{self.commit_index} entries were committed, but the log has {self.last_index}"
            )

    def _check_terms(self) -> None:
        term = self.base.term
        for index, entry in enumerate(self.log, self.base.index + 1):
            if entry.term < 1:
                raise ValueError(f"entry {index} has term {entry.term}; entries' terms begin at 1")
            if entry.term < term:
                raise ValueError(f"entry {index} has term {entry.term}, after one of term {term}")
            term = entry.term
        if term > self.current_term:
            raise ValueError(f"the log reaches term {term}, the saved term is {self.current_term}")

    @property
    def last_index(self) -> int:
        return self.base.index + len(self.log)

    @property
    def snapshot_index(self) -> int:
        return 0 if self.snapshot is None else self.snapshot.index

    @property
    def applied_index(self) -> int:
        """Up to where the machine holds the entries: at least what its snapshot holds."""
        return self.last_applied or self.snapshot_index

    def configured(self, first: Configuration) -> Placed:
        """The configuration that those in the log build on; without a snapshot it is `first`."""
        if self.snapshot is None:
            return Placed(0, first)
        return Placed(self.snapshot.index, self.snapshot.configuration)
