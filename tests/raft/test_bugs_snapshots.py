"""Snapshots as others got them wrong; docs/known-bugs.md tells the stories."""

from node.raft.configuration import AddLearner, Configuration
from node.raft.messages import (
    AppendEntries,
    AppendEntriesResponse,
    InstallSnapshotResponse,
    LogEntry,
)
from node.raft.snapshot import Snapshot, SnapshotId
from tests.raft.cluster import HEARTBEAT_US, Cluster
from tests.raft.solo import Solo, appends_to, chunk_of, chunks_to, log_of, sends_snapshot

THREE = Configuration(frozenset({1, 2, 3}))


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


def test_b41_late_snapshot_never_takes_a_node_back() -> None:
    """Whoever sends it, however often: it is answered as installed, and nothing changes."""
    solo = Solo()
    solo.append((0, 0), log_of(1, 1, 1, 1, 1, 1), commit=5, term=1)
    solo.work()
    before = (solo.core.commit_index, solo.core.last_index, list(solo.applied))
    for index in (1, 4, 5):
        which = SnapshotId(index, 1, 4, b"late")
        (answer,) = solo.receive(chunk_of(which, 0, b"abcd"))
        assert answer == InstallSnapshotResponse(1, 1, index, 0, 1, 4, True, False)
        assert not solo.core.install_snapshot(Snapshot(which, THREE))
        assert solo.work() == []
    assert solo.received == []
    assert (solo.core.commit_index, solo.core.last_index, solo.applied) == before
    assert solo.core.snapshot is None


def test_b41_snapshot_whose_last_entry_the_log_holds_keeps_what_follows() -> None:
    """The node lags behind with its commit index alone: it needs no bytes."""
    solo = Solo()
    solo.append((0, 0), log_of(1, 1, 1, 1, 1, 1), commit=1, term=1)
    (answer,) = solo.receive(chunk_of(SnapshotId(4, 1, 4, b"held"), 0, b"abcd"))
    assert (answer, solo.received) == (InstallSnapshotResponse(1, 1, 4, 0, 1, 4, True, False), [])
    assert (solo.core.commit_index, solo.core.last_index, len(solo.applied)) == (4, 6, 4)


def test_b42_conflicting_tail_goes_when_a_snapshot_is_installed() -> None:
    """The log has another term at the last entry of the snapshot, and entries behind it."""
    solo = Solo(log_of(1, 1, 1, 1, 1, 1))
    which = SnapshotId(4, 2, 4, b"good")
    solo.receive(chunk_of(which, 0, b"abcd", term=2))
    assert solo.core.install_snapshot(Snapshot(which, THREE))
    solo.work()
    assert (solo.core.first_index, solo.core.last_index, solo.core.log.last_term) == (5, 4, 2)
    (answer,) = solo.append((4, 2), [LogEntry(3, "next")], commit=5, term=3, leader=4)
    assert answer == AppendEntriesResponse(3, 1, True, 4, 1, 5)
    assert solo.applied == [LogEntry(3, "next")]
    (answer,) = solo.receive(chunk_of(which, 0, b"", term=3))
    assert answer == InstallSnapshotResponse(3, 1, 4, 0, 1, 4, True, False)


def test_b43_local_snapshot_that_ends_after_an_install_does_not_count() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.propose("x")
    cluster.run(HEARTBEAT_US)
    slow = cluster[3].begin_snapshot()
    cluster.cut(3)
    cluster.propose("y")
    newer = leader.take_snapshot()
    cluster.heal()
    cluster.run(4 * HEARTBEAT_US)
    assert cluster[3].core.snapshot == newer
    assert not cluster[3].finish_snapshot(slow)
    cluster[3].work()
    assert (cluster[3].core.snapshot, cluster[3].disk.snapshot) == (newer, newer)
    cluster[3].crash()
    cluster[3].restart()
    assert cluster[3].values == ["x", "y"]


def test_b47_snapshot_at_the_last_index_leads_back_to_appends_without_new_traffic() -> None:
    solo, which = sends_snapshot()
    solo.core.propose(["last"])
    solo.work()
    solo.acknowledge(10, peer=3)
    solo.has_of(which, 0)
    solo.has_of(which, 1000, 900, installed=True)
    newest = solo.compact(10)  # nothing is left behind it
    sent = solo.work() + solo.reject(8, (0, 0), sequence=1)
    assert [chunk.snapshot_index for chunk in chunks_to(sent)] == [10], "the next one in a row"
    sent = solo.has_of(newest, 0, installed=True)
    progress = solo.core.progress[2]
    assert (progress.match_index, progress.next_index) == (10, 11)
    (heartbeat,) = [m for m in appends_to(solo.tick(HEARTBEAT_US)) if m.prev_log_index == 10][:1]
    solo.acknowledge(10, sequence=heartbeat.sequence)
    assert progress.state == "replicate"
    solo.core.propose(["a", "b"])
    assert [len(m.entries) for m in appends_to(solo.work())] == [2, 2]


def test_b48_snapshot_carries_the_last_configuration_at_its_index() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.add(4)
    before = leader.take_snapshot()
    assert before.configuration == THREE
    cluster.cut(1)
    leader.core.change_membership([AddLearner(4)], cluster.now)
    leader.work()
    assert leader.core.configuration.learners == {4}
    assert leader.take_snapshot().configuration == THREE, "the change is not committed"
    cluster.heal()
    cluster.run(2 * HEARTBEAT_US)
    after = leader.take_snapshot()
    assert after.configuration == leader.core.configuration
    assert after.index == leader.core.configuration_index
    assert after.configuration.learners == {4}
    leader.crash()
    leader.restart()
    assert leader.core.configuration == after.configuration


def test_b49_uncommitted_configuration_does_not_survive_an_install() -> None:
    """A leader of two nodes added learners alone. What the others decided since is another story,
    in a snapshot at a lower index: the node must not count on its own members.
    """
    alone = Configuration(frozenset({1}))
    log = [LogEntry(1, None), *[LogEntry(1, "x")] * 8, LogEntry(1, alone)]
    solo = Solo(log)
    assert solo.core.configuration == alone
    which = SnapshotId(5, 2, 4, b"good")
    five = Configuration(frozenset({1, 2, 3, 4, 5}))
    solo.receive(chunk_of(which, 0, b"abcd", term=2))
    assert solo.core.install_snapshot(Snapshot(which, five))
    solo.work()
    assert (solo.core.configuration, solo.core.configuration_index) == (five, 5)
    for _ in range(5):
        solo.time_out()
        assert not solo.core.is_leader, "one of five"
