"""A plan that was written once is the same run ever after, or is refused."""

from pathlib import Path

from node.scenario.parsing import parse
from node.sim.options import FORMAT
from node.sim.planning import plan
from node.sim.simulation import simulate

STORED = Path(__file__).parent / "regressions" / "writes-asked-of-the-node-that-is-cut-off.toml"
DIGESTS = {
    4: (
        "39eb4e2d09f23491a24f5a479037edb0",
        "4a837b375982aec949f2bb9eee36ede9",
        "cf670ccbdce0a34bd8d2e2cddbb3e226",
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
