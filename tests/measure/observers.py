"""What it costs a leader to be watched: processor time a put with viewers, against without."""

import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from node.client.admin import Admin
from tests.measure.commands import PROJECT, Raftctl, fresh_home

VIEWERS = 3
RATE = 2000
LIMIT = 1.05
"""Times the processor time a put that it takes unwatched."""
CALL_SECONDS = 30


def observers(rounds: int, seconds: int) -> int:
    """`rounds` pairs of `seconds` each, in turn begun with and without. 1 over the limit."""
    with fresh_home() as raftctl:
        # On a machine that does other things too, no pause is to cost the leader its place.
        raftctl.run("up", "-n", "3", "--set", "raft.election_timeout_ms=2000")
        raftctl.run("wait", "ready")
        status = raftctl.document("status")
        leader = int(status["leader"][1:])
        (pid,) = (node["pid"] for node in status["nodes"] if node["id"] == status["leader"])
        process = psutil.Process(pid)
        _cpu_a_put(raftctl, process, seconds)  # what start-up left to do is not what is measured
        ratios = []
        for number in range(rounds):
            costs = {}
            for is_watched in (False, True) if number % 2 else (True, False):
                with _viewers(raftctl, leader, VIEWERS if is_watched else 0):
                    costs[is_watched] = _cpu_a_put(raftctl, process, seconds)
            ratios.append(costs[True] / costs[False])
            print(
                f"round {number + 1:2}: {costs[False]:.1f} us a put unwatched, {costs[True]:.1f} "
                f"with {VIEWERS} viewers, {ratios[-1]:.3f} times"
            )
        after = raftctl.document("status")
    ratio = statistics.median(ratios)
    print(f"median of {rounds} pairs: {ratio:.3f} times (limit {LIMIT})")
    if after["leader"] != status["leader"]:
        print("failed: another node leads now, so that was not measured")
        return 1
    return 0 if ratio <= LIMIT else 1


def _cpu_a_put(raftctl: Raftctl, process: psutil.Process, seconds: int) -> float:
    """Microseconds of the leader's processor time."""
    before = sum(process.cpu_times()[:2])
    options = ["--rate", str(RATE), "--duration", f"{seconds}s", "--inflight", "64"]
    report = raftctl.document("bench", "put", *options)
    spent = sum(process.cpu_times()[:2]) - before
    cost: float = spent / report["ops"] * 1e6
    return cost


@contextmanager
def _viewers(raftctl: Raftctl, node_id: int, count: int) -> Iterator[None]:
    """So many processes that follow the node's stream, all of which have its status."""
    command = [sys.executable, "-m", "tests.measure.observers", str(raftctl.home), str(node_id)]
    running = [subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.PIPE) for _ in range(count)]
    try:
        for viewer in running:
            assert viewer.stdout is not None
            assert viewer.stdout.readline(), "it ended instead of following"
        yield
    finally:
        for viewer in running:
            viewer.kill()
            viewer.communicate()


def _follow(raftctl: Raftctl, node_id: int) -> None:
    """What a viewer does: read frame by frame, for ever."""
    with Admin(raftctl.address("demo"), node_id, CALL_SECONDS, role="observer") as observer:
        for number, _ in enumerate(observer.subscribe(history=False)):
            if not number:
                print("follows", flush=True)


if __name__ == "__main__":
    _follow(Raftctl(Path(sys.argv[1])), int(sys.argv[2]))
