"""The tour of the README, as one story on one cluster: write, kill, read, cut, write, heal."""

import pytest

from tests.measure.commands import Raftctl

pytestmark = pytest.mark.e2e


def test_acknowledged_writes_survive_a_killed_and_a_partitioned_leader(raftctl: Raftctl) -> None:
    up = raftctl.document("up", "-n", "5")
    assert up["schema"] == "raftctl.up/v1"
    assert up["leader"] in {node["id"] for node in up["nodes"]}

    raftctl.run("put", "a", "1")
    raftctl.run("kill", "leader")
    assert raftctl.run("get", "a").stdout == "1\n"

    raftctl.run("partition", "leader", "--for", "5s")
    raftctl.run("put", "b", "2")
    raftctl.run("wait", "healed")
    status = raftctl.document("status")
    assert status["faults"] == 0
    assert raftctl.run("get", "b").stdout == "2\n"
    killed = [node for node in status["nodes"] if node["proc"] == "exited"]
    assert len(killed) == 1, "a dead node keeps its row"
    leader = next(node for node in status["nodes"] if node["id"] == status["leader"])
    assert len(leader["in_touch"]) >= 3, "without a majority it would not lead"
    assert killed[0]["id"] not in leader["in_touch"]
    measured = leader["measured"]
    assert 0 < measured["commit_p50_ms"] <= measured["commit_p99_ms"]
    assert 0 < measured["flush_p50_ms"] <= measured["flush_p99_ms"]
    assert measured["elections_won"] >= 1
    assert measured["database_bytes"] > 0
    assert measured["rtt_ms"].pop(killed[0]["id"]) is None
    assert any(rtt_ms for rtt_ms in measured["rtt_ms"].values())

    raftctl.run("down", "--purge", "-y")
    assert raftctl.document("ls")["clusters"] == []
