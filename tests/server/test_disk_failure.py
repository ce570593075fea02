"""A node process whose disk fails: one clear last line, and nothing lost that was promised."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from node.client.blocking import Client
from node.client.errors import OutcomeUnknownError
from node.machines import kv
from tests.measure.commands import PROJECT, Raftctl

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        shutil.which("strace") is None and os.environ.get("CI") != "true",
        reason="strace is not installed: apt install strace",
    ),
]

WRITES_MAX = 100
GOOD_SYNCS = 12  # the election's included


@contextmanager
def serve_on_a_failing_disk(folder: Path, trace: Path) -> Iterator[subprocess.Popen[str]]:
    """Node 1 of the cluster in `folder`; only its first fdatasyncs succeed."""
    inject = f"inject=fdatasync:error=EIO:when={GOOD_SYNCS + 1}+"
    tracer = ["strace", "-f", "-qq", "-o", str(trace), "-e", "trace=fdatasync", "-e", inject]
    node = [sys.executable, "-m", "node.server", "--cluster", str(folder), "--id", "1"]
    with subprocess.Popen(
        [*tracer, *node], cwd=PROJECT, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):  # it has ended, unless the test failed
                os.killpg(process.pid, signal.SIGKILL)


def put_until_it_fails(raftctl: Raftctl) -> list[str]:
    """The keys whose puts were acknowledged."""
    acknowledged: list[str] = []
    with Client(raftctl.address("demo"), timeout=10) as client:
        for number in range(WRITES_MAX):
            key = f"key{number}"
            try:
                client.propose(kv.put(key, b"value"), timeout=2 if acknowledged else None)
            except OutcomeUnknownError:
                return acknowledged
            acknowledged.append(key)
    raise AssertionError("the disk did not fail")


def test_node_whose_disk_fails_ends_with_one_clear_last_line(
    raftctl: Raftctl, tmp_path: Path
) -> None:
    raftctl.run("up", "-n", "1")
    raftctl.run("stop", "n1")
    folder = raftctl.home / "clusters" / "demo"
    trace = tmp_path / "trace"
    with serve_on_a_failing_disk(folder, trace) as process:
        acknowledged = put_until_it_fails(raftctl)
        _, errors = process.communicate(timeout=20)
    assert "INJECTED" in trace.read_text()
    assert process.returncode == 1
    last = errors.splitlines()[-1]
    assert " error stopped: the disk failed node=n1 why=" in last
    assert "Traceback" not in errors
    assert 0 < len(acknowledged) < GOOD_SYNCS
    raftctl.run("start", "n1")
    raftctl.run("wait", "ready")
    kept = {item["key"] for item in raftctl.document("scan", "key")["items"]}
    assert set(acknowledged) <= kept
