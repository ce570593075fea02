"""Nothing that was acknowledged is lost, and nothing is applied twice."""

import os
import re
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from node.client.blocking import Client
from node.machines import kv
from tests.measure.commands import Raftctl
from tests.measure.durability import Tally, complaint, durability

pytestmark = pytest.mark.e2e

needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None and os.environ.get("CI") != "true",
    reason="strace is not installed: apt install strace",
)


def test_b39_acknowledged_writes_survive_kill_9_of_all_nodes_at_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert durability(rounds=3) == 0, capsys.readouterr().out


@pytest.mark.parametrize(
    ("tally", "says"),
    [
        (Tally({b"a"}, Counter(), 1, 1), "lost"),
        (Tally({b"a"}, Counter({b"a": 2}), 1, 1), "applied twice"),
        (Tally({b"a"}, Counter({b"a": 1}), 0, 0), "no command was sent again"),
        (Tally({b"a"}, Counter({b"a": 1}), 1, 0), "no command is in the log twice"),
    ],
    ids=["lost", "twice", "no retry", "no repetition"],
)
def test_the_measure_fails_when_a_promise_is_broken_or_nothing_was_shown(
    tally: Tally, says: str
) -> None:
    assert says in (complaint(tally) or "")


def test_a_write_without_an_answer_may_be_there_or_not() -> None:
    """Only what was acknowledged is promised."""
    applied = Counter({b"a": 1, b"unanswered": 1})
    assert complaint(Tally({b"a"}, applied, sent_again=1, repeated_in_log=1)) is None


@needs_strace
def test_a_put_is_one_fdatasync_on_a_majority_before_its_answer(
    raftctl: Raftctl, tmp_path: Path
) -> None:
    """A put waits for its answer before the next is sent, so the flushes that an answer rests on
    serve that put alone: two of three nodes each. A node that lags may flush two puts at once.
    """
    raftctl.run("up", "-n", "3")
    raftctl.run("wait", "ready")
    status = raftctl.document("status")
    nodes = status["nodes"]
    with Client(raftctl.address("demo")) as client:
        client.propose(kv.put("warm", b"up"))  # finds the leader, opens the session
        tracers = [_trace(node["pid"], tmp_path / node["id"]) for node in nodes]
        for number in range(20):
            client.propose(kv.put(f"key{number}", b"value"))
        raftctl.run("wait", "converged")
    for tracer in tracers:
        tracer.terminate()
        tracer.wait(10)
    counts = {node["id"]: _flushes(tmp_path / node["id"]) for node in nodes}
    assert counts[status["leader"]] == 20
    assert max(counts.values()) == 20, "never two for one put"
    assert sum(counts.values()) >= 2 * 20


def _trace(pid: int, output: Path) -> subprocess.Popen[bytes]:
    """strace on a process and its threads; returns once it is attached."""
    command = ["strace", "-f", "-e", "trace=fsync,fdatasync", "-o", str(output), "-p", str(pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    threads = Path(f"/proc/{pid}/task")
    deadline = time.monotonic() + 10
    while any(_tracer_of(thread) != tracer.pid for thread in threads.iterdir()):
        assert tracer.poll() is None, "strace ended"
        assert time.monotonic() < deadline, "strace did not attach"
    return tracer


def _tracer_of(thread: Path) -> int:
    found = re.search(r"^TracerPid:\s+(\d+)$", (thread / "status").read_text(), re.M)
    return int(found[1]) if found else 0


def _flushes(trace: Path) -> int:
    return len(re.findall(r"^\d+\s+f(?:data)?sync\(", trace.read_text(), re.M))
