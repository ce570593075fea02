"""The disks that bind nodes to what they promised: shared by several rules."""

from node.verify.observation import Durable, Member, Members


class Disks:
    """By node. An observer itself, in front of the rules that ask it."""

    __slots__ = ("_lost", "_members")

    def __init__(self, members: Members) -> None:
        self._members = members
        self._lost: dict[int, Durable] = {}
        """What a node had when its last life with a disk ended."""

    def crashed(self, member: Member) -> None:
        if not member.is_wiped:
            self._lost[member.id] = member.durable

    def holds(self, node_id: int, index: int, term: int | None) -> bool:
        """Whether its disk has the entry, or a snapshot that stands for it. Of a node whose disk
        was wiped it is the lost one that counts: what it had acknowledged was on that.
        """
        member = self._members.get(node_id)
        if member is None:
            return False
        durable = self._lost.get(node_id) if member.is_wiped else member.durable
        return durable is not None and (
            durable.term_at(index) == term or durable.base.index > index
        )
