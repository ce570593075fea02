"""What may take effect."""

from node.raft.ready import Ready
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class OnlyCommittedEntriesAreApplied:
    """A node applies only entries that a leader has counted as committed (paper 5.3): anything else
    may still be replaced, and a state machine does not go back. That a majority holds an entry is
    not enough: it may be of an earlier term (figure 8).
    """

    __slots__ = ("_ledger",)

    def __init__(self, members: Members, facts: Facts) -> None:
        self._ledger = facts.ledger

    def applied(self, member: Member, ready: Ready) -> None:
        last = ready.committed_first_index + len(ready.committed) - 1
        if last > self._ledger.last_index:
            text = (
                f"applies entries up to {last}, of term {ready.committed[-1].term}; entries up to "
                f"{self._ledger.last_index} are committed"
            )
            raise Violation("only_committed_entries_are_applied", member.id, text)
