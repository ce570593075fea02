"""Requests that wait: proposals for their entry, reads for a majority and then for their index.

A proposal waits under its index *and* term. The index alone would acknowledge it when a new leader
put another entry in the same place.
"""

from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import count
from typing import NamedTuple


class Ticket(NamedTuple):
    """Whom to answer: a connection, or whatever the host uses, and the id that it gave."""

    source: Hashable
    id: int


@dataclass(slots=True, eq=False)
class Proposal:
    """Commands that were proposed as one request, in `term`, at `first` and the indices behind it.
    `results` are those of the ones that took effect so far.
    """

    ticket: Ticket
    term: int
    first: int
    last: int
    is_batch: bool
    results: list[bytes] = field(default_factory=list)


class Proposals:
    """Proposals in the order of their indices."""

    def __init__(self) -> None:
        self.waiting: deque[Proposal] = deque()

    def add(self, proposal: Proposal) -> None:
        """Its indices lie above those of all others."""
        self.waiting.append(proposal)

    def reached(self, index: int) -> Iterator[Proposal]:
        """What waits for entries up to `index`; it waits on if it ends above that."""
        while self.waiting and self.waiting[0].first <= index:
            if self.waiting[0].last > index:
                yield self.waiting[0]
                return
            yield self.waiting.popleft()

    def pop_above(self, index: int) -> Iterator[Ticket]:
        """Remove what waits for entries above `index`."""
        lost = []
        while self.waiting and self.waiting[-1].last > index:
            lost.append(self.waiting.pop().ticket)
        yield from reversed(lost)

    def pop_up_to(self, index: int) -> Iterator[Ticket]:
        """Remove what waits for entries up to `index`."""
        while self.waiting and self.waiting[0].first <= index:
            yield self.waiting.popleft().ticket

    def forget(self, source: Hashable) -> None:
        self.waiting = deque(each for each in self.waiting if each.ticket.source != source)


@dataclass(slots=True, eq=False)
class Query:
    """A read of the machine, of several at once if `is_batch`. `deadline`, in microseconds, bounds
    the wait for its index.
    """

    ticket: Ticket
    queries: Sequence[bytes]
    deadline: int
    is_batch: bool = False
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
