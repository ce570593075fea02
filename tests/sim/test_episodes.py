"""Episodes are plans like others, and what they lead up to is seen."""

from collections import Counter
from dataclasses import replace

import pytest

from node.scenario.actions import MembersAdd, Partition, Restart
from node.scenario.parsing import parse
from node.scenario.scenario import Scenario, Step, Workload
from node.scenario.when import At
from node.scenario.writing import write
from node.sim.episodes import KINDS, OF_LEASES, OF_LOADING, Episode, Stage, episodes
from node.sim.options import Options, draw
from node.sim.planning import plan
from node.sim.simulation import simulate
from node.sim.streams import stream
from tests.mutants import catalogue
from tests.mutants.planting import planted

MS = 1000
SECOND = 1_000_000
OPTIONS = Options(nodes=5, lease_reads=True)
EVERY: tuple[Episode, ...] = (*KINDS, *OF_LEASES, *OF_LOADING)


@pytest.mark.parametrize("episode", EVERY, ids=lambda each: each.__name__)
def test_episode_is_a_plan_that_can_be_written_and_read(episode: Episode) -> None:
    stage = Stage(stream(1, "test"), OPTIONS, SECOND)
    episode(stage)
    assert stage.at > SECOND, "the next one does not begin before its end"
    assert stage.steps
    scenario = Scenario("test", nodes=5, steps=tuple(stage.steps))
    assert parse(write(scenario)) == scenario


def test_nothing_is_planned_beyond_the_end() -> None:
    for seed in range(1, 60):
        end = plan(seed).duration_us
        for step in plan(seed).steps:
            if isinstance(step.when, At):
                assert step.when.at_us < end
                assert step.when.at_us + (step.lasts_us or 0) <= end


def test_some_seeds_have_episodes_and_some_have_nothing_else() -> None:
    kinds = Counter[tuple[bool, bool]]()
    for seed in range(1, 101):
        steps, has_others = episodes(seed, draw(seed))
        kinds[bool(steps), has_others] += 1
    assert kinds[False, True] > 25
    assert kinds[True, True] > 25
    assert kinds[True, False] > 10


def run_of(*steps: Step, **sim: int | bool | float) -> Scenario:
    workload = Workload(clients=2, rate_per_s=5)
    sim = {"lease_reads": True, "readers": 0.5, **sim}
    return Scenario("test", seed=1, duration_us=5 * SECOND, workload=workload, steps=steps, sim=sim)


def test_vote_in_spite_of_a_leader_that_is_heard_is_seen() -> None:
    assert catalogue.MUTANTS
    apart = Partition(one_way=("leader:n1", "n1:leader"))
    scenario = run_of(Step(At(SECOND), apart, "", SECOND))
    assert simulate(scenario).verdict == "ok"
    with planted("no_stickiness"):
        result = simulate(scenario)
    assert result.invariant == "promises_to_leaders_are_kept", result.text
    assert "votes for n1 in term" in result.text


def test_lease_that_nobody_stands_for_any_more_is_seen() -> None:
    scenario = run_of(Step(At(SECOND), Partition(("leader",)), "", SECOND), check_quorum=True)
    assert simulate(scenario).verdict == "ok"
    with planted("stale_lease_read"):
        result = simulate(scenario)
    assert result.invariant == "leases_count_from_the_question", result.text


def test_copies_that_are_late_come_and_change_nothing() -> None:
    scenario = run_of(Step(At(SECOND), Restart(("all",))), late=0.2, client_loss=0.1)
    result = simulate(replace(scenario, sim={**scenario.sim, "client_late": 1.0}))
    assert result.verdict == "ok", result.text
    assert result.coverage["message late"] > 10


def test_snapshot_that_takes_long_to_load_is_overtaken_or_found_in_the_log() -> None:
    options = Options(nodes=5)
    stage = Stage(stream(1, "test"), options, SECOND)
    for number in range(6):
        stage.name = f"episode-{number}"
        OF_LOADING[0](stage)
        stage.wait(SECOND)
    scenario = Scenario(
        "test",
        nodes=5,
        seed=1,
        duration_us=stage.at,
        workload=Workload(clients=6, rate_per_s=100),
        steps=tuple(stage.steps),
        sim={"load_ms_max": 1500, "snapshot_tail": 0, "snapshot_entries": 0, "latency_ms": 5},
    )
    result = simulate(scenario)
    assert result.verdict == "ok", result.text
    assert result.coverage["snapshot overtaken"] > 0
    assert result.coverage["snapshot found in the log"] > 0
    with planted("install_drops_the_tail"):
        result = simulate(scenario)
    assert result.invariant == "installs_keep_the_tail", result.text


def test_core_of_a_cluster_is_a_quorum_also_with_learners_that_get_their_vote_last() -> None:
    for at_ms in range(4700, 5000, 20):
        steps = [Step(At(SECOND), MembersAdd()), Step(At(at_ms * MS), MembersAdd())]
        result = simulate(run_of(*steps))
        assert result.verdict == "ok", result.text


def test_plans_of_seeds_are_the_same_when_they_are_written_and_read() -> None:
    for seed in [seed for seed in range(1, 61) if draw(seed).nodes >= 3]:
        assert parse(write(plan(seed))) == plan(seed)
