"""What simulated runs have found once, made small: each of these plans failed before its fix."""

from pathlib import Path

import pytest

from node.scenario.parsing import parse
from node.sim.simulation import simulate

PLANS = sorted((Path(__file__).parent / "regressions").glob("*.toml"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_plan_passes(path: Path) -> None:
    result = simulate(parse(path.read_text(encoding="utf-8"), path.name))
    assert (result.verdict, result.text, result.why) == ("ok", "", "")


def test_there_are_some() -> None:
    assert PLANS
