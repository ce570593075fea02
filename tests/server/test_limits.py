"""Clusters at the ends of their limits: followers that were away catch up."""

import json

import pytest

from node.config import FRAME_BYTES_MAX, FRAME_OVERHEAD_BYTES, VALUE_BYTES_MAX
from tests.measure.commands import fresh_home

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("value_bytes_max", "frame_bytes_max", "ops", "inflight"),
    [
        (1024, 1024 + FRAME_OVERHEAD_BYTES, 8000, 1000),
        (VALUE_BYTES_MAX, FRAME_BYTES_MAX, 6, 1),
    ],
    ids=["smallest frames", "largest frames"],
)
def test_follower_that_was_away_catches_up(
    value_bytes_max: int, frame_bytes_max: int, ops: int, inflight: int
) -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        raftctl.run("down")
        path = raftctl.home / "clusters" / "demo" / "cluster.json"
        document = json.loads(path.read_text())
        document["limits"] = {
            "value_bytes_max": value_bytes_max,
            "frame_bytes_max": frame_bytes_max,
        }
        # A busy machine may hold up who handles frames so large for longer than the default.
        document["raft"]["election_timeout_ms"] = 1000
        path.write_text(json.dumps(document))
        raftctl.run("up")
        raftctl.run("wait", "ready")
        status = raftctl.document("status")
        away = next(n["id"] for n in status["nodes"] if n["id"] != status["leader"])
        raftctl.run("kill", away)
        size = ["--size", str(value_bytes_max), "--ops", str(ops), "--inflight", str(inflight)]
        # On a machine with much else to do the largest take a while, and each counts.
        report = raftctl.document("bench", "put", *size, "--timeout", "60s")
        assert report["ops"] == ops
        raftctl.run("start", away)
        raftctl.run("wait", "converged", "--timeout", "30s")
        rows = raftctl.document("status")["nodes"]
        assert len({row["last_applied"] for row in rows}) == 1
        assert min(row["last_applied"] for row in rows) >= ops
