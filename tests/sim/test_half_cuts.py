"""Whoever is half cut off costs the others next to nothing, and the rule that says so bites."""

import dataclasses
from typing import Literal

import pytest

from node.faults import LinkRule
from node.raft.config import CoreConfig
from node.scenario.actions import Partition
from node.scenario.parsing import parse
from node.scenario.scenario import Scenario, Step, Workload
from node.scenario.when import At
from node.sim.half_cuts import half_cuts
from node.sim.host import Host
from node.sim.options import draw
from node.sim.simulation import Result, simulate
from node.sim.terms import _untouched
from node.storage.base import Stored
from tests.mutants.catalogue import MUTANTS
from tests.mutants.planting import planted

SECOND = 1_000_000


def run_of(link: str) -> Result:
    return simulate(
        Scenario(
            "half cut",
            nodes=5,
            seed=1,
            duration_us=15 * SECOND,
            workload=Workload(clients=4, rate_per_s=20),
            steps=(Step(At(2 * SECOND), Partition(one_way=(link,)), "", 12 * SECOND),),
        )
    )


def without(monkeypatch: pytest.MonkeyPatch, name: Literal["pre_vote", "check_quorum"]) -> None:
    """The option says on, and the core has it off."""
    configured = Host._config

    def config(host: Host, stored: Stored) -> CoreConfig:
        right = configured(host, stored)
        if name == "pre_vote":
            return dataclasses.replace(right, pre_vote=False)
        return dataclasses.replace(right, check_quorum=False)

    monkeypatch.setattr(Host, "_config", config)


@pytest.mark.parametrize("link", ["rest:n1", "n1:rest", "not:leader:leader", "leader:rest"])
def test_terms_rest_and_writes_are_committed(link: str) -> None:
    link = link.replace("rest:n1", "not:n1:n1")
    assert run_of(link).verdict == "ok"


IDLE = """
nodes = 3
duration = "15s"
[workload]
clients = 1
rate = "1/s"
[[step]]
when = "2s"
do = "partition --one-way leader:any-follower"
for = "12s"
[sim]
readers = 1.0
"""
"""Nobody writes, so the node that is cut off has all that the others have."""


def test_who_hears_a_leader_grants_no_pre_vote_to_one_that_lacks_nothing() -> None:
    assert simulate(parse(IDLE)).verdict == "ok"
    assert "pre_vote_beside_a_leader" in MUTANTS
    with planted("pre_vote_beside_a_leader"):
        result = simulate(parse(IDLE))
    assert result.invariant == "terms_rise_seldom", result.text


def test_nobody_writes_in_some_seeds_with_half_cuts() -> None:
    drawn = [draw(seed) for seed in range(1, 201)]
    idle = [each for seed, each in enumerate(drawn, 1) if half_cuts(seed, each)]
    assert 2 < sum(each.readers == 1.0 for each in idle) < len(idle) / 2


def test_terms_that_rise_without_pre_vote(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "pre_vote")
    result = run_of("not:n1:n1")
    assert result.invariant == "terms_rise_seldom", result.text


def test_deaf_leader_that_stays_without_check_quorum(monkeypatch: pytest.MonkeyPatch) -> None:
    without(monkeypatch, "check_quorum")
    result = run_of("not:leader:leader")
    assert result.invariant == "commits_while_a_quorum_is_connected", result.text


def test_some_seeds_have_nothing_but_half_cuts() -> None:
    steps = [half_cuts(seed, draw(seed)) for seed in range(1, 101)]
    assert 3 < sum(bool(each) for each in steps) < 25


@pytest.mark.parametrize(
    ("cuts", "left"),
    [
        ([], {1, 2, 3, 4, 5}),
        ([(1, 2)], {2, 3, 4, 5}),
        ([(2, 1), (3, 1), (4, 1), (5, 1)], {2, 3, 4, 5}),
        ([(1, 4), (2, 4), (3, 4), (1, 5), (2, 5), (3, 5)], {1, 2, 3}),
        ([(1, 2), (2, 3), (3, 4), (4, 5), (5, 1)], {2, 5}),
    ],
)
def test_who_is_left_hears_each_other(cuts: list[tuple[int, int]], left: set[int]) -> None:
    rules = [LinkRule(1, src, dst, cut=True) for src, dst in cuts]
    assert _untouched({1, 2, 3, 4, 5}, rules) == left
