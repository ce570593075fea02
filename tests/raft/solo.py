"""One core on its own: hand it messages, see its answers. Its disk takes every batch at once."""

import random
from collections.abc import Sequence
from typing import Any

from node.raft.config import CoreConfig, InitialState
from node.raft.core import RaftCore
from node.raft.events import Event
from node.raft.messages import (
    AppendEntries,
    AppendEntriesResponse,
    InstallSnapshot,
    InstallSnapshotResponse,
    LogEntry,
    Message,
    RequestPreVoteResponse,
    RequestVoteResponse,
)
from node.raft.ready import Envelope, ReadState
from node.raft.snapshot import ReceivedChunk, Snapshot, SnapshotId

TIMEOUT_US = 150_000


def log_of(*terms: int) -> list[LogEntry]:
    """A log with entries of these terms; an entry says its term and index."""
    return [LogEntry(term, f"{term}.{index}") for index, term in enumerate(terms, 1)]


class Solo:
    """Node 1 of a cluster, the others played by the test."""

    def __init__(
        self,
        log: Sequence[LogEntry] = (),
        term: int | None = None,
        voted_for: int | None = None,
        size: int = 3,
        **settings: Any,
    ) -> None:
        current = term if term is not None else (log[-1].term if log else 0)
        config = CoreConfig(1, frozenset(range(1, size + 1)), **settings)
        initial = InitialState(current, voted_for, log)
        self.now = 0
        self.core = RaftCore(config, initial, random.Random(1), 0)
        self.core.hearing.promised_until = 0  # it stands for one that was booted long ago
        self.applied: list[LogEntry] = []
        self.events: list[Event] = []
        self.reads: list[ReadState] = []
        self.received: list[ReceivedChunk] = []
        self.envelopes: list[Envelope] = []
        """All that was sent, and to whom."""

    @property
    def terms(self) -> list[int]:
        return [entry.term for entry in self.core.entries(1, self.core.last_index)]

    def work(self) -> list[Message]:
        """Carry out what there is; returns what was sent."""
        sent: list[Message] = []
        while (ready := self.core.ready()) is not None:
            sent += [chunk.message(bytes(chunk.length)) for chunk in ready.chunks]
            sent += [envelope.message for envelope in ready.messages]
            self.envelopes += (*ready.messages, *ready.messages_after_sync)
            self.applied += ready.committed
            self.events += ready.events
            self.reads += ready.reads
            self.received += ready.received
            self.core.synced(ready.seq, self.now)
            sent += [envelope.message for envelope in ready.messages_after_sync]
        return sent

    def receive(self, message: Message) -> list[Message]:
        self.core.step(message, self.now)
        return self.work()

    def answer(self, message: Message) -> Any:
        """The one message that it sends in answer."""
        (answer,) = self.receive(message)
        return answer

    def tick(self, elapsed_us: int) -> list[Message]:
        self.now += elapsed_us
        self.core.tick(self.now)
        return self.work()

    def time_out(self) -> list[Message]:
        return self.tick(max(self.core.next_deadline - self.now, 0))

    def lead(self) -> list[Message]:
        """Win an election with just enough votes; returns what the new leader sends first."""
        voters = range(2, len(self.core.configuration.voters) // 2 + 2)
        sent = self.time_out()
        if self.core.is_leader:
            return sent  # the only voter
        term = self.core.term
        if self.core.role_name == "precandidate":
            for voter in voters:
                self.receive(RequestPreVoteResponse(term, voter, term + 1, True))
        assert self.core.role_name == "candidate"
        for voter in voters:
            sent = self.receive(RequestVoteResponse(self.core.term, voter, True))
        return sent

    def compact(self, index: int, size: int = 1000) -> SnapshotId:
        """Take a snapshot at `index`, and keep nothing of what it stands for."""
        term = self.core.log.term_at(index)
        assert term is not None
        which = SnapshotId(index, term, size, b"digest")
        snapshot = Snapshot(which, self.core.log.configuration_at(index))
        assert self.core.snapshot_saved(snapshot, index)
        return which

    def has_of(
        self,
        which: SnapshotId,
        offset: int,
        chunk_offset: int = 0,
        peer: int = 2,
        sequence: int | None = None,
        installed: bool = False,
        damaged: bool = False,
    ) -> list[Message]:
        """A follower says how much of a snapshot it has."""
        newest = self.newest_sequence if sequence is None else sequence
        return self.receive(
            InstallSnapshotResponse(
                self.core.term,
                peer,
                which.index,
                chunk_offset,
                newest,
                offset,
                installed,
                damaged,
            )
        )

    def append(
        self,
        prev: tuple[int, int],
        entries: Sequence[LogEntry] = (),
        commit: int = 0,
        term: int | None = None,
        leader: int = 2,
        sequence: int = 1,
    ) -> list[Message]:
        """Receive an AppendEntries after (index, term) `prev`."""
        now = self.core.term if term is None else term
        return self.receive(AppendEntries(now, leader, *prev, entries, commit, sequence))

    def acknowledge(self, match: int, peer: int = 2, sequence: int | None = None) -> list[Message]:
        """A follower acknowledges everything up to `match`."""
        newest = self.newest_sequence if sequence is None else sequence
        return self.receive(
            AppendEntriesResponse(self.core.term, peer, True, match, newest, match_index=match)
        )

    def reject(
        self, prev: int, hint: tuple[int, int], peer: int = 2, sequence: int | None = None
    ) -> list[Message]:
        """A follower refuses the append after `prev`; `hint` is (index, term)."""
        newest = self.newest_sequence if sequence is None else sequence
        return self.receive(
            AppendEntriesResponse(self.core.term, peer, False, prev, newest, 0, hint[0], hint[1])
        )

    @property
    def newest_sequence(self) -> int:
        role = self.core.role
        assert self.core.is_leader
        return role.sequence  # type: ignore[union-attr]


def appends_to(messages: Sequence[Message]) -> list[AppendEntries]:
    return [message for message in messages if isinstance(message, AppendEntries)]


def chunks_to(messages: Sequence[Message]) -> list[InstallSnapshot]:
    return [message for message in messages if isinstance(message, InstallSnapshot)]


def chunk_of(which: SnapshotId, offset: int, data: bytes, term: int = 1) -> InstallSnapshot:
    return InstallSnapshot(
        term, term + 1, which.index, which.term, which.size, which.digest, offset, data, 1
    )


def sends_snapshot(chunk: int = 100, window: int = 300) -> tuple[Solo, SnapshotId]:
    """A leader of 9 entries, of which node 2 has none and the first 8 are compacted away."""
    solo = Solo(
        log_of(1, 1, 1, 1, 1, 1, 1, 1), snapshot_chunk_bytes=chunk, snapshot_window_bytes=window
    )
    solo.lead()
    solo.acknowledge(9, peer=3)
    which = solo.compact(8)
    (question,) = chunks_to(solo.reject(8, (0, 0)))
    assert (question.offset, question.data) == (0, b"")
    return solo, which
