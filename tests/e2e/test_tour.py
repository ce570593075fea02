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

    raftctl.run("down", "--purge", "-y")
    assert raftctl.document("ls")["clusters"] == []
