"""Stopping a whole cluster."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from raftctl.cluster.directory import Cluster
from raftctl.cluster.observation import adopt_strays
from raftctl.errors import CliError, from_os_error
from raftctl.exit_codes import exit_of


def take_down(cluster: Cluster, timeout: float) -> list[str]:
    """Stop every node that runs; returns which. Nobody needs a leader any more, so all at once.

    Raises CliError when a node does not stop within `timeout` seconds.
    """
    adopt_strays(cluster)
    told = {
        process: process.end_nowait(signal.SIGTERM, "stopped")
        for process in cluster.processes.values()
    }
    stopped = []
    for process, pid in told.items():
        if pid is not None:
            process.wait_until_gone(pid, timeout)
            stopped.append(process.name)
    return stopped


@contextmanager
def stopped(cluster: Cluster, timeout: float) -> Iterator[None]:
    """Stop all nodes for what is done in here. Whatever ends it too early says that they are
    stopped, and how to start them: who asked for something else does not expect it.

    Raises CliError.
    """
    is_down = False
    try:
        take_down(cluster, timeout)
        is_down = True
        yield
    except (CliError, OSError, KeyboardInterrupt, SystemExit) as error:
        state = _state(cluster) if is_down else f"{cluster.name} is being stopped"
        raise _with_state(as_cli_error(error), state, f"{cluster.line} up") from error


def _state(cluster: Cluster) -> str:
    running = [process.name for process in cluster.processes.values() if process.is_running]
    if not running:
        return f"{cluster.name} is stopped"
    # Somebody outside, such as systemd, starts what ends.
    return f"without {' '.join(running)} {cluster.name} is stopped"


def as_cli_error(error: CliError | OSError | KeyboardInterrupt | SystemExit) -> CliError:
    """What ended a command, in the words of commands."""
    match error:
        case CliError():
            return error
        case OSError():
            return from_os_error(error)
        case _:
            return CliError("E_INTERRUPTED", "interrupted", exit_of(error))


def _with_state(error: CliError, state: str, start: str) -> CliError:
    hint = error.hint
    if start not in hint:
        hint = f"{hint}; {start} starts it" if hint else f"{start} starts it"
    return CliError(
        error.code,
        f"{error.message}; {state}",
        error.exit_code,
        hint=hint,
        cause=error.cause,
        outcome=error.outcome,
        retryable=error.retryable,
        details=error.details,
    )
