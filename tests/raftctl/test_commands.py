"""Every verb against a real cluster: its JSON fits its schema, its exit code the documentation."""

import json
import socket
import time
from pathlib import Path

import pytest

from raftctl.schemas import json_schema
from tests.measure.commands import Raftctl, fresh_home
from tests.raftctl.schema import violations

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def cluster(raftctl: Raftctl) -> Raftctl:
    raftctl.run("up", "-n", "3")
    raftctl.run("wait", "ready")
    return raftctl


def documents(text: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in text.splitlines()]


JSON_COMMANDS = [
    "up", "up --dry-run", "up other -n 5 --dry-run", "ls", "status", "status n1", "wait leader",
    "env", "doctor", "prune --dry-run",
    "put k v", "get k", "get k --at n2", "get k --read stale", "get k --read lease", "cas k v w",
    "scan", "put d 1", "del d", "log show leader --from 1", "events", "events --since 5m", "logs",
    "logs n1 -n 1",
    "config show local5", "config path", "schema", "version",
    "partition n3 --for 30s", "faults", "heal", "net --link 1:2 --latency 5ms --for 30s",
    "disk n3 --slow 1ms", "disk n3 --stall 1ms", "clock n3 --rate 1.1", "clock n3 --jump 1ms",
    "faults",
    "heal all", "pause n3", "resume n3", "kill n3", "start n3", "restart n3", "stop n3", "start n3",
    "wait ready", "transfer any-follower", "bench put --ops 200 --inflight 16",
    "bench get --ops 200 --inflight 16", "members ls", "members promote n1", "snapshot take",
    "snapshot ls", "snapshot auto", "log show leader", "log diff n1 n2", "log verify",
    "log verify n1",
]  # fmt: skip


def test_json_of_every_command_fits_its_schema(cluster: Raftctl) -> None:
    for line in JSON_COMMANDS:
        done = cluster.run(*line.split(), "-o", "json")
        assert done.stdout, line
        for document in documents(done.stdout):
            kind = str(document["schema"]).removeprefix("raftctl.").removesuffix("/v1")
            assert violations(document, json_schema(kind)) == [], line
            assert len(done.stdout.splitlines()) == 1 or kind in ("event", "line"), line


@pytest.mark.parametrize(
    ("line", "code", "error"),
    [
        ("frobnicate", 2, "E_USAGE"),
        ("get nothing", 9, "E_NO_KEY"),
        ("del nothing", 9, "E_NO_KEY"),
        ("kill n9", 9, "E_NO_NODE"),
        ("kill boss", 2, "E_USAGE"),
        ("up -n 5", 6, "E_EXISTS"),
        ("heal 99", 9, "E_NO_FAULT"),
        ("wait forever", 2, "E_USAGE"),
        ("status -c other", 3, "E_NO_CLUSTER"),
        ("wipe n1", 2, "E_CONFIRM"),
        ("bench put --ops 50 --assert p99<0ms", 7, "E_ASSERT"),
        ("put k v --timeout soon", 2, "E_USAGE"),
        ("schema nothing", 9, "E_NO_SCHEMA"),
        ("get k --at n9", 9, "E_NO_NODE"),
        ("recover n1 -y", 6, "E_QUORUM"),
        ("snapshot restore nothing.snap -y", 9, "E_NO_FILE"),
        ("log show --data-dir /nowhere", 9, "E_NO_DATA"),
        ("log show", 2, "E_USAGE"),
        ("log diff n1 n9", 9, "E_NO_NODE"),
        ("log diff n1 followers", 2, "E_USAGE"),
        ("get k --read fresh", 2, "E_USAGE"),
        ("members add n1", 6, "E_EXISTS"),
        ("members remove n9", 9, "E_NO_NODE"),
        ("snapshot inspect nothing.snap", 9, "E_NO_FILE"),
    ],
)
def test_errors_have_a_code_a_hint_and_the_documented_exit(
    cluster: Raftctl, line: str, code: int, error: str
) -> None:
    done = cluster.run(*line.split(), "-o", "json", check=False)
    assert done.returncode == code, done.stderr
    (document,) = (d for d in documents(done.stderr.splitlines()[-1]))
    assert violations(document, json_schema("error")) == []
    assert (document["code"], document["exit"]) == (error, code)
    assert "Traceback" not in done.stderr


def test_value_over_the_limit_is_exit_2(cluster: Raftctl, tmp_path: Path) -> None:
    done = cluster.run("put", "big", "x" * 100_000)
    assert done.returncode == 0
    import subprocess

    from tests.measure.commands import RAFTCTL

    big = subprocess.run(
        [str(RAFTCTL), "put", "big", "-"], input=b"x" * (1024 * 1024 + 1), env=cluster.env,
        capture_output=True, timeout=30,
    )  # fmt: skip
    assert big.returncode == 2
    assert b"E_TOO_LARGE" in big.stderr


