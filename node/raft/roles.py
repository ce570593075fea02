"""The four roles, each with the state that exists only in it, and the moves between them.

A role is a value: leaving it drops all of its state at once, so nothing of an old leadership or an
old election can linger. `RaftCore` replaces its role in one place, which checks LEGAL_TRANSITIONS.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import NamedTuple

from node.raft.progress import Progress
from node.raft.reads import LeaderReads


@dataclass(slots=True)
class Follower:
    """Answers, and waits. Without word from a leader until `election_deadline`, it campaigns."""

    election_deadline: int
    leader_id: int | None = None


@dataclass(slots=True)
class PreCandidate:
    """Asks whether it could win, before it disturbs anyone with a new term (thesis 9.6)."""

    election_deadline: int
    started_at: int
    votes: dict[int, bool] = field(default_factory=dict)


@dataclass(slots=True)
class Candidate:
    """Asks for votes in its own, new term. Its own vote counts once it is durable."""

    election_deadline: int
    started_at: int
    votes: dict[int, bool] = field(default_factory=dict)


@dataclass(slots=True)
class Transfer:
    """Leadership on its way to another node. Given up at `deadline`."""

    target_id: int
    deadline: int


class Round(NamedTuple):
    """What carries a higher sequence than this left at `began_at`, in microseconds, or later."""

    sequence: int
    began_at: int


@dataclass(slots=True)
class Leader:
    """Replicates. `progress` holds the other voters; this node's own copy counts once durable."""

    elected_at: int
    heartbeat_deadline: int
    quorum_deadline: int
    first_index: int
    """The index of this term's no-op: nothing below it is committed by counting (paper 5.4.2)."""
    progress: dict[int, Progress]
    uncommitted_bytes: int = 0
    """Of this term's proposals, as `entry_size` measures them."""
    sequence: int = 0
    """How many appends were sent in this term; each carries its number."""
    reads: LeaderReads = field(default_factory=LeaderReads)
    rounds: deque[Round] = field(default_factory=deque)
    may_lease: bool = True
    """False once a successor was named: it may be elected though this leader is heard."""
    lease_wanted_until: int = 0
    """Until then it claims a lease, in microseconds."""
    claims_after: int | None = None
    """Messages of a higher sequence claim a lease; None: none does."""
    transfer: Transfer | None = None
    spared: frozenset[int] = frozenset()
    """Who is sent what is new a little later; see `sparing`."""
    spares_until: int | None = None
    """Then everybody is sent it, in microseconds; None: no period is under way."""
    owes: bool = False
    """Everybody is sent what is new before anybody is spared."""

    def hears_at_once(self, peer_id: int) -> None:
        """A follower asked for something that it waits for in its own log: do not spare it now, nor
        where a period begins before the next appends leave.
        """
        self.spared -= {peer_id}
        self.owes = True

    @property
    def next_deadline(self) -> int:
        """The next one of those that every leader has to keep, in microseconds."""
        deadline = self.heartbeat_deadline
        transfer_until = None if self.transfer is None else self.transfer.deadline
        for other in (self.spares_until, self.reads.next_deadline, transfer_until):
            if other is not None and other < deadline:
                deadline = other
        return deadline


Role = Follower | PreCandidate | Candidate | Leader

ROLE_NAMES: dict[type[Role], str] = {
    Follower: "follower",
    PreCandidate: "precandidate",
    Candidate: "candidate",
    Leader: "leader",
}

LEGAL_TRANSITIONS: dict[type[Role], frozenset[type[Role]]] = {
    Follower: frozenset({Follower, PreCandidate, Candidate}),
    PreCandidate: frozenset({Follower, PreCandidate, Candidate}),
    Candidate: frozenset({Follower, PreCandidate, Candidate, Leader}),
    Leader: frozenset({Follower}),
}
"""Nobody leads without having been a candidate, and a leader leaves only by stepping down."""
