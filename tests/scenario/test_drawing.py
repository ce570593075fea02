"""Scenarios out of a seed: always possible, the same for the same seed, and not all alike."""

from collections import Counter

import pytest

from node.scenario.drawing import DURATION_US_MIN, FAULTS, QUIET_US, draw_scenario
from node.scenario.parsing import parse
from node.scenario.when import At
from node.scenario.writing import write

MINUTE_US = 60_000_000


@pytest.mark.parametrize("seed", range(30))
def test_each_can_be_written_and_read(seed: int) -> None:
    drawn = draw_scenario(seed, MINUTE_US, 3 + seed % 5)
    assert parse(write(drawn)) == drawn
    assert drawn == draw_scenario(seed, MINUTE_US, 3 + seed % 5)
    assert drawn.steps


def test_all_is_quiet_at_the_begin_and_at_the_end() -> None:
    for seed in range(20):
        for step in draw_scenario(seed, MINUTE_US, 5).steps:
            assert isinstance(step.when, At)
            assert step.when.at_us >= QUIET_US
            assert step.when.at_us + (step.lasts_us or 0) <= MINUTE_US - QUIET_US


def test_all_faults_come_and_none_always() -> None:
    met: Counter[str] = Counter()
    for seed in range(60):
        met.update({str(step.action) for step in draw_scenario(seed, MINUTE_US, 5).steps})
    assert len(met) == len(FAULTS)
    assert max(met.values()) < 60


@pytest.mark.parametrize(("duration_us", "nodes"), [(DURATION_US_MIN - 1, 3), (MINUTE_US, 2)])
def test_too_short_or_too_few_is_refused(duration_us: int, nodes: int) -> None:
    with pytest.raises(ValueError, match="at least"):
        draw_scenario(1, duration_us, nodes)
