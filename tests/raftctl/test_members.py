"""Members that come and go, on clusters of real processes."""

import importlib
import io
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any
from unittest.mock import patch

import pytest

from node.client.admin import Admin
from node.client.errors import ClientError
from node.raft.configuration import AddLearner
from raftctl import cli
from raftctl.schemas import json_schema
from tests.measure.commands import RAFTCTL, Raftctl, fresh_home
from tests.raftctl.schema import violations

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def cluster(raftctl: Raftctl) -> Raftctl:
    """Three voters at the beginning; each test leaves three, by whatever names."""
    raftctl.run("up", "-n", "3")
    return raftctl


@pytest.fixture
def home() -> Iterator[Raftctl]:
    """A home without clusters."""
    with fresh_home() as raftctl:
        yield raftctl


def inside(raftctl: Raftctl, *words: str) -> tuple[int, str, str]:
    """The exit code of a command, and what it printed. It runs in this process, which takes a
    fraction of the time: so it must not start nodes, which would be children of this one.
    """
    out, err = io.StringIO(), io.StringIO()
    with (
        patch.dict(os.environ, raftctl.env, clear=True),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        code = cli._run(list(words))
    return int(code), out.getvalue(), err.getvalue()


def document(raftctl: Raftctl, *words: str, check: bool = True) -> dict[str, Any]:
    code, out, err = inside(raftctl, *words, "-o", "json")
    assert code == 0 or not check, err
    found: dict[str, Any] = json.loads(out)
    return found


def error_of(raftctl: Raftctl, *words: str, starts: bool = False) -> tuple[int, dict[str, Any]]:
    """`starts`: it starts a node before it fails."""
    words = (*words, "-o", "json", "-q")
    if starts:
        done = raftctl.run(*words, check=False)
        code, err = done.returncode, done.stderr
    else:
        code, _, err = inside(raftctl, *words)
    return code, json.loads(err.splitlines()[-1])


def change(raftctl: Raftctl, *words: str) -> dict[str, Any]:
    """The document of a change, checked against its schema."""
    starts = words[0] in ("add", "replace")
    found = (raftctl.document if starts else partial(document, raftctl))("members", *words)
    assert violations(found, json_schema("member-change")) == []
    return found


def members(raftctl: Raftctl) -> dict[str, dict[str, Any]]:
    found = document(raftctl, "members", "ls")
    assert violations(found, json_schema("members")) == []
    return {each["id"]: each for each in found["members"]}


def roles(raftctl: Raftctl) -> dict[str, str]:
    return {name: member["role"] for name, member in members(raftctl).items()}


def folder_of(raftctl: Raftctl) -> Path:
    return raftctl.home / "clusters" / "demo"


def saved(raftctl: Raftctl) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder_of(raftctl) / "cluster.json").read_text())
    return found


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not in time: {what}"
        time.sleep(0.05)


