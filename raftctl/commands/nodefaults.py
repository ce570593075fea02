"""disk, clock: nodes whose disk or clock goes wrong."""

from typing import Annotated

import typer

from raftctl.commands.arguments import selection
from raftctl.settings import Settings

Selectors = Annotated[list[str], selection("n1, leader, followers, all", "SEL...")]
For = Annotated[str | None, typer.Option("--for", help="Heals itself after: 10s.")]
As = Annotated[str | None, typer.Option("--as", help="A name to heal it by.")]


def disk(
    context: typer.Context,
    selectors: Selectors,
    stall: Annotated[str | None, typer.Option(help="The next flush takes 300ms more.")] = None,
    slow: Annotated[str | None, typer.Option(help="Each flush takes 20ms more.")] = None,
    full: Annotated[bool, typer.Option("--full", help="It takes no more.")] = False,
    fail: Annotated[
        bool, typer.Option("--fail", help="Each flush fails: the node has to stop.")
    ] = False,
    rot: Annotated[
        bool, typer.Option("--rot", help="Flip a bit of an entry or a snapshot; stopped nodes.")
    ] = False,
    truncate: Annotated[
        bool, typer.Option("--truncate", help="Cut off what was written last; stopped nodes.")
    ] = False,
    duration: For = None,
    name: As = None,
) -> int:
    """Let disks of nodes go wrong: one of the ways.

    --slow, --full and --fail last, until they heal. --stall is over after one flush. --rot and
    --truncate are for good, and ask first.
    """
    from node.scenario.actions import Disk
    from raftctl.cluster.damaging import damage
    from raftctl.cluster.nodefaults import disturb, inject_on_nodes, line_of

    settings: Settings = context.obj
    options = {
        "--stall": stall, "--slow": slow, "--full": full, "--fail": fail, "--rot": rot,
        "--truncate": truncate, "--as": name,
    }  # fmt: skip
    line = line_of("disk", selectors, options, duration)
    action = line.action
    assert isinstance(action, Disk), "the verb says so"
    match action.kind:
        case "rot" | "truncate":
            return damage(settings, action)
        case "stall":
            return disturb(settings, action)
        case _:
            return inject_on_nodes(settings, action, line.name, line.lasts_us)


def clock(
    context: typer.Context,
    selectors: Selectors,
    rate: Annotated[str | None, typer.Option(help="1.05: runs so much too fast.")] = None,
    jump: Annotated[str | None, typer.Option(help="Shows a time 2s later, at once.")] = None,
    duration: For = None,
    name: As = None,
) -> int:
    """Let nodes' own clocks run fast or slow, or jump ahead.

    --rate lasts until it heals. --jump is over at once.
    """
    from node.scenario.actions import Clock
    from raftctl.cluster.nodefaults import disturb, inject_on_nodes, line_of

    settings: Settings = context.obj
    options = {"--rate": rate, "--jump": jump, "--as": name}
    line = line_of("clock", selectors, options, duration)
    action = line.action
    assert isinstance(action, Clock), "the verb says so"
    if action.jump_us:
        return disturb(settings, action)
    return inject_on_nodes(settings, action, line.name, line.lasts_us)
