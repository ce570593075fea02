"""Elections: pre-vote, vote, and what a node answers to both.

Paper 5.2 and 5.4.1, thesis 9.6 (pre-vote), 6.2 and 4.2.3 (stickiness). The rules that others broke:

- A vote is cast once per term and repeated to the same candidate only; it is never on the wire
  before it is on the disk, and the candidate's own vote is no exception.
- Votes are a set of voters, not a counter. Who votes is asked of the candidate's configuration
  alone: any node answers, a learner too, since a promotion may be known to all but itself.
- Granting a vote resets the election timer; refusing one never does.
- A pre-vote changes nothing on the node that answers it, but that it lets the other one go ahead if
  it was about to ask too, since both lost their leader at once.
"""

from collections import deque
from typing import TYPE_CHECKING

from node.raft import membership, sparing
from node.raft.events import LeaderElected, VoteCast
from node.raft.messages import (
    LogEntry,
    RequestPreVote,
    RequestPreVoteResponse,
    RequestVote,
    RequestVoteResponse,
)
from node.raft.quorum import VoteResult
from node.raft.roles import Candidate, Follower, Leader, PreCandidate, Round

if TYPE_CHECKING:
    from node.raft.core import RaftCore

TURNS_IN_A_HEARTBEAT = 2
"""How many of those that lost their leader may try to be elected within one heartbeat."""


def campaign(core: "RaftCore", now: int) -> None:
    """The election timer ran out."""
    if core.config.pre_vote:
        _start_pre_vote(core, now)
    else:
        start_election(core, now, leadership_transfer=False)


def peer_lost(core: "RaftCore", peer_id: int, now: int) -> None:
    """All connections with a peer ended. If it led, its process has most likely died, and to wait
    out the timeout would be in vain. A leader waits no longer for what it was asked alone.

    That is a hint and no proof. So it takes a pre-vote, which whoever still hears the leader
    refuses, and a promise to that leader is kept. The voters try one after the other, beginning
    behind the lost one, so that they do not split their votes.
    """
    role = core.role
    if isinstance(role, Leader):
        sparing.end(role)
    if not isinstance(role, Follower) or role.leader_id != peer_id or not core.config.pre_vote:
        return
    core.hearing.lost()
    delay_us = _turn_us(core, peer_id) + core.handicap_us(now)
    at = max(now, core.hearing.promised_until) + delay_us
    core.become(Follower(min(role.election_deadline, at)), "the connection with the leader ended")


def _turn_us(core: "RaftCore", behind: int) -> int:
    """How long this voter leaves the others to try before it, which begin behind one of them."""
    others = core.configuration.electorate - {behind}
    turn = sum((other < behind, other) < (core.id < behind, core.id) for other in others)
    return turn * core.config.heartbeat_us // TURNS_IN_A_HEARTBEAT


def _start_pre_vote(core: "RaftCore", now: int) -> None:
    role = PreCandidate(core.draw_election_deadline(now), now)
    core.become(role, "lost its leader" if core.hearing.is_gone else "no word from a leader")
    core.tally.prevotes_tried += 1
    role.votes[core.id] = True  # a pre-vote is not kept, so nothing has to be durable
    for peer_id in _other_voters(core):
        core.send(
            peer_id,
            RequestPreVote(
                core.term, core.id, core.term + 1, core.log.last_index, core.log.last_term
            ),
        )
    _count_pre_votes(core, role, now)


def _other_voters(core: "RaftCore") -> list[int]:
    return sorted(core.configuration.electorate - {core.id})


def start_election(core: "RaftCore", now: int, leadership_transfer: bool) -> None:
    """Enter the next term and ask everyone. The requests leave once term and vote are durable."""
    started_at = core.role.started_at if isinstance(core.role, PreCandidate) else now
    core.tally.elections_tried += 1
    core.set_hard_state(core.term + 1, core.id)
    core.become(Candidate(core.draw_election_deadline(now), started_at), "asks for votes")
    for peer_id in _other_voters(core):
        core.send_after_sync(
            peer_id,
            RequestVote(
                core.term, core.id, core.log.last_index, core.log.last_term, leadership_transfer
            ),
        )


def count_own_vote(core: "RaftCore", now: int) -> None:
    """Term and vote reached the disk: the candidate's own vote counts like any other."""
    if isinstance(core.role, Candidate) and core.id not in core.role.votes:
        core.role.votes[core.id] = True
        _count_votes(core, core.role, now)


