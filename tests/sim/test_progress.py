"""While a quorum is connected it goes on, whatever befalls the others."""

from itertools import combinations

import pytest

from node.scenario.lines import parse_action
from node.scenario.scenario import Scenario, Step, Workload
from node.scenario.when import At
from node.sim.options import Options, changed, draw
from node.sim.progress import (
    PATIENCE_ELECTIONS,
    PATIENCE_TIMEOUTS,
    PATIENCE_TIMEOUTS_ROUGH,
    _chance,
    _groups,
    _patience,
)
from node.sim.simulation import Result, Simulation

SECOND = 1_000_000
FAULT_AT_S, STUCK_AT_S = 2, 4
RULE = "commits_while_a_quorum_is_connected"


def run(*lines: str, is_stuck: bool, nodes: int = 3, **sim: float) -> Result:
    """Faults for ever from 2 s on; from 4 s on `is_stuck` has every answer to an append get lost
    without a fault, as if the product ate it.
    """
    steps = tuple(Step(At(FAULT_AT_S * SECOND + n), parse_action(each))
                  for n, each in enumerate(lines))  # fmt: skip
    found = Simulation(
        Scenario(
            "test",
            nodes=nodes,
            duration_us=20 * SECOND,
            workload=Workload(clients=3, rate_per_s=30),
            steps=steps,
            sim=sim,
        )
    )
    world = found.world
    send = world.network.send

    def eat(src: int, dst: int, kind: str, frame: bytes) -> None:
        is_over = world.kernel.now >= 20 * SECOND
        if is_over or world.kernel.now < STUCK_AT_S * SECOND or kind != "AppendEntriesResponse":
            send(src, dst, kind, frame)

    if is_stuck:
        world.network.send = eat  # type: ignore[method-assign]
    return found.run()


HARMLESS = [
    (),
    ("disk n1 --stall 10ms", "clock n2 --jump 300ms"),
    ("partition any-follower / rest",),
    ("partition leader / rest",),
    ("partition --one-way not:leader:leader",),
    ("kill leader",),
    ("pause any-follower",),
    ("disk leader --full",),
    ("net --link any-follower:rest --latency 900ms",),
    ("clock any-follower --rate 2",),
]


@pytest.mark.parametrize("lines", HARMLESS)
def test_quorum_that_is_stuck_is_found_whatever_befalls_the_others(lines: tuple[str, ...]) -> None:
    result = run(*lines, is_stuck=True)
    # Where nothing lasts but cuts, leaders that come and go may be seen first.
    lasting = ("kill", "pause", "net", "full", "rate")
    is_more = any(word in line for word in lasting for line in lines)
    seen_first = set() if is_more else {"terms_rise_seldom"}
    assert result.verdict == "failed"
    assert result.invariant in {RULE} | seen_first
    assert result.at_us < 15 * SECOND


@pytest.mark.parametrize("lines", HARMLESS)
def test_quorum_goes_on_whatever_befalls_the_others(lines: tuple[str, ...]) -> None:
    result = run(*lines, is_stuck=False)
    assert (result.invariant, result.text) == ("", "")


@pytest.mark.parametrize(
    "lines",
    [
        ("kill n1 n2",),
        ("partition n1 / n2 / n3",),
        ("net --link all:all --drop 90%",),
        ("disk all --full",),
        ("pause n1", "disk n2 --full"),
    ],
)
def test_without_a_quorum_that_is_connected_nothing_is_expected(lines: tuple[str, ...]) -> None:
    assert run(*lines, is_stuck=True).invariant != RULE
    assert run(*lines, is_stuck=False).invariant != RULE


def test_without_check_quorum_all_have_to_be_connected() -> None:
    """A leader that nobody answers goes on, and keeps the others from electing another one."""
    deaf = "partition --one-way not:leader:leader"
    assert run(deaf, is_stuck=False, check_quorum=False).invariant == ""
    assert run(is_stuck=True, check_quorum=False).invariant == RULE
    assert run("kill any-follower", is_stuck=True, check_quorum=False).invariant == RULE


@pytest.mark.parametrize("option", ["check_quorum", "pre_vote"])
@pytest.mark.parametrize("line", ["kill followers", "kill all"])
def test_without_either_nothing_is_expected_of_less_than_a_quorum(line: str, option: str) -> None:
    assert run(line, is_stuck=False, **{option: False}).invariant == ""


def test_patience_is_longer_where_elections_may_fail_and_ends_where_they_must() -> None:
    assert _patience(Options()) == PATIENCE_TIMEOUTS
    assert _patience(Options(drop=0.3)) == PATIENCE_TIMEOUTS_ROUGH
    assert _patience(Options(latency_ms=30.0, jitter_ms=0.0)) == PATIENCE_TIMEOUTS_ROUGH
    assert _patience(Options(latency_ms=75.0, jitter_ms=0.0)) == 0
    assert _patience(Options(clients=0)) == 0


def test_patience_grows_with_the_frames_that_an_election_needs() -> None:
    """Four of six nodes, of whose frames a quarter is lost, all have to answer, twice."""
    assert _chance(0.0, 7) == 1.0
    assert _chance(0.25, 6) == pytest.approx(1 / 31.6, rel=0.01)
    assert PATIENCE_ELECTIONS / _chance(0.3, 3) > PATIENCE_TIMEOUTS_ROUGH
    assert PATIENCE_ELECTIONS / _chance(0.02, 5) < 2 * PATIENCE_TIMEOUTS


@pytest.mark.parametrize("name", ["drop", "duplicate", "reorder", "client_loss"])
def test_nothing_is_expected_beyond_what_seeds_have(name: str) -> None:
    drawn = max(getattr(draw(seed), name) for seed in range(1, 301))
    assert _patience(changed(Options(), {name: drawn}))
    assert _patience(changed(Options(), {name: 1.0})) == 0
    assert run(is_stuck=True, **{name: 1.0}).invariant != RULE  # type: ignore[arg-type]


@pytest.mark.parametrize("edges", range(0, 1024, 37))
def test_groups_are_all_in_which_each_is_near_each(edges: int) -> None:
    pairs = [each for n, each in enumerate(combinations(range(5), 2)) if edges >> n & 1]
    near = {n: {a + b - n for a, b in pairs if n in (a, b)} for n in range(5)}
    found = {frozenset(each) for each in _groups(near, set(), set(near), set())}
    whole = {
        frozenset(group)
        for size in range(1, 6)
        for group in combinations(range(5), size)
        if all(pair in pairs for pair in combinations(group, 2))
    }
    assert found == {each for each in whole if not any(each < other for other in whole)}
