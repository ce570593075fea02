"""The one gate that every message passes, and what lies behind it.

Whether the sender is a member is not asked: this node's configuration may be older than the
sender's, so it follows leaders and votes for candidates that it does not know (thesis 4.2.2). What
counts only from members, votes and acknowledgements, counts only for members.

Before its handler sees a message, `step` compares its term with this node's:

- a higher term makes this node a follower in that term. Two messages do not: a pre-vote asks about
  a term that nobody entered, and a vote request during a leader's lifetime is ignored (stickiness),
  unless that leader itself asked for the election;
- a message whose term is further ahead than elections ever get is refused, and its term believed
  only that far. It would take the cluster close to the end of the numbers that fit on the wire and
  the disk, and no term comes after the last one. Not to believe it at all would shut out for good
  whoever did, one term earlier;
- a lower term has no effect. A request is answered, so that its sender catches up: an append or a
  vote request with StaleTerm, which says the present term and nothing else. An answer in the
  request's own kind would carry the new term, and if its sender leads or campaigns again in that
  term it would count for what was sent in it. A pre-vote and a read index request are answered in
  their kind, since their answers name the round or the read that they belong to.
"""

from typing import TYPE_CHECKING

from node.raft import election, proposing, reading, replication, transfer
from node.raft.errors import RemoteProtocolError
from node.raft.messages import (
    AppendEntries,
    AppendEntriesResponse,
    ForwardProposal,
    InstallSnapshot,
    InstallSnapshotResponse,
    Message,
    ProposalRefused,
    ReadIndexRequest,
    ReadIndexResponse,
    RequestPreVote,
    RequestPreVoteResponse,
    RequestVote,
    RequestVoteResponse,
    StaleTerm,
    TimeoutNow,
    check_shape,
    sender_of,
)

if TYPE_CHECKING:
    from node.raft.core import RaftCore


TERM_STEP_MAX = 2**32
"""How far a message may raise the term: an election every microsecond for nine years."""


def step(core: "RaftCore", message: Message, now: int) -> None:
    """Take a message from a peer. Raises RemoteProtocolError for one that no correct peer sends."""
    sender = sender_of(message)
    if sender < 0 or sender == core.id:
        raise RemoteProtocolError(f"{type(message).__name__} from {sender}, who is not a peer")
    check_shape(message)
    if message.term > core.term and not isinstance(message, RequestPreVote):
        if _ignores(core, message, now):
            return
        _enter_later_term(core, message, now)
    elif message.term < core.term and not isinstance(message, RequestPreVoteResponse):
        _answer_stale(core, message, now)
        return
    _dispatch(core, message, now)


def _enter_later_term(core: "RaftCore", message: Message, now: int) -> None:
    sender = sender_of(message)
    reach = core.term + TERM_STEP_MAX
    if message.term > reach:
        core.become_follower(reach, None, now, f"member {sender} is in a term out of reach")
        raise RemoteProtocolError(f"{sender} is in term {message.term}, far above any election's")
    is_of_leader = isinstance(message, AppendEntries | InstallSnapshot)
    leader_id = sender if is_of_leader else None
    core.become_follower(message.term, leader_id, now, f"member {sender} is in a later term")


def _ignores(core: "RaftCore", message: Message, now: int) -> bool:
    """Stickiness (thesis 4.2.3): who hears a leader does not help to depose it.

    A candidate that is ignored learns the state of things from the leader's next message, or
    the leader learns of the later term from its answer.
    """
    return (
        isinstance(message, RequestVote)
        and not message.leadership_transfer
        and core.promised_leader(now)
    )


def _answer_stale(core: "RaftCore", message: Message, now: int) -> None:
    """Tell the sender the present term. Silence would leave it behind for good."""
    match message:
        case RequestPreVote():
            election.handle_pre_vote(core, message, now)
        case RequestVote() | AppendEntries() | InstallSnapshot() if core.voting:
            core.send_after_sync(sender_of(message), StaleTerm(core.term, core.id))
        case ForwardProposal():
            proposing.refuse(core, message)
        case ReadIndexRequest():
            response = ReadIndexResponse(core.term, core.id, message.read_id, None)
            core.send(message.requester_id, response)
        case _:
            pass  # an answer to a question of an earlier term


def _dispatch(core: "RaftCore", message: Message, now: int) -> None:
    match message:
        case AppendEntries():
            replication.handle_append(core, message, now)
        case AppendEntriesResponse():
            replication.handle_append_response(core, message, now)
        case InstallSnapshot():
            replication.handle_snapshot(core, message, now)
        case InstallSnapshotResponse():
            replication.handle_snapshot_response(core, message, now)
        case RequestVote():
            election.handle_vote(core, message, now)
        case RequestVoteResponse():
            election.handle_vote_response(core, message, now)
        case RequestPreVote():
            election.handle_pre_vote(core, message, now)
        case RequestPreVoteResponse():
            election.handle_pre_vote_response(core, message, now)
        case TimeoutNow():
            transfer.handle_timeout_now(core, message, now)
        case ReadIndexRequest():
            reading.handle_request(core, message, now)
        case ReadIndexResponse():
            reading.handle_response(core, message)
        case ForwardProposal():
            proposing.handle_forwarded(core, message)
        case StaleTerm() | ProposalRefused():
            pass  # the one has said all with its term, the other is for the host
