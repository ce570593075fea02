"""What a core is told at birth: its settings, and what its disk holds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from node.raft.messages import LogEntry


@dataclass(frozen=True, slots=True)
class CoreConfig:
    """What a core needs to know. Durations in microseconds.

    An election timeout is drawn from [`election_timeout_us`, twice that). `uncommitted_max` bounds
    the entries that a leader takes without a majority, `inflight_max` the appends with entries on
    their way to one follower, `append_entries_max` the entries of one append. With `entry_size`,
    which gives an entry's bytes, bytes are bounded instead: `append_bytes_max` those of one append
    (always at least one entry), `inflight_bytes_max` those of all that are on their way to one
    follower (always at least one append), so that what one burst sends fits into its buffers, and
    `uncommitted_bytes_max` those that a leader takes without a majority (always at least one).

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
    entry_size: Callable[[Any], int] | None = None

    def __post_init__(self) -> None:
        if self.node_id not in self.voters:
            raise ValueError(f"node {self.node_id} is not one of the voters {sorted(self.voters)}")
        if not 0 < self.heartbeat_us < self.election_timeout_us:
            raise ValueError("the heartbeat has to be shorter than the election timeout, above 0")
        limits = ("uncommitted_max", "inflight_max", "append_entries_max", "reads_max")
        sizes = ("append_bytes_max", "inflight_bytes_max", "uncommitted_bytes_max")
        for name in (*limits, *sizes):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} has to be at least 1")


@dataclass(frozen=True, slots=True)
class InitialState:
    """What was on the disk at boot. `log[0]` is entry 1; entries up to `last_applied` were applied.

    Raises ValueError when the parts do not belong together: a log from a later term than
    `current_term`, terms that fall or begin below 1, a vote in term 0, which has no elections, or
    more applied entries than there are.
    """

    current_term: int = 0
    voted_for: int | None = None
    log: Sequence[LogEntry] = ()
    last_applied: int = 0

    def __post_init__(self) -> None:
        if self.current_term < 0:
            raise ValueError(f"the saved term is {self.current_term}; terms begin at 0")
        if self.current_term == 0 and self.voted_for is not None:
            raise ValueError(
                f"a vote for {self.voted_for} was saved in term 0, which elects nobody"
            )
        term = 0
        for index, entry in enumerate(self.log, 1):
            if entry.term < 1:
                raise ValueError(f"entry {index} has term {entry.term}; entries' terms begin at 1")
            if entry.term < term:
                raise ValueError(f"entry {index} has term {entry.term}, after one of term {term}")
            term = entry.term
        if term > self.current_term:
            raise ValueError(f"the log reaches term {term}, the saved term is {self.current_term}")
        if not 0 <= self.last_applied <= len(self.log):
            raise ValueError(
                f"{self.last_applied} entries were applied, but the log has {len(self.log)}"
            )
