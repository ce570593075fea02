"""What the receiving node makes of links with faults: damage is noticed, a cut holds there too."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from node.client.admin import Admin
from node.faults import LinkRule
from tests.measure.commands import Raftctl

pytestmark = pytest.mark.e2e

SECONDS_MAX = 20


@pytest.fixture(scope="module")
def cluster(raftctl: Raftctl) -> Raftctl:
    raftctl.run("up", "-n", "3")
    return raftctl


@pytest.fixture
def roles(cluster: Raftctl) -> Iterator[tuple[int, int, int]]:
    """The leader and the two others. Whatever a test did to their links is undone."""
    cluster.run("wait", "ready")
    leader = int(cluster.document("status")["leader"][1:])
    other, third = {1, 2, 3} - {leader}
    yield leader, other, third
    cluster.run("heal", "all")


def view_of(cluster: Raftctl, node: int) -> dict[str, Any]:
    with Admin(cluster.address("demo"), node) as admin:
        return admin.status()


def until(
    cluster: Raftctl, node: int, holds: Callable[[dict[str, Any]], bool], what: str
) -> dict[str, Any]:
    """The node's own view, as soon as it is as expected."""
    deadline = time.monotonic() + SECONDS_MAX
    while not holds(view := view_of(cluster, node)):
        assert time.monotonic() < deadline, f"{what}: {view}"
    return view


def bad_frames(view: dict[str, Any]) -> int:
    count: int = view["counters"].get("bad_frame", 0)
    return count


def test_damaged_messages_are_counted_and_end_their_connection(
    cluster: Raftctl, roles: tuple[int, int, int]
) -> None:
    leader, other, third = roles
    before = {node: bad_frames(view_of(cluster, node)) for node in (other, third)}
    cluster.run("net", "--link", f"{leader}:{other}", "--corrupt", "100%", "--for", "30s")
    until(
        cluster,
        other,
        lambda view: bad_frames(view) >= before[other] + 2,
        "the leader dials again, and what it sends is damaged again",
    )
    assert bad_frames(view_of(cluster, third)) == before[third], "that link is as it was"
    log = cluster.run("logs", f"n{other}", "--grep", "bad_frame").stdout
    assert f"closed code=bad_frame who=n{leader} role=peer" in log
    (fault,) = cluster.document("faults")["faults"]
    assert fault["hits"] > 0
    cluster.run("heal")
    cluster.run("wait", "ready")
    cluster.run("put", "after-damage", "1")
    cluster.run("wait", "converged")


def test_cut_holds_where_the_receiver_alone_knows_of_it(
    cluster: Raftctl, roles: tuple[int, int, int]
) -> None:
    leader, other, _ = roles
    term = view_of(cluster, leader)["term"]
    rule = LinkRule(fault=1, src=leader, dst=other, cut=True)
    with Admin(cluster.address("demo"), other) as admin:
        admin.set_faults([rule.to_map()])
    until(
        cluster,
        other,
        lambda view: view["role"] == "precandidate",
        "whoever hears no leader asks for votes",
    )
    sender = view_of(cluster, leader)
    assert sender["faults"] == [], "the sender drops nothing by itself"
    assert (sender["role"], sender["term"]) == ("leader", term), "the others still hear it"
    assert sender["links"][str(other)] == "up"
    with Admin(cluster.address("demo"), other) as admin:
        admin.set_faults([])
    view = until(cluster, other, lambda view: view["leader"] == leader, "it hears the leader again")
    assert view["term"] == term
