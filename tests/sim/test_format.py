"""A plan that was written once is the same run ever after, or is refused."""

from pathlib import Path

from node.scenario.parsing import parse
from node.sim.options import FORMAT
from node.sim.planning import plan
from node.sim.simulation import simulate

STORED = Path(__file__).parent / "regressions" / "writes-asked-of-the-node-that-is-cut-off.toml"
DIGESTS = {
    7: (
        "d6fe2619c71b9f9068f527084a6661b4",
        "69792da97cd179a8ce9514902141c51b",
        "619932de8da7e60b7f9877123ee2cee9",
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
