"""Clusters made, found, taken down and removed: what may go wrong around the nodes themselves."""

import gc
import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from node.config import write_private
from node.server.ownership import write_pid
from raftctl.cluster.processes import NodeProcess
from tests.measure.commands import RAFTCTL, Raftctl, fresh_home

pytestmark = pytest.mark.e2e


@pytest.fixture
def home() -> Iterator[Raftctl]:
    """A home without clusters."""
    with fresh_home() as raftctl:
        yield raftctl


def error_of(raftctl: Raftctl, *words: str) -> tuple[int, dict[str, object]]:
    done = raftctl.run(*words, "-o", "json", "-q", check=False)
    return done.returncode, json.loads(done.stderr.splitlines()[-1])


def pids_of(raftctl: Raftctl) -> dict[str, int]:
    return {node["id"]: node["pid"] for node in raftctl.document("status")["nodes"]}


def folder_of(raftctl: Raftctl, name: str) -> Path:
    return raftctl.home / "clusters" / name


# -- what is whose ---------------------------------------------------------------------------------
def test_a_folder_with_other_things_in_it_becomes_no_cluster(home: Raftctl, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    code, error = error_of(home, "up", "-n", "3", "--data-dir", str(tmp_path))
    assert (code, error["code"]) == (6, "E_EXISTS")
    assert (tmp_path / "thesis.txt").read_text() == "precious"
    assert home.document("ls")["clusters"] == []


def test_purge_leaves_what_raftctl_did_not_make(home: Raftctl, tmp_path: Path) -> None:
    data = tmp_path / "data"
    home.run("up", "-n", "1", "--data-dir", str(data))
    (data / "thesis.txt").write_text("precious")
    done = home.run("down", "--purge", "-y")
    assert "thesis.txt" in done.stdout
    assert [each.name for each in data.iterdir()] == ["thesis.txt"]
    assert home.document("ls")["clusters"] == []


def test_a_folder_that_is_a_cluster_already_is_not_touched(home: Raftctl, tmp_path: Path) -> None:
    data = tmp_path / "data"
    home.run("up", "a", "-n", "1", "--data-dir", str(data))
    token = (data / "token").read_text()
    assert error_of(home, "up", "b", "--data-dir", str(data))[0] == 6
    assert (data / "token").read_text() == token
    assert home.document("status", "-c", "a")["health"] == "ok"


def test_what_an_interrupted_up_left_is_no_obstacle(home: Raftctl) -> None:
    rest = folder_of(home, "demo") / "n1"
    rest.mkdir(parents=True)
    (rest / "raft.db").write_bytes(b"half")
    home.run("up", "-n", "1")
    assert home.document("status")["health"] == "ok"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("-n 5", "5 nodes"),
        ("--machine a:B", "--machine"),
        ("--set raft.heartbeat_ms=20", "raft settings"),
        ("--port-base 9", "--port-base"),
        ("--ephemeral", "--ephemeral"),
    ],
)
def test_up_says_what_of_an_existing_cluster_is_different(
    home: Raftctl, words: str, says: str
) -> None:
    home.run("up", "-n", "1", "--wait", "none")
    code, error = error_of(home, "up", *words.split())
    assert (code, error["code"]) == (6, "E_EXISTS")
    assert says in str(error["message"])


# -- commands at the same time ---------------------------------------------------------------------
def test_two_commands_at_once_start_each_node_once(home: Raftctl) -> None:
    with ThreadPoolExecutor() as pool:
        for words in (("up", "-n", "3"), ("up",), ("start", "all")):
            done = [pool.submit(home.run, *words) for _ in range(2)]
            assert [each.result().returncode for each in done] == [0, 0]
            pids = pids_of(home)
            assert len(set(pids.values())) == 3
            home.run("kill", "all")
            assert home.document("down")["stopped"] == []
            for pid in pids.values():
                assert not Path(f"/proc/{pid}/exe").exists()


