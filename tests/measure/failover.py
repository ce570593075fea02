"""How long writes stop when the leader dies."""

import os
import signal
import statistics
import time

from node.client.blocking import Client
from node.machines import kv
from tests.measure.commands import fresh_home

MEDIAN_MAX_MS = 600


def failover(rounds: int) -> int:
    """kill -9 of the leader to the next accepted put, default timeouts. 1 when that is too long."""
    times = []
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        with Client(raftctl.address("demo"), timeout=10) as client:
            for number in range(rounds):
                client.propose(kv.put(f"before-{number}", b"x"))
                status = raftctl.document("status")
                (pid,) = (n["pid"] for n in status["nodes"] if n["id"] == status["leader"])
                killed = time.monotonic()
                os.kill(pid, signal.SIGKILL)
                client.propose(kv.put(f"after-{number}", b"x"))
                times.append((time.monotonic() - killed) * 1000)
                raftctl.run("start", status["leader"])
                raftctl.run("wait", "ready")
    median = statistics.median(times)
    print(f"kill -9 of the leader to the next accepted put: median {median:.0f} ms of {rounds}")
    print(f"each: {' '.join(f'{ms:.0f}' for ms in times)}")
    return 0 if median <= MEDIAN_MAX_MS else 1
