"""What is committed stays."""

from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class CommittedIsImmutable:
    """Once an entry is committed, every node that counts its index as committed has that very entry
    there (paper 5.4.3, figure 3: state machine safety).

    Looked at when a node's commit index rises, before anything is applied: a follower that commits
    beyond what its leader's message showed to match has some other leader's entry there.
    """

    __slots__ = ("_commits", "_ledger")

    def __init__(self, members: Members, facts: Facts) -> None:
        self._ledger = facts.ledger
        self._commits: dict[int, int] = {}

    def commit_advanced(self, member: Member) -> None:
        self.turned(member)

    def crashed(self, member: Member) -> None:
        self._commits.pop(member.id, None)

    def turned(self, member: Member) -> None:
        core = member.core
        index = core.commit_index
        before = self._commits.get(member.id)
        if before == index:
            return
        self._commits[member.id] = index
        ledger = self._ledger
        last = min(index, ledger.last_index)
        first = max(last - 1 if before is None else before + 1, core.log.first_index)
        for each in (last, first):
            known = ledger.term_at(each)
            if known is None or not first <= each <= last:
                continue
            term = core.log.term_at(each)
            if term != known:
                has = "nothing" if term is None else f"an entry of term {term}"
                text = (
                    f"counts entry {each} as committed and has {has} there; n{ledger.who(each)} "
                    f"had committed the one of term {known}"
                )
                raise Violation("committed_is_immutable", member.id, text)
