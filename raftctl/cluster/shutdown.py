"""Stopping a whole cluster."""

import signal

from raftctl.cluster.directory import Cluster
from raftctl.cluster.observation import adopt_strays


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
