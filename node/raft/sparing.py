"""Whom a leader spares: while a quorum answers, the others hear what is new a little later.

An entry is committed, and a read confirmed, by the answers of a quorum (paper 5.3, thesis 6.4).
Those of the others change nothing, and cost as much, at both ends. So when a quorum has answered,
the leader asks these again for the next `spare_us`, and sends the others in one piece what has come
together by then. For Paxos this is known as thrifty (Moraru, Andersen and Kaminsky: There is more
consensus in egalitarian parliaments, 2013).

No rule of safety looks at when an append leaves. What may suffer is time, and that is bounded: a
period ends by itself, then everybody is asked, and whoever answers first is in the next quorum. It
ends at once for what must not wait: a change of members, a transfer, a member whose process is
gone. Nor is anything held back from a follower that has just forwarded a command or a read, which
it waits for in its own log. And a heartbeat brings along what its follower lacks: who was in touch
with its leader has heard all that was committed until then.
"""

from typing import TYPE_CHECKING

from node.raft import reading
from node.raft.progress import Progress, ProgressState
from node.raft.roles import Leader

if TYPE_CHECKING:
    from node.raft.core import RaftCore

SPARED_ENTRIES_MAX = 1024
"""Who lacks more is sent it, or its turn would come with more than it can take quickly."""


def begin(core: "RaftCore", leader: Leader, now: int) -> None:
    """A quorum has just answered: ask it again, and spare the others for a while."""
    if leader.spares_until is not None or leader.owes or not core.config.spare_us:
        return
    if not leader.progress or leader.transfer is not None:
        return
    asked = _quorum(core, leader)
    if core.configuration.has_quorum(asked):
        leader.spared = frozenset(
            peer_id
            for peer_id, progress in leader.progress.items()
            if peer_id not in asked and progress.state is ProgressState.REPLICATE
        )
    # Even where that is nobody: so it is not looked for each time that something is committed.
    leader.spares_until = now + core.config.spare_us


def _quorum(core: "RaftCore", leader: Leader) -> set[int]:
    """As many as it takes of those that hold what is committed, and gave the newest answers. It is
    none if some hold that and others answer: who holds most may have fallen silent.
    """
    answered = reading.acked_by_quorum(core, leader)
    asked = {core.id}
    for peer_id, progress in leader.progress.items():
        if core.configuration.has_quorum(asked):
            break
        if progress.match_index >= core.commit_index and progress.acked_sequence >= answered:
            asked.add(peer_id)
    return asked


def holds_back(core: "RaftCore", progress: Progress) -> bool:
    """Whether what is new waits before it is sent to this member, which is spared."""
    lacks = core.log.last_index - progress.next_index + 1
    return lacks <= SPARED_ENTRIES_MAX and not progress.heartbeat_due


def expire(leader: Leader, now: int) -> None:
    """End the period when its time has come."""
    if leader.spares_until is not None and now >= leader.spares_until:
        end(leader)


def end(leader: Leader) -> None:
    """Ask everybody from now on, also to confirm the reads that wait. The next period may begin
    when that has left: messages wait while a batch is being saved, and answers come meanwhile.
    """
    if leader.reads.pending:
        for peer_id in leader.spared & leader.progress.keys():
            leader.progress[peer_id].heartbeat_due = True
    leader.spared = frozenset()
    leader.spares_until = None
    leader.owes = True
