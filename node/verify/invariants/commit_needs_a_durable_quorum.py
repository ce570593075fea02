"""When a leader may count an entry as committed."""

from node.raft.configuration import Configuration
from node.verify.facts import Facts
from node.verify.memberships import has_quorum, named
from node.verify.observation import Member, Members, Violation


class CommitNeedsADurableQuorum:
    """A leader commits an entry of its own term when a majority has it on their disks, its own copy
    like any other, and with it all entries before it (paper 5.3, 5.4.2 and figure 8; in a joint
    configuration a majority of each half, paper 6; durability: thesis 10.2.1).

    The disks of nodes that are down count: what they hold binds them. A node that lost its disk is
    like one that is down for ever, and has no vote any more, so what it had acknowledged counts.
    """

    __slots__ = ("_holds", "_in_force")

    def __init__(self, members: Members, facts: Facts) -> None:
        self._holds = facts.disks.holds
        self._in_force = facts.memberships.now

    def commit_advanced(self, member: Member) -> None:
        core = member.core
        index = core.commit_index
        term = core.log.term_at(index)
        if term != core.term:
            text = (
                f"leads term {core.term} and commits entry {index} of term {term}, "
                f"which no entry of its own term follows"
            )
            raise Violation("commit_needs_a_durable_quorum", member.id, text)
        now = core.log.configured
        before = self._in_force.get(member.id, now)
        if self._is_held(index, term, before.configuration):
            return
        # The commit of a joint configuration appends the next one, under which more may follow.
        if (
            now is not before
            and before.index <= index
            and self._is_held(before.index, core.log.term_at(before.index), before.configuration)
            and self._is_held(index, term, now.configuration)
        ):
            return
        voters = sorted(before.configuration.electorate)
        holders = [v for v in voters if self._holds(v, index, term)]
        text = (
            f"commits entry {index} of term {term}, which is durable on "
            f"{' '.join(f'n{holder}' for holder in holders) or 'no disk'}: "
            f"no majority of {named(before.configuration)}"
        )
        raise Violation("commit_needs_a_durable_quorum", member.id, text)

    def _is_held(self, index: int, term: int | None, configuration: Configuration) -> bool:
        return has_quorum(configuration, lambda voter: self._holds(voter, index, term))
