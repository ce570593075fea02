"""The indices of one node."""

from node.raft.ready import Ready
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class IndexOrder:
    """On every node: base <= snapshot <= applied <= committed <= last, and in one life neither what
    is committed nor what is applied goes back (paper figure 2, and 7: a log is compacted up to what
    a snapshot stands for, and no further).

    The base is the last entry that was compacted away. On the disk too it is never above the newest
    snapshot: what lies between the two would be nowhere.
    """

    __slots__ = ("_reached",)

    def __init__(self, members: Members, facts: Facts) -> None:
        self._reached: dict[int, tuple[int, int]] = {}
        """By node: committed and applied."""

    def crashed(self, member: Member) -> None:
        self._reached.pop(member.id, None)

    def turned(self, member: Member) -> None:
        core = member.core
        log = core.log
        base, last = log.first_index - 1, log.last_index
        commit, applied = core.commit_index, member.last_applied
        snapshot = 0 if core.snapshot is None else core.snapshot.index
        if not base <= snapshot <= applied <= commit <= last:
            text = (
                f"base {base} <= snapshot {snapshot} <= applied {applied} <= committed {commit} "
                f"<= last {last} does not hold"
            )
            raise Violation("index_order", member.id, text)
        before = self._reached.get(member.id)
        if before is not None:
            if commit == before[0] and applied == before[1]:
                return
            if commit < before[0] or applied < before[1]:
                text = (
                    f"goes back from entry {before[0]} committed and {before[1]} applied to "
                    f"{commit} and {applied}"
                )
                raise Violation("index_order", member.id, text)
        self._reached[member.id] = (commit, applied)

    def saved(self, member: Member, ready: Ready) -> None:
        if ready.base is None and ready.snapshot is None:
            return
        durable = member.durable
        base, snapshot, last = durable.base.index, durable.snapshot_index, durable.last_index
        if not (base <= snapshot and base <= last):
            text = (
                f"its disk holds the log from {base + 1} to {last}, and the newest snapshot is of "
                f"entry {snapshot}"
            )
            raise Violation("index_order", member.id, text)
