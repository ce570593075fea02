"""Membership changes."""

from node.raft.configuration import Configuration
from node.raft.log import Placed
from node.verify.facts import Facts
from node.verify.memberships import named
from node.verify.observation import Member, Members, Violation


class OneChangeAtATime:
    """A leader appends a configuration only when the one before it is committed, and an entry of
    its own term as well (thesis 4.1; the second condition: Ongaro 2015 on the raft-dev list). When
    the voters change, it is to or from the joint configuration of both (paper 6, thesis 4.3).

    Otherwise there are two majorities without a common member, and each may elect a leader.
    """

    __slots__ = ("_memberships",)

    def __init__(self, members: Members, facts: Facts) -> None:
        self._memberships = facts.memberships

    def turned(self, member: Member) -> None:
        before = self._memberships.before
        if before is None:
            return
        core = member.core
        log = core.log
        now = log.configured
        if not core.is_leader or now.index < log.first_index or now.index <= before.index:
            return
        if log.term_at(now.index) != core.term:
            return  # it came from an earlier leader
        between = log.configuration_at(now.index - 1)
        if before.index > core.commit_index or between is not before.configuration:
            text = (
                f"appends the configuration {now.index} while that of entry "
                f"{max(before.index, core.commit_index + 1)} is not committed; entries up to "
                f"{core.commit_index} are"
            )
            raise Violation("one_change_at_a_time", member.id, text)
        if log.term_at(core.commit_index) != core.term:
            text = (
                f"appends the configuration {now.index} in term {core.term} before an entry of "
                f"that term is committed; entries up to {core.commit_index} are"
            )
            raise Violation("one_change_at_a_time", member.id, text)
        self._check_step(member, before, now)

    def _check_step(self, member: Member, before: Placed, now: Placed) -> None:
        old, new = before.configuration, now.configuration
        if _is_joined(old, new):
            return
        text = (
            f"goes from the voters {named(old)} of entry {before.index} to {named(new)} of entry "
            f"{now.index}, which are not joined"
        )
        raise Violation("one_change_at_a_time", member.id, text)


def _is_joined(old: Configuration, new: Configuration) -> bool:
    """Whether each majority of the one has a member in each majority of the other."""
    if old.outgoing:
        return not new.outgoing and new.voters == old.voters
    if new.outgoing:
        return new.outgoing == old.voters
    return len(old.voters ^ new.voters) <= 1
