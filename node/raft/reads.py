"""Reads without a log entry: ReadIndex (thesis 6.4).

A leader may answer a read at its commit index if nobody else led when the read arrived. It learns
that from a majority that answers a message sent *after* the arrival. Each append carries a sequence
number, and a read remembers the newest one at its arrival: only an answer to a newer one confirms
it, however late older answers come in, and however often a read is repeated.

A new leader does not know its own commit index until an entry of its term commits: reads wait for
that (`waiting`), which the no-op makes short.

No read waits for ever: each has a deadline, and deadlines rise in the order of arrival.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple


class LocalRead(NamedTuple):
    """A read asked for by this host; `context` is the host's own."""

    context: object
    deadline: int


class RemoteRead(NamedTuple):
    """A read that a follower forwarded."""

    requester_id: int
    read_id: int
    deadline: int


class PendingRead(NamedTuple):
    read_index: int
    registered_at: int
    """Answers to appends with a sequence above this confirm the read."""
    origin: LocalRead | RemoteRead


@dataclass(slots=True)
class LeaderReads:
    """The reads that a leader has not answered yet."""

    waiting: deque[LocalRead | RemoteRead] = field(default_factory=deque)
    pending: deque[PendingRead] = field(default_factory=deque)

    def __len__(self) -> int:
        return len(self.waiting) + len(self.pending)

    def register(self, origin: LocalRead | RemoteRead, read_index: int, sequence: int) -> None:
        self.pending.append(PendingRead(read_index, sequence, origin))

    def take_confirmed(self, sequence: int) -> list[PendingRead]:
        """Remove and return the reads registered before append `sequence`, oldest first."""
        confirmed = []
        while self.pending and self.pending[0].registered_at < sequence:
            confirmed.append(self.pending.popleft())
        return confirmed

    @property
    def next_deadline(self) -> int | None:
        """The deadline of the oldest read; None when there is none."""
        if self.pending:
            return self.pending[0].origin.deadline
        return self.waiting[0].deadline if self.waiting else None

    def take_overdue(self, now: int) -> Iterator[LocalRead | RemoteRead]:
        """Remove and give the reads whose deadline has passed, oldest first."""
        while self.pending and self.pending[0].origin.deadline <= now:
            yield self.pending.popleft().origin
        while self.waiting and self.waiting[0].deadline <= now:
            yield self.waiting.popleft()

    def needs_round(self, newest_sequence: int) -> bool:
        """Whether a read waits for an answer to an append that was not even sent."""
        return bool(self.pending) and self.pending[-1].registered_at >= newest_sequence

    def drain(self) -> list[LocalRead | RemoteRead]:
        """Remove and return everything; for a leader that steps down."""
        origins = [*(read.origin for read in self.pending), *self.waiting]
        self.pending.clear()
        self.waiting.clear()
        return origins


class ForwardedRead(NamedTuple):
    """A read that this node sent to the leader, and gives up at `deadline` (microseconds)."""

    context: object
    deadline: int
