"""What a node measures of itself while it works: how long its flushes, its commits and its round
trips take. Of constant size, and nothing is done for a single entry.
"""

from collections import deque
from collections.abc import Sequence

from node.raft.core import RaftCore
from node.raft.messages import AppendEntries
from node.raft.ready import Envelope

SAMPLES_MAX = 512
WINDOW_US = 60_000_000
FRESH_US = 1_000_000
"""Quantiles are worked out so often at most."""
ROUND_TRIP_EVERY_US = 100_000
ROUND_TRIP_US_MAX = 1_000_000
"""An append that was not answered by then was lost: a later one's answer is none to it."""
KEPT_US = 5_000_000
SMOOTHING = 8
"""A round trip counts for an eighth, as in TCP."""


class Durations:
    """The last of many durations, of the last minute."""

    def __init__(self) -> None:
        self._samples: deque[tuple[int, float]] = deque(maxlen=SAMPLES_MAX)
        self._quantiles: tuple[float | None, float | None] = None, None
        self._fresh_until = 0

    def add(self, ms: float, now: int) -> None:
        """`now` in microseconds."""
        self._samples.append((now, ms))

    def quantiles(self, now: int) -> dict[str, float | None]:
        """What half of them, and all but a hundredth, did not exceed; None: there were none."""
        if now >= self._fresh_until:
            self._fresh_until = now + FRESH_US
            found = sorted(ms for at, ms in self._samples if now - at <= WINDOW_US)
            self._quantiles = _quantile(found, 50), _quantile(found, 99)
        p50_ms, p99_ms = self._quantiles
        return {"p50_ms": p50_ms, "p99_ms": p99_ms}


def _quantile(ordered: list[float], percent: int) -> float | None:
    return round(ordered[(len(ordered) - 1) * percent // 100], 3) if ordered else None


class DiskStats:
    """The saves that were flushed, and how long the last ones took."""

    def __init__(self) -> None:
        self.syncs = 0
        self.last_ms = 0.0
        self.durations = Durations()
        self.is_stalled = False
        """The save under way takes so long that it may never end."""

    def saved(self, seconds: float, now: int) -> None:
        """`now` in microseconds."""
        self.syncs += 1
        self.last_ms = seconds * 1000
        self.durations.add(self.last_ms, now)
        self.is_stalled = False


class Commits:
    """How long entries of this leader take from their arrival until they have taken effect here,
    one at a time: the newest of a turn stands for all that come until then.
    """

    def __init__(self, core: RaftCore) -> None:
        self.durations = Durations()
        self._core = core
        self._last_index = core.last_index
        self._waiting: tuple[int, int, int] | None = None

    def arrived(self, now: int) -> None:
        """The core has taken in what there was, at `now` (microseconds)."""
        last_index, before = self._core.last_index, self._last_index
        self._last_index = last_index
        if last_index > before and self._waiting is None and self._core.is_leader:
            self._waiting = self._core.term, last_index, now

    def took_effect(self, now: int) -> None:
        """Entries were applied."""
        if self._waiting is None:
            return
        term, index, arrived_at = self._waiting
        if term != self._core.term:
            self._waiting = None
        elif self._core.commit_index >= index:
            self._waiting = None
            self.durations.add((now - arrived_at) / 1000, now)


class RoundTrips:
    """From an append to its answer, by peer: that of some of them, ten times a second."""

    def __init__(self, core: RaftCore) -> None:
        self._core = core
        self._under_way: dict[int, tuple[int, int]] = {}
        self._smooth: dict[int, tuple[float, int]] = {}
        self._due_at = 0

    def left(self, envelopes: Sequence[Envelope], now: int) -> None:
        """These messages are on their way, at `now` (microseconds)."""
        if now < self._due_at:
            return
        for to, message in envelopes:
            if type(message) is AppendEntries and to not in self._under_way:
                self._under_way[to] = message.sequence, now
                self._due_at = now + ROUND_TRIP_EVERY_US

    def look(self, now: int) -> None:
        """The core has taken in what its peers answered."""
        for peer, (sequence, left_at) in list(self._under_way.items()):
            progress = self._core.progress.get(peer)
            if progress is None or now - left_at > ROUND_TRIP_US_MAX:
                del self._under_way[peer]
            elif progress.acked_sequence >= sequence:
                del self._under_way[peer]
                self._add(peer, (now - left_at) / 1000, now)

    def _add(self, peer: int, ms: float, now: int) -> None:
        before = self.ms(peer, now)
        smooth = ms if before is None else before + (ms - before) / SMOOTHING
        self._smooth[peer] = smooth, now

    def ms(self, peer: int, now: int) -> float | None:
        """As it was lately; None: there was no answer lately, or this node does not lead."""
        smooth, at = self._smooth.get(peer, (0.0, 0))
        is_known = peer in self._core.progress and now - at <= KEPT_US
        return smooth if is_known and at else None
