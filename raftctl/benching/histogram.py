"""Latencies in bounded memory: how many lie in each bucket, and buckets grow with what they hold.

A value in nanoseconds keeps its upper SIGNIFICANT_BITS bits, as in an HdrHistogram: up to 2,047 ns
it is exact, above that its bucket is less than a thousandth of it wide. An hour has about 32,000
buckets, of which a load fills a few hundred.
"""

import math
from collections import Counter
from collections.abc import Iterable

SIGNIFICANT_BITS = 11
NS = 1e9


class Histogram:
    """Values are in seconds."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()
        """By a bucket's lowest value, in nanoseconds."""
        self.count = 0
        self._max_ns = 0

    def add(self, seconds: Iterable[float]) -> None:
        values = [int(value * NS) for value in seconds]
        self.count += len(values)
        self._max_ns = max(self._max_ns, max(values, default=0))
        bits = SIGNIFICANT_BITS
        self._counts.update([
            value >> shift << shift if (shift := value.bit_length() - bits) > 0 else value
            for value in values
        ])  # fmt: skip

    def merge(self, other: "Histogram") -> None:
        """Add what the other one holds."""
        self._counts.update(other._counts)
        self.count += other.count
        self._max_ns = max(self._max_ns, other._max_ns)

    def at(self, share: float) -> float | None:
        """The least value that this share of all, 0 to 1, does not exceed, within a thousandth; 1
        is the greatest, exactly. None: there are no values.
        """
        if not self.count:
            return None
        left = math.ceil(share * self.count)
        if left >= self.count:
            return self._max_ns / NS
        for lowest, count in sorted(self._counts.items()):
            left -= count
            if left <= 0:
                width = 1 << max(lowest.bit_length() - SIGNIFICANT_BITS, 0)
                return min(lowest + (width - 1) / 2, self._max_ns) / NS
        raise AssertionError("the buckets hold as many as there are")
