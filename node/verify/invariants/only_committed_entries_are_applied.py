"""What may take effect."""

from node.raft.ready import Ready
from node.verify.facts import Facts
from node.verify.memberships import has_quorum
from node.verify.observation import Durable, Member, Members, Violation


class OnlyCommittedEntriesAreApplied:
    """A node applies only entries that are committed (paper 5.3): anything else may still be
    replaced, and a state machine does not go back.

    Usually the leader counted them as committed before. One that commits its own removal leads no
    longer when it does, so an entry that nobody is known to have committed is looked for on the
    disks: a majority has it there. Of a node whose disk was wiped it is the lost one that counts:
    what it had acknowledged was on that.
    """

    __slots__ = ("_disks", "_ledger", "_members")

    def __init__(self, members: Members, facts: Facts) -> None:
        self._ledger = facts.ledger
        self._members = members
        self._disks: dict[int, Durable] = {}
        """By node: what it had when its last life with a disk ended."""

    def crashed(self, member: Member) -> None:
        if not member.is_wiped:
            self._disks[member.id] = member.durable

    def applied(self, member: Member, ready: Ready) -> None:
        last = ready.committed_first_index + len(ready.committed) - 1
        ledger = self._ledger
        if last <= ledger.last_index:
            return
        log = member.core.log
        term = ready.committed[-1].term
        configurations = (log.configuration_at(last), log.configured.configuration)
        if not any(
            has_quorum(each, lambda voter: self._holds(voter, last, term))
            for each in configurations
        ):
            text = (
                f"applies entries up to {last}, of term {term}, which no majority has on disk; "
                f"entries up to {ledger.last_index} are committed"
            )
            raise Violation("only_committed_entries_are_applied", member.id, text)
        entries = log.entries(ledger.last_index + 1, last)
        ledger.establish(member.id, last, entries, member.core.term)

    def _holds(self, voter: int, index: int, term: int) -> bool:
        holder = self._members.get(voter)
        if holder is None:
            return False
        durable = self._disks.get(voter) if holder.is_wiped else holder.durable
        return durable is not None and (
            durable.term_at(index) == term or durable.base.index > index
        )
