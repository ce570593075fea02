"""doctor: why there is no leader, node by node, and what to type next."""

import time
from typing import Any

import pytest

from node.raft.configuration import Configuration
from node.raft.log import EntryId
from raftctl.cluster.diagnosis import diagnose
from raftctl.cluster.directory import Cluster
from raftctl.cluster.members import View
from raftctl.cluster.scene import Scene, gather
from raftctl.clusterdocs import Finding
from raftctl.exit_codes import Exit
from raftctl.statusdocs import Node
from tests.measure.commands import Raftctl, fresh_home


def answer(node_id: int, size: int = 3, **changes: Any) -> dict[str, Any]:
    """What a healthy follower says."""
    document = {
        "id": node_id,
        "role": "follower",
        "term": 4,
        "voting": True,
        "links": {str(n): "up" for n in range(1, size + 1) if n != node_id},
        "link_errors": {},
        "faults": [],
        "disk": {"full": False, "stalled": False, "last_ms": 1.0, "syncs": 9},
        "progress": {},
    }
    return document | changes


def scene(
    answers: dict[int, dict[str, Any]],
    leader: int | None = None,
    size: int = 3,
    configuration: Configuration | None = None,
    procs: dict[int, str] | None = None,
    **changes: Any,
) -> Scene:
    """Nodes that are not among `answers` are dead, unless `procs` says what else."""
    members = configuration or Configuration(frozenset(range(1, size + 1)))
    rows = {}
    for node_id in range(1, size + 1):
        proc: Any = "running" if node_id in answers else (procs or {}).get(node_id, "exited")
        remedy = {"paused": "resume", "exited": "start"}.get(proc, "logs")
        row = Node(f"n{node_id}", f"127.0.0.1:{node_id}", 1, proc, "killed -9 3s", remedy)
        rows[node_id] = row
    progress = answers[leader]["progress"] if leader else {}
    view = View(members, 1, leader, True, 100, {int(n): each for n, each in progress.items()})
    return Scene("demo", "raftctl", "/f", 150, 50, view, rows, answers, **changes)


def found(seen: Scene) -> dict[str, Finding]:
    """By code, and by node where it is about one."""
    findings = diagnose(seen)
    for each in findings:
        assert each.ok == (each.severity != "error")
        assert each.severity in ("ok", "info") or each.hint, each.code
    return {f"{each.code} {each.node or ''}".strip(): each for each in findings}


def test_too_few_voters_are_counted_and_each_is_told_how_to_come_back() -> None:
    by = found(scene({3: answer(3)}, procs={1: "paused"}))
    first = by["no_quorum"]
    assert "of the voters n1 n2 n3 there is n3: 1 of 3, 2 are needed" in first.message
    assert first.hint == "raftctl resume n1, raftctl start n2"
    assert (by["node_paused n1"].severity, by["node_down n2"].severity) == ("error", "error")


def test_lost_data_leads_to_recovery_and_hung_processes_to_a_restart() -> None:
    lost = {1: "its data is gone", 2: "its data is damaged: entry 4"}
    by = found(scene({3: answer(3)}, lost=lost))
    assert "raftctl recover n3 goes on without them" in by["no_quorum"].hint
    assert "its data is gone" in by["node_lost n1"].message
    assert "members replace n2" in by["node_lost n2"].hint
    assert "snapshot restore" in found(scene({}, lost={**lost, 3: "gone"}))["no_quorum"].hint
    hung = found(scene({3: answer(3)}, procs={1: "unreachable", 2: "unreachable"}))
    assert hung["no_quorum"].hint == "raftctl restart n1 n2"
    wiped = scene({3: answer(3), 1: answer(1, voting=False)}, lost={2: "its data is gone"})
    assert "recover n3" in found(wiped)["no_quorum"].hint
    assert "no vote" in found(wiped)["node_wiped n1"].message


def test_joint_configuration_is_counted_in_both_halves() -> None:
    joint = Configuration(frozenset({1, 4, 5}), outgoing=frozenset({1, 2, 3}))
    answers = {n: answer(n, 5) for n in (1, 2, 4)}
    del answers[4]
    by = found(scene(answers, size=5, configuration=joint))
    assert "old voters n1 n2 n3 there are n1 n2: 2 of 3" in by["no_quorum"].message
    assert "new voters n1 n4 n5 there is n1: 1 of 3" in by["no_quorum"].message


def test_voters_that_do_not_reach_each_other_are_told_apart_by_what_cuts_them() -> None:
    rule = {"fault": 7, "src": 1, "dst": 2, "cut": True}
    answers = {
        1: answer(1, links={"2": "cut", "3": "cut"}, faults=[rule, {**rule, "dst": 3}]),
        2: answer(2, links={"1": "cut", "3": "down"}, link_errors={"3": "connection refused"}),
        3: answer(3, links={"1": "cut", "2": "up"}),
    }
    by = found(scene(answers, faults={7: "partition n1 | n2"}))
    assert "n1 reaches nobody (1 of 3)" in by["no_connection"].message
    assert by["no_connection"].hint == "raftctl heal all"
    assert "n1-n2, n1-n3 are cut by fault #7 partition n1 | n2" in by["link_cut"].message
    assert "n2 says 'connection refused'" in by["link_down"].message


