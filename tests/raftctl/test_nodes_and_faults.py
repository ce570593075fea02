"""Single nodes and faults: who was told what, what can be undone, and what stays available."""

import json
import os
import signal
import subprocess
import threading
from functools import partial
from pathlib import Path

import pytest

from node.client.blocking import Client
from node.client.errors import ClientError
from node.machines import kv
from tests.measure.commands import RAFTCTL, Raftctl, fresh_home

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def cluster(raftctl: Raftctl) -> Raftctl:
    raftctl.run("up", "-n", "3")
    return raftctl


@pytest.fixture(autouse=True)
def whole(cluster: Raftctl) -> None:
    """All nodes run, and no fault is in force."""
    cluster.run("resume", "all", check=False)
    cluster.run("start", "all")
    cluster.run("heal", "all")
    cluster.run("wait", "ready")


def error_of(raftctl: Raftctl, *words: str) -> tuple[int, dict[str, object]]:
    done = raftctl.run(*words, "-o", "json", "-q", check=False)
    return done.returncode, json.loads(done.stderr.splitlines()[-1])


def links_of(raftctl: Raftctl, name: str) -> dict[str, str]:
    nodes = {node["id"]: node for node in raftctl.document("status")["nodes"]}
    links: dict[str, str] = nodes[name]["links"]
    return links


def test_heal_reaches_a_node_that_was_paused_when_it_resumes(cluster: Raftctl) -> None:
    cluster.run("partition", "1,2", "/", "3")
    cluster.run("pause", "n3")
    cluster.run("heal", "all")
    assert cluster.document("status")["faults"] == 0
    cluster.run("resume", "n3")
    assert links_of(cluster, "n3") == {"n1": "up", "n2": "up"}
    cluster.run("wait", "converged")


def test_what_was_done_is_a_scenario_that_runs(cluster: Raftctl, tmp_path: Path) -> None:
    cluster.run("kill", "leader")
    cluster.run("start", "all")
    cluster.run("wait", "ready")
    cluster.run("partition", "leader", "--as", "cut")
    cluster.run("heal", "cut")
    path = tmp_path / "mine.toml"
    recorded = cluster.document("chaos", "record", str(path), "--last", "4")
    assert (recorded["nodes"], recorded["steps"], recorded["left_out"]) == (3, 2, [])
    ran = cluster.document("chaos", "run", str(path), "--sim", check=False)
    assert [fault["line"] for fault in ran["faults"]] == ["kill leader", "partition leader"]
    assert {check["name"]: check["verdict"] for check in ran["checks"]}["linearizable"] == "ok"
    again = cluster.run("chaos", "record", str(path), check=False)
    assert (again.returncode, "E_EXISTS" in again.stderr) == (6, True)


def test_fault_that_a_node_still_obeys_is_no_secret(cluster: Raftctl) -> None:
    """Whoever resumes a process behind raftctl's back finds the old fault counted."""
    cluster.run("partition", "1,2", "/", "3")
    (pid,) = (n["pid"] for n in cluster.document("status")["nodes"] if n["id"] == "n3")
    cluster.run("pause", "n3")
    cluster.run("heal", "all")
    subprocess.run(["kill", "-CONT", str(pid)], check=True)
    assert cluster.document("status")["faults"] == 1
    assert cluster.run("wait", "healed", "--timeout", "300ms", check=False).returncode == 4
    cluster.run("heal", "all")
    cluster.run("wait", "healed")


def test_commands_that_change_faults_at_once_leave_file_and_nodes_alike(cluster: Raftctl) -> None:
    words = [
        ["net", "--link", "1:2", "--latency", f"{n}ms", "--as", f"slow{n}"] for n in range(1, 5)
    ]
    words += [["heal", "all"]] * 2
    running = [
        subprocess.Popen([str(RAFTCTL), *each], env=cluster.env, stdout=-3, stderr=-3)
        for each in words
    ]
    for process in running:
        assert process.wait(60) == 0
    saved = {fault["id"] for fault in cluster.document("faults")["faults"]}
    for node_id in (1, 2, 3):
        from node.client.admin import Admin

        with Admin(cluster.address("demo"), node_id) as admin:
            assert {rule["fault"] for rule in admin.status()["faults"]} == saved


