"""What happened, of all nodes, in the order of their common clock. Pure and bounded.

CLOCK_MONOTONIC is one clock across the processes of a host, so that the events of several nodes
have one order. They do not arrive in it: what comes late is put in its place, and marked.
"""

from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from node.wire.recording import CLUSTER

EVENTS_MAX = 20_000
LATE_NS = 150_000_000
"""What is older than the newest by more than this has come late."""
WHOLES = frozenset({"leader", "exited", "stop", "away", "stall"})
"""What other events may be a part of: there are few of these."""
_SLACK = 1024


class Occurrence(NamedTuple):
    """One event of one node, or of the cluster. The first four fields are its place, and nobody
    else's.
    """

    mono_ns: int
    node: int
    boot: int
    seq: int
    wall_ns: int
    kind: str
    term: int
    data: Mapping[str, Any]
    late: bool = False

    @property
    def who(self) -> str:
        """n3; of what is done to a simulated cluster as a whole an arrow."""
        return "↯" if self.node == CLUSTER else f"n{self.node}"


def _place(occurrence: Occurrence) -> tuple[int, int, int, int]:
    return occurrence[:4]


class Timeline:
    """The newest `count_max` events. The same events give the same timeline in any order."""

    def __init__(self, count_max: int = EVENTS_MAX) -> None:
        self._count_max = count_max
        self._items: list[Occurrence] = []
        self._wholes: list[Occurrence] = []

    def __len__(self) -> int:
        return min(len(self._items), self._count_max)

    def add(self, occurrence: Occurrence) -> bool:
        """Put it in its place; False when it is there already."""
        items = self._items
        place = occurrence[:4]
        if not items or items[-1][:4] < place:
            items.append(occurrence)
        else:
            at = bisect_left(items, place, key=_place)
            if at < len(items) and items[at][:4] == place:
                return False
            items.insert(at, occurrence)
        if occurrence.kind in WHOLES:
            insort(self._wholes, occurrence, key=_place)
        if len(items) > self._count_max + _SLACK:
            del items[:_SLACK]
            del self._wholes[: bisect_left(self._wholes, _place(items[0]), key=_place)]
        return True

    @property
    def newest_ns(self) -> int:
        """When the newest event was, on the monotonic clock; 0: there is none."""
        return self._items[-1].mono_ns if self._items else 0

    def newest(self) -> Iterator[Occurrence]:
        """From the newest to the oldest."""
        items = self._items
        oldest = len(items) - len(self)
        for at in range(len(items) - 1, oldest - 1, -1):
            yield items[at]

    @property
    def wholes(self) -> list[Occurrence]:
        """Those of the kinds that others may be a part of, without a look at all of them."""
        if not self._wholes:
            return []
        oldest = self._items[-len(self)]
        return self._wholes[bisect_left(self._wholes, _place(oldest), key=_place) :]

    def copy(self) -> "Timeline":
        other = Timeline(self._count_max)
        other._items, other._wholes = self._items[-self._count_max :], self.wholes
        return other
