"""Answers that nobody took yet."""

from collections.abc import Hashable

from node.replica.pending import Ticket
from node.wire.messages import Failure, Outcome, WireMessage


class Outbox:
    """What is to be told to whom, in order."""

    def __init__(self) -> None:
        self.replies: list[tuple[Hashable, WireMessage]] = []

    def reply(self, ticket: Ticket, message: WireMessage) -> None:
        self.replies.append((ticket.source, message))

    def fail(
        self,
        ticket: Ticket,
        code: str,
        message: str,
        outcome: Outcome = "none",
        leader: int | None = None,
    ) -> None:
        failure = Failure(ticket.id, code, message, outcome, leader)
        self.replies.append((ticket.source, failure))

    def fail_not_leader(self, ticket: Ticket, leader: int | None) -> None:
        if leader is None:
            self.fail(ticket, "no_leader", "no leader is known here")
        else:
            self.fail(ticket, "not_leader", f"n{leader} leads", leader=leader)

    def take(self) -> list[tuple[Hashable, WireMessage]]:
        replies, self.replies = self.replies, []
        return replies
