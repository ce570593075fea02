"""For how long a cluster could not be used: the longest time between two successes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

NS = 1_000_000_000
SETTLE_NS = 2 * NS
"""What a fault costs may show only after it is over."""


@dataclass(frozen=True, slots=True)
class Gap:
    """No success between these moments, in nanoseconds since the run began."""

    from_ns: int
    to_ns: int

    @property
    def length_ns(self) -> int:
        return self.to_ns - self.from_ns


def gaps(successes: Sequence[int], from_ns: int, to_ns: int) -> Iterable[Gap]:
    """Between the successes of a whole run, from its begin to its end; both count as one."""
    before = from_ns
    for at in sorted(successes):
        if from_ns <= at <= to_ns:
            yield Gap(before, at)
            before = at
    yield Gap(before, to_ns)


def longest(all_gaps: Iterable[Gap], from_ns: int, to_ns: int) -> Gap | None:
    """The longest of those that overlap this window."""
    inside = [gap for gap in all_gaps if gap.from_ns < to_ns and from_ns < gap.to_ns]
    return max(inside, key=lambda gap: gap.length_ns, default=None)


def share(all_gaps: Iterable[Gap], usual_ns: int, from_ns: int, to_ns: int) -> float:
    """Which part of the time it could be used, from 0 to 1: a gap counts once it is longer than is
    usual between two successes.
    """
    lost = sum(gap.length_ns for gap in all_gaps if gap.length_ns > usual_ns)
    return 1 - lost / max(to_ns - from_ns, 1)
