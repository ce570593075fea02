"""Every kind of fault between real processes: it bites, it is counted, and operators see it."""

import json
import re
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


# -- disks and clocks ------------------------------------------------------------------------------
def row_of(cluster: Raftctl, name: str) -> dict[str, object]:
    found: dict[str, object] = next(
        node for node in cluster.document("status")["nodes"] if node["id"] == name
    )
    return found


def follower(cluster: Raftctl) -> str:
    cluster.run("wait", "ready")
    status = cluster.document("status")
    return next(str(node["id"]) for node in status["nodes"] if node["id"] != status["leader"])


def test_full_disks_refuse_a_write_and_take_it_when_they_are_healed(cluster: Raftctl) -> None:
    made = cluster.document("disk", "all", "--full", "--as", "nospace", "--for", "60s")
    assert made["applied_to"] == ["n1", "n2", "n3"]
    assert "no quorum can write: 0 can, 2 are needed" in made["effect"]
    assert cluster.run("put", "full", "1", "--timeout", "400ms", check=False).returncode in (4, 5)
    full = [node for node in cluster.document("status")["nodes"] if node["note"] == "disk full"]
    assert full
    assert full[0]["remedy"] == made["fault"]["undo"]
    assert hits(cluster) > 0
    cluster.run("heal", "nospace")
    cluster.run("put", "full", "2", "--timeout", "10s")
    assert cluster.document("get", "full")["value"] == "2"


def test_slow_disks_slow_a_put_down(cluster: Raftctl) -> None:
    cluster.run("disk", "all", "--slow", "60ms", "--for", "20s")
    assert put(cluster) >= 0.06
    assert hits(cluster) > 0
    cluster.run("heal")


def test_follower_whose_clock_jumps_ahead_stands_for_election(cluster: Raftctl) -> None:
    name = follower(cluster)
    deadline = time.monotonic() + 10
    kinds: list[str] = []
    while "prevote" not in kinds:  # a heartbeat may come in the very moment of the jump
        assert time.monotonic() < deadline
        (target,) = cluster.document("clock", name, "--jump", "1m")["targets"]
        assert target["message"] == "its clock jumped ahead by 1m"
        lines = cluster.run("events", "--node", name, "-o", "jsonl").stdout.splitlines()
        kinds = [json.loads(line)["kind"] for line in lines]
        kinds = kinds[kinds.index("clock") :]


def test_failing_flush_ends_a_node_and_a_bit_that_flips_keeps_it_down(cluster: Raftctl) -> None:
    """The last test here: the node is lost."""
    name = follower(cluster)
    running = cluster.run("disk", name, "--rot", check=False)
    assert (running.returncode, f"raftctl stop {name}" in running.stderr) == (6, True)
    made = cluster.document("disk", name, "--fail")
    assert made["fault"]["spec"] == f"{name} fail"
    cluster.run("put", "failing", "1", "--timeout", "10s")
    deadline = time.monotonic() + 10
    while (row := row_of(cluster, name))["proc"] == "running":
        assert time.monotonic() < deadline, "its flush failed"
    assert row["note"] == "stopped: the disk failed"
    assert row["remedy"] == made["fault"]["undo"]
    assert hits(cluster) == 1, "though nobody is there to count it"
    told = cluster.run("events", "--run", "demo", "--node", name, "-o", "jsonl").stdout
    *_, last = [each for line in told.splitlines() if (each := json.loads(line))["kind"] == "disk"]
    assert last["data"]["state"] == "failed", "its last word, for whoever follows"
    cluster.run("heal")
    cluster.run("disk", name, "--rot", "-y")
    done = cluster.run("start", name, check=False)
    assert done.returncode == 1
    assert re.search(r"(entry \d+ is|entries \d+ to \d+ are) damaged \(checksum\)", done.stderr)
    assert row_of(cluster, name)["note"] == "cannot start"
