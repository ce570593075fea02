"""Node processes that lose their disk, find it damaged, or find somebody else in their place."""

import json
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from node.storage.ondisk import REDO
from raftctl.cluster.processes import NodeProcess
from tests.measure.commands import Raftctl, fresh_home

pytestmark = pytest.mark.e2e


def by_hand(folder: Path, node_id: int) -> list[str]:
    return [sys.executable, "-m", "node.server", "--cluster", str(folder), "--id", str(node_id)]


def serve(folder: Path, node_id: int) -> subprocess.CompletedProcess[str]:
    """Run a node that is expected to end by itself."""
    return subprocess.run(by_hand(folder, node_id), capture_output=True, text=True, timeout=20)


@pytest.fixture(scope="module")
def used(raftctl: Raftctl) -> Path:
    """The folder of a cluster that was used and stopped."""
    raftctl.run("up", "-n", "3")
    raftctl.run("put", "a", "1")
    raftctl.run("wait", "converged")
    raftctl.run("down")
    return raftctl.home / "clusters" / "demo"


@pytest.fixture
def stopped(used: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(used, tmp_path / "copy")


def test_b32_damaged_entry_keeps_the_node_from_starting_and_is_named(stopped: Path) -> None:
    with sqlite3.connect(stopped / "n1" / "raft.db") as db:
        change = "UPDATE log SET entries = x'00' WHERE 2 BETWEEN idx AND last"
        assert db.execute(change).rowcount == 1
    db.close()
    done = serve(stopped, 1)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert re.search("(entry 2 is|entries 1 to 2 are) damaged", last)
    assert "Traceback" not in done.stderr


def test_b32_damaged_redo_log_keeps_the_node_from_starting_and_is_named() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        for key in ("a", "b", "c"):
            raftctl.run("put", key, "1")
        raftctl.run("wait", "converged")
        raftctl.run("kill", "n1")
        redo = raftctl.home / "clusters" / "demo" / "n1" / REDO
        data = bytearray(redo.read_bytes())
        data[30] ^= 1  # of the first save's term
        redo.write_bytes(data)
        says = f"{redo}: damaged at byte 0, in front of saves that were flushed"
        verified = raftctl.run("log", "verify", "n1", "-o", "json", check=False)
        assert says in json.loads(verified.stdout)["logs"][0]["damage"][0]
        assert raftctl.run("start", "n1", check=False).returncode != 0
        assert says in raftctl.run("logs", "n1", "--level", "error").stdout
        assert redo.read_bytes() == data


def test_file_that_is_no_database_keeps_the_node_from_starting(stopped: Path) -> None:
    for path in (stopped / "n1").glob("raft.db*"):
        path.unlink()
    (stopped / "n1" / "raft.db").write_bytes(b"x" * 8192)
    done = serve(stopped, 1)
    assert done.returncode == 1
    assert "raft.db is damaged" in done.stderr.splitlines()[-1]


def test_database_of_another_node_is_refused(stopped: Path) -> None:
    shutil.copy(stopped / "n2" / "raft.db", stopped / "n1" / "raft.db")
    done = serve(stopped, 1)
    assert done.returncode == 1
    assert "is not the database of node 1" in done.stderr.splitlines()[-1]


def test_a_node_that_cannot_start_closes_its_database_before_it_gives_up_the_folder(
    stopped: Path,
) -> None:
    """Whoever takes the folder then may remove it, as `raftctl up` does."""
    cluster = stopped / "cluster.json"
    text = cluster.read_text()
    cluster.write_text(text.replace('"machine": "kv"', '"machine": "no.such:Machine"'))
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from node.server import run\n"
        "folder, close = Path(sys.argv[1]), os.close\n"
        "lock = os.stat(folder / 'n1' / 'pid')\n"
        "def give_up(file):\n"
        "    if os.path.samestat(os.fstat(file), lock):\n"
        "        print(*(each.name for each in (folder / 'n1').glob('raft.db-*')), 'at the end')\n"
        "    close(file)\n"
        "run.os.close = give_up\n"
        "sys.exit(run.run_node(folder, 1))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(stopped)], capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, "no.such" in done.stderr) == (1, True), done.stderr
    assert done.stdout == "at the end\n"


def test_of_two_by_hand_at_once_one_runs_and_commands_find_it() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "1")
        raftctl.run("stop", "n1")
        folder = raftctl.home / "clusters" / "demo"
        pipe = subprocess.PIPE
        both = [subprocess.Popen(by_hand(folder, 1), stderr=pipe, text=True) for _ in range(2)]
        with both[0], both[1]:
            try:
                raftctl.run("wait", "ready")
                (row,) = raftctl.document("status")["nodes"]
                runs, other = both if row["pid"] == both[0].pid else reversed(both)
                assert (row["pid"], row["proc"], other.wait(20)) == (runs.pid, "running", 1)
                assert other.stderr is not None
                last = other.stderr.read().splitlines()[-1]
                text = f"cannot start node=n1 why=n1 runs already, as process {runs.pid}"
                assert last.endswith(text)
                raftctl.run("stop", "n1")
                assert runs.wait(20) == 0
            finally:
                for each in both:
                    each.kill()
        raftctl.run("start", "n1")
        done = serve(folder, 1)
        assert (done.returncode, "n1 runs already" in done.stderr) == (1, True)


