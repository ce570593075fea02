"""Which configuration is in force on which node, and majorities of it, counted here anew.

`node.raft.quorum` is among what is checked, so nothing of it is used.
"""

from collections.abc import Callable

from node.raft.configuration import Configuration
from node.raft.log import Placed
from node.storage.base import Stored
from node.verify.ledger import Ledger
from node.verify.observation import Member


class Memberships:
    """An observer itself, in front of the rules that ask it."""

    __slots__ = ("_ledger", "before", "now")

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.now: dict[int, Placed] = {}
        """By node: the last configuration in its log when its last turn ended."""
        self.before: Placed | None = None
        """While `turned` is told: the one before, of a node in whose log it changed in this turn;
        None: it did not change.
        """

    def booted(self, member: Member, stored: Stored) -> None:
        self._ledger.founded(stored.first)
        self.now[member.id] = member.core.log.configured

    def turned(self, member: Member) -> None:
        configured = member.core.log.configured
        known = self.now.get(member.id)
        if configured is known:
            self.before = None
        else:
            self.before = known
            self.now[member.id] = configured


def has_quorum(configuration: Configuration, agrees: Callable[[int], bool]) -> bool:
    """Whether more than half of the voters do, in a joint configuration of both halves."""
    if not configuration.voters:
        return False
    for half in (configuration.voters, configuration.outgoing):
        if half and 2 * sum(1 for voter in half if agrees(voter)) <= len(half):
            return False
    return True


def named(configuration: Configuration) -> str:
    """For people: n1 n2 n3, and in a joint configuration what is left."""
    text = " ".join(f"n{voter}" for voter in sorted(configuration.voters))
    if configuration.outgoing:
        text += " (leaving " + " ".join(f"n{v}" for v in sorted(configuration.outgoing)) + ")"
    return text or "nobody"


def described(configuration: Configuration) -> str:
    """With its learners; a + is behind those that become voters when they have caught up."""
    text = named(configuration)
    if configuration.learners:
        text += " and the learners " + " ".join(
            f"n{learner}" + ("+" if learner in configuration.promotable else "")
            for learner in sorted(configuration.learners)
        )
    return text
