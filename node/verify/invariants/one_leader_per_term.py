"""Election safety."""

from node.raft.events import LeaderElected
from node.verify.elections import Elections
from node.verify.facts import Facts
from node.verify.memberships import has_quorum, named
from node.verify.observation import Member, Members, Violation


class OneLeaderPerTerm:
    """At most one leader is elected in a term, by durable votes of a majority (paper 5.2, figure 3:
    election safety; in a joint configuration a majority of each half, paper 6).

    Two leaders of one term could put different entries at the same index and term, and then no
    comparison of logs would find that they differ. The majority is what keeps them apart, so an
    election without it is wrong even if nobody else was elected.
    """

    __slots__ = ("_elections", "_members")

    def __init__(self, members: Members, facts: Facts) -> None:
        self._members = members
        self._elections: Elections = facts.elections

    def elected(self, member: Member, event: LeaderElected) -> None:
        term = event.term
        first = self._elections.leaders.get(term)
        if first != member.id:
            text = f"elected in term {term}, which n{first} was elected in"
            raise Violation("one_leader_per_term", member.id, text)
        core = member.core
        if core.term != term or not core.is_leader:
            return  # deposed in the same turn: its configuration may be another one by now
        configuration = core.configuration
        durable = [v for v in event.votes if self._is_durable(v, term, member.id)]
        if not has_quorum(configuration, lambda v: v in durable):
            text = (
                f"elected in term {term} by the votes of {_names(event.votes)}, of which "
                f"{_names(durable)} reached a disk: no majority of {named(configuration)}"
            )
            raise Violation("one_leader_per_term", member.id, text)

    def _is_durable(self, voter: int, term: int, candidate: int) -> bool:
        """Also when a later term was written in its stead: then it votes for nobody else."""
        vote = self._elections.vote_of(voter, term)
        if vote is None:
            return self._members[voter].durable.hard_state.current_term > term
        return vote == candidate


def _names(nodes: tuple[int, ...] | list[int]) -> str:
    return ", ".join(f"n{node}" for node in nodes) or "nobody"
