"""A leader that is removed."""

from node.verify.facts import Facts
from node.verify.memberships import named
from node.verify.observation import Member, Members, Violation


class LeadersAreVoters:
    """A leader that is no voter any more steps down as soon as it has committed the configuration
    without it (thesis 4.2.2).

    Until then it is needed, since nobody else may hold that entry. After that the cluster would
    depend on a node that is about to be switched off.
    """

    __slots__ = ()

    def __init__(self, members: Members, facts: Facts) -> None:
        pass

    def turned(self, member: Member) -> None:
        core = member.core
        if not core.is_leader:
            return
        placed = core.log.configured
        configuration = placed.configuration
        if configuration.outgoing or member.id in configuration.voters:
            return
        if placed.index <= core.commit_index and core.log.term_at(core.commit_index) == core.term:
            text = (
                f"leads term {core.term} on, though the voters are {named(configuration)} as of "
                f"entry {placed.index}, and entries up to {core.commit_index} are committed"
            )
            raise Violation("leaders_are_voters", member.id, text)
