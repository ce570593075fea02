"""Writes of unknown outcome that no answer speaks of.

All that such a write can do is to change the value under a compare-and-set that was refused
although it would have fitted. None of these values is ever expected, so whichever write does it is
as good as any other, and it may as well be the one that was called first. A compare-and-set of
unknown outcome does it only where it fits.
"""

from collections.abc import Iterator
from typing import Any

from node.verify.linearizability.operations import Operations


class Spares:
    """Those at `places`, which are in the order of their calls."""

    __slots__ = ("_calls", "_fitting", "_places", "_taken", "_used", "_writes")

    def __init__(self, operations: Operations, places: list[int]) -> None:
        self._calls = operations.calls
        self._places = set(places)
        self._writes: list[int] = []
        self._fitting: dict[Any, list[int]] = {}
        """Compare-and-sets, by the value that they expect."""
        for place in places:
            if operations.names[place] == "cas":
                self._fitting.setdefault(operations.values[place][0], []).append(place)
            else:
                self._writes.append(place)
        self._taken: set[int] = set()
        self._used = 0
        """Of the writes, which are taken in their order."""

    def __contains__(self, place: int) -> bool:
        return place in self._places

    def choice(self, state: Any, end: int) -> Iterator[int]:  # noqa: ANN401
        """Those worth trying in a state, of what had been called by `end`."""
        fitting = self._fitting.get(state, ()) if self._fitting else ()
        for place in fitting:
            if place not in self._taken and self._calls[place] <= end:
                yield place
        if self._used < len(self._writes) and self._calls[self._writes[self._used]] <= end:
            yield self._writes[self._used]

    def take(self, place: int) -> None:
        self._taken.add(place)
        self._used += self._is_next(place)

    def put_back(self, place: int) -> None:
        """The one that was taken last."""
        self._taken.remove(place)
        self._used -= bool(self._used) and self._writes[self._used - 1] == place

    def _is_next(self, place: int) -> bool:
        return self._used < len(self._writes) and self._writes[self._used] == place
