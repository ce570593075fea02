"""log show, log diff and log verify on data: of nodes that are dead, that run, or of a backup."""

import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.storage import inspection
from node.storage.base import CorruptionError
from raftctl.cluster.comparing import Comparison, compare
from raftctl.cluster.directory import Cluster
from raftctl.cluster.logcheck import check_folder, check_node, lines_of
from raftctl.cluster.logdiff import diff_lines, diff_of, two_logs
from raftctl.cluster.nodelogs import Describer, read_folder, read_node
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.logdocs import LogVerify
from raftctl.output import Output
from tests.measure.commands import RAFTCTL, Raftctl
from tests.raftctl.folders import damage, make, put, settings_of, terms, write

PLAIN = Output("text", False, False, False, False)


def compared(
    home: Path, left: list[int], right: list[int], committed: tuple[int, int] = (0, 0)
) -> Comparison:
    """n1 and n2 with a log of an entry for each of these terms."""
    folder = make(home)
    write(folder, 1, terms(*left), commit_index=committed[0], term=9)
    write(folder, 2, terms(*right), commit_index=committed[1], term=9)
    cluster = Cluster("demo", folder)
    return compare(read_node(cluster, 1), read_node(cluster, 2))


@pytest.mark.parametrize(
    ("left", "right", "committed", "parts_at", "verdict", "text"),
    [
        ([1, 1], [1, 1], (2, 1), None, "same", "the same: both end at 2"),
        ([1, 1, 1], [1], (3, 1), 2, "behind", "no contradiction: n2 lacks the last 2 entries"),
        ([1, 2, 2], [1, 1, 1], (3, 1), 2, "legal", "legal: n2's 2 entries never committed; they"),
        ([1, 1, 1], [1, 2], (1, 2), 2, "legal", "legal: n1's 2 entries never committed; they"),
        ([1, 2], [1, 1], (2, 0), 2, "legal", "legal: n2's 1 entry never committed; it will"),
        ([1, 2], [1, 1], (1, 1), 2, "undecided", "legal: neither knows entry 2 to be committed"),
        ([1, 2], [1, 1], (2, 2), 2, "illegal", "ILLEGAL: both say that entry 2 is committed"),
    ],
)
def test_verdict_says_whether_logs_may_part_so(
    tmp_path: Path,
    left: list[int],
    right: list[int],
    committed: tuple[int, int],
    parts_at: int | None,
    verdict: str,
    text: str,
) -> None:
    found = compared(tmp_path, left, right, committed)
    assert (found.parts_at, found.verdict) == (parts_at, verdict)
    assert found.text.startswith(text)


def test_same_term_and_another_command_is_illegal_whatever_is_committed(tmp_path: Path) -> None:
    folder = make(tmp_path)
    write(folder, 1, [LogEntry(1, put("a"))])
    write(folder, 2, [LogEntry(1, put("b"))])
    cluster = Cluster("demo", folder)
    found = compare(read_node(cluster, 1), read_node(cluster, 2))
    assert found.text == "ILLEGAL: entry 1 of term 1 is not the same in both"


def test_what_snapshots_stand_for_is_not_compared(tmp_path: Path) -> None:
    folder = make(tmp_path)
    write(folder, 1, terms(1, 1, 1, 2)[2:], commit_index=3, base=EntryId(1, 2))
    write(folder, 2, terms(1, 1, 1, 1), commit_index=2)
    write(folder, 3, terms(1), commit_index=1)
    cluster = Cluster("demo", folder)
    first, second, third = (read_node(cluster, node_id) for node_id in (1, 2, 3))
    found = diff_of(first, second, Describer(), 20)
    assert (found.compared_from, found.parts_at, found.verdict) == (3, 4, "undecided")
    assert compare(first, third).verdict == "apart"
    other = make(tmp_path / "other")
    write(other, 1, [], base=EntryId(3, 2), term=3)
    foreign = read_node(Cluster("demo", other), 1)
    contradicting = compare(foreign, second)
    assert (contradicting.parts_at, contradicting.verdict) == (2, "illegal")


