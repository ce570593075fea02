"""Stopping a whole cluster."""

import signal

from raftctl.cluster.directory import Cluster


def take_down(cluster: Cluster, timeout: float) -> list[str]:
    """Stop every node that runs; returns which. Nobody needs a leader any more, so all at once."""
    running = [p for p in cluster.processes.values() if p.find() is not None]
    for process in running:
        process.note_end("stopped")
        process.signal(signal.SIGTERM)
    for process in running:
        process.end(signal.SIGTERM, "stopped", timeout)
    return [process.name for process in running]
