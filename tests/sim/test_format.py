"""A plan that was written once is the same run ever after, or is refused."""

from pathlib import Path

from node.scenario.parsing import parse
from node.sim.options import FORMAT
from node.sim.planning import plan
from node.sim.simulation import simulate

STORED = Path(__file__).parent / "regressions" / "writes-asked-of-the-node-that-is-cut-off.toml"
DIGESTS = {
    5: (
        "347a33023e27398588bbe83ae1e2ea0d",
        "4a14de27d79dfdae81cc5ce58c71467e",
        "480348bfc80003b293b95b1d04ae5bd0",
    )
}
"""Of seeds 3 and 11 and of the stored plan, by format."""


def test_format_rises_with_each_change_that_makes_another_run_of_the_same_plan() -> None:
    """Where this fails, raise FORMAT, put the new digests here, and give the stored plans the new
    format and digest.
    """
    stored = parse(STORED.read_text(encoding="utf-8"), STORED.name)
    found = tuple(simulate(each).digest for each in (plan(3), plan(11), stored))
    assert {FORMAT: found} == DIGESTS
    assert stored.sim["digest"] == found[-1]
