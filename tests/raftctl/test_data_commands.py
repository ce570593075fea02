"""The verbs of keys and values against a real cluster, as people and scripts type them."""

import json
import os
import pty
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.measure.commands import RAFTCTL, Raftctl, fresh_home

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def cluster() -> Iterator[Raftctl]:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        yield raftctl


def test_scan_says_whether_there_is_more(cluster: Raftctl) -> None:
    for name in ("a", "b", "c"):
        cluster.run("put", f"scan-{name}", name)
    cut = cluster.document("scan", "scan-", "--limit", "2")
    assert ([item["key"] for item in cut["items"]], cut["more"]) == (["scan-a", "scan-b"], True)
    assert cluster.document("scan", "scan-", "--limit", "3")["more"] is False
    assert "--limit" in cluster.run("scan", "scan-", "--limit", "2").stderr
    assert "--limit" not in cluster.run("scan", "scan-").stderr
    assert cluster.run("scan", "--limit", "0", check=False).returncode == 2


def test_get_says_which_node_answered(cluster: Raftctl) -> None:
    cluster.run("put", "who", "v")
    leader = cluster.document("status")["leader"]
    assert cluster.document("get", "who")["node"] == leader
    follower = next(name for name in ("n1", "n2") if name != leader)
    assert cluster.document("get", "who", "--at", follower)["node"] == follower
    assert cluster.document("get", "who", "--read", "stale")["node"] in ("n1", "n2", "n3")
    assert cluster.document("scan", "who")["items"][0]["node"] == leader


def test_follower_hands_a_write_to_the_leader_for_who_asks_it_alone(cluster: Raftctl) -> None:
    leader = cluster.document("status")["leader"]
    follower = next(name for name in ("n1", "n2") if name != leader)
    first = cluster.document("put", "handed", "1", "--at", follower)
    assert cluster.document("cas", "handed", "1", "2", "--at", follower)["index"] > first["index"]
    assert cluster.document("get", "handed", "--at", follower)["value"] == "2"
    assert cluster.document("del", "handed", "--at", follower)["existed"]
    assert cluster.run("put", "handed", "1", "--at", "n9", check=False).returncode == 9


def test_read_under_a_lease_is_answered_by_the_leader(cluster: Raftctl) -> None:
    cluster.run("put", "leased", "v")
    answer = cluster.document("get", "leased", "--read", "lease")
    assert (answer["value"], answer["read"]) == ("v", "lease")
    assert answer["node"] == cluster.document("status")["leader"]


def test_binary_value_is_raw_in_a_pipe_and_base64_on_a_terminal(cluster: Raftctl) -> None:
    command = [str(RAFTCTL), "put", "raw", "-"]
    subprocess.run(command, input=b"\x1b[2J\xff", env=cluster.env, check=True, timeout=30)
    command = [str(RAFTCTL), "get", "raw"]
    piped = subprocess.run(command, env=cluster.env, capture_output=True, timeout=30)
    assert piped.stdout == b"\x1b[2J\xff"
    ours, theirs = pty.openpty()
    shown = subprocess.run(
        command, env=cluster.env, stdout=theirs, stderr=subprocess.PIPE, timeout=30
    )
    os.close(theirs)
    assert os.read(ours, 1000).strip() == b"G1sySv8="
    os.close(ours)
    assert b"base64" in shown.stderr


@pytest.mark.parametrize("verb", ["put", "get", "del", "scan", "watch"])
def test_key_that_is_not_utf8_is_a_usage_error(cluster: Raftctl, verb: str) -> None:
    command: list[str | bytes] = [str(RAFTCTL), verb, b"k\xff", "-o", "json"]
    if verb == "put":
        command.insert(3, "value")
    done = subprocess.run(command, env=cluster.env, capture_output=True, timeout=30)
    document = json.loads(done.stderr.splitlines()[-1])
    assert (done.returncode, document["code"]) == (2, "E_USAGE")
    assert document["hint"]


def test_cas_that_changes_nothing_says_what_is_there(cluster: Raftctl) -> None:
    cluster.run("put", "kept", "1")
    for key, details in (
        ("kept", {"current": "1", "current_base64": None}),
        ("never-there", {"current": None, "current_base64": None}),
    ):
        done = cluster.run("cas", key, "2", "3", "-o", "json", check=False)
        document = json.loads(done.stderr.splitlines()[-1])
        assert (done.returncode, document["code"]) == (6, "E_CAS")
        assert document["details"] == details
        assert document["hint"].startswith("raftctl")
    cluster.run("put", "blank", "")
    assert "'blank' is ''," in cluster.run("cas", "blank", "2", "3", check=False).stderr
    for verb in ("get", "del"):
        assert "raftctl scan" in cluster.run(verb, "never-there", check=False).stderr


def test_command_at_which_the_machine_raises_has_a_hint(cluster: Raftctl) -> None:
    done = cluster.run("propose", "nonsense", check=False)
    assert done.returncode == 1
    assert "BadCommandError" in done.stderr
    assert "hint:" in done.stderr


def test_keys_of_a_machine_without_keys_are_a_usage_error_that_names_it() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "1", "--machine", "tests.measure.machines:AppendLog")
        for line in (
            "put k v",
            "get k",
            "del k",
            "cas k a b",
            "scan",
            "watch",
            "bench put --ops 1",
        ):
            done = raftctl.run(*line.split(), "-o", "json", check=False)
            document = json.loads(done.stderr.splitlines()[-1])
            assert (done.returncode, document["code"]) == (2, "E_USAGE"), line
            assert "tests.measure.machines:AppendLog" in document["message"]
            assert "raftctl propose" in document["hint"]


def test_watch_outlives_the_leader_it_started_at() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        raftctl.run("transfer", "n3")
        command = [str(RAFTCTL), "watch", "w-", "-o", "jsonl"]
        pipe = subprocess.PIPE
        with subprocess.Popen(
            command, env=raftctl.env, stdout=pipe, stderr=pipe, text=True
        ) as watching:
            assert watching.stdout is not None
            assert watching.stderr is not None
            try:
                assert "watching" in watching.stderr.readline()
                raftctl.run("put", "w-1", "before")
                assert json.loads(watching.stdout.readline())["value"] == "before"
                raftctl.run("kill", "n3")
                raftctl.run("put", "w-2", "after")
                assert json.loads(watching.stdout.readline())["value"] == "after"
                assert "n3" in watching.stderr.readline()
            finally:
                watching.send_signal(signal.SIGINT)
                watching.wait(timeout=10)
        assert watching.returncode == 130


def test_watch_since_before_the_log_is_a_usage_error(cluster: Raftctl) -> None:
    assert cluster.run("watch", "--since", "-1", check=False).returncode == 2
