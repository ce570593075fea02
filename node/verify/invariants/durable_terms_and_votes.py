"""The term and the vote on a disk."""

from node.raft.ready import HardState, Ready
from node.storage.base import Stored
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class DurableTermsAndVotes:
    """A node's term never falls, and a vote once cast in a term stays, over all its lives (paper
    5.1, 5.2, figure 2: persistent state).

    A node that goes back may vote a second time in a term, and elect a second leader. A node that
    lost its disk goes back to nothing, and is bound by nothing.
    """

    __slots__ = ("_known",)

    def __init__(self, members: Members, facts: Facts) -> None:
        self._known: dict[int, HardState] = {}

    def saving(self, member: Member, ready: Ready) -> None:
        if ready.hard_state is not None:
            self._check(member, member.durable.hard_state, ready.hard_state, "saves")

    def saved(self, member: Member, ready: Ready) -> None:
        if ready.hard_state is not None:
            known = self._known.get(member.id)
            if known is not None:
                self._check(member, known, ready.hard_state, "saves")
            self._known[member.id] = ready.hard_state

    def booted(self, member: Member, stored: Stored) -> None:
        known = self._known.get(member.id)
        if known is not None and not member.is_wiped:
            self._check(member, known, stored.hard_state, "comes up with")
        core = member.core
        if (core.term, core.voted_for) != stored.hard_state and not member.is_wiped:
            vote = "no vote" if core.voted_for is None else f"a vote for n{core.voted_for}"
            text = f"begins in term {core.term} with {vote}; its disk holds {stored.hard_state}"
            raise Violation("durable_terms_and_votes", member.id, text)
        self._known[member.id] = stored.hard_state

    def _check(self, member: Member, old: HardState, new: HardState, how: str) -> None:
        if new.current_term < old.current_term:
            text = f"{how} term {new.current_term} after term {old.current_term}"
            raise Violation("durable_terms_and_votes", member.id, text)
        if (
            new.current_term == old.current_term
            and old.voted_for is not None
            and new.voted_for != old.voted_for
        ):
            whom = "for nobody" if new.voted_for is None else f"for n{new.voted_for}"
            text = f"{how} a vote {whom} in term {new.current_term}, after one for n{old.voted_for}"
            raise Violation("durable_terms_and_votes", member.id, text)
