"""Who was elected in which term, and whose durable vote went to whom: shared by several rules."""

from node.raft.events import LeaderElected
from node.raft.ready import HardState, Ready
from node.storage.base import Stored
from node.verify.observation import Member

TERMS_MAX = 4096
"""Of that many latest terms is known who led, and of as many votes whom they were for."""


class Elections:
    """An observer itself, in front of the rules that ask it."""

    __slots__ = ("_votes", "leaders")

    def __init__(self) -> None:
        self.leaders: dict[int, int] = {}
        """By term: the first that was elected in it."""
        self._votes: dict[tuple[int, int], int] = {}

    def vote_of(self, voter: int, term: int) -> int | None:
        """Whom `voter` voted for in `term`, by what its disk held at some time."""
        return self._votes.get((term, voter))

    def elected(self, member: Member, event: LeaderElected) -> None:
        self.leaders.setdefault(event.term, member.id)
        if len(self.leaders) > 2 * TERMS_MAX:
            for term in list(self.leaders)[:TERMS_MAX]:
                del self.leaders[term]

    def saved(self, member: Member, ready: Ready) -> None:
        if ready.hard_state is not None:
            self._note(member.id, ready.hard_state)

    def booted(self, member: Member, stored: Stored) -> None:
        self._note(member.id, stored.hard_state)

    def _note(self, voter: int, state: HardState) -> None:
        if state.voted_for is None:
            return
        self._votes.setdefault((state.current_term, voter), state.voted_for)
        if len(self._votes) > 2 * TERMS_MAX:
            for key in list(self._votes)[:TERMS_MAX]:
                del self._votes[key]
