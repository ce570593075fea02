"""What `raftctl wait` can wait for."""

import re
from collections.abc import Callable, Iterable

from raftctl.cluster.directory import Cluster
from raftctl.cluster.observation import is_converged, is_ready, members_of
from raftctl.statusdocs import Status
from raftctl.values import usage


def condition_of(cluster: Cluster, text: str) -> Callable[[Status], bool]:
    """Raises CliError for an unknown one."""
    if found := re.fullmatch(r"applied=(\d+)", text):
        index = int(found[1])
        return lambda status: _all_applied(status, index)
    conditions: dict[str, Callable[[Status], bool]] = {
        "leader": has_leader,
        "ready": ready_of(cluster),
        "healed": lambda status: status.faults == 0,
        "converged": is_converged,
    }
    if text not in conditions:
        raise usage(f"{text!r} is nothing to wait for", f"{', '.join(conditions)}, applied=N")
    return conditions[text]


def has_leader(status: Status) -> bool:
    return status.leader is not None


def ready_of(cluster: Cluster) -> Callable[[Status], bool]:
    return lambda status: is_ready(cluster, status)


def all_answer(node_ids: Iterable[int]) -> Callable[[Status], bool]:
    """Whether these nodes answer; a paused one need not."""
    names = {f"n{node_id}" for node_id in node_ids}
    return lambda status: all(
        row.proc in ("running", "paused") for row in status.nodes if row.id in names
    )


def follows_a_leader(node_id: int) -> Callable[[Status], bool]:
    """Whether there is a leader, and this node knows it."""
    name = f"n{node_id}"
    return lambda status: any(
        row.id == name and row.leader is not None and row.leader == status.leader
        for row in status.nodes
    )


def _all_applied(status: Status, index: int) -> bool:
    rows = [row for row in members_of(status) if row.proc == "running"]
    return bool(rows) and all((row.last_applied or 0) >= index for row in rows)
