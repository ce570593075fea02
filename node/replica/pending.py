"""Requests that wait: proposals for their entry, reads for a majority and then for their index.

A proposal waits under its index *and* term. The index alone would acknowledge it when a new leader
put another entry in the same place.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count
from typing import NamedTuple


class Ticket(NamedTuple):
    """Whom to answer: a connection, or whatever the host uses, and the id that it gave."""

    source: Hashable
    id: int


class Proposal(NamedTuple):
    term: int
    ticket: Ticket


class Proposals:
    """Proposals of one term, by index."""

    def __init__(self) -> None:
        self._waiting: dict[int, Proposal] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, index: int, term: int, ticket: Ticket) -> None:
        self._waiting[index] = Proposal(term, ticket)

    def pop(self, index: int) -> Proposal | None:
        return self._waiting.pop(index, None)

    def pop_above(self, index: int) -> Iterator[Ticket]:
        """Remove what waits for entries above `index`."""
        for waiting in sorted(at for at in self._waiting if at > index):
            yield self._waiting.pop(waiting).ticket

    def pop_up_to(self, index: int) -> Iterator[Ticket]:
        """Remove what waits for entries up to `index`."""
        for waiting in sorted(at for at in self._waiting if at <= index):
            yield self._waiting.pop(waiting).ticket

    def forget(self, source: Hashable) -> None:
        gone = [at for at, waiting in self._waiting.items() if waiting.ticket.source == source]
        for index in gone:
            del self._waiting[index]


@dataclass(slots=True, eq=False)
class Query:
    """A read of the machine. `deadline`, in microseconds, bounds the wait for its index."""

    ticket: Ticket
    query: bytes
    deadline: int
    forgotten: bool = False
    lease_term: int | None = None
    """The term whose lease it is read under; None: a majority confirmed its index."""


class ConfirmedQueries:
    """Queries that may be answered once the machine has reached their index."""

    def __init__(self) -> None:
        self._heap: list[tuple[int, int, Query]] = []
        self._order = count()
        self.next_deadline: int | None = None
        """No deadline is earlier; None: nothing waits."""

    def __iter__(self) -> Iterator[Query]:
        return (query for _, _, query in sorted(self._heap))

    def add(self, read_index: int, query: Query) -> None:
        heappush(self._heap, (read_index, next(self._order), query))
        self.next_deadline = min(self.next_deadline or query.deadline, query.deadline)

    def has_ready(self, applied: int) -> bool:
        return bool(self._heap) and self._heap[0][0] <= applied

    def pop_ready(self, applied: int) -> Iterator[Query]:
        while self._heap and self._heap[0][0] <= applied:
            yield heappop(self._heap)[2]
        if not self._heap:
            self.next_deadline = None

    def pop_overdue(self, now: int) -> list[Query]:
        if self.next_deadline is None or now < self.next_deadline:
            return []
        overdue = [query for query in self if query.deadline <= now]
        self._heap = [item for item in self._heap if item[2].deadline > now]
        heapify(self._heap)
        self.next_deadline = min((item[2].deadline for item in self._heap), default=None)
        return overdue

    def pop_all(self) -> list[Query]:
        queries = list(self)
        self._heap.clear()
        self.next_deadline = None
        return queries