@pytest.mark.parametrize("spoilt", ["{", "", '{"pid": "x"}', None])
def test_node_whose_pid_file_was_spoilt_is_found_by_its_answer(
    home: Raftctl, spoilt: str | None
) -> None:
    home.run("up", "-n", "3")
    before = pids_of(home)
    path = folder_of(home, "demo") / "n1" / "pid"
    path.unlink()
    if spoilt is not None:
        path.write_text(spoilt)
    assert pids_of(home) == before
    assert home.document("down")["stopped"] == ["n1", "n2", "n3"]
    assert not Path(f"/proc/{before['n1']}/exe").exists()


def test_pid_of_another_process_is_not_taken_for_a_node(home: Raftctl) -> None:
    home.run("up", "-n", "1")
    home.run("kill", "n1")
    path = folder_of(home, "demo") / "n1" / "pid"
    path.write_text(json.dumps({"pid": os.getpid()}))
    assert home.document("ls")["clusters"][0]["running"] == 0
    assert home.document("kill", "n1")["targets"][0]["message"] == "does not run"
    findings = home.document("doctor", check=False)["findings"]
    (finding,) = [each for each in findings if each["check"] == "stale pid"]
    assert not finding["ok"]
    assert home.document("doctor", "--fix")["ok"]


def test_serve_holds_the_node_like_any_other_start(home: Raftctl) -> None:
    home.run("up", "-n", "1")
    home.run("stop", "n1")
    folder = folder_of(home, "demo")
    command = [str(RAFTCTL), "serve", "--config", str(folder), "--id", "n1"]
    with subprocess.Popen(command, env=home.env, stderr=subprocess.DEVNULL) as serving:
        home.run("wait", "leader")
        assert pids_of(home) == {"n1": serving.pid}
        assert error_of(home, "serve", "--config", str(folder), "--id", "n1")[0] == 6
        home.run("stop", "n1")
        assert serving.wait(10) == 0


# -- starting that fails ---------------------------------------------------------------------------
def test_up_names_who_has_a_saved_port(home: Raftctl) -> None:
    home.run("up", "-n", "3")
    home.run("stop", "n2")
    port = int(home.document("status")["nodes"][1]["address"].rpartition(":")[2])
    with socket.create_server(("127.0.0.1", port)):
        for words in (["up"], ["start", "n2"]):
            code, error = error_of(home, *words)
            assert (code, error["code"]) == (6, "E_PORT_BUSY")
            assert f"(pid {os.getpid()})" in str(error["message"])
    assert [node["proc"] for node in home.document("status")["nodes"]].count("running") == 2


def test_up_fails_for_a_node_that_ends_though_the_others_lead(home: Raftctl) -> None:
    home.run("up", "-n", "3")
    home.run("stop", "n2")
    (folder_of(home, "demo") / "n2" / "raft.db").write_bytes(b"noise" * 1000)
    code, error = error_of(home, "up")
    assert (code, error["code"]) == (1, "E_NODE_ENDED")
    assert "raft.db" in str(error["message"])
    assert home.document("status")["leader"] is not None


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
def test_interrupted_up_leaves_nothing_behind(
    home: Raftctl, number: signal.Signals, code: int
) -> None:
    command = [str(RAFTCTL), "up", "-n", "9", "--wait", "ready"]
    with subprocess.Popen(command, env=home.env, stderr=subprocess.PIPE, text=True) as up:
        assert up.stderr is not None
        for line in up.stderr:
            if "started" in line:
                up.send_signal(number)
                break
        rest = up.stderr.read()
    assert up.returncode == code
    assert "rolled back" in rest
    assert home.document("ls")["clusters"] == []


# -- damage ----------------------------------------------------------------------------------------
def test_damaged_settings_of_one_cluster_do_not_hide_the_others(home: Raftctl) -> None:
    home.run("up", "a", "-n", "1")
    home.run("up", "b", "-n", "1")
    (folder_of(home, "a") / "cluster.json").write_text("{")
    rows = home.document("ls")["clusters"]
    assert [(row["name"], row["running"], bool(row["damage"])) for row in rows] == [
        ("a", 1, True),
        ("b", 1, False),
    ]
    assert home.document("status", "-c", "b")["health"] == "ok"
    findings = home.document("doctor", check=False)["findings"]
    assert [each["check"] for each in findings if not each["ok"]] == ["cluster"]
    assert home.document("down", "a", "--purge", "-y")["stopped"] == ["n1"]
    assert [row["name"] for row in home.document("ls")["clusters"]] == ["b"]


