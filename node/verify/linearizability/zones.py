"""What the values alone say, where each is written by one operation at most.

All that wrote or saw one value is its cluster. From the first return in it to the last call in it
the object held that value, if the return comes first: a forward zone. Else the cluster fits into
any moment from the last call to the first return: a backward zone. Two forward zones that overlap,
or a backward zone inside a forward one, cannot be; with reads and writes alone, nothing else stands
in the way (Gibbons and Korach, Testing Shared Memories, 1997). A cas that set is taken for a read
and a write here, so of a history with cas this finds violations and proves nothing.
"""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

from node.verify.linearizability.operations import Operations
from node.verify.models.base import NOTHING, Model

BEFORE_ALL = -1


class Violation(NamedTuple):
    """In words, and by which operations' places."""

    text: str
    places: tuple[int, ...]


@dataclass(slots=True)
class _Cluster:
    """One value, by the places of the operations that decide."""

    value: Any
    first_return: int
    last_call: int
    first: int
    """Who returned first; -1: it was there at the beginning."""
    last: int
    """Who was called last."""

    def take(self, call: int, end: int, place: int) -> None:
        if end < self.first_return:
            self.first_return, self.first = end, place
        if call > self.last_call:
            self.last_call, self.last = call, place

    @property
    def is_forward(self) -> bool:
        return self.first_return < self.last_call


class Zones:
    """Of the operations of one key, which `model` has to track."""

    def __init__(self, operations: Operations, model: Model, initial: Any) -> None:  # noqa: ANN401
        self._operations = operations
        self._model = model
        self._initial = initial
        self.is_exact = True
        """Whether there is no violation but those that `violation` finds."""
        self._writers: dict[Any, int] = {initial: BEFORE_ALL}
        self._shared: set[Any] = set()
        """Values that more than one operation may have written."""
        self._find_writers()

    def _find_writers(self) -> None:
        operations, writes = self._operations, self._model.writes
        for place in range(len(operations)):
            name, result = operations.names[place], operations.results[place]
            value = writes(name, operations.values[place], result)
            if value is NOTHING:
                if self._model.observes(name, operations.values[place], result) is NOTHING:
                    self.is_exact = False  # a cas that was refused saw something else
                continue
            if value in self._writers:
                self._shared.add(value)
            self._writers[value] = place
            if name == "cas":
                self.is_exact = False

    def violation(self) -> Violation | None:
        """The first that is found. Those of values that several may have written are left out."""
        found = self._clusters()
        if isinstance(found, Violation):
            return found
        forward = sorted(
            (each for each in found if each.is_forward), key=lambda each: each.first_return
        )
        for one, other in pairwise(forward):
            if other.first_return < one.last_call:
                return self._both(one, other)
        starts = [each.first_return for each in forward]
        for each in found:
            if each.is_forward:
                continue
            at = bisect_left(starts, each.last_call) - 1
            if at >= 0 and each.first_return < forward[at].last_call:
                return self._inside(each, forward[at])
        return None

    def _clusters(self) -> Iterable[_Cluster] | Violation:
        operations, shared = self._operations, self._shared
        clusters: dict[Any, _Cluster] = {}
        for value, place in self._writers.items():
            if value in shared:
                self.is_exact = False
            elif place == BEFORE_ALL:
                clusters[value] = _Cluster(value, -1, -1, BEFORE_ALL, BEFORE_ALL)
            else:
                call, end = operations.calls[place], operations.returns[place]
                clusters[value] = _Cluster(value, end, call, place, place)
        seen = set()
        for place in range(len(operations)):
            value = self._model.observes(
                operations.names[place], operations.values[place], operations.results[place]
            )
            if value is NOTHING:
                continue
            seen.add(value)
            if value not in self._writers:
                return Violation(f"{self._told(place)}, but nobody wrote that", (place,))
            cluster = clusters.get(value)
            if cluster is None:
                continue
            end = operations.returns[place]
            writer = self._writers[value]
            if writer != BEFORE_ALL and end < operations.calls[writer]:
                text = f"{self._told(place)} before it was written, by {self._told(writer)}"
                return Violation(text, (place, writer))
            cluster.take(operations.calls[place], end, place)
        return [
            cluster
            for value, cluster in clusters.items()
            if value in seen or self._is_sure(self._writers[value])
        ]

    def _is_sure(self, writer: int) -> bool:
        return writer == BEFORE_ALL or self._operations.certain[writer]

    def _told(self, place: int) -> str:
        operations = self._operations
        what = self._model.tell(
            operations.names[place], operations.values[place], operations.results[place]
        )
        return f"op {operations.numbers[place] + 1} {what}"

    def _both(self, one: _Cluster, other: _Cluster) -> Violation:
        show = self._model.show
        text = (
            f"{show(one.value)} and {show(other.value)} were both the {self._model.noun} at the "
            f"same time: {self._span(one)}; {self._span(other)}"
        )
        places = (one.first, one.last, other.first, other.last)
        return Violation(text, tuple(place for place in places if place != BEFORE_ALL))

    def _inside(self, inner: _Cluster, outer: _Cluster) -> Violation:
        show = self._model.show
        text = (
            f"{self._told(inner.first)} while the {self._model.noun} had to be "
            f"{show(outer.value)}: {self._span(outer)}"
        )
        places = (inner.first, outer.first, outer.last)
        return Violation(text, tuple(place for place in places if place != BEFORE_ALL))

    def _span(self, cluster: _Cluster) -> str:
        first = "the beginning" if cluster.first == BEFORE_ALL else self._told(cluster.first)
        return f"{self._model.show(cluster.value)} from {first} to {self._told(cluster.last)}"
