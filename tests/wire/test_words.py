"""The kinds of events that are listed are those that the code tells."""

import re
from pathlib import Path

from node.raft.events import RoleChanged
from node.sim.planning import plan
from node.sim.simulation import simulate
from node.wire.words import NODE_KINDS, SIM_KINDS, told
from raftctl.cluster.eventlines import check_kinds

ROOT = Path(__file__).parents[2]


def told_in(folder: str, call: str) -> set[str]:
    """The texts that come first in those calls."""
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / folder).rglob("*.py")]
    return {kind for text in sources for kind in re.findall(rf'\b{call}\(\s*"([^"]+)"', text)}


def test_every_event_of_a_node_is_listed_and_documented() -> None:
    roles = {"prevote", "election", "stepdown"}
    told = told_in("node/server", "publish") | told_in("node/wire", "Told") | roles
    assert told == set(NODE_KINDS)
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    table = page.split("| kind | data |", 1)[1].split("\n\n", 1)[0]
    documented = {kind for row in table.splitlines() for kind in re.findall("`(\\w+)`", row[:40])}
    assert set(NODE_KINDS) <= documented


def test_every_event_of_a_simulated_run_can_be_chosen() -> None:
    check_kinds(told_in("node/sim", "note"))
    assert told_in("node/sim", "note") >= set(SIM_KINDS)
    kinds: set[str] = set()
    for seed in (7, 12):
        simulate(plan(seed), lambda line: kinds.add(line.kind))
    assert len(kinds) > 10
    check_kinds(kinds)


def test_a_member_that_made_a_node_step_down_is_called_as_everywhere() -> None:
    event = told(RoleChanged(3, "follower", "member 12 is in a later term"))
    assert event is not None
    assert event.data == {"why": "n12 is in a later term"}
