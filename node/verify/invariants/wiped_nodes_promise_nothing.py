"""What a node that lost its disk may say."""

from node.raft.messages import (
    AppendEntriesResponse,
    InstallSnapshotResponse,
    Message,
    RequestPreVote,
    RequestPreVoteResponse,
    RequestVote,
    RequestVoteResponse,
)
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class WipedNodesPromiseNothing:
    """A node whose disk was wiped may have promised anything, and keeps nothing: it votes for
    nobody, itself included, and acknowledges nothing (paper 5.2, "stable storage"; thesis 11.7.3).
    """

    __slots__ = ()

    def __init__(self, members: Members, facts: Facts) -> None:
        pass

    def sending(self, member: Member, to: int, message: Message) -> None:
        if member.is_wiped and promises(message):
            text = f"lost its disk, and sends n{to} {message}"
            raise Violation("wiped_nodes_promise_nothing", member.id, text)


def promises(message: Message) -> bool:
    """Whether its receiver may count on something that has to be on the sender's disk."""
    match message:
        case RequestVote() | RequestPreVote():
            return True
        case RequestVoteResponse(vote_granted=says) | RequestPreVoteResponse(vote_granted=says):
            return says
        case AppendEntriesResponse(success=says) | InstallSnapshotResponse(installed=says):
            return says
        case _:
            return False
