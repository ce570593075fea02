"""Failing runs are made small, and still fail for the same reason."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from node.scenario.actions import Kill, Partition, Transfer
from node.scenario.scenario import Scenario, Step, Workload
from node.scenario.when import At
from node.sim.options import Options, values_of
from node.sim.planning import plan
from node.sim.shrink import Shrinker, Shrunk
from node.sim.simulation import Result, simulate
from tests.mutants.catalogue import MUTANTS
from tests.mutants.planting import planted

SECOND = 1_000_000
STEPS_MAX = 12


def scenario(*steps: Step) -> Scenario:
    options = Options(nodes=5, clients=6, drop=0.1, keys=7, rate=80)
    return Scenario(
        "test",
        nodes=5,
        seed=3,
        duration_us=20 * SECOND,
        workload=Workload(clients=6, rate_per_s=80, keys=7),
        steps=steps,
        sim=values_of(options),
    )


def steps(count: int) -> tuple[Step, ...]:
    return tuple(Step(At(n * SECOND), Transfer(None), f"s{n}") for n in range(count))


def shrunk(
    whole: Scenario, fails: Callable[[Scenario], bool], runs_max: int = 200, at_us: int = 9 * SECOND
) -> Shrunk | None:
    """`fails` says of which scenarios rule r does not hold; of all others rule q does not."""

    def run(candidate: Scenario) -> Result:
        invariant = "r" if fails(candidate) else "q"
        return Result(3, "failed", "", 1, at_us, invariant=invariant, text="")

    return Shrinker(run, lambda text: None, runs_max, clock=lambda: 0.0).shrink(whole)


def names(found: Shrunk | None) -> set[str]:
    assert found is not None
    return {step.name for step in found.scenario.steps}


@pytest.mark.parametrize("needed", [{"s3"}, {"s0", "s7"}, {"s1", "s2", "s8"}, set()])
def test_what_is_needed_stays_and_nothing_else(needed: set[str]) -> None:
    whole = scenario(*steps(16))
    found = shrunk(whole, lambda each: needed <= {step.name for step in each.steps})
    assert names(found) == needed
    assert found is not None
    assert found.steps_before == 16
    assert found.result.invariant == "r"


def test_what_is_after_the_failure_goes_first() -> None:
    ran = []

    def fails(candidate: Scenario) -> bool:
        ran.append(candidate)
        return True

    shrunk(scenario(*steps(16)), fails, at_us=4 * SECOND + 1)
    assert names_of(ran[1]) == {"s0", "s1", "s2", "s3", "s4"}
    assert ran[1].duration_us < 5 * SECOND


def names_of(candidate: Scenario) -> set[str]:
    return {step.name for step in candidate.steps}


def test_background_nodes_and_clients_shrink_as_far_as_they_may() -> None:
    found = shrunk(scenario(), lambda each: each.nodes >= 3 and each.sim["drop"] == 0.1)
    assert found is not None
    sim = found.scenario.sim
    assert found.scenario.nodes == sim["nodes"] == 3
    assert sim["drop"] == 0.1
    assert sim["clients"] == 0
    assert found.scenario.workload.keys == sim["keys"] == 1


def test_faults_last_no_longer_than_they_have_to() -> None:
    whole = scenario(Step(At(SECOND), Partition(halves=True), "cut", 8 * SECOND))

    def fails(candidate: Scenario) -> bool:
        return any((step.lasts_us or 0) >= SECOND for step in candidate.steps)

    found = shrunk(whole, fails)
    assert found is not None
    (step,) = found.scenario.steps
    assert step.lasts_us is not None
    assert SECOND <= step.lasts_us < 2 * SECOND


def test_runs_are_bounded() -> None:
    found = shrunk(scenario(*steps(64)), lambda each: True, runs_max=5)
    assert found is not None
    assert found.runs <= 5


def test_what_does_not_fail_is_not_made_smaller() -> None:
    def run(candidate: Scenario) -> Result:
        return Result(3, "ok", "", 1, 0)

    assert Shrinker(run, lambda text: None).shrink(scenario(*steps(2))) is None


def test_planted_bug_needs_few_faults() -> None:
    """Its run begins with faults that have nothing to do with it."""
    whole = plan(1)
    early = (Step(At(1000), Kill(("any",)), "", SECOND), *whole.steps)
    assert "vote_not_synced" in MUTANTS
    with planted("vote_not_synced"):
        found = Shrinker(simulate, lambda text: None).shrink(replace(whole, steps=early))
        assert found is not None
        again = simulate(found.scenario)
    assert found.result.invariant == again.invariant == "persist_before_reply"
    assert again.digest == found.result.digest
    assert len(found.scenario.steps) <= STEPS_MAX
    assert found.scenario.nodes <= 2
    assert simulate(found.scenario).verdict != "failed"
