"""Latencies in buckets: no percentile is off by more than a thousandth, and memory is bounded."""

import math
import random

import pytest

from raftctl.benching.histogram import Histogram

SHARES = (0.001, 0.25, 0.5, 0.9, 0.99, 0.999, 0.9999)


def histogram(values: list[float]) -> Histogram:
    made = Histogram()
    made.add(values)
    return made


def exact(values: list[float], share: float) -> float:
    return sorted(values)[max(math.ceil(share * len(values)) - 1, 0)]


@pytest.mark.parametrize("seed", range(20))
def test_percentiles_are_within_a_thousandth_of_the_exact_ones(seed: int) -> None:
    rng = random.Random(seed)
    values = [rng.lognormvariate(-7, 2) for _ in range(rng.randrange(1, 5000))]
    made = histogram(values)
    for share in SHARES:
        assert made.at(share) == pytest.approx(exact(values, share), rel=1e-3, abs=1e-9)
    assert made.at(1) == pytest.approx(max(values), abs=1e-9)
    assert made.count == len(values)


def test_percentiles_never_exceed_the_greatest_value() -> None:
    made = histogram([0.087061] * 1000)
    assert made.at(0.999) == made.at(1) == pytest.approx(0.087061, abs=1e-9)


def test_no_values_have_no_percentiles() -> None:
    assert histogram([]).at(0.5) is None
    assert histogram([]).at(1) is None


def test_what_is_added_in_parts_is_what_is_added_at_once() -> None:
    rng = random.Random(1)
    values = [rng.random() for _ in range(1000)]
    parts = histogram(values[:300])
    parts.merge(histogram(values[300:]))
    whole = histogram(values)
    assert [parts.at(share) for share in (*SHARES, 1)] == [
        whole.at(share) for share in (*SHARES, 1)
    ]


def test_memory_grows_with_the_span_of_values_and_not_with_their_number() -> None:
    made = Histogram()
    rng = random.Random(1)
    for _ in range(20):
        made.add([rng.uniform(0.001, 0.004) for _ in range(10_000)])
    assert len(made._counts) <= 2 * 1024 + 2  # two octaves
