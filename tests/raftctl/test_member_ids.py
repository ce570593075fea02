"""Ids of nodes: none is given twice, whatever became of the node that had it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node.config import NODE_ID_MAX, load_cluster
from node.raft.configuration import Configuration
from raftctl.cluster import membership
from raftctl.cluster.directory import Cluster
from raftctl.cluster.joining import id_for, mark_of
from raftctl.cluster.leaving import retire
from raftctl.cluster.members import View
from raftctl.cluster.membership import Request, Seen
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from tests.raftctl.clusters import status
from tests.raftctl.folders import make, settings_of

V3 = frozenset({1, 2, 3})


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    """n1, n2 and n3, which do not run."""
    return Cluster("demo", make(tmp_path))


def view(*others: int) -> View:
    """The three vote, and the others learn."""
    return View(Configuration(V3, frozenset(others)), 7, 1, is_committed=True)


def refusal(cluster: Cluster, wanted: int | None, seen: View) -> CliError:
    with pytest.raises(CliError) as caught:
        id_for(cluster, wanted, seen)
    return caught.value


def removed(cluster: Cluster, tmp_path: Path, *node_ids: int) -> Cluster:
    retire(cluster, settings_of(tmp_path).output, node_ids)
    return Cluster("demo", cluster.folder)


def test_the_next_id_is_above_all_nodes_and_all_members(cluster: Cluster) -> None:
    assert id_for(cluster, None, view()) == 4
    assert id_for(cluster, None, view(9)) == 10, "n9 has no row here"
    assert id_for(cluster, 12, view(9)) == 12


def test_an_id_that_may_have_been_given_is_refused(cluster: Cluster) -> None:
    """Whoever has n9 in its own file has had the ones below as well, perhaps."""
    for wanted in (1, 9):
        error = refusal(cluster, wanted, view(9))
        assert (error.code, error.exit_code) == ("E_EXISTS", Exit.PRECONDITION)
        assert error.message == f"n{wanted} is a member already"
    error = refusal(cluster, 5, view(9))
    assert error.message == "n5 was given before, and no id comes back"
    assert error.hint == "raftctl members add takes n10"


def test_removed_nodes_take_their_ids_with_them(cluster: Cluster, tmp_path: Path) -> None:
    after = removed(cluster, tmp_path, 3)
    assert [node.id for node in after.spec.nodes] == [1, 2]
    assert id_for(after, None, view()) == 4
    assert refusal(after, 3, View(Configuration(V3 - {3}), 7, 1)).code == "E_EXISTS"


def test_so_do_members_without_a_row(cluster: Cluster, tmp_path: Path) -> None:
    after = removed(cluster, tmp_path, 9)
    assert [node.id for node in after.spec.nodes] == [1, 2, 3]
    assert load_cluster(after.folder).next_id == 10
    assert id_for(after, None, view()) == 10
    assert refusal(after, 9, view()).message == "n9 was given before, and no id comes back"
    assert load_cluster(removed(after, tmp_path, 2).folder).next_id == 10, "it does not fall"


def test_after_the_greatest_id_there_is_none(cluster: Cluster, tmp_path: Path) -> None:
    after = removed(cluster, tmp_path, NODE_ID_MAX)
    error = refusal(after, None, view())
    assert (error.code, error.exit_code) == ("E_USAGE", Exit.USAGE)
    assert f"from 1 to {NODE_ID_MAX}" in error.hint


def test_what_was_begun_is_gone_on_with_and_who_was_removed_has_no_way_back(
    cluster: Cluster,
) -> None:
    seen = View(Configuration(V3 - {3}), 7, 1, is_committed=True)
    assert id_for(cluster, None, seen) == 4
    assert "was removed" in refusal(cluster, 3, seen).message
    mark_of(cluster, 3).touch()
    assert id_for(cluster, None, seen) == 3
    assert id_for(cluster, 3, seen) == 3


def test_a_node_cannot_take_its_own_place(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a voter nor a learner, which would lose its vote before it got it back."""
    seen = status(4)
    for row in seen.nodes:
        row.member = view(4).role_of(int(row.id[1:]))

    @contextmanager
    def changing(request: Request) -> Iterator[Seen]:
        yield Seen(view(4), seen)

    monkeypatch.setattr(membership, "_changing", changing)
    request = Request(settings_of(tmp_path), cluster, timeout=1)
    for node_id in (4, 3):
        with pytest.raises(CliError, match=f"n{node_id} cannot take its own place") as caught:
            membership.replace(request, f"n{node_id}", node_id)
        assert caught.value.exit_code == Exit.USAGE
