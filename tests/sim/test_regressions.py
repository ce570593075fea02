"""What simulated runs have found once, or seldom meet: plans that failed before their fixes."""

from pathlib import Path

import pytest

from node.raft import installing
from node.raft.core import RaftCore
from node.scenario.parsing import parse
from node.sim.simulation import simulate
from tests.mutants.planting import restore, rewrite

PLANS = sorted((Path(__file__).parent / "regressions").glob("*.toml"))


@pytest.mark.parametrize("path", PLANS, ids=lambda path: path.stem)
def test_plan_passes(path: Path) -> None:
    result = simulate(parse(path.read_text(encoding="utf-8"), path.name))
    assert (result.verdict, result.text, result.why) == ("ok", "", "")


def test_there_are_some() -> None:
    assert PLANS


def test_plan_of_a_local_snapshot_behind_an_install_needs_its_guard() -> None:
    path = next(each for each in PLANS if each.stem == "local-snapshot-behind-an-install")
    scenario = parse(path.read_text(encoding="utf-8"), path.name)
    try:
        is_behind = "core.snapshot is not None and snapshot.index < core.snapshot.index"
        rewrite(installing.snapshot_saved, is_behind, "False")
        grows = "assert self.snapshot is None or snapshot.index >= self.snapshot.index"
        rewrite(RaftCore.record_snapshot, grows, "pass")
        result = simulate(scenario)
    finally:
        restore()
    assert result.invariant == "index_order", result.text