def handle_pre_vote(core: "RaftCore", message: RequestPreVote, now: int) -> None:
    """Grant if this node could vote for the candidate, and hears from no leader itself."""
    if not core.voting:
        return
    could_win = core.log.is_up_to_date(message.last_log_index, message.last_log_term)
    granted = message.next_term > core.term and could_win and not core.hears_leader(now)
    if granted:
        _let_go_ahead(core, message.candidate_id, now)
    elif not could_win:
        _move_up(core, now)
    core.send_after_sync(
        message.candidate_id,
        RequestPreVoteResponse(core.term, core.id, message.next_term, granted),
    )


def _let_go_ahead(core: "RaftCore", candidate_id: int, now: int) -> None:
    """Who waits for its turn gives the one that it helps time to ask for the vote itself, and then
    waits for its turn behind that one, as all who were asked do.
    """
    role = core.role
    if isinstance(role, Follower) and core.hearing.is_gone:
        its_turn = now + core.config.heartbeat_us + _turn_us(core, candidate_id)
        role.election_deadline = max(role.election_deadline, its_turn)


def _move_up(core: "RaftCore", now: int) -> None:
    """Who asked lacks what this node holds, so its turn was in vain: the next ones are up earlier.
    It may well be so, where the lost leader asked a majority alone.
    """
    role = core.role
    if isinstance(role, Follower) and core.hearing.is_gone and not core.hears_leader(now):
        turn_us = core.config.heartbeat_us // TURNS_IN_A_HEARTBEAT
        role.election_deadline = max(now, role.election_deadline - turn_us)


def handle_pre_vote_response(core: "RaftCore", message: RequestPreVoteResponse, now: int) -> None:
    role = core.role
    if isinstance(role, PreCandidate) and message.next_term == core.term + 1:
        role.votes[message.responder_id] = message.vote_granted
        _count_pre_votes(core, role, now)


def _count_pre_votes(core: "RaftCore", role: PreCandidate, now: int) -> None:
    result = core.configuration.vote_result(role.votes)
    if result is VoteResult.WON:
        core.tally.prevotes_won += 1
        start_election(core, now, leadership_transfer=False)
    elif result is VoteResult.LOST:
        core.become_follower(core.term, None, now, "would not win")


def handle_vote(core: "RaftCore", message: RequestVote, now: int) -> None:
    if not core.voting:
        return
    granted = _may_vote(core, message, now) and core.log.is_up_to_date(
        message.last_log_index, message.last_log_term
    )
    if granted:
        _grant(core, message.candidate_id, now)
    core.send_after_sync(message.candidate_id, RequestVoteResponse(core.term, core.id, granted))


def _may_vote(core: "RaftCore", message: RequestVote, now: int) -> bool:
    """Whether the vote of this term is the candidate's, or may be.

    What a leader of an earlier term was promised holds in this one as well, which this node may
    have learnt of from another message than the request: the gate would have ignored that.
    """
    if core.voted_for is not None:
        return core.voted_for == message.candidate_id
    return message.leadership_transfer or not core.promised_leader(now)


def _grant(core: "RaftCore", candidate_id: int, now: int) -> None:
    if core.voted_for is None:
        core.set_hard_state(core.term, candidate_id)
        core.emit(VoteCast(core.term, candidate_id))
    if isinstance(core.role, PreCandidate):
        core.become_follower(core.term, None, now, "another node campaigns")
    assert isinstance(core.role, Follower), "candidates and leaders voted for themselves"
    core.role.election_deadline = core.draw_election_deadline(now)


def handle_vote_response(core: "RaftCore", message: RequestVoteResponse, now: int) -> None:
    if isinstance(core.role, Candidate):
        # A vote that was granted in this term stays granted, whatever arrives after it.
        granted = message.vote_granted or core.role.votes.get(message.responder_id, False)
        core.role.votes[message.responder_id] = granted
        _count_votes(core, core.role, now)


def _count_votes(core: "RaftCore", role: Candidate, now: int) -> None:
    result = core.configuration.vote_result(role.votes)
    if result is VoteResult.WON:
        _become_leader(core, role, now)
    elif result is VoteResult.LOST:
        core.become_follower(core.term, None, now, "lost the election")


def _become_leader(core: "RaftCore", candidate: Candidate, now: int) -> None:
    """Lead, and begin the term with a no-op, which commits all that earlier terms left open."""
    config = core.config
    first_index = core.log.last_index + 1
    leader = Leader(
        elected_at=now,
        heartbeat_deadline=now + config.heartbeat_us,
        quorum_deadline=now + config.election_timeout_us,
        first_index=first_index,
        progress={},
        rounds=deque([Round(0, now)]),
    )
    votes = tuple(sorted(voter for voter, granted in candidate.votes.items() if granted))
    core.become(leader, "elected")
    core.tally.elections_won += 1
    core.emit(LeaderElected(core.term, votes, now - candidate.started_at))
    membership.follow(core, leader, now)
    core.log.append([LogEntry(core.term, None)])
