"""What `status` prints, and what most commands look at."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from raftctl.measuredocs import Measured

Proc = Literal["running", "paused", "exited", "stopped", "unreachable"]
Role = Literal["follower", "precandidate", "candidate", "leader", "learner"]
Health = Annotated[str, Literal["ok", "degraded", "no leader", "down"]]
Membership = Annotated[str, Literal["voter", "learner", "joining", "leaving", "none"]]
"""A learner has no vote; one that is joining gets its vote as soon as it has caught up; one that is
leaving has a vote until the change that is under way is done; none: not, or no longer, a member.
"""


@dataclass
class Configuration:
    """Who belongs to the cluster."""

    index: int | None
    """The log entry that says so; null when no node could be asked."""
    settled: bool
    """Whether it is committed, and no change is under way."""
    joint: bool
    """Whether a change of the voters is under way: decisions need a majority of both halves."""
    voters: list[str]
    outgoing: list[str]
    """The voters before the change that is under way."""
    learners: list[str]


@dataclass
class Node:
    id: str
    address: str
    pid: int | None
    proc: Proc
    note: str
    """Why it is not running, for people."""
    remedy: str
    """What to type to get it back; empty when nothing is needed."""
    role: Role | None = None
    term: int | None = None
    voted_for: str | None = None
    leader: str | None = None
    leading_ms: int | None = None
    """Since when it has led; null for all but leaders."""
    first_index: int | None = None
    last_index: int | None = None
    commit_index: int | None = None
    last_applied: int | None = None
    lag: int | None = None
    voting: bool | None = None
    up_ms: int | None = None
    links: dict[str, str] = field(default_factory=dict)
    last_event: str | None = None
    member: Membership | None = None
    """Null when no node could be asked who belongs to the cluster."""
    in_touch: list[str] = field(default_factory=list)
    """Of a leader: itself, and who answered it within an election timeout."""
    measured: Measured = field(default_factory=Measured)


@dataclass
class Quorum:
    """Of a change of the voters that is under way: the half that has fewer to spare."""

    have: int
    """Voters that run, and have a disk."""
    need: int
    voters: int = 0


@dataclass
class Status:
    cluster: str
    leader: str | None
    term: int | None
    health: Health
    quorum: Quorum
    faults: int
    nodes: list[Node]
    configuration: Configuration | None = None
    """Null when no node could be asked."""
