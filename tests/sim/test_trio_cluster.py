"""Whole clusters of the real driver, sessions and links, in virtual time and under faults."""

import pytest

from tests.sim.virtual_cluster import run_cluster
from tests.sim.virtual_faults import Hostile

SEEDS = range(1, 21)


@pytest.mark.parametrize("seed", SEEDS)
def test_cluster_keeps_its_promises_and_gets_well(seed: int) -> None:
    run_cluster(Hostile(seed))


def test_same_seed_is_the_same_run() -> None:
    runs = [Hostile(7), Hostile(7), Hostile(8)]
    for each in runs:
        run_cluster(each)
    first, again, other = (each.world.lines for each in runs)
    assert first == again
    assert first != other
