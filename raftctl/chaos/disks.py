"""What the nodes of a run have on their disks when it is over."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from node.scenario.actions import Disk, Wipe
from raftctl.chaos.injecting import HARM, Injected
from raftctl.chaos.lines import Lines
from raftctl.cluster.directory import Cluster


@dataclass(frozen=True, slots=True)
class Logs:
    """What is wrong with them, a text each."""

    damage: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    """Nodes whose data a step took or harmed."""


def wiped(steps: Iterable[Injected]) -> set[int]:
    """The nodes whose data these steps took."""
    return {node for each in steps if isinstance(each.action, Wipe) for node in each.nodes}


def harmed(steps: Iterable[Injected]) -> set[int]:
    """The nodes whose data these steps damaged."""
    return {
        node
        for each in steps
        if isinstance(each.action, Disk) and each.action.kind in HARM
        for node in each.nodes
    }


def lost(steps: Sequence[Injected], running: Iterable[int]) -> list[str]:
    """The nodes that have nothing any more which they could bring to where the others are: they
    were wiped, or do not run on damaged data.
    """
    return [f"n{node}" for node in sorted(wiped(steps) | harmed(steps) - set(running))]


def compared(lines: Lines, cluster: Cluster, steps: Sequence[Injected]) -> Logs:
    """Of the nodes that there are now, those whose data no step has touched. Raises CliError."""
    cluster.refresh()
    touched = wiped(steps) | harmed(steps)
    left_out = [f"n{each}" for each in sorted(touched)]
    looked_at = [f"n{each}" for each in sorted(cluster.processes) if each not in touched]
    if not looked_at:
        return Logs(left_out=left_out)
    ended = lines.do(["log", "verify", *looked_at])
    found = [
        f"{log['node']}: {text}" for log in ended.document.get("logs", ()) for text in log["damage"]
    ]
    return Logs(found or ([ended.message] if ended.exit else []), left_out)