def test_restart_of_all_nodes_keeps_the_cluster_available(cluster: Raftctl) -> None:
    failures: list[ClientError] = []
    is_over = threading.Event()

    def write() -> None:
        with Client(cluster.address("demo"), timeout=5) as client:
            while not is_over.is_set():
                try:
                    client.propose(kv.put("k", b"v"))
                except ClientError as error:
                    failures.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        done = cluster.document("restart", "all")
    finally:
        is_over.set()
        writer.join()
    assert [target["message"] for target in done["targets"]] == ["restarted"] * 3
    assert failures == []


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_node_that_does_not_run_can_be_neither_paused_nor_resumed(
    cluster: Raftctl, verb: str
) -> None:
    cluster.run("stop", "n3")
    code, error = error_of(cluster, verb, "n3")
    assert (code, error["code"], error["hint"]) == (3, "E_NOT_RUNNING", "raftctl start n3")
    done = cluster.run(verb, "n2", "n3", "-o", "json", check=False)
    assert done.returncode == 8
    assert [target["ok"] for target in json.loads(done.stdout)["targets"]] == [True, False]


def test_undo_names_only_what_was_done(cluster: Raftctl) -> None:
    cluster.run("stop", "n3")
    assert cluster.document("start", "n2", "n3")["undo"] == "raftctl stop n3"
    assert cluster.document("start", "n2", "n3")["undo"] is None
    assert error_of(cluster, "kill", "lagging")[0] == 9


@pytest.mark.parametrize("name", ["STOP", "CONT", "USR1", "0", "frob"])
def test_kill_takes_only_signals_that_kill(cluster: Raftctl, name: str) -> None:
    code, error = error_of(cluster, "kill", "n1", "--signal", name)
    assert (code, error["code"]) == (2, "E_USAGE")
    assert all(node["proc"] == "running" for node in cluster.document("status")["nodes"])


def test_signals_have_names_and_numbers(cluster: Raftctl) -> None:
    for name in ("15", "term", "SIGTERM"):
        message = cluster.document("kill", "n1", "--signal", name)["targets"][0]["message"]
        assert message == f"killed with {signal.SIGTERM.name}"
        cluster.run("start", "n1")


def test_paused_node_costs_no_waiting(cluster: Raftctl) -> None:
    cluster.run("pause", "n3")
    for words in (["status"], ["logs", "-n", "1"], ["heal", "all"], ["kill", "n3"]):
        assert cluster.timed(*words) < 1.0


def test_events_follow_a_node_through_its_restart_in_the_order_of_time() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        command = [str(RAFTCTL), "events", "-f", "-o", "jsonl"]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, env=raftctl.env, stdout=pipe, stderr=-3, text=True) as live:
            assert live.stdout is not None
            seen: list[dict[str, object]] = []

            def read_until(kind: str, node: str) -> None:
                assert live.stdout is not None
                while not seen or (seen[-1]["kind"], seen[-1]["node"]) != (kind, node):
                    seen.append(json.loads(live.stdout.readline()))

            read_until("boot", "n1")
            raftctl.run("restart", "n1")
            seen.append({"kind": "", "node": ""})
            read_until("boot", "n1")
            live.terminate()
        events = [event for event in seen if event["kind"]]
        keys = [(event["node"], event["boot"], event["seq"]) for event in events]
        assert len(keys) == len(set(keys)), "no event twice"
        times = [int(str(event["mono_ns"])) for event in events]
        assert times == sorted(times)


def test_resume_says_which_nodes_were_paused(cluster: Raftctl) -> None:
    cluster.run("pause", "n2")
    done = cluster.document("resume", "all")
    assert [target["message"] for target in done["targets"]] == [
        "was not paused",
        "resumed",
        "was not paused",
    ]


def test_heal_of_a_damaged_file_says_that_it_begins_anew(cluster: Raftctl) -> None:
    cluster.run("partition", "n1")
    (cluster.home / "clusters" / "demo" / "faults.json").write_text("[]")
    assert cluster.document("status")["faults"] == 1
    assert "begins anew" in cluster.run("heal").stdout
    assert cluster.document("status")["faults"] == 0


def fill(path: Path) -> None:
    """Write until the disk is full."""
    with path.open("wb") as file:
        while True:
            file.write(bytes(65536))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a file system to fill")
def test_full_disk_is_seen_in_the_status_and_keeps_nobody_from_stopping(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=6m", "none", str(tmp_path)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("no file system can be mounted here")
    try:
        with fresh_home(tmp_path) as raftctl:
            raftctl.run("up", "-n", "1")
            raftctl.run("put", "k", "v")
            with pytest.raises(OSError, match="No space"):
                fill(tmp_path / "rest")
            # What the redo log has room for is taken still.
            put = partial(raftctl.run, "put", "k", "x" * 100_000, "--timeout", "2s", check=False)
            assert any(put().returncode for _ in range(4))
            (row,) = raftctl.document("status")["nodes"]
            assert row["note"] == "disk full"
            assert row["remedy"].startswith("df -h ")
            assert raftctl.document("down")["stopped"] == ["n1"]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=False)
