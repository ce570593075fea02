"""Whole runs: the same seed is the same run, anywhere, and a right cluster passes."""

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from node.scenario.parsing import parse
from node.scenario.scenario import Expect
from node.scenario.writing import write
from node.sim.coverage import MARKS
from node.sim.options import OptionError, changed, draw, values_of
from node.sim.planning import plan
from node.sim.simulation import options_of, rules_of, simulate, simulate_seed
from node.sim.trace import Line
from node.verify.invariants.index_order import IndexOrder
from raftctl.simulating.seeds import run_seeds

SEEDS = range(1, 201)
"""What `make test` runs: in a cluster that is right none fails."""
ROOT = Path(__file__).resolve().parents[2]


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
        assert 25 < verbs[verb] < 75, verb


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"nodse": 3}, "no option nodse"),
        ({"nodes": 0}, "nodes has to be from 1"),
        ({"nodes": "3"}, "nodes has to be like"),
        ({"drop": 1.5}, "drop has to be from 0 to 1"),
        ({"heartbeat_ms": 500}, "heartbeat_ms"),
        ({"pre_vote": 1}, "pre_vote has to be like"),
    ],
)
def test_option_that_cannot_be_is_refused(values: dict[str, int], text: str) -> None:
    with pytest.raises(OptionError, match=text):
        changed(draw(1), values)


def test_plan_of_another_version_is_refused() -> None:
    scenario = parse(write(plan(1)).replace("format = 1", "format = 99"))
    with pytest.raises(OptionError, match="format 99 is another version's"):
        options_of(scenario)
    assert "format" in values_of(draw(1))


def test_only_the_invariants_that_are_asked_for_look() -> None:
    scenario = replace(plan(1), expect=Expect(invariants=("index_order",)))
    assert rules_of(scenario) == (IndexOrder,)
    assert simulate(scenario).digest == simulate_seed(1).digest  # they look, and change nothing
