"""What a new leader has to hold."""

from node.raft.events import LeaderElected
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class LeaderCompleteness:
    """A leader's log holds every entry that was committed in an earlier term (paper 5.4.3, figure
    3: leader completeness).

    Everybody takes on the leader's log, so what it lacks is lost for all. To look at the last such
    entry is enough: logs that share it share all before it.
    """

    __slots__ = ("_ledger",)

    def __init__(self, members: Members, facts: Facts) -> None:
        self._ledger = facts.ledger

    def elected(self, member: Member, event: LeaderElected) -> None:
        core = member.core
        if core.term != event.term or not core.is_leader:
            return
        ledger = self._ledger
        index = ledger.last_committed_before(event.term)
        term = ledger.term_at(index)
        if term is None or core.log.term_at(index) == term:
            return
        if index < core.log.first_index - 1:
            return  # a snapshot stands for it
        own = core.log.term_at(index)
        has = (
            f"its log ends at {core.log.last_index}" if own is None else f"it has term {own} there"
        )
        text = (
            f"elected in term {event.term} without entry {index} of term {term}, which "
            f"n{ledger.who(index)} had committed: {has}"
        )
        raise Violation("leader_completeness", member.id, text)
