"""A snapshot that came in, and the log that it is not to replace."""

from node.raft.ready import Ready
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class InstallsKeepTheTail:
    """Who holds a snapshot's last entry keeps its log when the snapshot comes in, with all that
    follows that entry (paper 7): it may have told a leader that it has that, and be counted on.
    """

    __slots__ = ("_held", "_ledger")

    def __init__(self, members: Members, facts: Facts) -> None:
        self._ledger = facts.ledger
        self._held: dict[int, int] = {}
        """By node: the last entry of a snapshot that has just come in and is of no use to it."""

    def restored(self, member: Member, index: int, digest: bytes) -> None:
        term = self._ledger.term_at(index)
        if member.is_running and term is not None and member.core.log.term_at(index) == term:
            self._held[member.id] = index

    def declined(self, member: Member, index: int, commit_index: int) -> None:
        self._held.pop(member.id, None)

    def crashed(self, member: Member) -> None:
        self._held.pop(member.id, None)

    def saving(self, member: Member, ready: Ready) -> None:
        if ready.snapshot is None or self._held.get(member.id) != ready.snapshot.index:
            return
        text = (
            f"drops its log for the snapshot of entry {ready.snapshot.index}, which it held, with "
            "what follows it"
        )
        raise Violation("installs_keep_the_tail", member.id, text)
