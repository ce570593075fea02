"""Nodes that ended though nothing that was done to them ends one."""

from collections.abc import Iterable, Sequence

from node.scenario.actions import Disk, MembersRemove, MembersReplace
from raftctl.chaos.injecting import Injected
from raftctl.cluster.directory import Cluster

ENDING = ("full", "fail", "rot", "truncate")
"""Disks that may end a node, as they should."""


def running(cluster: Cluster) -> list[int]:
    """The nodes that run now."""
    cluster.refresh()
    return [node_id for node_id, node in sorted(cluster.processes.items()) if node.is_running]


def ended_by_themselves(
    cluster: Cluster, ran: Sequence[int], steps: Iterable[Injected]
) -> list[str]:
    """Names of those that `ran`, and do not any more, that nobody ended on purpose, and to which no
    step did what may end a node.
    """
    up = running(cluster)
    excused = {node_id for each in steps if _may_end(each) for node_id in each.nodes}
    gone = [node_id for node_id in ran if node_id not in excused and node_id not in up]
    nodes = [cluster.processes[node_id] for node_id in gone if node_id in cluster.processes]
    return [f"n{node.node_id}" for node in nodes if node.ended() is None]


def _may_end(injected: Injected) -> bool:
    action = injected.action
    if isinstance(action, Disk):
        return action.kind in ENDING
    return isinstance(action, MembersRemove | MembersReplace)
