"""What nodes owe: an answer to each request that they take in, one, and in time.

A client that hears nothing helps itself, so that an answer was lost inside a node shows nowhere
else: what waits for it there waits for ever.
"""

from collections.abc import Hashable, Mapping
from typing import Any, Protocol

from node.replica import Ticket
from node.verify.observation import Members, Violation

RULE = "every_request_is_answered_once"


class Owed:
    """The requests that one life of a node has not answered."""

    def __init__(self) -> None:
        self._waiting: dict[Ticket, tuple[str, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def take(self, ticket: Ticket, what: str, at_us: int) -> None:
        self._waiting[ticket] = what, at_us

    def answer(self, node_id: int, source: Hashable, message: Any) -> None:  # noqa: ANN401
        """Raises Violation if nobody waits for it."""
        if self._waiting.pop(Ticket(source, message.id), None) is None:
            raise Violation(RULE, node_id, f"answers what nobody asked, or once more: {message}")

    def check(self, node_id: int, when: str) -> None:
        """Raises Violation if something waits."""
        for what, at_us in self._waiting.values():
            text = f"{when} and has not answered {len(self._waiting)} requests, the first of them "
            raise Violation(RULE, node_id, f"{text}a {what} of {at_us} us")


class Debtor(Protocol):
    @property
    def is_running(self) -> bool: ...
    @property
    def owed(self) -> Owed: ...


class EveryRequestIsAnsweredOnce:
    """Before a node stops in an orderly way, and when faults have ended and each patience with
    them.
    """

    def __init__(self, hosts: Mapping[int, Debtor]) -> None:
        self._hosts = hosts

    def finished(self, members: Members) -> None:
        for node_id, host in self._hosts.items():
            if host.is_running:
                host.owed.check(node_id, "is at rest")
