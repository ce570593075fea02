"""The scenarios that ship: each can be read, says what it is about, and has a budget."""

import pytest

from node.scenario.scenario import MIXES
from raftctl.chaos.presets import find_scenario, preset_about, preset_names
from raftctl.errors import CliError


def test_there_are_twelve() -> None:
    assert preset_names() == [
        "bridge-node", "flaky-wan", "kill-leader-loop", "leader-in-minority", "membership-churn",
        "one-way-deaf-leader", "paused-leader-stale-read", "power-cut", "restart-storm",
        "ring-of-majorities", "slow-disk-leader", "smoke",
    ]  # fmt: skip


@pytest.mark.parametrize("name", preset_names())
def test_each_has_a_budget_and_says_what_it_is_about(name: str) -> None:
    scenario = find_scenario(name)
    assert scenario.name == name
    assert scenario.about == preset_about(name) != ""
    assert any(budget.max_unavailable_us for budget in scenario.expect.steps.values())
    assert scenario.expect.linearizable
    assert scenario.expect.converge_within_us is not None


def test_all_workloads_are_used() -> None:
    assert {find_scenario(name).workload.kind for name in preset_names()} == set(MIXES)


def test_near_miss_is_told() -> None:
    with pytest.raises(CliError, match="neither a file nor") as caught:
        find_scenario("smok")
    assert caught.value.hint == "did you mean smoke?"
    assert caught.value.exit_code == 9