def test_two_logs_stand_side_by_side(tmp_path: Path) -> None:
    folder = make(tmp_path)
    ours = [*terms(6, 6), *(LogEntry(7, put(f"k{n}", "new")) for n in range(3))]
    ours[2] = LogEntry(7, None)
    write(folder, 1, ours, commit_index=5)
    write(folder, 2, [*terms(6, 6), LogEntry(6, put("k3", "old"))], commit_index=2)
    one, other, describer = two_logs(settings_of(tmp_path), "n1", "n2")
    document = diff_of(one, other, describer, 2)
    assert diff_lines(document, PLAIN) == [
        "   INDEX  TERM  KIND     STATE      BYTES  DATA (n1)    │ n2",
        '       2     6  command  committed     44  put k2-6 "v" │ =',
        '≠      3     7  noop     committed      0  noop         │ t6 put k3 "old"',
        '       4     7  command  committed     44  put k1 "new" │ absent',
        "... 1 more; -n shows them",
        "legal: n2's 1 entry never committed; it will be truncated",
    ]


def test_folders_of_anywhere_are_compared_and_those_of_other_clusters_are_not(
    tmp_path: Path,
) -> None:
    folder = make(tmp_path)
    write(folder, 1, terms(1, 1))
    backup = tmp_path / "backup"
    shutil.copytree(folder / "n1", backup)
    settings = settings_of(tmp_path)
    for words in (("n1", str(backup)), (str(backup), str(backup / "raft.db"))):
        one, other, _ = two_logs(settings, *words)
        assert compare(one, other).verdict == "same"
    write(make(tmp_path / "other"), 1, terms(1, 1))
    with pytest.raises(CliError) as caught:
        two_logs(settings, "n1", str(tmp_path / "other/clusters/demo/n1"))
    assert (caught.value.code, caught.value.exit_code) == ("E_WRONG_CLUSTER", Exit.PRECONDITION)


# -- verify ----------------------------------------------------------------------------------------
def test_whole_data_is_ok_and_all_damages_of_damaged_data_are_told(tmp_path: Path) -> None:
    import sqlite3

    folder = make(tmp_path)
    for node_id in (1, 2, 3):
        write(folder, node_id, terms(*[1] * 8)[2:], commit_index=4, base=EntryId(1, 2))
    cluster = Cluster("demo", folder)
    whole = check_node(cluster, 1, PLAIN)
    assert (whole.ok, whole.first_index, whole.last_index, whole.commit_index) == (True, 3, 8, 4)
    assert [each.index for each in whole.snapshots] == [2]
    with sqlite3.connect(folder / "n2" / "raft.db") as db:
        db.execute("UPDATE log SET term = 3 WHERE idx IN (4, 6)")
        db.execute("DELETE FROM log WHERE idx = 8")
    damage(next((folder / "n2" / "snapshots").iterdir()))
    spoilt = check_node(cluster, 2, PLAIN)
    assert not spoilt.ok
    for what in ("entry 4 is damaged", "entry 6 is damaged", "entry 8 is missing", "checksum"):
        assert any(what in line for line in spoilt.damage), what
    (folder / "n3" / "raft.db").write_bytes(b"garbage" * 100)
    unreadable = check_node(cluster, 3, PLAIN)
    assert (unreadable.ok, unreadable.last_index) == (False, None)
    lines = lines_of(LogVerify(False, [whole, spoilt, unreadable]), PLAIN)
    assert lines[0] == "✓ n1  6 entries up to 8, term 1, snapshot of 2"
    assert lines[1].startswith("✗ n2  ")
    assert lines[1].endswith("DAMAGED")


def test_folder_that_is_none_is_no_damage(tmp_path: Path) -> None:
    with pytest.raises(CliError) as caught:
        check_folder(tmp_path, PLAIN)
    assert (caught.value.code, caught.value.exit_code) == ("E_NO_DATA", Exit.NOT_FOUND)
    (tmp_path / "raft.db").write_bytes(b"garbage" * 100)
    assert not check_folder(tmp_path / "raft.db", PLAIN).ok