def test_cas_with_another_value_is_exit_6(cluster: Raftctl) -> None:
    cluster.run("put", "c", "1")
    done = cluster.run("cas", "c", "2", "3", check=False)
    assert (done.returncode, cluster.run("get", "c").stdout) == (6, "1\n")


def test_minority_side_refuses_reads_and_names_the_fault(cluster: Raftctl) -> None:
    cluster.run("put", "m", "1")
    cluster.run("partition", "n3", "--for", "30s")
    done = cluster.run("get", "m", "--at", "n3", check=False)
    assert done.returncode == 5
    assert "cause: fault #" in done.stderr
    assert cluster.run("get", "m", "--at", "n3", "--read", "stale").stdout == "1\n"
    cluster.run("heal")


def test_put_without_a_quorum_has_no_effect_or_an_unknown_one() -> None:
    with fresh_home() as raftctl:
        # A leader that is slow to step down still takes the first of these puts.
        raftctl.run("up", "-n", "3", "--set", "raft.election_timeout_ms=2000")
        raftctl.run("put", "a", "1")
        raftctl.run("kill", "followers")
        unknown = raftctl.run("put", "a", "2", "--timeout", "600ms", "-o", "json", check=False)
        assert unknown.returncode == 4
        assert documents(unknown.stderr.splitlines()[-1])[0]["outcome"] == "unknown"
        deadline = time.monotonic() + 10
        while raftctl.document("status")["leader"] is not None:
            assert time.monotonic() < deadline, "a leader without a quorum steps down"
        refused = raftctl.run("put", "a", "3", "--timeout", "600ms", "-o", "json", check=False)
        assert refused.returncode == 5
        assert documents(refused.stderr.splitlines()[-1])[0]["outcome"] == "none"
        raftctl.run("kill", "all")
        assert raftctl.run("put", "a", "4", check=False).returncode == 3
        dead = raftctl.run("status", check=False)
        assert dead.returncode == 3
        assert dead.stdout.count("killed -9") == 3
        raftctl.run("up")
        assert raftctl.run("get", "a").stdout in ("1\n", "2\n")


def test_pinned_port_that_is_taken_names_its_owner() -> None:
    with fresh_home() as raftctl, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        base = taken.getsockname()[1] - 1
        done = raftctl.run("up", "-n", "1", "--port-base", str(base), check=False)
        assert done.returncode == 6
        assert "pid" in done.stderr
        assert raftctl.document("ls")["clusters"] == []


def test_up_that_fails_rolls_back_and_shows_the_culprits_last_lines() -> None:
    with fresh_home() as raftctl:
        done = raftctl.run("up", "-n", "3", "--machine", "no.such:Machine", check=False)
        assert done.returncode == 1
        assert "cannot make 'no.such:Machine'" in done.stderr
        assert raftctl.document("ls")["clusters"] == []


def test_own_state_machine_takes_proposals() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "1", "--machine", "tests.measure.machines:AppendLog")
        assert raftctl.document("propose", "hello")["index"] == 2


def test_ports_and_data_survive_down_and_up() -> None:
    with fresh_home() as raftctl:
        first = raftctl.document("up", "-n", "3")
        raftctl.run("put", "a", "1")
        raftctl.run("down")
        second = raftctl.document("up")
        ports = [[node["address"] for node in each["nodes"]] for each in (first, second)]
        assert ports[0] == ports[1]
        assert (second["created"], raftctl.run("get", "a").stdout) == (False, "1\n")
        assert raftctl.run("down").returncode == raftctl.run("down").returncode == 0


def test_secrets_are_for_their_owner_alone(cluster: Raftctl) -> None:
    folder = cluster.home / "clusters" / "demo"
    assert (folder / "token").stat().st_mode & 0o777 == 0o600
    assert (folder / "n1" / "raft.db").stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_help_and_status_do_without_heavy_imports(cluster: Raftctl) -> None:
    import subprocess
    import sys

    for words in (["--help"], ["status"]):
        code = (
            "import sys; from raftctl import cli; sys.argv = ['raftctl', *sys.argv[1:]]\n"
            "try: cli.main()\n"
            "except SystemExit as end: assert not end.code, f'exit {end.code}'\n"
            "heavy = {'rich', 'trio', 'textual', 'asyncio'} & set(sys.modules)\n"
            "assert not heavy, heavy"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, *words], env=cluster.env, capture_output=True, text=True,
            timeout=30,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
