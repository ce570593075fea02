"""Looking at a cluster until something is so."""

import time
from collections.abc import Callable, Collection

from raftctl.cluster.directory import Cluster
from raftctl.cluster.observation import observe
from raftctl.cluster.ports import is_open
from raftctl.cluster.processes import NodeProcess, is_paused
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.statusdocs import Status

POLL_SECONDS = 0.02
LISTENING_POLL_SECONDS = 0.005


def wait_for(
    cluster: Cluster,
    condition: Callable[[Status], bool],
    what: str,
    timeout: float,
    started: Collection[int] = (),
) -> Status:
    """Look until `condition` holds, which needs an answer of those that were just `started`: their
    end is an error at once.

    Raises CliError after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    watched = [cluster.processes[node_id] for node_id in started]
    _wait_until_they_listen(cluster, started, deadline)
    while True:
        status = observe(cluster, timeout=0.5)
        if condition(status):
            return status
        for process in watched:
            if process.find() is None:
                raise ended_early(cluster, process)
        if time.monotonic() >= deadline:
            raise _too_late(cluster, status, what, timeout)
        time.sleep(POLL_SECONDS)


def _wait_until_they_listen(cluster: Cluster, started: Collection[int], deadline: float) -> None:
    """Look whether their ports are open: asking those that came first, again and again, would take
    from all of them the time that they need to start. Gives up when one of them ends, or one that
    does not listen is paused.
    """
    silent = list(started)
    while time.monotonic() < deadline:
        silent = [node_id for node_id in silent if not _listens(cluster, node_id)]
        pids = {node_id: cluster.processes[node_id].find() for node_id in started}
        if not silent or None in pids.values() or any(is_paused(pids[each]) for each in silent):
            return
        time.sleep(LISTENING_POLL_SECONDS)


def _listens(cluster: Cluster, node_id: int) -> bool:
    address = cluster.spec.address_of(node_id)
    return is_open(address.port, address.host)


def _too_late(cluster: Cluster, status: Status, what: str, timeout: float) -> CliError:
    code = Exit.NO_QUORUM if status.leader is None else Exit.TIMED_OUT
    if status.health == "down":
        code = Exit.NOT_RUNNING
    unwell = [f"{row.id} {row.note}" for row in status.nodes if row.note]
    cause = ", ".join(unwell)
    hint = f"{cluster.line} status -o wide"
    if status.faults:
        cause = f"{cause}{', ' if cause else ''}{status.faults} faults in force"
        hint = f"{cluster.line} faults, {cluster.line} heal all"
    return CliError(
        "E_TIMEOUT",
        f"{cluster.name}: not {what} within {timeout:g}s",
        code,
        cause=cause,
        hint=hint,
        retryable=True,
    )


def ended_early(cluster: Cluster, process: NodeProcess, when: str = "while starting") -> CliError:
    """The error for a node that ended while it was waited for, with its last words."""
    lines = process.last_log_lines(5)
    last = "\n".join(f"  {process.name} | {line}" for line in lines)
    return CliError(
        "E_NODE_ENDED",
        f"{process.name} ended {when}; its last lines:\n{last}",
        Exit.UNEXPECTED,
        hint=f"{cluster.line} logs {process.name}",
        details={"node": process.name, "log": lines},
    )