def test_log_that_a_running_node_writes_meanwhile_is_not_taken_for_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [CorruptionError("at byte 4152"), CorruptionError("at byte 8272")]

    def check(path: Path) -> None:
        if found:
            raise found.pop(0)

    folder = make(tmp_path)
    monkeypatch.setattr(inspection, "check_write_ahead_log", check)
    assert read_folder(folder / "n1", "n1").damage == ()
    found[:] = [CorruptionError("at byte 4152")] * 9
    assert read_folder(folder / "n1", "n1").damage == ("at byte 4152",)


# -- with processes --------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def cluster(raftctl: Raftctl) -> Raftctl:
    raftctl.run("up", "-n", "3")
    raftctl.run("put", "a", "1")
    raftctl.run("wait", "converged")
    return raftctl


@pytest.mark.e2e
def test_dead_and_paused_nodes_logs_are_shown_and_compared(cluster: Raftctl) -> None:
    alive = cluster.document("log", "show", "n1", "--from", "1")
    cluster.run("kill", "n1")
    cluster.run("put", "b", "2")
    dead = cluster.run("log", "show", "n1", "--from", "1", "-o", "json")
    assert "killed -9" in dead.stderr
    document = json.loads(dead.stdout)
    assert (alive["source"], document["source"]) == ("node", "database")
    assert [each["index"] for each in document["entries"]] == [1, 2]
    assert document["entries"][1]["preview"] == 'put a "1"'
    folder = str(cluster.home / "clusters" / "demo" / "n1")
    by_path = cluster.document("log", "show", "--data-dir", folder, "--from", "1")
    assert by_path["entries"] == document["entries"]
    cluster.run("pause", "n3")
    for pair in (("n1", "n2"), ("n2", "n3"), ("n1", folder)):
        assert cluster.document("log", "diff", *pair)["verdict"] in ("behind", "same")
    assert cluster.document("log", "verify")["ok"]
    cluster.run("resume", "n3")
    cluster.run("start", "n1")
    cluster.run("wait", "ready")
    both = cluster.run("log", "show", "n1", "--data-dir", folder, check=False)
    assert both.returncode == cluster.run("log", "show", check=False).returncode == Exit.USAGE


@pytest.mark.e2e
def test_nodes_under_load_are_checked_without_noticing(cluster: Raftctl) -> None:
    term = cluster.document("status")["term"]
    load = subprocess.Popen(
        [str(RAFTCTL), "bench", "put", "--duration", "4s", "--inflight", "256", "-o", "json"],
        env=cluster.env, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    looked_at = Cluster("demo", cluster.home / "clusters" / "demo")
    counts = []
    with load:
        end = time.monotonic() + 3
        while time.monotonic() < end:
            for node_id in (1, 2, 3):
                checked = check_node(looked_at, node_id, PLAIN)
                assert checked.damage == []
                counts.append(checked.last_index or 0)
        done = json.loads(load.communicate()[0])
    assert max(counts) > 100
    assert (done["errors"], done["unknown"]) == (0, 0)
    assert cluster.document("status")["term"] == term


@pytest.mark.e2e
def test_damage_on_the_disk_is_named_and_the_exit_code_says_so(cluster: Raftctl) -> None:
    cluster.run("put", "place", "where it rots")
    cluster.run("wait", "converged")
    cluster.run("stop", "n2")
    path = cluster.home / "clusters" / "demo" / "n2" / "raft.db"
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"where it rots", b"where it rotz"))
    done = cluster.run("log", "verify", "n2", "-o", "json", check=False)
    assert done.returncode == Exit.CHECK_FAILED
    (log,) = json.loads(done.stdout)["logs"]
    assert re.search(r"(is|are) damaged \(checksum\)", log["damage"][0])
    doctor = cluster.document("doctor", check=False)["findings"]
    (lost,) = [each for each in doctor if each["code"] == "node_lost"]
    assert (lost["node"], lost["hint"]) == ("n2", "raftctl members replace n2")
    path.write_bytes(whole)
    cluster.run("start", "n2")
