"""What several invariants need to know, found out once and before any of them is asked."""

from node.verify.commands import Commands
from node.verify.disks import Disks
from node.verify.elections import Elections
from node.verify.ledger import Ledger
from node.verify.memberships import Memberships
from node.verify.observation import Members


class Facts:
    """Of one cluster. Its parts are observers, to be told of everything before the invariants."""

    __slots__ = ("commands", "digests", "disks", "elections", "ledger", "memberships")

    def __init__(self, members: Members) -> None:
        self.ledger = Ledger(members)
        self.disks = Disks(members)
        self.elections = Elections()
        self.memberships = Memberships(self.ledger)
        self.commands = Commands(self.ledger)
        self.digests: dict[int, tuple[bytes, int]] = {}
        """By index: of the state after that entry, and the node that had it first."""
        self.ledger.when_forgetting(self._forget)

    @property
    def observers(self) -> tuple[object, ...]:
        return (self.ledger, self.disks, self.elections, self.memberships, self.commands)

    def _forget(self, index: int) -> None:
        for each in [each for each in self.digests if each < index]:
            del self.digests[each]
