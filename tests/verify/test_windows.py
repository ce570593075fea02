"""What is on its way to a follower."""

from types import SimpleNamespace

import pytest

from node.raft.messages import AppendEntries, LogEntry
from node.verify.invariants.appends_keep_to_the_window import AppendsKeepToTheWindow
from tests.verify.members import Cluster, caught


def append(*entries: LogEntry) -> AppendEntries:
    return AppendEntries(1, 1, 0, 0, entries, 0, 1)


def sending(on_their_way: int) -> Cluster:
    cluster = Cluster(AppendsKeepToTheWindow)
    cluster.leads(1, 1)
    progress = SimpleNamespace(inflight=[None] * on_their_way, inflight_max=2)
    cluster.nodes[1].core.progress = {2: progress}
    return cluster


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_window_that_is_kept(count: int) -> None:
    sending(count).sends(1, 2, append(LogEntry(1, b"x")))


def test_heartbeats_beyond_the_window() -> None:
    sending(3).sends(1, 2, append())


def test_an_append_beyond_the_window() -> None:
    with caught("appends_keep_to_the_window", "n1: has 3 appends on their way to n2, .* may be 2"):
        sending(3).sends(1, 2, append(LogEntry(1, b"x")))
