"""Second by second, which part of the time a cluster could be used: as `judging` says it at the
end, but while the run goes on.
"""

from collections.abc import Iterable

from raftctl.chaos.availability import NS, Gap
from raftctl.chaos.probes import KINDS, USUAL_NS, Probe

LAG_NS = USUAL_NS
"""So long after its end a second is known: a gap that begins in it is one by then, or none."""


class Lane:
    """Probes of one kind. Times in nanoseconds since the run began."""

    def __init__(self) -> None:
        self._last_ns = 0
        self._lost: list[Gap] = []
        """Those that may reach into a second that is not told yet."""
        self._longest_ns = 0

    def take(self, successes: Iterable[int]) -> None:
        """When probes were answered, behind those that were taken before."""
        for at_ns in sorted(successes):
            gap = Gap(self._last_ns, max(at_ns, self._last_ns))
            self._longest_ns = max(self._longest_ns, gap.length_ns)
            if gap.length_ns > USUAL_NS:
                self._lost.append(gap)
            self._last_ns = gap.to_ns

    def share(self, from_ns: int, to_ns: int, now_ns: int) -> float:
        """Which part of these nanoseconds it could be used; no earlier ones are asked for later."""
        self._lost = [gap for gap in self._lost if gap.to_ns > from_ns]
        open_gap = Gap(self._last_ns, now_ns)
        lost = [*self._lost, *([open_gap] if open_gap.length_ns > USUAL_NS else [])]
        inside = sum(max(min(gap.to_ns, to_ns) - max(gap.from_ns, from_ns), 0) for gap in lost)
        return round(1 - inside / (to_ns - from_ns), 3)

    def longest_ms(self, now_ns: int) -> float:
        """The longest time without a success until now, one that lasts still too."""
        return round(max(self._longest_ns, now_ns - self._last_ns) / 1e6, 1)


class Seconds:
    """Both kinds of probes, from the begin of the run."""

    def __init__(self) -> None:
        self.lanes = {kind: Lane() for kind in KINDS}
        self._taken = 0
        self._next_ns = NS

    def due(self, probes: list[Probe], now_ns: int) -> int | None:
        """The end of a second that is known now, in nanoseconds; None: there is none. `probes`: all
        that ended until now, in the order in which they did.
        """
        news = probes[self._taken :]
        self._taken += len(news)
        for kind, lane in self.lanes.items():
            lane.take(each.ended for each in news if each.kind == kind and each.ok)
        if now_ns < self._next_ns + LAG_NS:
            return None
        end_ns, self._next_ns = self._next_ns, self._next_ns + NS
        return end_ns
