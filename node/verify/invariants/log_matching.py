"""Logs that share an entry share all before it."""

from node.raft.configuration import Configuration
from node.raft.ready import Ready
from node.storage.base import Stored
from node.verify.facts import Facts
from node.verify.ledger import hash_of
from node.verify.observation import Member, Members, Violation


class LogMatching:
    """If two logs have an entry of the same index and term, they are the same up to there (paper
    5.3, figure 3: log matching).

    Kept for each index and term that any disk was given: what stands in it, and the term of the
    entry before it. If both are the same wherever the entry stands, so is, by induction, all before
    it, and nothing has to be compared but what is new.
    """

    __slots__ = ("_known",)

    def __init__(self, members: Members, facts: Facts) -> None:
        self._known: dict[tuple[int, int], tuple[int, int, int]] = {}
        """(index, term): hash, term before, the node that saved it first."""
        facts.ledger.when_forgetting(self._forget)

    def saving(self, member: Member, ready: Ready) -> None:
        if not ready.entries:
            return
        index = ready.first_index
        base = ready.base
        before: int | None
        if base is not None and base.index == index - 1:
            before = base.term
        else:
            before = 0 if index == 1 else member.durable.term_at(index - 1)
        if before is None:
            text = f"saves entries from {index} on, where its log ends at "
            raise Violation("log_matching", member.id, f"{text}{member.durable.last_index}")
        known, node_id = self._known, member.id
        for term, payload in ready.entries:
            fact = (hash_of(payload), before, node_id)
            other = known.setdefault((index, term), fact)
            if other is not fact and (other[0] != fact[0] or other[1] != before):
                self._differ(member, index, term, fact, other, payload)
            if term < before:
                text = f"has entry {index} of term {term} after one of term {before}"
                raise Violation("log_matching", node_id, text)
            before = term
            index += 1

    def booted(self, member: Member, stored: Stored) -> None:
        """What comes back from a disk is what was written, in the middle of the log too."""
        index, before = stored.base.index + 1, stored.base.term
        for term, payload in stored.log:
            other = self._known.get((index, term))
            fact = (hash_of(payload), before, member.id)
            if other is not None and (other[0] != fact[0] or other[1] != before):
                self._differ(member, index, term, fact, other, payload)
            before = term
            index += 1

    def _differ(
        self,
        member: Member,
        index: int,
        term: int,
        fact: tuple[int, int, int],
        other: tuple[int, int, int],
        payload: object,
    ) -> None:
        if other[0] != fact[0]:
            kind = "configuration" if type(payload) is Configuration else "entry"
            text = f"holds another {kind} {index} of term {term} than n{other[2]}"
        else:
            text = (
                f"has entry {index} of term {term} after one of term {fact[1]}, "
                f"n{other[2]} has it after one of term {other[1]}"
            )
        raise Violation("log_matching", member.id, text)

    def _forget(self, index: int) -> None:
        self._known = {key: fact for key, fact in self._known.items() if key[0] > index}
