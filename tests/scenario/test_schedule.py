"""What is due when, while a scenario runs."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.scenario.background import expand
from node.scenario.parsing import parse
from node.scenario.scenario import Scenario
from node.scenario.schedule import End, Fire, Schedule
from tests.scenario.examples import EXAMPLE, HEAD, step
from tests.scenario.strategies import scenarios

S = 1_000_000


def schedule(*steps: str) -> Schedule:
    return Schedule(parse(HEAD + "".join(steps)))


def does(schedule: Schedule, seconds: float) -> list[str]:
    """What is due then, in short."""
    return [
        f"{'end of ' if isinstance(item, End) else ''}{item.step.action}"
        for item in schedule.due(round(seconds * S))
    ]


def run_out(schedule: Schedule) -> list[int]:
    """Carry out all that is left. Gives the moments, in microseconds."""
    moments: list[int] = []
    while (at_us := schedule.next_at) is not None:
        moments.append(at_us)
        schedule.due(at_us)
    return moments


def test_the_documented_example_runs_through() -> None:
    run = Schedule(expand(parse(EXAMPLE), random.Random(7)))
    assert run.next_at == 5 * S
    assert does(run, 4.9) == []
    assert does(run, 5) == ["partition leader, any-follower / rest"]
    assert run.next_at == 17 * S
    run.leader_changed(5_300_000)
    assert run.next_at == 5_300_000
    slow = "net --link leader:any --latency 80ms+-30ms --drop 5%"
    assert does(run, 5.3) == [slow]
    run.leader_changed(6 * S)
    assert run.next_at == 11_300_000
    assert does(run, 11.3) == [f"end of {slow}"]
    assert does(run, 17) == ["end of partition leader, any-follower / rest"]
    assert does(run, 19) == ["kill leader"]
    assert does(run, 22) == ["end of kill leader"]
    drawn_at = run_out(run)
    assert drawn_at == sorted(drawn_at)
    assert 25 * S <= drawn_at[0] < drawn_at[-1] <= 35 * S
    assert run.never_fired == []
    assert run.in_force == []


def test_a_fault_healed_early_ends_once_and_lets_others_go_on() -> None:
    run = schedule(
        step("1s", "partition n1", "cut", "20s"),
        step("5s", "heal cut"),
        step("cut.healed + 2s", "kill n1"),
        step("cut.healed + 1s", "kill n2"),
    )
    assert does(run, 1) == ["partition n1"]
    assert [each.name for each in run.in_force] == ["cut"]
    assert does(run, 5) == ["heal cut"]
    run.ended(0, 5 * S)
    assert run.in_force == []
    assert does(run, 7) == ["kill n2", "kill n1"]
    assert run.next_at is None


def test_whoever_runs_it_may_tell_that_a_fault_is_over() -> None:
    run = schedule(step("1s", "kill n1", "crash", "20s"), step("crash.healed + 1s", "kill n2"))
    run.ended(0, 0)  # it has not begun
    assert does(run, 1) == ["kill n1"]
    run.ended(0, 3 * S)
    run.ended(0, 4 * S)
    assert run.next_at == 4 * S
    assert does(run, 30) == ["kill n2"]


def test_a_fault_that_ended_early_has_no_second_end() -> None:
    run = schedule(step("1s", "net --link 2:3 --drop 5%", "", "9s"), step("2s", "heal 2:3"))
    run.due(1 * S)
    assert does(run, 2) == ["heal n2:n3"]
    run.ended(0, 2 * S)
    assert run.in_force == []
    assert run.next_at is None


def test_at_one_moment_what_is_over_goes_before_what_begins_and_steps_keep_their_order() -> None:
    run = schedule(
        step("3s", "kill n2", "b"),
        step("b", "kill n4"),
        step("3s", "kill n3"),
        step("1s", "kill n1", "", "2s"),
    )
    assert does(run, 1) == ["kill n1"]
    assert does(run, 3) == ["end of kill n1", "kill n2", "kill n4", "kill n3"]


def test_what_follows_counts_from_when_a_step_was_carried_out() -> None:
    run = schedule(step("1s", "kill n1", "a", "2s"), step("a + 3s", "kill n2"))
    assert does(run, 5) == ["kill n1"]
    assert run.next_at == 7 * S
    assert does(run, 8) == ["end of kill n1", "kill n2"]


def test_leader_changes_count_from_the_mark_on() -> None:
    run = schedule(
        step("2s", "kill leader", "a"),
        step("leader-change after a + 1s", "kill n2"),
        step("leader-change", "pause n3"),
        step("leader-change after a.healed", "pause n4"),
        step("9s", "start all"),
    )
    run.leader_changed(0)
    assert does(run, 0) == ["pause n3"]
    run.leader_changed(1 * S)
    assert does(run, 2) == ["kill leader"]
    run.leader_changed(4 * S)
    run.leader_changed(4_500_000)
    assert does(run, 5) == ["kill n2"]
    assert does(run, 9) == ["start all"]
    assert [str(each.action) for each in run.never_fired] == ["pause n4"]


def test_background_faults_have_to_be_drawn_first() -> None:
    with pytest.raises(ValueError, match="expand"):
        Schedule(parse(EXAMPLE))


@given(scenarios(), st.lists(st.integers(0, 2_000_000), max_size=8).map(sorted))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_fault_with_a_time_ends_at_most_once_and_after_it_began(
    scenario: Scenario, changes: list[int]
) -> None:
    run = Schedule(expand(scenario, random.Random(1)))
    fired: list[int] = []
    ended: list[int] = []
    now = 0
    while changes or run.next_at is not None:
        following = run.next_at
        if changes and (following is None or changes[0] <= following):
            now = changes.pop(0)
            run.leader_changed(now)
            continue
        assert following is not None
        now = max(now, following)
        for item in run.due(now):
            if isinstance(item, Fire):
                fired.append(item.place)
            else:
                assert item.place in fired
                ended.append(item.place)
        assert run.next_at is None or run.next_at > now
    assert len(set(fired)) == len(fired)
    assert len(set(ended)) == len(ended)
    assert all(each.lasts_us is None for each in run.in_force)
