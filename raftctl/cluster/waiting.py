"""Looking at a cluster until something is so."""

import time
from collections.abc import Callable, Iterable

from raftctl.cluster.directory import Cluster
from raftctl.cluster.observation import observe
from raftctl.cluster.processes import NodeProcess
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.statusdocs import Status

POLL_SECONDS = 0.02


def wait_for(
    cluster: Cluster,
    condition: Callable[[Status], bool],
    what: str,
    timeout: float,
    must_live: Iterable[int] = (),
) -> Status:
    """Look until `condition` holds. `must_live`: nodes whose end is an error at once.

    Raises CliError after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    watched = [cluster.processes[node_id] for node_id in must_live]
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
