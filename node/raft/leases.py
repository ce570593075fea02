"""Reads under a lease: a leader that a majority has answered lately need not ask it again.

Thesis 6.4.1. Whoever answered a leader helps to elect no other for an election timeout, counted
from when it heard (thesis 4.2.3), which is after the message left. So the lease is counted from
there, and ends sooner than that timeout by what the clocks of two nodes may differ in rate
(`lease_percent`: with 90, a tenth). Nothing here depends on what any clock shows, only on how fast
it goes, and it must not step: a monotonic one.

A follower whose connections with its leader ended need not wait for it: its process has most likely
died, and others may lead at once. So that this breaks no lease, a leader says in its messages that
it claims one, and whoever heard that keeps the promise, connection or not (`hearing`). It claims
one for a while after a read was asked for under it, and answers such reads only once a quorum has
answered what claimed it. Where nobody reads under leases, a leader's death costs no wait.

Two things would break the promise, and are kept from it. A node that restarts has forgotten whom it
heard, so it elects nobody for a timeout after its boot. And a successor that was told to campaign
(thesis 3.10) is elected in spite of it, so a leader that named one has no lease any more.
"""

from typing import TYPE_CHECKING

from node.raft import reading
from node.raft.roles import Follower, Leader, Round

if TYPE_CHECKING:
    from node.raft.core import RaftCore

ROUNDS_MAX = 64
WANTED_TIMEOUTS = 16
"""A lease is claimed for so many election timeouts after a read was asked for under it."""


def want(core: "RaftCore", now: int) -> None:
    """Claim a lease from the next message on. What left before claims none, so the first read has
    to ask a majority all the same.
    """
    leader = core.role
    if not isinstance(leader, Leader) or not _may_lease(core, leader):
        return
    leader.lease_wanted_until = now + WANTED_TIMEOUTS * core.config.election_timeout_us
    if leader.claims_after is None:
        leader.claims_after = leader.sequence


def _may_lease(core: "RaftCore", leader: Leader) -> bool:
    """It needs the followers' side of the promise, which `check_quorum` is."""
    return leader.may_lease and core.config.check_quorum


def forget_wish(leader: Leader, now: int) -> None:
    """Claim none any more, where nobody has asked for it lately."""
    if now >= leader.lease_wanted_until:
        leader.claims_after = None


def note_round(core: "RaftCore", leader: Leader, now: int) -> None:
    """Messages that leave from now on may begin a lease when they are answered."""
    _forget_old(core, leader)
    if len(leader.rounds) < ROUNDS_MAX:
        leader.rounds.append(Round(leader.sequence, now))


def _forget_old(core: "RaftCore", leader: Leader) -> None:
    """Keep the newest round that a quorum has answered, and those after it."""
    acked = reading.acked_by_quorum(core, leader)
    while len(leader.rounds) > 1 and leader.rounds[1].sequence < acked:
        leader.rounds.popleft()


def _confirmed_at(leader: Leader, acked: int) -> int | None:
    """When the newest messages that a quorum has answered, up to `acked`, began to leave."""
    return max((each.began_at for each in leader.rounds if each.sequence < acked), default=None)


def _is_claimed(leader: Leader, acked: int) -> bool:
    """Whether a quorum has answered messages that claim a lease, by those up to `acked`."""
    return leader.claims_after is not None and acked > leader.claims_after


def lease_index(core: "RaftCore", now: int) -> int | None:
    """The index at which this leader may serve a read at `now`; None where it has to ask first."""
    leader = core.role
    if not isinstance(leader, Leader) or not _may_lease(core, leader):
        return None
    acked = reading.acked_by_quorum(core, leader)
    if core.commit_index < leader.first_index or not _is_claimed(leader, acked):
        return None
    confirmed_at = _confirmed_at(leader, acked)
    lasts_us = core.config.election_timeout_us * core.config.lease_percent // 100
    if confirmed_at is None or now >= confirmed_at + lasts_us:
        return None
    return core.commit_index


def age_us(core: "RaftCore", now: int) -> int | None:
    """How long ago this node was in touch: a follower with its leader, by when its message came; a
    leader with a majority, by when it asked. None: with nobody.
    """
    leader = core.role
    if isinstance(leader, Leader):
        heard_at = _confirmed_at(leader, reading.acked_by_quorum(core, leader))
    elif isinstance(core.role, Follower):
        heard_at = core.leader_heard_at
    else:
        heard_at = None
    return None if heard_at is None else max(now - heard_at, 0)
