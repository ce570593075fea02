"""A snapshot and the state that is made of it."""

from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class SnapshotsRestoreWhatTheyHold:
    """A state that is made of a snapshot is the one that all nodes had after its last entry (paper
    7): at a start, and where a leader's snapshot takes the place of the log.
    """

    __slots__ = ("_digests",)

    def __init__(self, members: Members, facts: Facts) -> None:
        self._digests = facts.digests

    def restored(self, member: Member, index: int, digest: bytes) -> None:
        first = self._digests.setdefault(index, (digest, member.id))
        if first[0] != digest:
            text = (
                f"makes a state of the snapshot of entry {index} that differs from what "
                f"n{first[1]} had after that entry"
            )
            raise Violation("snapshots_restore_what_they_hold", member.id, text)
