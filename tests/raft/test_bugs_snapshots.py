"""Snapshots as others got them wrong; docs/known-bugs.md tells the stories."""

from node.raft.configuration import AddLearner, Configuration
from node.raft.messages import AppendEntries
from tests.raft.cluster import Cluster


def carries_configuration(message: AppendEntries) -> bool:
    return any(type(entry.entry) is Configuration for entry in message.entries)


def test_b48_newcomer_that_does_not_know_the_members_takes_no_snapshot() -> None:
    """It gets the log from the beginning, whose first members were never an entry of it."""
    cluster = Cluster(1, append_entries_max=2)
    cluster.elect(1)
    cluster.propose(*"abcdef")
    newcomer = cluster.add(2)
    cluster.drop = lambda src, dst, m: isinstance(m, AppendEntries) and carries_configuration(m)
    cluster.change(AddLearner(2))
    cluster.run_until(lambda: newcomer.values == list("abcde"))
    assert newcomer.core.configuration.members == set()
    assert not newcomer.finish_snapshot(newcomer.begin_snapshot())
    assert newcomer.core.snapshot is None
    assert newcomer.core.first_index == 1
    cluster.drop = lambda src, dst, m: False
    cluster.run_until(lambda: newcomer.core.commit_index == cluster[1].core.commit_index)
    assert newcomer.take_snapshot() == cluster[1].take_snapshot()