def test_log_that_is_behind_cannot_win_and_says_behind_whom() -> None:
    ends = {1: EntryId(3, 9), 2: EntryId(4, 7), 3: EntryId(4, 8)}
    by = found(scene({n: answer(n) for n in (1, 2, 3)}, ends=ends))
    assert "electing" in by
    assert "entry 9 of term 3, behind n3 (8, term 4)" in by["log_behind n1"].message
    assert {"log_behind n2", "log_behind n3"} & by.keys() == {"log_behind n2"}


def test_disks_that_do_not_keep_up_are_named() -> None:
    def disk(**what: Any) -> dict[str, Any]:
        return {"disk": {"full": False, "stalled": False, "last_ms": 1.0, "syncs": 1} | what}

    full = found(scene({1: answer(1, **disk(full=True)), 2: answer(2)}))
    assert "the disks of n1 do not keep up" in full["no_disk"].message
    assert full["disk_full n1"].hint == "df -h /f"
    made: dict[str, Any] = {"node_faults": [{"fault": 4, "node": 1, "kind": "full"}]}
    made_full = found(scene({1: answer(1, **disk(full=True), **made), 2: answer(2)}))
    assert made_full["disk_full n1"].hint == made_full["no_disk"].hint == "raftctl heal 4"
    stalled = found(scene({1: answer(1, **disk(stalled=True)), 2: answer(2)}))
    assert "no_disk" in stalled
    assert stalled["disk_stalled n1"].severity == "error"
    slow = found(scene({n: answer(n, **disk(last_ms=400.0)) for n in (1, 2, 3)}))
    assert "election timeout of 150 ms: a flush takes 400 ms" in slow["slow_flush"].message
    assert slow["disk_slow n2"].severity == "warning"


def led(size: int, **changes: Any) -> Scene:
    answers = {n: answer(n, size) for n in range(1, size + 1)}
    answers[1]["role"] = "leader"
    return scene(answers, 1, size, **changes)


def test_shapes_of_clusters_that_survive_less_than_they_seem_to() -> None:
    assert found(led(3)).keys() == {"leader", "quorum"}
    assert "both are needed" in found(led(2))["voters_two"].message
    assert "4 voters survive 1, as many as 3 do" in found(led(4))["voters_even"].message
    assert found(led(1))["voters_one"].severity == "info"
    fragile = led(3)
    answers = {n: each for n, each in fragile.answers.items() if n != 3}
    by = found(scene(dict(answers), 1))  # type: ignore[arg-type]
    assert by["no_spare"].hint == "raftctl start n3"
    assert by["node_down n3"].severity == "warning"


def test_members_that_do_not_keep_up_are_told_from_those_that_do() -> None:
    progress = {"2": {"match_index": 40}, "3": {"match_index": 99}, "4": {"match_index": 10}}
    later = {"2": {"match_index": 70}, "3": {"match_index": 99}, "4": {"match_index": 10}}
    members = Configuration(frozenset({1, 2, 3}), frozenset({4}), promotable=frozenset({4}))
    answers = {n: answer(n, 4) for n in range(1, 5)}
    answers[1] |= {"role": "leader", "progress": progress}
    by = found(scene(answers, 1, 4, members, later={1: {**answers[1], "progress": later}}))
    assert "60 entries behind, and will be sent a snapshot" in by["log_far n2"].message
    assert "stays 1 entry behind" in by["log_stuck n3"].message
    assert "joining, and makes no progress: 10 of 100" in by["learner_stuck n4"].message


def test_stopped_cluster_is_no_trouble() -> None:
    by = found(scene({}))
    assert by.keys() == {"stopped"}


# -- with processes --------------------------------------------------------------------------------
@pytest.mark.e2e
def test_doctor_of_a_real_cluster_without_a_leader() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3", "--wait", "ready")
        assert _codes(raftctl) == {"leader", "quorum"}
        raftctl.run("partition", "1", "/", "2", "/", "3")
        _wait_for(raftctl, "no_connection")
        done = raftctl.run("doctor", check=False)
        assert done.returncode == Exit.CHECK_FAILED
        assert "n1 reaches nobody (1 of 3)" in done.stdout
        assert "hint: raftctl heal all" in done.stdout
        raftctl.run("heal", "all")
        raftctl.run("pause", "n1")
        raftctl.run("kill", "n2")
        _wait_for(raftctl, "no_quorum")
        hints = {each["hint"] for each in raftctl.document("doctor", check=False)["findings"]}
        assert "raftctl resume n1, raftctl start n2" in hints
        raftctl.run("down")
        assert _codes(raftctl) == {"stopped"}


def _codes(raftctl: Raftctl) -> set[str]:
    return {each.code for each in diagnose(gather(Cluster("demo", raftctl.home / "clusters/demo")))}


def _wait_for(raftctl: Raftctl, code: str) -> None:
    deadline = time.monotonic() + 10
    while code not in _codes(raftctl):
        assert time.monotonic() < deadline, f"no {code}"
