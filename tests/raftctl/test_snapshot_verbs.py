"""Snapshots from the command line: taken, listed, inspected; and when nodes take their own."""

import json
from pathlib import Path
from typing import Any

import pytest

from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.schemas import json_schema
from raftctl.values import size_bytes, size_text
from tests.measure.commands import Raftctl
from tests.raftctl.schema import violations


@pytest.fixture(scope="module")
def cluster(raftctl: Raftctl) -> Raftctl:
    raftctl.run("up", "-n", "3")
    raftctl.run("bench", "put", "--ops", "300", "--inflight", "64")
    raftctl.run("wait", "converged")
    return raftctl


def document(raftctl: Raftctl, kind: str, *words: str, code: int = 0) -> dict[str, Any]:
    done = raftctl.run("snapshot", *words, "-o", "json", "-q", check=False)
    assert done.returncode == code, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    assert violations(found, json_schema(kind)) == []
    return found


def error_of(raftctl: Raftctl, *words: str) -> tuple[int, dict[str, Any]]:
    done = raftctl.run("snapshot", *words, "-o", "json", "-q", check=False)
    return done.returncode, json.loads(done.stderr.splitlines()[-1])


@pytest.mark.e2e
def test_snapshots_are_taken_listed_and_found_whole_or_damaged(
    cluster: Raftctl, tmp_path: Path
) -> None:
    assert document(cluster, "snapshots", "ls")["snapshots"] == []
    leader = cluster.document("status")["leader"]
    (taken,) = document(cluster, "snapshot-take", "take")["targets"]
    assert (taken["node"], taken["ok"], taken["index"]) == (leader, True, 301)
    everybody = document(cluster, "snapshot-take", "take", "all")["targets"]
    assert {each["digest"] for each in everybody} == {taken["digest"]}, "the same state everywhere"
    cluster.run("stop", "follower")
    rows = document(cluster, "snapshots", "ls")["snapshots"]
    assert [row["node"] for row in rows] == ["n1", "n2", "n3"]
    assert all(row["current"] and row["damage"] is None for row in rows)
    (row,) = document(cluster, "snapshots", "ls", "n2")["snapshots"]
    whole = document(cluster, "snapshot-inspect", "inspect", row["path"])
    assert (whole["ok"], whole["index"], whole["term"]) == (True, row["index"], row["term"])
    assert (whole["digest"], whole["bytes"]) == (row["digest"], row["bytes"])
    assert whole["voters"] == ["n1", "n2", "n3"]
    cut = tmp_path / "cut.snap"
    data = Path(row["path"]).read_bytes()
    cut.write_bytes(data[: len(data) // 2])
    half = document(cluster, "snapshot-inspect", "inspect", str(cut), code=7)
    assert "cut short" in half["damage"]
    cut.write_bytes(b"something else")
    assert document(cluster, "snapshot-inspect", "inspect", str(cut), code=7)["index"] is None
    assert "DAMAGED" in cluster.run("snapshot", "inspect", str(cut), check=False).stdout
    assert error_of(cluster, "inspect", str(tmp_path / "none"))[0] == 9
    Path(row["path"]).unlink()
    (row,) = document(cluster, "snapshots", "ls", "n2", code=7)["snapshots"]
    assert "No such file" in row["damage"]
    cluster.run("start", "all")


@pytest.mark.e2e
def test_a_node_that_cannot_take_one_says_so(cluster: Raftctl) -> None:
    cluster.run("wait", "ready")
    cluster.run("kill", "follower")
    done = cluster.run("snapshot", "take", "all", check=False)
    assert done.returncode == Exit.PARTIAL
    assert done.stdout.count("snapshot of entry") == 2
    cluster.run("start", "all")
    assert error_of(cluster, "take", "n9")[0] == 9
    assert cluster.run("snapshot", "take", "lagging", check=False).returncode in (0, 9)


@pytest.mark.e2e
def test_settings_hold_at_once_and_after_a_restart(cluster: Raftctl) -> None:
    cluster.run("wait", "ready")
    before = document(cluster, "snapshot-auto", "auto")
    assert before["settings"] == {"entries": 25_000, "bytes_max": 64 * 2**20, "tail": 10_000}
    words = ("auto", "--entries", "100", "--tail", "20", "--bytes", "1MiB")
    after = document(cluster, "snapshot-auto", *words)
    assert after["settings"] == {"entries": 100, "bytes_max": 2**20, "tail": 20}
    assert set(map(json.dumps, after["nodes"].values())) == {json.dumps(after["settings"])}
    cluster.run("bench", "put", "--ops", "300", "--inflight", "64")
    rows = document(cluster, "snapshots", "ls", "leader")["snapshots"]
    assert rows[0]["index"] % 100 == 0
    assert cluster.document("status", "leader")["nodes"][0]["first_index"] > 1
    cluster.run("restart", "n1")
    assert document(cluster, "snapshot-auto", "auto")["nodes"]["n1"] == after["settings"]
    # What was changed since is no contradiction to how the cluster was made.
    assert cluster.run("up", "demo", "--set", "raft.heartbeat_ms=50").returncode == 0
    other = cluster.run(
        "up", "--set", "snapshots.entries=7", "--set", "cluster.name=demo", check=False
    )
    assert (other.returncode, "snapshot auto" in other.stderr) == (6, True)
    for bad in ("--entries=-1", "--bytes=5", "--bytes=much", "--tail=-1"):
        code, error = error_of(cluster, "auto", bad)
        assert (code, error["code"]) == (2, "E_USAGE")
        assert error["hint"]
    paused = cluster.document("pause", "follower")["targets"][0]["node"]
    done = cluster.run("snapshot", "auto", "--entries", "200", check=False)
    assert done.returncode == Exit.PARTIAL
    assert f"{paused} was not told" in done.stderr
    cluster.run("resume", "all")
    shown = cluster.run("snapshot", "auto").stdout
    assert f"{paused} has other settings until its next start" in shown


@pytest.mark.parametrize(
    ("text", "size"),
    [("4096", 4096), ("64MiB", 64 * 2**20), ("1.5kB", 1500), ("1 gib", 2**30), ("0", 0)],
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert size_bytes(text) == size


@pytest.mark.parametrize("text", ["", "much", "-1", "5 apples", "1e9", "٣"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(CliError) as caught:
        size_bytes(text)
    assert caught.value.exit_code == Exit.USAGE


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (64 * 2**20, "64.0 MiB"),
        (2**60, "1048576.0 TiB"),
    ],
)
def test_sizes_read_well(size: int, text: str) -> None:
    assert size_text(size) == text
