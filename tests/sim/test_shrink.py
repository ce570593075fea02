"""Failing runs are made small, and still fail for the same reason."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.scenario.actions import Kill, Partition, Pause, Transfer
from node.scenario.parsing import parse
from node.scenario.scenario import Expect, RandomFaults, Scenario, Span, Step, StepBudget, Workload
from node.scenario.when import After, At, Mark
from node.scenario.writing import write
from node.sim.options import OptionError, Options, changed, values_of
from node.sim.planning import plan
from node.sim.shrink import Shrinker, Shrunk, spelled_out
from node.sim.simulation import Result, simulate
from tests.mutants.catalogue import MUTANTS
from tests.mutants.planting import planted
from tests.scenario.strategies import scenarios

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
    assert sim["clients"] == found.scenario.workload.clients == 1
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


BACKGROUND = RandomFaults(
    SECOND,
    18 * SECOND,
    Span(SECOND, SECOND),
    Span(SECOND, SECOND),
    ((Kill(("any-follower",)), 1), (Pause(("leader",)), 2)),
)


def test_faults_of_the_background_are_taken_apart() -> None:
    whole = Scenario("test", nodes=3, duration_us=20 * SECOND, random=BACKGROUND)

    def fails(candidate: Scenario) -> bool:
        return any(isinstance(step.action, Kill) for step in candidate.steps)

    found = shrunk(whole, fails, at_us=30 * SECOND)
    assert found is not None
    assert found.steps_before > 10
    assert found.scenario.random is None
    assert [type(step.action) for step in found.scenario.steps] == [Kill]


def test_background_as_steps_is_the_same_run() -> None:
    whole = Scenario("test", nodes=3, seed=5, duration_us=20 * SECOND, random=BACKGROUND)
    assert simulate(spelled_out(whole)).digest == simulate(whole).digest


def test_world_that_nobody_wrote_down_shrinks_too() -> None:
    found = shrunk(Scenario("test", nodes=3), lambda each: True)
    assert found is not None
    sim = found.scenario.sim
    assert (found.scenario.nodes, sim["clients"], sim["keys"], sim["readers"]) == (1, 1, 1, 0.0)


def test_candidate_that_means_nobody_does_not_count() -> None:
    whole = scenario(Step(At(SECOND), Pause(("any-follower",)), "frozen", SECOND))
    found = shrunk(whole, lambda each: bool(each.steps))
    assert found is not None
    assert found.scenario.nodes == 2


def test_options_that_cannot_be_do_not_count() -> None:
    """A world whose limits belong together may lose one of them."""

    def run(candidate: Scenario) -> Result:
        if candidate.sim["queue_max"] == 64:
            changed(Options(), {"queue_max": 0})
        return Result(3, "failed", "", 1, 30 * SECOND, invariant="r", text="")

    whole = replace(scenario(), sim={**scenario().sim, "queue_max": 4})
    found = Shrinker(run, lambda text: None, clock=lambda: 0.0).shrink(whole)
    assert found is not None
    assert found.scenario.sim["queue_max"] == 4
    with pytest.raises(OptionError):
        run(scenario())


def test_what_is_expected_of_a_step_goes_with_it_and_so_does_who_waits_for_it() -> None:
    whole = scenario(
        Step(At(SECOND), Partition(halves=True), "cut", SECOND),
        Step(After(Mark("cut", healed=True), SECOND), Kill(("any",)), "crash", SECOND),
        Step(At(8 * SECOND), Transfer(None), "over"),
    )
    whole = replace(whole, expect=Expect(steps={"crash": StepBudget(min_ok=1)}))
    found = shrunk(whole, lambda each: any(step.name == "over" for step in each.steps))
    assert names(found) == {"over"}
    assert found is not None
    assert found.scenario.expect.steps == {}


@given(scenarios(), st.integers(0, 1000), st.integers(0, 70 * SECOND))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_what_is_left_reads_back(whole: Scenario, seed: int, at_us: int) -> None:
    rng = random.Random(seed)
    whole = replace(whole, workload=Workload(), sim={})
    assert parse(write(whole)) == whole
    found = shrunk(whole, lambda each: rng.random() < 0.6, runs_max=60, at_us=at_us)
    if found is not None:
        assert parse(write(found.scenario)) == found.scenario


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
