"""The faults of links that a command asks for: `node.scenario` over a status, with CliErrors."""

from collections.abc import Sequence

from node.faults import LinkRule
from node.scenario import effects as options
from node.scenario import links, names
from node.scenario.effects import NOTHING as NOTHING
from node.scenario.links import CUT as CUT
from node.scenario.links import FaultPlan as FaultPlan
from raftctl.selectors import cli_errors, scene_of
from raftctl.statusdocs import Status


def plan(
    status: Status,
    groups: Sequence[str],
    halves: bool,
    ring: bool,
    bridge: str | None,
    one_way: Sequence[str],
) -> FaultPlan:
    """Exactly one of the ways to say it. Raises CliError."""
    with cli_errors():
        return links.plan_partition(scene_of(status), groups, halves, ring, bridge, one_way)


def plan_links(status: Status, texts: Sequence[str], effects: LinkRule) -> FaultPlan:
    """The same effects on each of the links, `src:dst` with selectors on both sides."""
    with cli_errors():
        return links.plan_links(scene_of(status), texts, effects)


def link_effects(
    delay: str | None,
    drop: str,
    duplicate: str,
    reorder: str,
    corrupt: str,
    rate: str | None,
    only: Sequence[str],
) -> LinkRule:
    """The options of `net` as a rule for no link yet, which every node would take.

    Raises CliError (exit 2).
    """
    with cli_errors():
        return options.link_effects(delay, drop, duplicate, reorder, corrupt, rate, only)


def check_fault_name(name: str) -> None:
    """A name that `heal` cannot take for anything else. Raises CliError (exit 2)."""
    with cli_errors():
        names.check_fault_name(name)
