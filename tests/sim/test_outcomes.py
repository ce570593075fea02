"""A step of a plan that somebody wrote has to change something; of a drawn plan it need not."""

from dataclasses import replace

import pytest

from node.scenario.lines import parse_action
from node.scenario.parsing import parse
from node.scenario.scenario import Scenario
from node.sim.planning import plan
from node.sim.simulation import options_of, simulate, simulate_seed
from node.sim.trace import Line

PLAN = """
nodes = 3
duration = "{seconds}s"
[workload]
clients = 2
rate = "20/s"
"""
STEP = """
[[step]]
when = "{when}"
do = "{line}"
"""


def written(*steps: str | tuple[str, str], seconds: int = 4, more: str = "") -> Scenario:
    """A step a second, or at its own time; `more` stands below the last one."""
    text = PLAN.format(seconds=seconds)
    for n, step in enumerate(steps, 1):
        when, line = step if isinstance(step, tuple) else (f"{n}s", step)
        text += STEP.format(when=when, line=line)
    return parse(text + more)


def why(*steps: str | tuple[str, str], seconds: int = 4, more: str = "") -> str:
    """Why there is no verdict; empty: it is ok."""
    result = simulate(written(*steps, seconds=seconds, more=more))
    assert result.verdict == ("inconclusive" if result.why else "ok"), result.text
    return result.why


@pytest.mark.parametrize(
    "line", ["kill n1", "stop n1", "pause n1", "snapshot take n1", "clock n1 --jump 1s"]
)
def test_what_is_done_to_a_node_that_is_down_comes_to_nothing(line: str) -> None:
    assert why("kill n1", line) == f"step 2: {line}: n1 did not run"
    assert why(line) == ""


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("start n1", "start n1: n1 ran already"),
        ("resume n1", "resume n1: n1 was not paused"),
        ("transfer leader", "transfer leader: 3 is not another voter"),
        ("heal", "heal: there is no fault"),
        ("heal n1:n2", "heal n1:n2: there is no fault n1:n2"),
        ("members promote n1", "members promote n1: 1 is not a learner"),
    ],
)
def test_what_is_so_already_comes_to_nothing(line: str, text: str) -> None:
    assert why(line) == f"step 1: {text}"


@pytest.mark.parametrize(
    "steps",
    [
        ("kill n1", "start n1"),
        ("pause n1", "resume n1"),
        ("stop n1", "restart n1"),
        ("restart leader",),
        ("wipe n1",),
        ("clock n1 --rate 1.1",),
        ("clock n1 --jump 1s",),
        ("transfer any-follower",),
        ("members add", "members remove n4"),
        ("members replace any-follower",),
        ("disk n1 --full", "heal"),
    ],
)
def test_what_changes_something_counts(steps: tuple[str, ...]) -> None:
    assert why(*steps) == ""


@pytest.mark.parametrize("kind", ["--stall 5ms", "--slow 5ms", "--full", "--fail"])
def test_fault_of_a_disk_takes_effect_when_something_is_written(kind: str) -> None:
    assert why(f"disk n1 {kind}") == ""
    assert why("kill n1", f"disk n1 {kind}") == f"step 2: disk n1 {kind} never took effect"


def test_clock_of_a_node_that_is_down_takes_effect_when_it_starts() -> None:
    line = "clock n1 --rate 2"
    assert why("kill n1", line) == f"step 2: {line} never took effect"
    assert why("kill n1", line, "start n1") == ""


def test_rot_takes_effect_when_it_is_found() -> None:
    line, options = "disk n1 --rot", "[sim]\nsnapshot_entries = 0\n"
    assert why(line, more=options) == f"step 1: {line} never took effect"
    assert why(line, "restart n1", more=options) == ""


def test_start_that_refuses_damaged_data_is_an_effect_also_the_second_time() -> None:
    rot, options = ("kill n1", "disk n1 --rot"), "[sim]\nsnapshot_entries = 0\n"
    assert why(*rot, "start n1", "start n1", seconds=5, more=options) == ""
    assert why(*rot, "start n1", "wipe n1", "start n1", seconds=6, more=options) == ""


def test_disk_that_fails_while_nothing_is_written_has_not_failed() -> None:
    scenario = written("disk n1 --fail")
    short = replace(scenario, steps=(replace(scenario.steps[0], lasts_us=1),))
    assert simulate(short).why == "step 1: disk n1 --fail never took effect"


@pytest.mark.parametrize("verb", ["kill", "pause"])
@pytest.mark.parametrize(("lasts_us", "comes_to_something"), [(500_000, False), (1_500_000, True)])
def test_fault_that_keeps_up_what_another_began_takes_effect(
    verb: str, lasts_us: int, comes_to_something: bool
) -> None:
    first, second = written(f"{verb} n1", f"{verb} n1").steps
    steps = (replace(first, lasts_us=2_000_000), replace(second, lasts_us=lasts_us))
    found = simulate(replace(written(), steps=steps)).why
    assert found == ("" if comes_to_something else f"step 2: {verb} n1: n1 did not run")


