"""What came in for the driver and waits for its turn, bounded."""

from collections.abc import Callable, Sequence
from typing import Protocol

from node.raft.errors import RemoteProtocolError
from node.raft.messages import Message
from node.wire.messages import WireMessage

MESSAGES_MAX = 4096
REQUESTS_MAX = 16_384


class Source(Protocol):
    """A connection, as the driver sees it."""

    def answer_nowait(self, replies: Sequence[WireMessage]) -> None:
        """The answers of one turn."""

    def misbehaved(self, error: RemoteProtocolError) -> None:
        """What it sent breaks the protocol: end it."""


Work = Callable[[int], None]
"""A request to the replica; the argument is the time, in microseconds."""


class Inbox:
    """Messages of peers, and requests."""

    def __init__(self, messages_max: int = MESSAGES_MAX, requests_max: int = REQUESTS_MAX) -> None:
        self.messages: list[tuple[Source, Message]] = []
        self.work: list[Work] = []
        self._messages_max = messages_max
        self._requests_max = requests_max

    @property
    def is_empty(self) -> bool:
        return not self.messages and not self.work

    def put_messages(self, source: Source, messages: Sequence[Message]) -> None:
        """What is too much is dropped, which Raft repeats."""
        room = self._messages_max - len(self.messages)
        self.messages.extend((source, message) for message in messages[:room])

    def put_work(self, work: Sequence[Work]) -> Sequence[Work]:
        """Gives back what is too much."""
        room = self._requests_max - len(self.work)
        self.work.extend(work[:room])
        return work[room:]

    def take_messages(self) -> list[tuple[Source, Message]]:
        taken, self.messages = self.messages, []
        return taken

    def take_work(self) -> list[Work]:
        taken, self.work = self.work, []
        return taken
