"""Configurations in logs and in snapshots."""

from node.raft.configuration import Configuration
from node.raft.events import LogTruncated
from node.raft.log import EntryId, Placed, RaftLog
from node.raft.ready import Ready
from node.raft.snapshot import Snapshot
from node.storage.base import Stored
from node.verify.facts import Facts
from node.verify.memberships import described
from node.verify.observation import Member, Members, Violation


class MembersAreThoseOfTheLog:
    """Who the members are, is what the log says: a snapshot holds the configuration that was in
    force at its last entry (paper 7, thesis 5.1), and a node that starts from one, or installs it,
    goes on with that one (thesis 4.1).

    A node that counts majorities of other members than the rest may elect a leader of its own.
    """

    __slots__ = ("_bases", "_ledger", "_memberships")

    def __init__(self, members: Members, facts: Facts) -> None:
        self._ledger = facts.ledger
        self._memberships = facts.memberships
        self._bases: dict[int, EntryId] = {}
        """By node: where its log begins, as far as it was looked at."""

    def saving(self, member: Member, ready: Ready) -> None:
        if ready.snapshot is not None:
            self._check_snapshot(member, ready.snapshot)

    def booted(self, member: Member, stored: Stored) -> None:
        for snapshot in stored.snapshots:
            self._check_snapshot(member, snapshot)
        self._check_in_force(member)

    def turned(self, member: Member) -> None:
        log = member.core.log
        if self._memberships.before is not None or log.base is not self._bases.get(member.id):
            self._bases[member.id] = log.base
            self._check_in_force(member)

    def truncated(self, member: Member, event: LogTruncated) -> None:
        """A configuration goes with its entry."""
        log = member.core.log
        placed = log.configured
        if placed.index < max(event.from_index, log.first_index):
            return
        if not _is_in(log, placed):
            text = (
                f"goes by the members {described(placed.configuration)} of entry {placed.index}, "
                f"which was truncated with all from {event.from_index} on"
            )
            raise Violation("members_are_those_of_the_log", member.id, text)

    def _check_in_force(self, member: Member) -> None:
        placed = member.core.log.configured
        self._check_in_log(member, placed)
        if placed.index > member.core.commit_index or not placed.configuration.voters:
            return
        known = self._known(placed.index)
        if known is not None and not _is_same(placed.configuration, known):
            text = (
                f"goes by the members {described(placed.configuration)} "
                f"as of entry {placed.index}; by the committed log they are {described(known)}"
            )
            raise Violation("members_are_those_of_the_log", member.id, text)

    def _check_in_log(self, member: Member, placed: Placed) -> None:
        """Its entry is there, unless a snapshot stands for it."""
        core = member.core
        covered = core.log.base.index if core.snapshot is None else core.snapshot.index
        if placed.index <= max(core.log.base.index, covered):
            return
        if not _is_in(core.log, placed):
            text = (
                f"goes by the members {described(placed.configuration)} of entry {placed.index}, "
                f"which its log, from {core.log.first_index} to {core.last_index}, does not hold"
            )
            raise Violation("members_are_those_of_the_log", member.id, text)

    def _check_snapshot(self, member: Member, snapshot: Snapshot) -> None:
        known = self._known(snapshot.index)
        if known is not None and not _is_same(snapshot.configuration, known):
            text = (
                f"has a snapshot of entry {snapshot.index} with the members "
                f"{described(snapshot.configuration)}; "
                f"by the committed log they are {described(known)}"
            )
            raise Violation("members_are_those_of_the_log", member.id, text)

    def _known(self, index: int) -> Configuration | None:
        ledger = self._ledger
        return ledger.configuration_at(index) if index <= ledger.last_index else None


def _is_in(log: RaftLog, placed: Placed) -> bool:
    return [each.entry for each in log.entries(placed.index, placed.index)] == [
        placed.configuration
    ]


def _is_same(one: Configuration, other: Configuration) -> bool:
    return one is other or (
        one.voters == other.voters
        and one.outgoing == other.outgoing
        and one.learners == other.learners
        and one.promotable == other.promotable
    )