def test_change_of_the_members_that_nobody_can_make_is_given_up() -> None:
    lines: list[Line] = []
    scenario = written("kill n1 n2", "members add", seconds=17)
    result = simulate(scenario, lines.append)
    assert "given up" in {line.kind for line in lines}
    assert (result.verdict, result.why) == ("inconclusive", "step 2: members add: given up")
    assert why("kill n1 n2", "members add") == "step 2: members add never took effect"


def test_transfer_that_nobody_takes_over_comes_to_nothing() -> None:
    found = why(("1s", "partition leader / rest"), ("1020ms", "transfer any-follower"))
    assert found.startswith("step 2: transfer any-follower: n")


# -- drawn plans -----------------------------------------------------------------------------------
def test_steps_that_a_seed_draws_may_come_to_nothing_and_are_counted() -> None:
    drawn = simulate_seed(5)
    assert (drawn.verdict, drawn.faults["skipped"] > 0) == ("ok", True)


def test_part_of_what_a_seed_draws_may_come_to_nothing() -> None:
    whole = plan(5)
    shorter = [
        step if step.lasts_us is None else replace(step, lasts_us=step.lasts_us // 2)
        for step in whole.steps
    ]
    left = simulate(replace(whole, steps=tuple(shorter[1:])))
    assert (left.verdict, left.faults["skipped"] > 0) == ("ok", True)


def test_steps_that_somebody_put_into_a_drawn_plan_have_to_change_something() -> None:
    whole = plan(5)
    twice = simulate(replace(whole, steps=(*written("kill n1", "kill n1").steps, *whole.steps)))
    assert (twice.verdict, twice.why) == ("inconclusive", "step 2: kill n1: n1 did not run")
    random = written(more=RANDOM.format(line="resume n1")).random
    assert simulate(replace(whole, random=random)).verdict == "inconclusive"


def test_steps_of_a_drawn_plan_that_were_changed_have_to_change_something() -> None:
    whole = plan(5)
    nobody = [
        replace(step, action=parse_action("resume n1"), lasts_us=None) for step in whole.steps
    ]
    found = simulate(replace(whole, steps=tuple(nobody)))
    assert (found.verdict, found.why) == ("inconclusive", "step 1: resume n1: n1 was not paused")


RANDOM = """
[random]
from = "1s"
to = "3s"
every = "300ms"
for = "100ms"
faults = {{ "{line}" = 1 }}
"""


def test_random_faults_have_to_come_to_something_together() -> None:
    assert why(more=RANDOM.format(line="pause any")) == ""
    idle = RANDOM.format(line="resume n1")
    assert why(more=idle) == "none of the random faults took effect"


# -- heal n1:n2 ------------------------------------------------------------------------------------
def heals(*steps: tuple[str, str]) -> list[tuple[float, str]]:
    lines: list[Line] = []
    result = simulate(written(*steps), lines.append)
    assert result.verdict == "ok", result.why
    kinds = ("heal", "kill")
    return [(line.time / 1e6, line.kind) for line in lines if line.kind in kinds]


def test_heal_of_a_link_ends_the_faults_that_it_is_of_and_what_waits_for_that_goes_on() -> None:
    found = heals(
        ("1s", "partition n1 / rest --as cut"),
        ("1s", "net --link n2:n3 --latency 20ms --as slow"),
        ("2s", "heal n1:n2"),
        ("cut.healed + 500ms", "kill n1"),
    )
    assert found == [(2.0, "heal"), (2.5, "kill")]


# -- clocks and leases -----------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("line", "option"),
    [
        ("clock leader --rate 0.5", "lease_reads = true"),
        ("clock leader --jump 1s", "lease_reads = true"),
        ("clock leader --rate 0.9", "lease_reads = true\nclock_ppm = 50000"),
        ("kill leader", "lease_reads = true\nclock_ppm = 500000"),
    ],
)
def test_clocks_that_no_lease_stands_are_refused_where_there_are_leases(
    line: str, option: str
) -> None:
    what = "clock_ppm = 500000" if line.startswith("kill") else line
    with pytest.raises(ValueError, match=f"by a tenth at most, not {what}"):
        simulate(written(line, more=f"[sim]\n{option}\n"))
    without = option.replace("true", "false")
    assert simulate(written(line, more=f"[sim]\n{without}\n")).verdict != "failed"


def test_clocks_within_the_bound_are_taken_and_drawn_ones_are() -> None:
    option = "[sim]\nlease_reads = true\nclock_ppm = 50000\n"
    assert why("clock leader --rate 0.96", more=option) == ""
    for seed in range(1, 301):
        options_of(plan(seed))
