"""A leader's own log."""

from node.raft.events import LogTruncated
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class LeaderAppendOnly:
    """A leader never overwrites or deletes entries in its log, it only appends (paper 5.3, figure
    3: leader append-only).

    That, with one leader a term, is why an index and a term name one entry and no other.
    """

    __slots__ = ("_ends", "_leaders")

    def __init__(self, members: Members, facts: Facts) -> None:
        self._leaders = facts.elections.leaders
        self._ends: dict[int, tuple[int, int, int]] = {}
        """By node: the term that it leads, and the index and term of the last entry that it had."""

    def truncated(self, member: Member, event: LogTruncated) -> None:
        if self._leaders.get(event.term) == member.id:
            text = f"drops its entries {event.from_index} to {event.to_index} in its own term "
            raise Violation("leader_append_only", member.id, text + str(event.term))

    def turned(self, member: Member) -> None:
        core = member.core
        if not core.is_leader:
            return
        log = core.log
        last_index = log.last_index
        before = self._ends.get(member.id)
        if before is not None and before[0] == core.term:
            _, index, term = before
            if last_index == index:
                if log.last_term == term:
                    return
            elif last_index > index and log.term_at(index) in (term, None):
                before = None
            if before is not None:
                text = (
                    f"leads term {core.term} and had entry {index} of term {term} at the end of "
                    f"its log; now the log ends at {last_index}, with term {log.term_at(index)} "
                    f"at {index}"
                )
                raise Violation("leader_append_only", member.id, text)
        self._ends[member.id] = (core.term, last_index, log.last_term)
