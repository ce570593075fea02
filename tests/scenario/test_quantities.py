"""Quantities as people write them, and back."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.scenario.errors import ScenarioError
from node.scenario.quantities import (
    SECONDS_MAX,
    bytes_per_second,
    bytes_per_second_text,
    duration_text,
    latency,
    microseconds,
    number,
    number_text,
    probability,
    seconds,
    share_text,
    size_bytes,
)


def test_values_as_people_write_them() -> None:
    assert [seconds(text) for text in ("10s", "200ms", "5m", "2")] == [10, 0.2, 300, 2]
    assert [seconds(text) for text in ("1d", "1h30m", "1m0.5s", ".5s")] == [86_400, 5400, 60.5, 0.5]
    assert seconds("3650d") == SECONDS_MAX
    assert latency("100ms+-20ms") == (100, 20)
    assert [probability(text) for text in ("10%", "0.5", ".5%", ".5")] == [0.1, 0.5, 0.005, 0.5]
    assert [bytes_per_second(text) for text in ("64kB/s", "1.5MB", "2GB/s", "1 GiB", "7")] == [
        64_000, 1_500_000, 2_000_000_000, 1024**3, 7,
    ]  # fmt: skip
    assert [size_bytes(text) for text in ("64MiB", "1.5MB", "0")] == [64 * 1024**2, 1_500_000, 0]
    assert [number(text) for text in ("1.05", "3", ".5")] == [1.05, 3, 0.5]


@pytest.mark.parametrize(
    ("read", "text"),
    [(seconds, bad) for bad in ("ten", "5 parsecs", "", "30m1h", "1h 30m", "٣s", "3651d", "1e9")]
    + [(seconds, "9" * 5000), (seconds, "9" * 18 + "d"), (latency, "5ms+-")]
    + [(probability, bad) for bad in ("", ".", "101%", "1.1", "-1%", "9" * 5000)]
    + [(bytes_per_second, bad) for bad in ("", "GB", "1TB", "0", "9" * 5000)]
    + [(number, bad) for bad in ("", "-1", "1e3", "nan", "9" * 5000)]
    + [(size_bytes, bad) for bad in ("", "64XB")],
)
def test_values_that_cannot_be_meant(read: Callable[[str], object], text: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        read(text)
    assert caught.value.hint


@pytest.mark.parametrize(
    ("duration_us", "text"),
    [
        (0, "0s"),
        (40_000_000, "40s"),
        (90_000_000, "90s"),
        (300_000_000, "5m"),
        (7_200_000_000, "2h"),
        (1_500_000, "1500ms"),
        (250, "0.25ms"),
        (1, "0.001ms"),
    ],
)
def test_durations_in_their_largest_unit(duration_us: int, text: str) -> None:
    assert duration_text(duration_us) == text
    assert microseconds(text) == duration_us


@given(st.integers(0, 86_400_000_000))
def test_durations_there_and_back(duration_us: int) -> None:
    assert microseconds(duration_text(duration_us)) == duration_us


@given(st.floats(0, 1).map(lambda share: round(share, 12)))
def test_shares_there_and_back(share: float) -> None:
    assert probability(share_text(share)) == share


@given(st.integers(1, 10**11))
def test_rates_there_and_back(rate: int) -> None:
    assert bytes_per_second(bytes_per_second_text(rate)) == rate


def test_shares_and_numbers_read_well() -> None:
    assert [share_text(share) for share in (0.05, 1.0, 0.005, 1e-12)] == [
        "5%", "100%", "0.5%", "0.0000000001%",
    ]  # fmt: skip
    assert [number_text(value) for value in (1.05, 2.0, 100.0)] == ["1.05", "2", "100"]
