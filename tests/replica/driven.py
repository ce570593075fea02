"""A replica of a single node, driven without a disk or a network."""

import random
from typing import Any

from node.machines.base import StateMachine
from node.raft.config import CoreConfig
from node.raft.messages import (
    AppendEntriesResponse,
    LogEntry,
    Message,
    RequestPreVoteResponse,
    RequestVoteResponse,
)
from node.raft.ready import HardState
from node.replica import Replica, Ticket
from node.replica.sessions import SESSIONS_MAX, Sessions
from node.replica.state import State
from node.storage.base import Stored
from node.wire.envelope import Header, seal
from node.wire.messages import WireMessage


class Recorder:
    """A machine that remembers what it was given; `boom` makes it raise."""

    def __init__(self) -> None:
        self.applied: list[bytes] = []

    def apply(self, command: bytes, index: int) -> bytes:
        if command.startswith(b"boom"):
            raise ZeroDivisionError(f"at {index}")
        self.applied.append(command)
        return b"did " + command

    def query(self, query: bytes) -> bytes:
        return b",".join(self.applied)


def command(client: int, sequence: int, body: bytes, acked: int = 0, born: int = 0) -> bytes:
    return seal(Header(client, sequence, acked, born), body)


def new_state() -> State:
    """What a node without a snapshot begins with."""
    return State(Recorder(), Sessions())


class Driven:
    """One replica, what it answered, by request id, and what it sent to its peers."""

    def __init__(
        self,
        machine: StateMachine | None = None,
        size: int = 1,
        log: list[LogEntry] | None = None,
        sessions_max: int = SESSIONS_MAX,
        **options: Any,
    ) -> None:
        self.now = 0
        self.machine = machine or Recorder()
        log = log or []
        state = HardState(log[-1].term if log else 0, None)
        config = CoreConfig(1, frozenset(range(1, size + 1)), entry_size=len)
        at_first = State(self.machine, Sessions(sessions_max))
        self.replica = Replica(
            config, Stored(state, log), at_first, Recorder, random.Random(1), 0, **options
        )
        self.replies: dict[int, WireMessage] = {}
        self.sent: list[Message] = []

    def work(self) -> None:
        while (ready := self.replica.ready()) is not None:
            self.replica.apply(ready)
            self.collect()
            self.replica.synced(ready, self.now)
            envelopes = [*ready.messages, *ready.messages_after_sync]
            self.sent += [envelope.message for envelope in envelopes]
        self.collect()

    def collect(self) -> None:
        for _, message in self.replica.take_replies(self.now):
            self.replies[message.id] = message  # type: ignore[union-attr]

    def lead(self) -> "Driven":
        self.now = self.replica.next_deadline
        self.replica.tick(self.now)
        self.work()
        assert self.replica.core.is_leader
        return self

    def receive(self, *messages: Message) -> None:
        for message in messages:
            self.replica.step(message, self.now)
            self.work()

    def lead_of_three(self) -> "Driven":
        """Win the next term with the vote of node 2; nobody has acknowledged anything in it."""
        self.now = self.replica.next_deadline
        self.replica.tick(self.now)
        self.work()
        term = self.replica.core.term
        self.receive(RequestPreVoteResponse(term, 2, term + 1, True))
        self.receive(RequestVoteResponse(term + 1, 2, True))
        assert self.replica.core.is_leader
        return self

    def acknowledge(self) -> None:
        """Node 2 holds the whole log."""
        core = self.replica.core
        self.receive(AppendEntriesResponse(core.term, 2, True, 0, 1, match_index=core.last_index))

    def submit(self, request_id: int, sealed: bytes, source: str = "c") -> WireMessage | None:
        self.replica.submit(Ticket(source, request_id), sealed, self.now)
        self.work()
        return self.replies.get(request_id)


def leader_of_three() -> Driven:
    """Node 1 leads term 1; nobody has acknowledged anything yet."""
    return Driven(size=3).lead_of_three()
