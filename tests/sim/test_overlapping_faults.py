"""A fault that ends takes back only what no other one keeps up."""

from collections.abc import Callable, Iterable

import pytest

from node.scenario.actions import Wipe
from node.scenario.lines import parse_action
from node.scenario.scenario import Scenario, Step, Workload
from node.scenario.when import At
from node.sim.host import Host
from node.sim.planning import plan
from node.sim.simulation import Simulation

MS = 1000
SECOND = 1_000_000
WIPING_SEED = 5


def step(at_s: float, line: str, lasts_s: float | None = None) -> Step:
    lasts_us = None if lasts_s is None else round(lasts_s * SECOND)
    return Step(At(round(at_s * SECOND)), parse_action(line), "", lasts_us)


def simulation(steps: Iterable[Step]) -> Simulation:
    return Simulation(
        Scenario(
            "test",
            duration_us=10 * SECOND,
            workload=Workload(clients=1, rate_per_s=20),
            steps=tuple(steps),
        )
    )


def look(steps: list[Step], times: list[float], what: Callable[[Host], object]) -> list[object]:
    """What node 1 looks like at those seconds."""
    run = simulation(steps)
    seen: list[object] = []
    for at_s in times:
        run.world.kernel.at(
            round(at_s * SECOND), "check", lambda: seen.append(what(run.world.hosts[1]))
        )
    run.run()
    return seen


@pytest.mark.parametrize("short", ["disk n1 --slow 1ms", "disk n1 --full", "disk n1 --fail"])
def test_disk_stays_full_when_another_fault_of_it_is_over(short: str) -> None:
    steps = [step(2, "disk n1 --full", 4), step(3, short, 0.5)]
    assert look(steps, [2.5, 3.6, 5.9, 6.1], lambda host: host.disk.faults.is_full) == [
        True,
        True,
        True,
        False,
    ]


def test_delay_of_a_disk_is_that_of_the_last_fault_that_still_holds() -> None:
    steps = [
        step(2, "disk n1 --slow 7ms", 4),
        step(3, "disk n1 --slow 2ms", 2),
        step(4, "disk n1 --stall 5ms"),
    ]
    seen = look(steps, [2.5, 3.5, 5.5, 6.5], lambda host: host.disk.faults.slow_us)
    assert seen == [7 * MS, 2 * MS, 7 * MS, 0]


def test_clock_goes_on_at_the_rate_of_the_fault_that_still_holds() -> None:
    steps = [step(2, "clock n1 --rate 0.5", 4), step(3, "clock n1 --rate 2", 1)]
    at = [2.5, 2.6, 3.5, 3.6, 4.5, 4.6, 6.5, 6.6]
    shown = look(steps, at, lambda host: host.clock.now())
    rates = [
        (b - a) / (100 * MS)  # type: ignore[operator]
        for a, b in zip(shown[::2], shown[1::2], strict=True)
    ]
    assert rates == [0.5, 2.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("short", "lasts_s"),
    [("kill n1", 0.5), ("stop n1", 0.5), ("disk n1 --fail", 0.5), ("wipe n1", None)],
)
def test_who_was_killed_stays_down_until_that_is_over(short: str, lasts_s: float | None) -> None:
    steps = [step(2, "kill n1", 4), step(3, short, lasts_s)]
    seen = look(steps, [2.5, 3.6, 5.9, 6.1], lambda host: host.is_running)
    assert seen == [False, False, False, True]


def test_who_is_started_by_hand_runs_and_so_does_who_is_restarted() -> None:
    for line in ("start n1", "restart n1"):
        steps = [step(2, "kill n1", 4), step(3, line)]
        assert look(steps, [2.5, 3.1, 6.1], lambda host: host.is_running) == [False, True, True]


def test_who_is_wiped_stays_down_until_somebody_starts_it_and_has_no_vote_then() -> None:
    """As the verb of that name leaves a node."""
    steps = [step(2, "wipe n1"), step(4, "start n1")]
    seen = look(steps, [2.5, 3.9, 4.1], lambda host: (host.is_running, host.is_wiped))
    assert seen == [(False, True), (False, True), (True, True)]


def test_who_is_wiped_in_a_plan_that_was_drawn_runs_on_without_a_vote() -> None:
    drawn = plan(WIPING_SEED)
    (wiped_at,) = [
        each.when.at_us
        for each in drawn.steps
        if isinstance(each.action, Wipe) and isinstance(each.when, At)
    ]
    run = Simulation(drawn)
    seen: list[Host] = []
    run.world.kernel.at(
        wiped_at + 1,
        "check",
        lambda: seen.extend(h for h in run.world.hosts.values() if h.is_wiped),
    )
    run.run()
    assert [host.lives > 1 for host in seen] == [True]


def test_who_stands_still_does_so_until_all_pauses_are_over() -> None:
    steps = [step(2, "pause n1", 4), step(3, "pause n1", 0.5)]
    seen = look(steps, [2.5, 3.6, 5.9, 6.1], lambda host: host.is_paused)
    assert seen == [True, True, True, False]
    steps.append(step(4, "resume n1"))
    assert look(steps, [3.9, 4.1], lambda host: host.is_paused) == [True, False]


def test_power_that_comes_back_does_not_start_who_was_killed() -> None:
    """A node that died in a flush comes back by itself, but not while a fault keeps it down."""
    run = Simulation(Scenario("test", duration_us=10 * SECOND, steps=(step(2, "kill n1", 4),)))
    seen: list[bool] = []
    run.world.kernel.at(3 * SECOND, "fault", run.world._power_on, 1)
    run.world.kernel.at(4 * SECOND, "check", lambda: seen.append(run.world.hosts[1].is_running))
    run.run()
    assert seen == [False]


def test_disk_that_is_full_is_full_for_a_node_that_was_wiped_too() -> None:
    steps = [step(2, "disk n1 --full", 4), step(3, "wipe n1"), step(3, "start n1")]
    seen = look(steps, [3.5, 6.5], lambda host: host.disk.faults.is_full)
    assert seen == [True, False]


def partitions(*steps: Step, at_s: list[float]) -> list[list[str]]:
    """Those in force at these seconds."""
    run = simulation(steps)
    seen: list[list[str]] = []

    def look() -> None:
        seen.append([str(fault.action) for fault in run.actor.lasting.faults.values()])

    for each in at_s:
        run.world.kernel.at(round(each * SECOND), "check", look)
    run.run()
    return seen


def test_partition_that_came_to_nothing_leaves_the_one_before_and_its_end() -> None:
    steps = step(2, "partition n1 / rest", 2), step(3, "partition down / rest", 4)
    held = ["partition n1 / rest"]
    assert partitions(*steps, at_s=[2.5, 3.5, 4.5]) == [held, held, []]


def test_partition_ends_with_the_one_that_took_its_place() -> None:
    steps = step(2, "partition n1 / rest", 2), step(3, "partition n2 / rest", 2)
    second = ["partition n2 / rest"]
    assert partitions(*steps, at_s=[2.5, 3.5, 4.5, 5.5]) == [
        ["partition n1 / rest"],
        second,
        second,
        [],
    ]
