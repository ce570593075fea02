"""One entry after the other."""

from node.raft.ready import Ready
from node.storage.base import Stored
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class EntriesAreAppliedInOrder:
    """A node applies every entry, once in a life and in the order of the log (paper 5.3); only a
    snapshot takes it further at once, and the entry after the snapshot's last is next (paper 7).
    """

    __slots__ = ("_reached",)

    def __init__(self, members: Members, facts: Facts) -> None:
        self._reached: dict[int, int] = {}

    def booted(self, member: Member, stored: Stored) -> None:
        index = member.last_applied
        self._reached[member.id] = index
        if index < stored.base.index or (
            index > 0 and all(snapshot.index != index for snapshot in stored.snapshots)
        ):
            text = (
                f"comes up with a state after entry {index}; its log begins at "
                f"{stored.base.index + 1}, its snapshots are of entries "
                f"{', '.join(str(each.index) for each in stored.snapshots) or 'none'}"
            )
            raise Violation("entries_are_applied_in_order", member.id, text)

    def applied(self, member: Member, ready: Ready) -> None:
        first = ready.committed_first_index
        last = first + len(ready.committed) - 1
        reached = self._reached.get(member.id, 0)
        if first != reached + 1:
            snapshot = member.core.snapshot
            installed = 0 if snapshot is None else snapshot.index
            if installed <= reached or first != installed + 1:
                text = f"applies entry {first} after entry {reached}"
                if installed > reached:
                    text += f" and the snapshot of entry {installed}"
                raise Violation("entries_are_applied_in_order", member.id, text)
        if member.last_applied != last:
            text = f"applied entries {first} to {last} and says {member.last_applied}"
            raise Violation("entries_are_applied_in_order", member.id, text)
        self._reached[member.id] = last