def test_a_node_whose_starter_was_killed_says_itself_which_process_it_is(stopped: Path) -> None:
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from node.server import ownership\n"
        "from raftctl.cluster.processes import NodeProcess\n"
        "ownership.write_pid = lambda *_: os.kill(os.getpid(), 9)\n"
        "NodeProcess(Path(sys.argv[1]), 1).start()\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(stopped)], timeout=20)
    assert done.returncode == -signal.SIGKILL
    process = NodeProcess(stopped, 1)
    try:
        deadline = time.monotonic() + 20
        while process.find() is None:
            assert process.is_running
            assert time.monotonic() < deadline
    finally:
        assert process.end(signal.SIGKILL, "killed", timeout=10)


def test_taken_port_is_one_clear_line(stopped: Path) -> None:
    port = json.loads((stopped / "cluster.json").read_text())["nodes"][0]["port"]
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", port))
        taken.listen()
        done = serve(stopped, 1)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr.splitlines()[-1]


def test_b38_wiped_node_follows_without_a_vote_and_says_what_to_do() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        raftctl.run("put", "a", "1")
        folders = raftctl.home / "clusters" / "demo"
        assert len(list(folders.glob(f"n*/{REDO}"))) == 3
        raftctl.run("wipe", "any-follower", "-y")
        wiped = raftctl.document("status")["nodes"]
        (name,) = (node["id"] for node in wiped if node["proc"] == "exited")
        assert not list((folders / name).glob("raft.*"))
        raftctl.run("start", name)
        raftctl.run("put", "b", "2")
        row = next(n for n in raftctl.document("status")["nodes"] if n["id"] == name)
        assert row["voting"] is False
        assert row["last_index"] == 0
        assert "raft.db is missing" in raftctl.run("logs", name, "--level", "error").stdout


def test_faults_survive_a_restart_of_the_node_and_expire_by_themselves() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        raftctl.run("wait", "ready")
        raftctl.run("partition", "n3", "--for", "6s")
        raftctl.run("kill", "n3")
        raftctl.run("start", "n3")
        status = raftctl.document("status")
        rows = {node["id"]: node for node in status["nodes"]}
        assert rows["n3"]["links"] == {"n1": "cut", "n2": "cut"}
        assert status["leader"] in ("n1", "n2")
        raftctl.run("wait", "healed")
        raftctl.run("wait", "ready")
        rows = {node["id"]: node for node in raftctl.document("status")["nodes"]}
        assert set(rows["n3"]["links"].values()) == {"up"}


GREEDY = """
class Greedy:
    def apply(self, command: bytes, index: int) -> bytes:
        raise MemoryError

    def query(self, query: bytes) -> bytes:
        return b""
"""


def test_state_machine_without_memory_ends_its_node_with_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "greedy.py").write_text(GREEDY)
    with fresh_home() as raftctl:
        raftctl.folder = tmp_path
        raftctl.run("up", "-n", "1", "--machine", "greedy:Greedy")
        assert raftctl.run("propose", "x", "--timeout", "1s", check=False).returncode != 0
        (row,) = raftctl.document("status", check=False)["nodes"]
        assert row["proc"] == "exited"
        assert row["note"] == "stopped: the state machine needs more than this process has"
        last = raftctl.run("logs", "-n", "1").stdout
    assert "stopped: the state machine needs more" in last
    assert "MemoryError" in last