@contextmanager
def following(raftctl: Raftctl, *words: str) -> Iterator[IO[str]]:
    """The lines of a verb that goes on until it is ended."""
    command = [str(RAFTCTL), *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=raftctl.env, stdout=pipe, stderr=-3, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout
        finally:
            process.kill()


def read_until(lines: IO[str], text: str) -> None:
    while text not in (line := lines.readline()):
        assert line, f"it ended without {text!r}"


# -- coming, voting, leaving -----------------------------------------------------------------------
def test_a_new_node_votes_once_it_has_everything_and_a_removed_one_is_gone(
    cluster: Raftctl,
) -> None:
    cluster.run("put", "k", "v")
    with (
        following(cluster, "events", "-f", "-o", "jsonl") as events,
        following(cluster, "logs", "-f", "-n", "0") as logs,
    ):
        added = change(cluster, "add")
        read_until(events, '"node": "n4"')
        read_until(logs, "n4 | ")
    assert added["configuration"]["voters"] == ["n1", "n2", "n3", "n4"]
    assert (added["nodes"], added["undo"]) == (["n4"], "raftctl members remove n4")
    assert cluster.run("get", "k", "--at", "n4", "--read", "stale").stdout == "v\n"
    status = document(cluster, "status")
    assert (status["quorum"], status["health"]) == ({"have": 4, "need": 3, "voters": 4}, "ok")
    learner = change(cluster, "add", "n7", "--learner", "--priority", "10")
    assert (learner["nodes"], learner["configuration"]["learners"]) == (["n7"], ["n7"])
    status = document(cluster, "status")
    assert status["quorum"] == {"have": 4, "need": 3, "voters": 4}
    assert {row["id"]: row["role"] for row in status["nodes"]}["n7"] == "learner"
    assert "1 learner" in cluster.run("status").stdout
    assert error_of(cluster, "transfer", "n7")[1]["code"] == "E_NO_VOTE"
    wait_for(lambda: members(cluster)["n7"]["caught_up"] is True, "n7 caught up")
    assert change(cluster, "promote", "n7")["configuration"]["voters"][-1] == "n7"
    assert change(cluster, "promote", "n7")["changed"] is False
    # The leader is among those that go: another one leads first, and nobody notices.
    leader = document(cluster, "status")["leader"]
    others = [name for name in roles(cluster) if name != leader]
    removed = change(cluster, "remove", "leader", others[0])
    assert set(removed["nodes"]) == {leader, others[0]}
    assert set(roles(cluster)) == set(others[1:])
    assert cluster.run("get", "k").stdout == "v\n"
    assert saved(cluster)["next_id"] == 8
    assert {row["id"]: row["priority"] for row in saved(cluster)["nodes"]}[7] == 10


def test_folders_of_removed_nodes_stay_until_they_are_pruned(cluster: Raftctl) -> None:
    gone = change(cluster, "remove", "follower")["nodes"][0]
    change(cluster, "add")
    database = folder_of(cluster) / gone / "raft.db"
    assert database.exists()
    leftover = [f for f in document(cluster, "doctor")["findings"] if f["check"] == "leftover"]
    assert any(f"demo/{gone}" in finding["message"] for finding in leftover)
    assert f"demo/{gone}" in document(cluster, "prune", "--dry-run")["folders"]
    pruned = document(cluster, "prune", "-y")
    assert pruned["removed"] == []
    assert f"demo/{gone}" in pruned["folders"]
    assert not database.exists()
    assert document(cluster, "status")["health"] == "ok"


def test_a_dead_or_wiped_node_is_replaced_by_a_new_one(cluster: Raftctl) -> None:
    cluster.run("put", "k", "v2")
    victim = document(cluster, "status", "any-follower")["nodes"][0]["id"]
    cluster.run("wipe", victim, "-y")
    cluster.run("start", victim)
    (row,) = document(cluster, "status", victim)["nodes"]
    assert row["remedy"] == f"raftctl members replace {victim}"
    done = change(cluster, "replace", victim)
    new = done["nodes"][0]
    assert victim not in done["configuration"]["voters"]
    assert new in done["configuration"]["voters"]
    dead = document(cluster, "status", "leader")["nodes"][0]["id"]
    cluster.run("kill", dead)
    cluster.run("wait", "leader")
    assert len(change(cluster, "replace", dead)["configuration"]["voters"]) == 3
    assert cluster.run("get", "k").stdout == "v2\n"
    assert document(cluster, "status")["health"] == "ok"


def test_bad_requests_change_nothing(cluster: Raftctl) -> None:
    before = saved(cluster)
    voters = sorted(roles(cluster), key=lambda name: int(name[1:]))
    for words, code, error in (
        (("add", voters[0]), 6, "E_EXISTS"),
        (("add", "n1"), 6, "E_EXISTS"),
        (("add", "n99999"), 2, "E_USAGE"),
        (("add", "boss"), 2, "E_USAGE"),
        (("remove", "n99"), 9, "E_NO_NODE"),
        (("remove", "all"), 6, "E_MEMBERS"),
        (("demote", "all"), 6, "E_MEMBERS"),
        (("remove", "lagging"), 9, "E_NO_NODE"),
        (("replace", voters[0], voters[1]), 2, "E_USAGE"),
        (("replace", "followers"), 2, "E_USAGE"),
        (("promote",), 2, "E_USAGE"),
    ):
        exit_code, found = error_of(cluster, "members", *words)
        assert (exit_code, found["code"]) == (code, error), words
        assert found["hint"], words
    assert saved(cluster) == before
    assert set(roles(cluster).values()) == {"voter"}
    count = len(before["nodes"])
    assert cluster.run("up", "-n", str(count)).returncode == 0
    assert "members add" in error_of(cluster, "up", "-n", "9")[1]["hint"]
    # A file says how a cluster was made, and not with whom it goes on.
    assert cluster.run("up", "demo", "--set", "raft.heartbeat_ms=50").returncode == 0


def test_puts_go_on_while_a_member_joins(cluster: Raftctl) -> None:
    command = [str(RAFTCTL), "bench", "put", "--rate", "1000"]
    command += ["--duration", "3s", "-o", "json", "-q", "--inflight", "64"]
    with subprocess.Popen(command, env=cluster.env, stdout=subprocess.PIPE, text=True) as load:
        wait_for(lambda: document(cluster, "status")["nodes"][0]["last_index"] > 200, "the load")
        added = change(cluster, "add")["nodes"][0]
        assert load.stdout is not None
        result = json.loads(load.stdout.read())
    assert (result["errors"], result["unknown"]) == (0, 0)
    assert result["ops"] > 1000
    change(cluster, "remove", added)


# -- what cannot be --------------------------------------------------------------------------------
def test_the_last_voter_stays(home: Raftctl) -> None:
    home.run("up", "-n", "1")
    before = saved(home)
    for verb in ("remove", "demote"):
        code, error = error_of(home, "members", verb, "n1")
        assert (code, error["code"]) == (6, "E_MEMBERS")
    assert saved(home) == before
    assert home.run("put", "k", "v").returncode == 0
    # One voter of two is no majority of two: with n2 dead, n1 cannot be removed any more.
    change(home, "add")
    home.run("transfer", "n1")
    change(home, "replace", "n1")
    assert sorted(roles(home)) == ["n2", "n3"]


def test_without_a_majority_nobody_comes_or_goes(home: Raftctl) -> None:
    home.run("up", "-n", "3")
    home.run("kill", "n3")
    home.run("wait", "leader")
    code, error = error_of(home, "members", "remove", "n2")
    assert (code, error["code"]) == (5, "E_NO_QUORUM")
    assert "1 of 2 voters would be alive, 2 are needed" in error["message"]
    assert "n3" in error["hint"]
    before = saved(home)
    home.run("kill", "n2")
    wait_for(lambda: document(home, "status")["leader"] is None, "the end of n1's office")
    for words in (("add",), ("remove", "n2"), ("replace", "n2")):
        code, error = error_of(home, "members", *words, "--timeout", "300ms")
        assert (code, error["code"]) == (5, "E_NO_LEADER"), words
    assert saved(home) == before
    assert sorted(each.name for each in folder_of(home).glob("n*")) == ["n1", "n2", "n3"]
    rows = members(home)
    assert {row["role"] for row in rows.values()} == {"voter"}
    home.run("kill", "n1")
    assert error_of(home, "members", "add")[0] == 3
    assert home.run("members", "ls", check=False).returncode == 3


def test_while_a_change_is_under_way_there_is_no_other(home: Raftctl) -> None:
    """A leader that does not check its quorum stays one, and can commit nothing."""
    home.run("up", "-n", "3", "--set", "raft.check_quorum=false")
    home.run("wait", "ready")
    before = saved(home)
    leader = int(document(home, "status")["leader"][1:])
    home.run("pause", "followers")

    def ask() -> None:
        with Admin(home.address("demo"), leader) as admin, suppress(ClientError):
            admin.change_members([AddLearner(9, "127.0.0.1:1")])

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        wait_for(lambda: "n9" in members(home), "the change")
        pending = document(home, "members", "ls")["configuration"]
        assert (pending["settled"], pending["learners"]) == (False, ["n9"])
        code, error = error_of(home, "members", "add", starts=True)
        assert (code, error["code"]) == (6, "E_CHANGE_PENDING")
        assert f"entry {pending['index']} has to be committed first" in error["message"]
        assert saved(home)["nodes"] == before["nodes"]
        assert not (folder_of(home) / "n4").exists()
    finally:
        home.run("resume", "all")
        asking.join()
    findings = document(home, "doctor", check=False)["findings"]
    stranger = "n9 of demo is a member, and not in cluster.json"
    assert stranger in [finding["message"] for finding in findings if not finding["ok"]]
    change(home, "remove", "n9")
    assert sorted(roles(home)) == ["n1", "n2", "n3"]
    assert saved(home)["next_id"] == 10


def test_a_learner_that_is_cut_off_is_not_promoted_and_one_that_comes_late_promotes_itself(
    home: Raftctl,
) -> None:
    home.run("up", "-n", "1")
    rule = {"fault": 1, "src": 1, "dst": 2, "cut": True}
    with Admin(home.address("demo"), 1) as admin:
        admin.set_faults([rule])
    code, error = error_of(home, "members", "add", "--timeout", "4s", starts=True)
    assert (code, error["code"], error["outcome"]) == (4, "E_TIMEOUT", "unknown")
    assert "undo: raftctl members remove n2" in error["hint"]
    assert roles(home) == {"n1": "voter", "n2": "joining"}
    assert document(home, "status")["quorum"]["need"] == 1, "it does not count yet"
    home.run("put", "k", "v")
    code, error = error_of(home, "members", "promote", "n2", "--timeout", "300ms")
    assert (code, error["code"]) == (6, "E_NOT_CAUGHT_UP")
    assert "it holds 0 of" in error["message"]
    with Admin(home.address("demo"), 1) as admin:
        admin.set_faults([])
    wait_for(lambda: roles(home)["n2"] == "voter", "the promotion")


# -- kill -9 of the command ------------------------------------------------------------------------
def killed_at(home: Raftctl, where: str, *words: str, after: bool = False) -> None:
    """Run a verb that ends itself with SIGKILL when it calls `where`, or `after` it has."""
    module, _, name = where.rpartition(".")
    child = os.fork()
    if child == 0:
        try:
            target = importlib.import_module(module)
            call = getattr(target, name)

            def end(*args: object) -> None:
                if after:
                    call(*args)
                os.kill(os.getpid(), signal.SIGKILL)

            setattr(target, name, end)
            os.environ.clear()
            os.environ.update(home.env)
            cli._run(["members", *words])
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL, where


def tidy(home: Raftctl) -> bool:
    return bool(document(home, "doctor", check=False)["ok"])


def test_whatever_a_killed_command_leaves_can_be_finished_or_undone(home: Raftctl) -> None:
    home.run("up", "-n", "3")
    joining = "raftctl.cluster.joining"
    # Its folder is there, and no row: it is nobody yet.
    killed_at(home, f"{joining}.save_cluster", "add")
    assert (folder_of(home) / "n4").exists()
    assert document(home, "status")["health"] == "ok"
    assert document(home, "prune", "--dry-run")["folders"] == ["demo/n4"]
    # A row, and no process.
    killed_at(home, f"{joining}.start_nodes", "add")
    assert roles(home)["n4"] == "none"
    assert not tidy(home)
    (row,) = document(home, "status", "n4")["nodes"]
    assert (row["member"], row["proc"]) == ("none", "exited")
    # A process that nobody asked to join: running the command again goes on with it.
    killed_at(home, f"{joining}.change_members", "add")
    (row,) = document(home, "status", "n4")["nodes"]
    assert (row["note"], row["remedy"]) == ("no member", "raftctl members remove n4")
    assert change(home, "add")["nodes"] == ["n4"]
    assert tidy(home)
    # A member that its command did not wait for.
    killed_at(home, f"{joining}.change_members", "add", after=True)
    assert (folder_of(home) / "n5" / "joining").exists()
    wait_for(lambda: roles(home).get("n5") == "voter", "the promotion")
    assert error_of(home, "members", "add", "n5")[0] == 6
    # Removed, and it runs on: running the command again stops it, and adding it again is refused.
    killed_at(home, "raftctl.cluster.membership.retire", "remove", "n5")
    assert roles(home)["n5"] == "none"
    assert error_of(home, "members", "add", "n5")[1]["code"] == "E_EXISTS"
    assert "n5" in change(home, "remove", "n5")["nodes"]
    # A replacement that stopped half way goes on with the new one.
    killed_at(home, "raftctl.cluster.membership.wait_until", "replace", "n1")
    assert roles(home)["n6"] == "learner"
    change(home, "replace", "n1", "n6")
    assert sorted(roles(home)) == ["n2", "n3", "n4", "n6"]
    # A newcomer that never was a member may be dropped as well.
    killed_at(home, f"{joining}.change_members", "add")
    change(home, "remove", "n7")
    assert tidy(home)
    assert not any(pid_alive(home, name) for name in ("n1", "n5", "n7"))


def pid_alive(home: Raftctl, name: str) -> bool:
    try:
        pid = json.loads((folder_of(home) / name / "pid").read_text() or "{}").get("pid")
        os.kill(pid, 0)
    except (FileNotFoundError, ProcessLookupError, TypeError):
        return False
    return True


def test_an_interrupted_add_takes_back_what_was_not_asked_for_yet(cluster: Raftctl) -> None:
    before = saved(cluster)
    name = f"n{before['next_id']}"
    code = (
        "import sys\n"
        "from raftctl import cli\n"
        "from raftctl.cluster import joining\n"
        "def interrupt(*args): raise KeyboardInterrupt\n"
        "joining.wait_until_up = interrupt\n"
        "sys.argv = ['raftctl', 'members', 'add', '-o', 'json']\n"
        "cli.main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=cluster.env, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 130
    assert f"{name} was not added" in done.stderr
    assert saved(cluster) == before
    assert not (folder_of(cluster) / name).exists()
