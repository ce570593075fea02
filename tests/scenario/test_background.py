"""Background faults: drawn from a seed, within their budget."""

import random
from collections.abc import Iterable
from dataclasses import replace
from itertools import pairwise

import pytest

from node.scenario.actions import Partition, ending
from node.scenario.background import expand, voters_harmed
from node.scenario.lines import parse_action
from node.scenario.parsing import parse
from node.scenario.scenario import Scenario, Step
from node.scenario.when import At
from node.scenario.writing import write
from tests.scenario.examples import EXAMPLE, step

S = 1_000_000


def drawn(scenario: Scenario, seed: int) -> tuple[Step, ...]:
    return expand(scenario, random.Random(seed)).steps[len(scenario.steps) :]


def background(
    faults: str, *steps: str, every: str = "500ms..2s", nodes: int = 5, budget: str = "quorum-safe"
) -> Scenario:
    plan = f'[random]\nfrom = "5s"\nto = "35s"\nevery = "{every}"\nbudget = "{budget}"\n'
    head = f'nodes = {nodes}\nduration = "40s"\n'
    return parse(head + "".join(steps) + plan + f"faults = {{ {faults} }}\n")


def interval(step: Step) -> tuple[int, int]:
    assert isinstance(step.when, At)
    return step.when.at_us, step.when.at_us + (step.lasts_us or 0)


def most_at_once(steps: Iterable[Step], nodes: int = 5) -> int:
    spans = [(*interval(each), voters_harmed(each.action, nodes)) for each in steps]
    return max(
        sum(harm for begin, end, harm in spans if begin <= moment < end) for moment, _, _ in spans
    )


def test_the_same_seed_draws_the_same_faults() -> None:
    scenario = parse(EXAMPLE)
    assert drawn(scenario, 1) == drawn(scenario, 1)
    assert drawn(scenario, 1) != drawn(scenario, 2)


def test_faults_come_and_end_within_their_time_and_the_rest_stays() -> None:
    scenario = parse(EXAMPLE)
    for seed in range(50):
        expanded = expand(scenario, random.Random(seed))
        assert expanded.random is None
        assert expanded.steps[:3] == scenario.steps
        for each in expanded.steps[3:]:
            begin, end = interval(each)
            assert 26 * S <= begin <= end <= 35 * S
            assert (each.lasts_us is None) == (ending(each.action) is None)
        assert parse(write(expanded)) == expanded


def test_nothing_to_draw_changes_nothing() -> None:
    quiet = replace(parse(EXAMPLE), random=None)
    assert expand(quiet, random.Random(1)) is quiet


def test_quorum_safe_harms_a_minority_at_most() -> None:
    faults = '"kill any" = 3, "pause minority" = 1, "partition leader" = 2, "disk any --full" = 1'
    scenario = background(faults)
    highest = [most_at_once(drawn(scenario, seed)) for seed in range(50)]
    assert max(highest) == 2
    reckless = background(faults, budget="any")
    assert max(most_at_once(drawn(reckless, seed)) for seed in range(50)) > 2


def test_weights_say_how_often() -> None:
    scenario = background('"transfer any-follower" = 9, "snapshot take" = 1', every="20ms")
    lines = [str(each.action) for each in drawn(scenario, 1)[:1000]]
    assert 850 < lines.count("transfer any-follower") < 950


def test_no_partition_replaces_another() -> None:
    held = step("10s", "partition --one-way 1:2", "", "10s")
    scenario = background('"partition leader" = 1, "net --link 1:2 --drop 5%" = 1', held)
    for seed in range(50):
        steps = drawn(scenario, seed)
        cuts = [interval(each) for each in steps if isinstance(each.action, Partition)]
        assert cuts
        spans = sorted([*cuts, (10 * S, 20 * S)])
        assert all(before[1] <= after[0] for before, after in pairwise(spans))
        assert any(10 * S < interval(each)[0] < 20 * S for each in steps)


@pytest.mark.parametrize(
    ("steps", "least_s", "most_s"),
    [
        # Until when the voters of other steps leave no room: 30s is beyond all that is drawn.
        ([step("4s", "kill n1 n2", "", "20s")], 24, 35),
        ([step("4s", "kill n1 n2")], 36, 35),
        ([step("20s", "kill n1 n2")], 5, 20),
        ([step("4s", "kill n1 n2", "a", "5s"), step("a.healed + 9s", "pause minority")], 9, 18),
        ([step("leader-change + 20s", "kill n1 n2", "", "1s")], 5, 20),
        ([step("4s", "wipe n1 n2")], 36, 35),
        ([step("39s", "members remove n4 n5"), step("1s", "kill n1", "", "19s")], 20, 35),
    ],
)
def test_own_steps_count_too(steps: list[str], least_s: int, most_s: int) -> None:
    scenario = background('"kill any" = 1', *steps)
    for seed in range(20):
        for each in drawn(scenario, seed):
            begin, end = interval(each)
            assert least_s * S <= begin <= end <= most_s * S


@pytest.mark.parametrize(
    ("line", "nodes", "harm"),
    [
        ("kill leader", 5, 1),
        ("kill n1 n2 leader", 5, 2),
        ("pause followers", 5, 4),
        ("stop minority", 5, 2),
        ("restart all", 5, 1),
        ("wipe n1", 5, 1),
        ("disk any --stall 1s", 5, 1),
        ("disk any --rot", 5, 1),
        ("clock all --rate 2", 5, 0),
        ("transfer", 5, 0),
        ("members add", 5, 0),
        ("members remove n1", 5, 1),
        ("snapshot take all", 5, 0),
        ("heal", 5, 0),
        ("partition leader", 5, 1),
        ("partition leader", 3, 1),
        ("partition leader", 2, 2),
        ("partition 1,2 / rest", 5, 2),
        ("partition 1,2 / 3,4 / 5", 5, 5),
        ("partition --halves", 7, 3),
        ("partition --one-way 1:2", 5, 0),
        ("partition --one-way 1:2", 3, 1),
        ("partition --ring", 5, 2),
        ("partition --ring", 7, 7),
        ("partition --bridge n3", 5, 2),
        ("net --link all:all --drop 5% --latency 80ms", 5, 0),
        ("net --link leader:all --drop 100%", 5, 1),
        ("net --link leader:all --corrupt 50%", 5, 1),
    ],
)
def test_how_many_voters_an_action_takes(line: str, nodes: int, harm: int) -> None:
    assert voters_harmed(parse_action(line), nodes) == harm


def test_a_budget_of_any_allows_what_loses_the_quorum() -> None:
    assert drawn(background('"kill all" = 1', budget="any"), 1)
