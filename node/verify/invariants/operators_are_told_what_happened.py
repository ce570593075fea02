"""What operators are told."""

from typing import Any

from node.verify.facts import Facts
from node.verify.memberships import described
from node.verify.observation import Member, Members, Violation


class OperatorsAreToldWhatHappened:
    """Who hears that a change is done can rely on it: the configuration is committed, and it is no
    joint one. A transfer that succeeded made its target the leader. A snapshot that was taken is
    there, of entries that are committed.

    An operator takes the next step on that word: stops a node that is removed, or deletes what a
    snapshot is to replace.
    """

    __slots__ = ("_digests", "_elections", "_ledger")

    def __init__(self, members: Members, facts: Facts) -> None:
        self._ledger = facts.ledger
        self._elections = facts.elections
        self._digests = facts.digests

    def captured(self, member: Member, index: int, digest: bytes) -> None:
        self._digests.setdefault(index, (digest, member.id))

    def reported(self, member: Member, document: dict[str, Any]) -> None:
        if "target" in document:
            wrong = self._of_transfer(document)
        elif "digest" in document:
            wrong = self._of_snapshot(member, document)
        else:
            wrong = self._of_change(document)
        if wrong:
            raise Violation("operators_are_told_what_happened", member.id, wrong)

    def _of_transfer(self, document: dict[str, Any]) -> str:
        target, term = document["target"], document["term"]
        leader = self._elections.leaders.get(term)
        if leader == target:
            return ""
        who = "nobody" if leader is None else f"n{leader}"
        return f"says that n{target} has taken over; {who} was elected in term {term}"

    def _of_snapshot(self, member: Member, document: dict[str, Any]) -> str:
        index, ledger = document["index"], self._ledger
        text = f"says that there is a snapshot of entry {index}"
        if index > ledger.last_index:
            return f"{text}; entries up to {ledger.last_index} are committed"
        if ledger.knows(index) and ledger.term_at(index) != document["term"]:
            return f"{text} of term {document['term']}, which is of term {ledger.term_at(index)}"
        if index >= ledger.base and index not in self._digests:
            return f"{text}, after which nobody wrote a state down"
        snapshot = member.core.snapshot
        if snapshot is None or snapshot.index < index:
            return f"{text}, and does not have it"
        return ""

    def _of_change(self, document: dict[str, Any]) -> str:
        index, told = document["index"], document["configuration"]
        text = f"says that the change of entry {index} is done"
        if index > self._ledger.last_index:
            return f"{text}; entries up to {self._ledger.last_index} are committed"
        known = self._ledger.configuration_at(index)
        if "outgoing" in told:
            return f"{text}, and tells of a joint configuration"
        if known is not None and told != known.to_map():
            return f"{text} and tells of other members than are committed: {described(known)}"
        return ""
