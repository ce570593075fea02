"""The moves of a linearizable read: registered, confirmed, answered or given up (thesis 6.4).

`reads` holds the leader's bookkeeping; here is what the core does with it, on both ends of a read
that a follower forwards. A forwarded read whose answer is lost is given up after an election
timeout: the host may ask again, under a new id, so that no old answer serves the new question. A
leader gives up after READ_PATIENCE of them, whether or not it watches its quorum.
"""

from typing import TYPE_CHECKING

from node.raft.errors import NotLeaderError, ProposalDroppedError
from node.raft.messages import ReadIndexRequest, ReadIndexResponse
from node.raft.reads import ForwardedRead, LocalRead, RemoteRead
from node.raft.ready import ReadState
from node.raft.roles import Follower, Leader

if TYPE_CHECKING:
    from node.raft.core import RaftCore

READ_PATIENCE = 2
"""A leader looks this many election timeouts for a majority that confirms a read."""


def read_index(core: "RaftCore", context: object, now: int) -> None:
    """Start a read; its ReadState comes with a later Ready.

    Raises NotLeaderError when neither this node nor anyone it knows leads, ProposalDroppedError
    when too many reads wait already.
    """
    if isinstance(core.role, Leader):
        _register(core, core.role, LocalRead(context, leader_deadline(core, now)))
        return
    leader_id = core.leader_id
    if leader_id is None:
        raise NotLeaderError(None)
    if len(core.forwarded_reads) >= core.config.reads_max:
        raise ProposalDroppedError("too many reads wait for the leader")
    core.next_read_id += 1
    deadline = now + core.config.election_timeout_us
    core.forwarded_reads[core.next_read_id] = ForwardedRead(context, deadline)
    core.send(leader_id, ReadIndexRequest(core.term, core.id, core.next_read_id))


def leader_deadline(core: "RaftCore", now: int) -> int:
    return now + READ_PATIENCE * core.config.election_timeout_us


def _register(core: "RaftCore", leader: Leader, origin: LocalRead | RemoteRead) -> None:
    if len(leader.reads) >= core.config.reads_max:
        raise ProposalDroppedError("too many reads wait for a majority")
    if core.commit_index < leader.first_index:
        leader.reads.waiting.append(origin)
        return
    leader.reads.register(origin, core.commit_index, leader.sequence)
    release_confirmed(core, leader)


def release_waiting(core: "RaftCore", leader: Leader) -> None:
    """An entry of this term is committed: reads that waited for that may be confirmed now."""
    while leader.reads.waiting:
        origin = leader.reads.waiting.popleft()
        leader.reads.register(origin, core.commit_index, leader.sequence)
    release_confirmed(core, leader)


def release_confirmed(core: "RaftCore", leader: Leader) -> bool:
    """Answer the reads that a majority has confirmed. Whether there are any."""
    if not leader.reads.pending:
        return False
    confirmed = leader.reads.take_confirmed(acked_by_quorum(core, leader))
    for read in confirmed:
        _answer(core, read.origin, read.read_index)
    return bool(confirmed)


def acked_by_quorum(core: "RaftCore", leader: Leader) -> int:
    """The newest message, by sequence, that a quorum has seen."""
    acked = {member: progress.acked_sequence for member, progress in leader.progress.items()}
    acked[core.id] = leader.sequence + 1  # this node needs no message to know that it leads
    return core.configuration.reached(acked)


def start_round(leader: Leader) -> None:
    """Send something new to whoever is asked, if a read waits for an answer to it."""
    if leader.reads.needs_round(leader.sequence):
        for peer_id, progress in leader.progress.items():
            if peer_id not in leader.spared:
                progress.heartbeat_due = True


def expire_leader_reads(core: "RaftCore", leader: Leader, now: int) -> None:
    """Give up reads that no majority has confirmed in time."""
    for origin in leader.reads.take_overdue(now):
        _answer(core, origin, None)


def fail_reads_of_leader(core: "RaftCore", leader: Leader) -> None:
    for origin in leader.reads.drain():
        _answer(core, origin, None)


def _answer(core: "RaftCore", origin: LocalRead | RemoteRead, index: int | None) -> None:
    if isinstance(origin, LocalRead):
        core.finish_read(ReadState(origin.context, index))
    else:
        response = ReadIndexResponse(core.term, core.id, origin.read_id, index)
        core.send(origin.requester_id, response)


def handle_request(core: "RaftCore", message: ReadIndexRequest, now: int) -> None:
    origin = RemoteRead(message.requester_id, message.read_id, leader_deadline(core, now))
    if not isinstance(core.role, Leader):
        _answer(core, origin, None)
        return
    try:
        _register(core, core.role, origin)
    except ProposalDroppedError:
        _answer(core, origin, None)
    else:
        core.role.hears_at_once(message.requester_id)


def handle_response(core: "RaftCore", message: ReadIndexResponse) -> None:
    read = core.forwarded_reads.pop(message.read_id, None)
    if read is not None:
        core.finish_read(ReadState(read.context, message.read_index))


def fail_forwarded_reads(core: "RaftCore") -> None:
    """The leader that was asked is not the leader any more, or may not be."""
    for read in core.forwarded_reads.values():
        core.finish_read(ReadState(read.context, None))
    core.forwarded_reads.clear()


def expire_forwarded_reads(core: "RaftCore", now: int) -> None:
    """Give up reads whose answer is overdue. Deadlines rise in the order of asking."""
    while core.forwarded_reads:
        read = next(iter(core.forwarded_reads.values()))
        if read.deadline > now:
            return
        core.forwarded_reads.popitem(last=False)
        core.finish_read(ReadState(read.context, None))


def next_forwarded_deadline(core: "RaftCore") -> int | None:
    if not isinstance(core.role, Follower):
        return None
    first = next(iter(core.forwarded_reads.values()), None)
    return None if first is None else first.deadline
