"""What a message promises is on the disk when it leaves."""

from collections.abc import Callable
from typing import Any

from node.raft.messages import (
    AppendEntriesResponse,
    InstallSnapshotResponse,
    Message,
    RequestVote,
    RequestVoteResponse,
    StaleTerm,
)
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class PersistBeforeReply:
    """A node answers only after what it answers is on stable storage: its term, its vote, the
    entries that it acknowledges, the snapshot that it calls installed (paper 5.2 and figure 2,
    "updated on stable storage before responding"; the candidate's own vote is no exception). And an
    acknowledgement is about entries that the leader has too: a follower vouches for what a message
    showed to be equal, not for whatever its log holds (paper 5.3).

    An answer of a term that is over is bound by less: a later leader may have replaced what it
    acknowledged, and whoever it is for leads no longer.
    """

    __slots__ = ("_checks", "_members", "_votes")

    def __init__(self, members: Members, facts: Facts) -> None:
        self._members = members
        self._votes: dict[int, dict[int, int]] = {}
        """By node and term: whom it said it had voted for."""
        self._checks: dict[type[Any], Callable[[Member, int, Any], object]] = {
            AppendEntriesResponse: self._acknowledges,
            InstallSnapshotResponse: self._has_installed,
            RequestVote: self._campaigns,
            RequestVoteResponse: self._votes_for,
            StaleTerm: self._is_in_term,
        }

    def sending(self, member: Member, to: int, message: Message) -> None:
        check = self._checks.get(type(message))
        if check is not None:
            check(member, to, message)

    def _is_in_term(self, member: Member, to: int, message: Message) -> int:
        """How far its disk is above the message's term."""
        durable = member.durable.hard_state.current_term
        if durable < message.term:
            text = (
                f"sends n{to} {type(message).__name__} of term {message.term}, "
                f"and its disk is in term {durable}"
            )
            raise Violation("persist_before_reply", member.id, text)
        return durable - message.term

    def _acknowledges(self, member: Member, to: int, message: AppendEntriesResponse) -> None:
        if self._is_in_term(member, to, message) or not message.success:
            return
        durable, index = member.durable, message.match_index
        if durable.last_index < index:
            text = (
                f"acknowledges entries up to {index} to n{to} in term {message.term}, "
                f"and its disk holds those up to {durable.last_index}"
            )
            raise Violation("persist_before_reply", member.id, text)
        leader = self._members.get(to)
        if leader is None or not leader.is_running:
            return
        core = leader.core
        if core.term != message.term or not core.is_leader:
            return
        term, own = core.log.term_at(index), durable.term_at(index)
        if term != own and index >= core.log.first_index and own is not None:
            has = "ends before that" if term is None else f"has term {term} there"
            text = (
                f"acknowledges entries up to {index} to n{to}, the last of term {own}; "
                f"the log of that leader {has}"
            )
            raise Violation("persist_before_reply", member.id, text)

    def _has_installed(self, member: Member, to: int, message: InstallSnapshotResponse) -> None:
        self._is_in_term(member, to, message)
        durable = member.durable
        if message.installed and durable.last_index < message.snapshot_index:
            text = (
                f"tells n{to} that it has the snapshot of entry {message.snapshot_index}, "
                f"and its disk holds entries up to {durable.last_index}"
            )
            raise Violation("persist_before_reply", member.id, text)

    def _campaigns(self, member: Member, to: int, message: RequestVote) -> None:
        self._check_vote(member, to, message, member.id)

    def _votes_for(self, member: Member, to: int, message: RequestVoteResponse) -> None:
        if message.vote_granted:
            self._check_vote(member, to, message, to)
        else:
            self._is_in_term(member, to, message)

    def _check_vote(self, member: Member, to: int, message: Message, candidate: int) -> None:
        is_over = self._is_in_term(member, to, message)
        voted_for = member.durable.hard_state.voted_for
        if not is_over and voted_for != candidate:
            whom = "nobody" if voted_for is None else f"n{voted_for}"
            text = (
                f"sends n{to} {type(message).__name__} of term {message.term} with its vote for "
                f"n{candidate}, and its disk has a vote for {whom}"
            )
            raise Violation("persist_before_reply", member.id, text)
        said = self._votes.setdefault(member.id, {})
        first = said.setdefault(message.term, candidate)
        if first != candidate:
            text = f"gives n{candidate} its vote of term {message.term}, which n{first} has"
            raise Violation("persist_before_reply", member.id, text)
        if len(said) > 256:
            for term in list(said)[:128]:
                del said[term]
