"""Every kind of fault between real processes: it bites, it is counted, and operators see it."""

import time

import pytest

from tests.measure.commands import Raftctl

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def cluster(raftctl: Raftctl) -> Raftctl:
    raftctl.run("up", "-n", "3")
    raftctl.run("wait", "ready")
    return raftctl


def hits(cluster: Raftctl) -> int:
    (fault,) = cluster.document("faults")["faults"]
    count: int = fault["hits"]
    return count


def put(cluster: Raftctl) -> float:
    """Seconds of a put, as the client's own clock has it."""
    report = cluster.document("bench", "put", "--ops", "1", "--inflight", "1")
    assert report["ops"] == 1
    seconds: float = report["p50_ms"] / 1000
    return seconds


def test_latency_slows_a_put_down_by_its_round_trip(cluster: Raftctl) -> None:
    cluster.run("net", "--link", "leader:rest", "--latency", "60ms", "--for", "20s")
    assert put(cluster) >= 0.06
    assert hits(cluster) > 0
    cluster.run("heal")
    assert put(cluster) < 0.06


def test_lossy_and_strange_links_lose_no_write(cluster: Raftctl) -> None:
    options = ["--drop", "20%", "--dup", "20%", "--reorder", "20%", "--corrupt", "2%"]
    cluster.run("net", "--link", "all:all", *options, "--for", "30s", "--as", "storm")
    for number in range(10):
        cluster.run("put", f"stormy-{number}", str(number), "--timeout", "10s")
    assert hits(cluster) > 0
    cluster.run("heal", "storm")
    cluster.run("wait", "converged")
    items = cluster.document("scan", "stormy-")["items"]
    assert [item["value"] for item in items] == [str(number) for number in range(10)]


def test_one_way_cut_silences_one_direction_alone(cluster: Raftctl) -> None:
    cluster.run("wait", "ready")
    leader = cluster.document("status")["leader"]
    follower = next(n["id"] for n in cluster.document("status")["nodes"] if n["id"] != leader)
    cluster.run("partition", "--one-way", f"{leader}:{follower}", "--for", "20s")
    deadline = time.monotonic() + 10
    while True:
        status = cluster.document("status")
        row = next(node for node in status["nodes"] if node["id"] == follower)
        if row["role"] == "precandidate":
            break
        assert time.monotonic() < deadline, "the follower hears its leader no longer"
    assert status["leader"] == leader, "which the others still hear"
    assert row["links"][leader] == "cut"
    cluster.run("heal")
    cluster.run("wait", "ready")


def test_rate_and_a_single_kind_of_message(cluster: Raftctl) -> None:
    only = ["--only", "AppendEntries"]
    cluster.run("net", "--link", "leader:rest", "--rate", "50kB/s", *only, "--for", "20s")
    report = cluster.document("bench", "put", "--ops", "10", "--inflight", "10", "--size", "400")
    assert report["max_ms"] > 50, "4 kB and more over a link of 50 kB/s"
    assert hits(cluster) > 0
    cluster.run("heal")


def test_partition_does_not_blind_the_operator(cluster: Raftctl) -> None:
    cluster.run("wait", "ready")
    cluster.run("partition", "1", "/", "2", "/", "3", "--for", "20s")
    status = cluster.document("status")
    assert [node["proc"] for node in status["nodes"]] == ["running"] * 3
    assert all(set(node["links"].values()) == {"cut"} for node in status["nodes"])
    assert cluster.run("put", "x", "1", "--timeout", "1s", check=False).returncode in (4, 5)
    cluster.run("heal")
    cluster.run("wait", "ready")
    cluster.run("put", "x", "2")


def test_faults_end_by_themselves_in_the_nodes(cluster: Raftctl) -> None:
    cluster.run("partition", "leader", "--for", "1s")
    cluster.run("wait", "healed")
    cluster.run("wait", "ready")
    for node in cluster.document("status")["nodes"]:
        assert "cut" not in node["links"].values()
    assert cluster.run("events", "--kind", "heal", "-o", "jsonl").stdout.count("expired") >= 3
