"""A disk that failed."""

from node.raft.messages import (
    AppendEntriesResponse,
    InstallSnapshotResponse,
    Message,
    RequestVote,
    RequestVoteResponse,
)
from node.raft.ready import Ready
from node.storage.base import Stored
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation

PROMISES = frozenset(
    {AppendEntriesResponse, InstallSnapshotResponse, RequestVote, RequestVoteResponse}
)


class NoSuccessAfterAFailedFlush:
    """A node whose flush failed promises nothing any more, and calls nothing durable, until a new
    life has read what is there.

    An operating system may drop the pages that it could not write, and report success for the next
    flush (Rebello et al., Can Applications Recover from fsync Failures?, 2020).
    """

    __slots__ = ("_failed",)

    def __init__(self, members: Members, facts: Facts) -> None:
        self._failed: set[int] = set()

    def disk_failed(self, member: Member) -> None:
        self._failed.add(member.id)

    def booted(self, member: Member, stored: Stored) -> None:
        self._failed.discard(member.id)

    def sending(self, member: Member, to: int, message: Message) -> None:
        if self._failed and member.id in self._failed and type(message) in PROMISES:
            text = f"its disk failed, and it sends n{to} {type(message).__name__}"
            raise Violation("no_success_after_a_failed_flush", member.id, text)

    def saved(self, member: Member, ready: Ready) -> None:
        if member.id in self._failed:
            text = f"its disk failed, and it calls batch {ready.seq} durable"
            raise Violation("no_success_after_a_failed_flush", member.id, text)
