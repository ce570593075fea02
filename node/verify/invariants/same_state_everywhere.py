"""State machine safety."""

from zlib import crc32

from node.raft.ready import Ready
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class SameStateEverywhere:
    """If a node has applied an entry at an index, no other node ever applies another one there
    (paper 5.4.3, figure 3: state machine safety), and what comes out is the same on all of them:
    the result of each command, the state after each entry, and at the end all of it.
    """

    __slots__ = ("_digests", "_ledger", "_midway", "_results")

    def __init__(self, members: Members, facts: Facts) -> None:
        self._ledger = facts.ledger
        self._digests = facts.digests
        self._results: dict[int, tuple[int, int]] = {}
        """By index: a hash of the result, and the node that had it first."""
        self._midway: dict[int, tuple[bytes, int]] = {}
        """As `facts.digests`, of states in the midst of an entry."""
        facts.ledger.when_forgetting(self._forget)

    def applied(self, member: Member, ready: Ready) -> None:
        index = self._ledger.first_difference(ready.committed_first_index, ready.committed)
        if index is None:
            return
        ledger = self._ledger
        entry = ready.committed[index - ready.committed_first_index]
        text = f"applies another entry {index}, of term {entry.term}, than the one of "
        text += f"term {ledger.term_at(index)} that n{ledger.who(index)} had committed"
        raise Violation("same_state_everywhere", member.id, text)

    def executed(self, member: Member, index: int, command: bytes, result: bytes) -> None:
        found = crc32(result)
        first = self._results.setdefault(index, (found, member.id))
        if first[0] != found:
            text = f"gets another result of entry {index} than n{first[1]}: {result!r}"
            raise Violation("same_state_everywhere", member.id, text)

    def digested(self, member: Member, index: int, digest: bytes) -> None:
        first = self._midway.setdefault(index, (digest, member.id))
        if first[0] != digest:
            text = f"has another state while entry {index} takes effect than n{first[1]} had"
            raise Violation("same_state_everywhere", member.id, text)

    def captured(self, member: Member, index: int, digest: bytes) -> None:
        first = self._digests.setdefault(index, (digest, member.id))
        if first[0] != digest:
            text = f"has another state after entry {index} than n{first[1]} had"
            raise Violation("same_state_everywhere", member.id, text)

    def finished(self, members: Members) -> None:
        last = self._ledger.last_index
        configuration = self._ledger.configuration_at(last)
        for node_id in sorted(members):
            member = members[node_id]
            if not member.is_running:
                continue
            self.captured(member, member.last_applied, member.digest())
            if member.is_wiped or configuration is None:
                continue
            if node_id in configuration.members and member.last_applied != last:
                text = (
                    f"has applied entries up to {member.last_applied} at the end, "
                    f"and those up to {last} are committed"
                )
                raise Violation("same_state_everywhere", node_id, text)

    def _forget(self, index: int) -> None:
        self._results = {at: result for at, result in self._results.items() if at > index}
        self._midway = {at: digest for at, digest in self._midway.items() if at > index}
