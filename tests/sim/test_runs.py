"""Whole runs: the same seed is the same run, anywhere, and a right cluster passes."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from node.replica import Replica
from node.scenario.lines import parse_action
from node.scenario.parsing import parse
from node.scenario.scenario import Expect, Scenario, Step
from node.scenario.when import At
from node.scenario.writing import write
from node.sim.coverage import MARKS
from node.sim.options import LIMITS, OptionError, Options, changed, draw, values_of
from node.sim.planning import plan
from node.sim.simulation import options_of, rules_of, simulate, simulate_seed
from node.sim.trace import Line
from node.storage.base import StorageError
from node.verify.invariants.index_order import IndexOrder
from raftctl.simulating.seeds import run_seeds

SEEDS = range(1, 201)
"""What `make test` runs: in a cluster that is right none fails."""
ROOT = Path(__file__).resolve().parents[2]
BETWEEN_FOLLOWERS = "partition --one-way any-follower:any-follower"


@pytest.mark.seeds
@pytest.mark.timeout(600)
def test_seeds_pass_and_meet_almost_everything() -> None:
    document = run_seeds(SEEDS, 1, lambda done, result: None, False)
    assert [each for each in document.problems if each.verdict == "failed"] == []
    assert document.inconclusive <= 0.05 * document.seeds
    assert [mark for mark in MARKS if not document.coverage[mark]] == []
    assert document.operations["ok"] > 50 * document.seeds


def test_same_seed_is_the_same_run_in_another_process_and_with_other_hashes() -> None:
    digests = {simulate_seed(11).digest}
    for hashes in ("0", "1234"):
        code = "from node.sim.simulation import simulate_seed; print(simulate_seed(11).digest)"
        digests.add(
            subprocess.run(
                [sys.executable, "-c", code],
                env={**os.environ, "PYTHONHASHSEED": hashes},
                cwd=ROOT,
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            ).stdout.strip()
        )
    assert len(digests) == 1


def test_watching_a_run_does_not_change_it() -> None:
    lines: list[Line] = []
    assert simulate(plan(5), lines.append).digest == simulate_seed(5).digest
    assert len(lines) > 10
    assert [line.time for line in lines] == sorted(line.time for line in lines)


def test_seeds_are_different_runs() -> None:
    assert len({simulate_seed(seed).digest for seed in (1, 2, 3)}) == 3


def test_every_drawn_plan_can_be_written_and_read() -> None:
    for seed in range(1, 201):
        assert parse(write(plan(seed))) == plan(seed), seed


def test_plan_that_is_written_and_read_is_the_same_run() -> None:
    again = parse(write(plan(9)))
    assert again == plan(9)
    assert simulate(again).digest == simulate_seed(9).digest


def test_plan_of_every_seed_reads_back_as_it_is_written() -> None:
    """Also of clusters in which half of the steps could never happen, and to the microsecond."""
    for seed in range(1, 201):
        whole = plan(seed)
        assert parse(write(whole)) == whole, seed


def test_options_are_those_of_the_plan() -> None:
    for seed in range(1, 50):
        assert options_of(plan(seed)) == draw(seed)


def test_swarm_leaves_each_kind_of_fault_out_of_many_runs() -> None:
    verbs = Counter[str]()
    for seed in range(1, 101):
        verbs.update({str(step.action).split()[0] for step in plan(seed).steps})
    for verb in ("kill", "stop", "pause", "wipe", "partition", "net", "disk", "clock", "members"):
        most = 90 if verb == "partition" else 75  # most episodes begin with one
        assert 15 < verbs[verb] < most, verb


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"nodse": 3}, "no option nodse"),
        ({"nodes": 0}, "nodes has to be from 1"),
        ({"nodes": "3"}, "nodes has to be like"),
        ({"drop": 1.5}, "drop has to be from 0 to 1"),
        ({"heartbeat_ms": 500}, "heartbeat_ms"),
        ({"pre_vote": 1}, "pre_vote has to be like"),
        ({"disk_ms_min": 50.0, "disk_ms_max": 1.0}, "disk_ms_min has to be at most disk_ms_max"),
        ({"disk_ms_min": -500.0}, "disk_ms_min has to be from 0"),
        ({"latency_ms": float("nan")}, "latency_ms has to be from 0"),
    ],
)
def test_option_that_cannot_be_is_refused(values: dict[str, int], text: str) -> None:
    with pytest.raises(OptionError, match=text):
        changed(draw(1), values)


def test_every_number_has_limits() -> None:
    numbers = {name for name, value in values_of(Options()).items() if type(value) is not bool}
    assert numbers - {"format"} == LIMITS.keys()


@pytest.mark.parametrize("line", ["nodes = 5", "duration_ms = 99999", "format = true"])
def test_options_that_contradict_the_scenario_are_refused(line: str) -> None:
    scenario = parse(f'nodes = 3\nduration = "3s"\n[sim]\n{line}\n')
    with pytest.raises(OptionError, match=line.split()[0]):
        options_of(scenario)


def test_plan_of_another_version_is_refused() -> None:
    scenario = replace(plan(1), sim={**plan(1).sim, "format": 99})
    with pytest.raises(OptionError, match="format 99 is another version's"):
        options_of(scenario)
    assert "format" in values_of(draw(1))


def test_only_a_whole_table_of_options_may_call_itself_drawn() -> None:
    """It is let off with steps that come to nothing, as no other plan is."""
    whole = plan(1)
    assert options_of(whole) == draw(1)
    sim = {name: value for name, value in whole.sim.items() if name != "late"}
    with pytest.raises(OptionError, match="and late is missing"):
        options_of(replace(whole, sim=sim))
    with pytest.raises(OptionError, match="format is missing"):
        options_of(Scenario("mine", sim={"drawn": True}))
    with pytest.raises(OptionError, match="drawn has to be true or false"):
        options_of(replace(whole, sim={**whole.sim, "drawn": "no"}))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("partition leader / rest", ""),
        ("net --link leader:rest --latency 5ms", ""),
        (BETWEEN_FOLLOWERS, f"step 1: {BETWEEN_FOLLOWERS} never took effect"),
        (
            "net --link all:all --drop 0.01%",
            "step 1: net --link all:all --drop 0.01% never took effect",
        ),
    ],
)
def test_fault_that_somebody_wrote_has_to_bite(line: str, why: str) -> None:
    """Followers say nothing to each other, so a cut between them proves nothing."""
    cut = Step(At(1_000_000), parse_action(line), "", 50_000)
    result = simulate(Scenario("mine", duration_us=3_000_000, steps=(cut,)))
    assert (result.verdict, result.why) == ("inconclusive" if why else "ok", why)


def test_only_the_invariants_that_are_asked_for_look() -> None:
    scenario = replace(plan(1), expect=Expect(invariants=("index_order",)))
    assert rules_of(scenario) == (IndexOrder,)
    assert simulate(scenario).digest == simulate_seed(1).digest  # they look, and change nothing


STEPS = """
nodes = 5
seed = {seed}
duration = "9s"
[[step]]
when = "2s"
do = "net --link any-follower:n1 --latency 1ms"
for = "200ms"
[[step]]
when = "6s"
do = "pause any-follower"
for = "10ms"
[[step]]
when = "8s"
do = "pause any-follower"
for = "10ms"
"""


def _paused(scenario: Scenario) -> list[object]:
    lines: list[Line] = []
    simulate(scenario, lines.append)
    return [line.data["nodes"] for line in lines if line.kind == "pause"]


def test_step_that_is_left_out_leaves_the_others_as_they_were() -> None:
    for seed in range(1, 7):
        scenario = parse(STEPS.format(seed=seed))
        fewer = replace(scenario, steps=scenario.steps[1:])
        assert _paused(fewer) == _paused(scenario)


@pytest.mark.parametrize(
    "error", [AttributeError("x has no y"), StorageError("gone"), OSError(5, "I/O"), MemoryError()]
)
def test_whatever_the_node_raises_fails_the_seed(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(replica: Replica) -> None:
        raise error

    monkeypatch.setattr(Replica, "take_prompt", broken)
    result = simulate(parse('duration = "2s"'))
    assert (result.verdict, result.invariant) == ("failed", "no_exceptions")
    assert type(error).__name__ in result.text


def test_who_cannot_be_told_is_no_failure_of_the_run() -> None:
    def closed(line: Line) -> None:
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        simulate(parse('duration = "2s"'), closed)
