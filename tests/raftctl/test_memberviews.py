"""Who belongs to a cluster, from what its nodes say; and nodes that come and go under a client."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from node.client.address import ClusterAddress
from node.client.errors import UnreachableError
from node.client.session import Call
from node.config import ClusterSpec, NodeAddress, save_cluster
from node.raft.configuration import Change, Configuration, Promote, Remove
from node.wire.messages import Failure
from raftctl.cluster.changing import reflects
from raftctl.cluster.directory import Cluster
from raftctl.cluster.leaving import arithmetic, target_of
from raftctl.cluster.members import View, count, view_of
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.output import Output
from raftctl.selectors import resolve, voters_of
from tests.raftctl.clusters import status


def spec(*node_ids: int) -> ClusterSpec:
    nodes = tuple(NodeAddress(n, "127.0.0.1", 8100 + n) for n in node_ids)
    return ClusterSpec("demo", "c1", nodes)


def answer(
    node_id: int, index: int, role: str = "follower", **configuration: Any
) -> dict[str, Any]:
    return {
        "id": node_id,
        "role": role,
        "term": 3,
        "voting": True,
        "configuration": Configuration(**configuration).to_map(),
        "configuration_index": index,
        "commit_index": 9,
        "last_index": 12,
        "progress": {"2": {"match_index": 11}} if role == "leader" else {},
    }


V3 = frozenset({1, 2, 3})


def test_the_leader_says_who_the_members_are() -> None:
    leader = answer(1, 10, "leader", voters=V3, learners=frozenset({4}), promotable=frozenset({4}))
    view = view_of({1: leader, 2: answer(2, 11, voters=V3)}, spec(1, 2, 3, 4, 5))
    assert (view.leader, view.index, view.is_settled) == (1, 10, False)
    assert [view.role_of(n) for n in (1, 4, 5)] == ["voter", "joining", "none"]
    assert view.progress == {2: {"match_index": 11}}


def test_without_a_leader_the_newest_log_says_it_and_who_knows_nothing_is_not_asked() -> None:
    wiped = answer(3, 0, voters=V3) | {"voting": False}
    newcomer = answer(4, 0)
    answers = {
        1: answer(1, 4, voters=V3),
        2: answer(2, 7, voters=frozenset({1, 2})),
        3: wiped,
        4: newcomer,
        5: UnreachableError("refused", "no"),
    }
    view = view_of(answers, spec(1, 2, 3, 4, 5))
    assert (view.leader, view.index, view.is_settled) == (None, 7, True)
    assert view.role_of(3) == "none"
    nobody = view_of({3: wiped, 4: newcomer}, spec(1, 2, 3))
    assert (nobody.index, nobody.role_of(1)) == (None, None)
    assert nobody.configuration.voters == V3


def test_during_a_change_both_majorities_count() -> None:
    joint = Configuration(frozenset({1, 2, 4}), outgoing=V3)
    view = View(joint, index=5, is_committed=True)
    assert not view.is_settled
    assert [view.role_of(n) for n in (1, 3, 4)] == ["voter", "leaving", "joining"]
    votes = count(joint, {1, 3})
    assert (votes.have, votes.need, votes.spare) == (1, 2, -1)
    assert count(joint, {1, 2}).spare == 0


def test_a_change_without_a_new_majority_is_not_begun_unless_it_is_wanted(tmp_path: Path) -> None:
    cluster = Cluster("demo", tmp_path)
    view = View(Configuration(V3), index=1, is_committed=True)
    target = target_of(cluster, view, [Remove(2)])
    assert target is not None
    assert arithmetic(cluster, target, {1, 3}, is_wanted=False) is None
    with pytest.raises(CliError, match="1 of 2 voters would be alive, 2 are needed") as caught:
        arithmetic(cluster, target, {1}, is_wanted=False)
    assert caught.value.exit_code == Exit.NO_QUORUM
    assert "remove or start n3 first" in caught.value.hint
    assert "no quorum" in (arithmetic(cluster, target, {1}, is_wanted=True) or "")
    with pytest.raises(CliError, match="the last voter cannot be removed") as caught:
        target_of(cluster, view, [Remove(1), Remove(2), Remove(3)])
    assert caught.value.exit_code == Exit.PRECONDITION


def test_a_change_is_done_when_all_of_it_is() -> None:
    both: list[Change] = [Promote(4), Remove(1)]
    assert reflects(Configuration(frozenset({2, 3, 4})), both)
    assert not reflects(Configuration(frozenset({1, 2, 3, 4})), both)
    assert not reflects(Configuration(V3, frozenset({4})), both)


def test_majorities_are_of_voters_and_a_minority_takes_the_learners_along() -> None:
    seen = status(5)
    view = View(Configuration(V3, frozenset({4})), index=1)
    seen.configuration = view.document()
    for row in seen.nodes:
        row.member = view.role_of(int(row.id[1:]))
        row.voting = True
    assert voters_of(seen) == {1, 2, 3}
    assert resolve(["majority"], seen) == [2, 1]
    assert resolve(["minority"], seen) == [3, 4, 5]
    assert resolve(["any-follower"], seen) == [1]
    seen.nodes[0].proc = seen.nodes[2].proc = "exited"
    assert resolve(["any-follower"], seen) == [4], "a learner, where no voter is left"


# -- clients that outlive the nodes ----------------------------------------------------------------
def test_a_client_finds_the_nodes_that_came_since(tmp_path: Path) -> None:
    save_cluster(tmp_path, spec(1, 2))
    address = ClusterAddress.following(tmp_path, spec(1, 2), b"t" * 16)
    assert dict(address.nodes) == {1: ("127.0.0.1", 8101), 2: ("127.0.0.1", 8102)}
    save_cluster(tmp_path, spec(2, 3))
    assert (sorted(address.nodes), len(address.nodes)) == ([2, 3], 2)
    assert address.nodes[1] == ("127.0.0.1", 8101), "for who was just told of it"
    with pytest.raises(KeyError):
        _ = address.nodes[9]
    (tmp_path / "cluster.json").write_text("{")
    assert sorted(address.nodes) == [2, 3], "what was known is better than nothing"


def test_a_call_that_goes_on_asks_them_too() -> None:
    nodes = {1: ("h", 1)}
    call = Call(nodes, None, now=0, timeout=10)
    assert call.next(0).node_id == 1  # type: ignore[union-attr]
    call.refused(1, Failure(1, "not_leader", "n2 leads", "none", 2))
    nodes[2] = ("h", 2)
    call.next(0)  # a pause
    asked = {call.next(1).node_id, call.next(1).node_id}  # type: ignore[union-attr]
    assert asked == {1, 2}


def test_a_cluster_that_is_looked_at_for_long_sees_nodes_come_and_go(tmp_path: Path) -> None:
    save_cluster(tmp_path, spec(1, 2))
    cluster = Cluster("demo", tmp_path)
    first = cluster.processes[2]
    save_cluster(tmp_path, spec(2, 3))
    (tmp_path / "n1").mkdir()
    (tmp_path / "n2").mkdir()
    assert sorted(cluster.processes) == [1, 2]
    cluster.refresh()
    assert sorted(cluster.processes) == [2, 3]
    assert cluster.processes[2] is first
    assert [process.name for process in cluster.leftovers] == ["n1"]
    (tmp_path / "cluster.json").write_text(json.dumps({}))
    os.utime(tmp_path / "cluster.json", ns=(1, 1))
    cluster.refresh()
    assert sorted(cluster.processes) == [2, 3]


def test_progress_without_a_terminal_is_a_line_now_and_then(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("raftctl.output.time.monotonic", lambda: now)
    output = Output("text", quiet=False, verbose=False, color=False, ascii_only=True)
    output.note("adding n4")
    for _ in range(50):
        now += 0.1
        output.progress(f"at {now:.0f}")
    assert capsys.readouterr().err.splitlines() == ["adding n4", "   at 102", "   at 104"]
