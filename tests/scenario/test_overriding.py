"""Single values of a scenario, changed from outside."""

import pytest

from node.scenario.errors import ScenarioError
from node.scenario.parsing import parse
from tests.scenario.examples import EXAMPLE


def test_values_of_all_kinds_take_the_place_of_what_the_file_says() -> None:
    changes = ["seed=5", "workload.rate=200/s", "expect.linearizable=false", "duration = 50s"]
    scenario = parse(EXAMPLE, "x", changes)
    assert (scenario.seed, scenario.workload.rate_per_s) == (5, 200)
    assert (scenario.expect.linearizable, scenario.duration_us) == (False, 50_000_000)
    assert scenario.workload.clients == parse(EXAMPLE).workload.clients


def test_tables_that_the_file_lacks_are_made() -> None:
    assert parse("nodes = 3", "x", ["workload.kind=set"]).workload.kind == "set"


@pytest.mark.parametrize("change", ["nodes", "=3", "workload..rate=1/s", "nodes.more=3"])
def test_what_changes_nothing_is_refused(change: str) -> None:
    with pytest.raises(ScenarioError, match=r"changes nothing|is no table"):
        parse(EXAMPLE, "x", [change])


def test_unknown_keys_are_refused_as_in_the_file() -> None:
    with pytest.raises(ScenarioError, match=r"unknown|there is no"):
        parse(EXAMPLE, "x", ["workload.speed=3"])
