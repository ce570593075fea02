"""How long writes stop when the leader dies, and when it stands still."""

import os
import signal
import statistics
import time

from node.client.blocking import Client
from node.machines import kv
from tests.measure.commands import Raftctl, fresh_home

KILLED_MAX_MS = 50
PAUSED_MAX_MS = 500


def failover(rounds: int) -> int:
    """From the fault to the next accepted put of a client that had just been served, default
    timeouts. 1 when a median is over its limit.
    """
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        killed = [_stopped(raftctl, signal.SIGKILL, number) for number in range(rounds)]
        paused = [_stopped(raftctl, signal.SIGSTOP, number) for number in range(rounds)]
    is_soon = _report("kill -9 of the leader", killed, KILLED_MAX_MS)
    return 0 if _report("SIGSTOP of the leader", paused, PAUSED_MAX_MS) and is_soon else 1


def _stopped(raftctl: Raftctl, how: signal.Signals, number: int) -> float:
    """Milliseconds; the cluster is whole again afterwards."""
    status = raftctl.document("status")
    leader = status["leader"]
    (pid,) = (node["pid"] for node in status["nodes"] if node["id"] == leader)
    with Client(raftctl.address("demo"), timeout=10) as client:
        client.propose(kv.put(f"before-{number}", b"x"))
        stopped = time.monotonic()
        os.kill(pid, how)
        client.propose(kv.put(f"after-{number}", b"x"))
        took_ms = (time.monotonic() - stopped) * 1000
    raftctl.run(*(("resume", leader) if how is signal.SIGSTOP else ("start", leader)))
    raftctl.run("wait", "ready")
    return took_ms


def _report(what: str, took_ms: list[float], limit_ms: int) -> bool:
    """Whether the median is within the limit."""
    median = statistics.median(took_ms)
    print(
        f"{what} to the next accepted put: median {median:.0f} ms, from {min(took_ms):.0f} to "
        f"{max(took_ms):.0f}, of {len(took_ms)}; the limit is {limit_ms}"
    )
    print(f"each: {' '.join(f'{each:.0f}' for each in took_ms)}")
    return median <= limit_ms
