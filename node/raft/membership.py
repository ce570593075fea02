"""The moves of a membership change: asked for, entered, left, and what follows for the leader.

Paper 6, thesis 4. One change at a time, and none before the leader has committed an entry of its
own term: without that, changes by successive leaders may elect two leaders (Ongaro 2015, on the
raft-dev list). A change of voters takes two entries, the joint configuration and the one after it,
which a leader appends by itself as soon as the joint one is committed, whoever began it. A change
of learners alone moves no majority, so it takes one entry.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING

from node.raft import proposing, replication, sparing, transfer
from node.raft.configuration import Change, Configuration, Promote
from node.raft.errors import (
    ChangePendingError,
    NotCaughtUpError,
    NotLeaderError,
    ProposalDroppedError,
)
from node.raft.messages import LogEntry
from node.raft.progress import CatchUpRound, Progress
from node.raft.roles import Leader

if TYPE_CHECKING:
    from node.raft.core import RaftCore


def change(core: "RaftCore", changes: Collection[Change], now: int) -> int:
    """Append the configuration that `changes` lead to, and give the index of its entry.

    The change is done when the configuration in force is not joint and its entry is committed;
    until then no other is taken.

    Raises NotLeaderError; ConfigurationError for a change that cannot be; ChangePendingError with
    the index that has to be committed first; NotCaughtUpError for a learner that would hold up the
    others as a voter; ProposalDroppedError while leadership is being transferred.
    """
    leader = core.role
    if not isinstance(leader, Leader):
        raise NotLeaderError(core.leader_id)
    if leader.transfer is not None:
        raise ProposalDroppedError("leadership is being transferred")
    _check_nothing_pending(core, leader)
    target = core.configuration.changed(changes)
    for each in changes:
        if isinstance(each, Promote) and not keeps_up(core, leader.progress[each.id], now):
            match_index = leader.progress[each.id].match_index
            raise NotCaughtUpError(each.id, match_index, core.log.last_index)
    return _append(core, leader, core.configuration.entering(target), now)


def _check_nothing_pending(core: "RaftCore", leader: Leader) -> None:
    if core.commit_index < leader.first_index:
        raise ChangePendingError(leader.first_index, "this leader is new")
    if core.configuration_index > core.commit_index or core.configuration.is_joint:
        raise ChangePendingError(core.configuration_index, "another change is under way")


def keeps_up(core: "RaftCore", progress: Progress, now: int) -> bool:
    """Whether a learner catches up in short rounds, and is still there."""
    timeout_us = core.config.election_timeout_us
    if progress.round is None or progress.heard_at is None:
        return False
    is_there = now - progress.heard_at < timeout_us
    return is_there and progress.round.keeps_up(now, timeout_us)


def _append(core: "RaftCore", leader: Leader, configuration: Configuration, now: int) -> int:
    leader.uncommitted_bytes += proposing.size_of(core.config, configuration)
    core.log.append([LogEntry(core.term, configuration)])
    follow(core, leader, now)
    return core.log.last_index


def follow(core: "RaftCore", leader: Leader, now: int) -> None:
    """Send to the members of the configuration in force, no others, each as what it is now."""
    configuration = core.configuration
    members = configuration.members - {core.id}
    for gone in leader.progress.keys() - members:
        del leader.progress[gone]
    for member in sorted(members - leader.progress.keys()):
        leader.progress[member] = Progress(
            core.log.last_index + 1,
            core.config.inflight_max,
            core.config.inflight_bytes_max,
            added_at=leader.sequence,
        )
    for member, progress in leader.progress.items():
        if member in configuration.electorate:
            progress.round = None
        elif progress.round is None:
            progress.round = CatchUpRound(core.log.last_index, now)
    if leader.transfer is not None and leader.transfer.target_id not in configuration.voters:
        transfer.end_transfer(core, leader, ok=False)
    sparing.end(leader)
    core.configuration_changed()


def maybe_advance(core: "RaftCore", leader: Leader, now: int) -> None:
    """Take the next step of a change, if what it waits for has happened."""
    if core.configuration_index > core.commit_index or core.commit_index < leader.first_index:
        return
    configuration = core.configuration
    if configuration.is_joint:
        _append(core, leader, configuration.leaving(), now)
    elif core.id not in configuration.voters:
        _leave(core, leader, now)
    elif configuration.promotable and leader.transfer is None:
        ready = [
            member
            for member in sorted(configuration.promotable)
            if keeps_up(core, leader.progress[member], now)
        ]
        if ready:
            target = configuration.changed([Promote(member) for member in ready])
            _append(core, leader, configuration.entering(target), now)


def _leave(core: "RaftCore", leader: Leader, now: int) -> None:
    """The configuration without this node is committed: nothing keeps it in office (thesis 4.2.2).

    The others learn of the commit first, and the one that is furthest need not wait for a timeout.
    """
    for progress in leader.progress.values():
        progress.heartbeat_due = True
    replication.send_heartbeats(core, leader)
    transfer.name_successor(core)
    core.become_follower(core.term, None, now, "no voter any more")
