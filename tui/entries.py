"""The entries that took effect: what each was, and when each node applied it. Pure and bounded.

A committed entry is the same on every node (Raft's log matching), so it is kept once; of each node
only which runs of indexes it applied, and when. Of many entries the nodes describe only the newest:
the others are known to exist, and shown as sampled out.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

ENTRIES_MAX = 2048
RUNS_MAX = 512
PREVIEW_MAX = 120
_SLACK = 256


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """`size` in bytes; `preview` is what the command says, in the words of the machine."""

    index: int
    term: int
    kind: str
    size: int
    preview: str


class Run(NamedTuple):
    """Entries `first`..`last` took effect by then, within the `window_ms` before."""

    first: int
    last: int
    mono_ns: int
    window_ms: int


def read_entry(document: Mapping[str, Any]) -> Entry | None:
    """An entry as a node describes it; None for what is no entry, whoever sent it."""
    index, term, size = document.get("index"), document.get("term"), document.get("bytes", 0)
    if type(index) is not int or type(term) is not int or type(size) is not int:
        return None
    preview = str(document.get("preview", ""))[:PREVIEW_MAX]
    return Entry(index, term, str(document.get("kind", "?"))[:16], size, preview)


class Described:
    """The entries with the highest indexes of those that any node described."""

    def __init__(self, count_max: int = ENTRIES_MAX) -> None:
        self._count_max = count_max
        self._entries: dict[int, Entry] = {}
        self._floor = 0
        self.conflicts = 0
        """How often an index that was applied had another term than the same index before."""

    def add(self, documents: Iterable[Mapping[str, Any]]) -> None:
        entries = self._entries
        for document in documents:
            index = document.get("index")
            known = entries.get(index) if type(index) is int else None
            if known is not None and known.term == document.get("term"):
                continue
            entry = read_entry(document)
            if entry is None or entry.index < self._floor:
                continue
            if known is not None:
                self.conflicts += 1
                entry = max(known, entry)  # whichever node came first, the result is the same
            entries[entry.index] = entry
        if len(entries) > self._count_max + _SLACK:
            for index in sorted(entries)[:_SLACK]:
                del entries[index]
            self._floor = min(entries)

    def get(self, index: int) -> Entry | None:
        return self._entries.get(index)

    def newest(self, count: int) -> list[Entry]:
        """The `count` highest ones, the highest first."""
        count = min(count, self._count_max)
        return [self._entries[index] for index in sorted(self._entries, reverse=True)[:count]]

    def copy(self) -> "Described":
        other = Described(self._count_max)
        other._entries = dict(self._entries)
        other._floor, other.conflicts = self._floor, self.conflicts
        return other


class Growth:
    """When a log was told to reach an index, and when to have it committed. It is told ten times a
    second, and so exact to that.
    """

    POINTS_MAX = 512

    def __init__(self) -> None:
        self._points: deque[tuple[int, int, int]] = deque(maxlen=self.POINTS_MAX)

    def add(self, mono_ns: int, last: int, commit: int) -> None:
        points = self._points
        while points and points[-1][1] > last:
            points.pop()  # truncated: what comes there now is another entry
        if not points or (last, commit) != points[-1][1:]:
            points.append((mono_ns, last, commit))

    def clear(self) -> None:
        self._points.clear()

    def appended_at(self, index: int) -> int | None:
        """When it was in the log first; None: before that was looked at, or not yet."""
        return self._reached(1, index)

    def committed_at(self, index: int) -> int | None:
        return self._reached(2, index)

    def _reached(self, what: int, index: int) -> int | None:
        at = bisect_left(self._points, index, key=lambda point: point[what])
        return self._points[at][0] if 0 < at < len(self._points) else None

    def copy(self) -> "Growth":
        other = Growth()
        other._points = self._points.copy()
        return other


class Rate:
    """How fast an index grows: over the last moment, and second by second."""

    SECONDS_MAX = 120
    WINDOW_NS = 1_000_000_000

    def __init__(self) -> None:
        self._points: deque[tuple[int, int]] = deque(maxlen=16)
        self._seconds: deque[tuple[int, int]] = deque(maxlen=self.SECONDS_MAX)

    def add(self, mono_ns: int, index: int) -> None:
        points, seconds = self._points, self._seconds
        if not points or mono_ns - points[-1][0] >= 90_000_000:
            points.append((mono_ns, index))
        second = mono_ns // 1_000_000_000
        if seconds and seconds[-1][0] == second:
            seconds[-1] = (second, index)
        elif not seconds or seconds[-1][0] < second:
            seconds.append((second, index))

    def clear(self) -> None:
        self._points.clear()
        self._seconds.clear()

    def per_second(self, now_ns: int) -> float:
        """Entries a second, over the last second."""
        inside = [point for point in self._points if now_ns - point[0] <= self.WINDOW_NS * 3 // 2]
        if len(inside) < 2:
            return 0.0
        (begin, first), (end, last) = inside[0], inside[-1]
        return max(last - first, 0) * 1e9 / max(end - begin, now_ns - begin - self.WINDOW_NS // 5)

    def history(self, now_ns: int, count: int) -> list[float]:
        """Entries a second in each of the last `count` whole seconds, the newest last."""
        by_second = dict(self._seconds)
        this = now_ns // 1_000_000_000
        rates: list[float] = []
        known = min(by_second.values(), default=0)
        for second in range(this - count - 1, this):
            before, known = known, max(by_second.get(second, known), known)
            rates.append(float(known - before))
        return rates[1:]

    def copy(self) -> "Rate":
        other = Rate()
        other._points, other._seconds = self._points.copy(), self._seconds.copy()
        return other