def test_damaged_faults_file_stops_nothing(home: Raftctl) -> None:
    home.run("up", "-n", "3")
    path = folder_of(home, "demo") / "faults.json"
    path.write_text('{"next_id": 1, "faults": [], "rules": [{"fault": -1}]}')
    assert home.document("status")["health"] == "ok"
    assert error_of(home, "faults")[1]["code"] == "E_FAULTS"
    assert error_of(home, "partition", "n1")[1]["code"] == "E_FAULTS"
    home.run("heal", "all")
    assert home.document("faults")["faults"] == []


def test_purge_that_fails_says_so_and_the_cluster_stays(home: Raftctl) -> None:
    home.run("up", "-n", "1")
    home.run("down")
    keep = folder_of(home, "demo") / "n1" / "raft.db"
    subprocess.run(["chattr", "+i", str(keep)], check=False)
    try:
        keep.open("a").close()
        pytest.skip("this file system has no immutable files")
    except PermissionError:
        pass
    try:
        code, error = error_of(home, "down", "--purge", "-y")
        assert (code, error["code"]) == (2, "E_HOME")
        assert [row["name"] for row in home.document("ls")["clusters"]] == ["demo"]
    finally:
        subprocess.run(["chattr", "-i", str(keep)], check=True)


# -- which cluster ---------------------------------------------------------------------------------
def test_with_two_clusters_one_has_to_be_named(home: Raftctl) -> None:
    home.run("up", "a", "-n", "1", "--wait", "none")
    home.run("up", "b", "-n", "1", "--wait", "none")
    for words in (["down"], ["status"], ["put", "k", "v"], ["env"]):
        code, error = error_of(home, *words)
        assert (code, error["code"]) == (2, "E_USAGE")
        assert "a, b" in str(error["message"])
    assert home.document("kill", "n1", "-c", "b")["undo"] == "raftctl -c b start n1"
    assert home.document("down", "nope")["stopped"] == []
    assert error_of(home, "down", "a", "--all")[0] == 2
    assert home.document("down", "b")["stopped"] == []


def test_names_stay_inside_the_home(home: Raftctl) -> None:
    home.run("up", "-n", "1", "--wait", "none")
    for name in ("../x", "a/b", ".", "x" * 65, "--"):
        assert home.run("down", "--purge", "-y", "--", name, check=False).returncode == 2
        assert home.run("status", "-c", name, check=False).returncode == 2


def test_start_that_cannot_be_written_down_leaves_no_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody would find it again, and everybody would be told that the node does not run."""

    def refuse(lock: object, pid: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("node.server.ownership.write_pid", refuse)
    process = NodeProcess(tmp_path, 1)
    with pytest.raises(OSError, match="No space left"):
        process.start()
    assert not process.is_running


def test_file_that_cannot_be_written_leaves_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("node.config.os.fsync", refuse)
    (tmp_path / "faults.json").write_text("old")
    with pytest.raises(OSError, match="No space left"):
        write_private(tmp_path / "faults.json", "new")
    assert [each.name for each in tmp_path.iterdir()] == ["faults.json"]
    assert (tmp_path / "faults.json").read_text() == "old"


# Python warns of a child that nobody waited for: that is what an interrupt leaves.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_start_that_is_interrupted_leaves_a_node_that_is_found_or_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(lock: int, pid: int) -> None:
        signal.raise_signal(signal.SIGINT)
        write_pid(lock, pid)

    monkeypatch.setattr("node.server.ownership.write_pid", interrupt)
    process = NodeProcess(tmp_path, 1)
    with pytest.raises(KeyboardInterrupt):
        process.start()
    assert process.find() is not None or not process.is_running
    process.end(signal.SIGKILL, "killed", timeout=10)
    assert not process.is_running
    gc.collect()
