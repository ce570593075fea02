"""How a snapshot travels: chunks that are lost, doubled or late, cut links, other leaders, disks."""

import pytest

from node.raft.configuration import Configuration
from node.raft.errors import RemoteProtocolError
from node.raft.events import SnapshotDamaged
from node.raft.messages import (
    AppendEntries,
    InstallSnapshot,
    InstallSnapshotResponse,
    LogEntry,
    Message,
)
from node.raft.promises import ANSWERS_MAX, Promises
from node.raft.snapshot import Snapshot, SnapshotId
from tests.raft.cluster import HEARTBEAT_US, Cluster
from tests.raft.solo import Solo, chunk_of, chunks_to, sends_snapshot


def test_b44_late_answer_about_an_earlier_transfer_of_the_same_snapshot_changes_nothing() -> None:
    solo, which = sends_snapshot()
    chunks = chunks_to(solo.has_of(which, 0))
    assert [chunk.offset for chunk in chunks] == [0, 100, 200]
    solo.has_of(which, 300, 200)
    last = solo.newest_sequence
    (question,) = chunks_to(solo.has_of(which, 0, damaged=True))
    assert (question.offset, question.data) == (0, b""), "it begins again"
    assert solo.has_of(which, 0, sequence=last, damaged=True) == [], "a duplicate"
    assert solo.has_of(which, 300, 200, sequence=last) == [], "of the time before"
    assert [chunk.offset for chunk in chunks_to(solo.has_of(which, 0))] == [0, 100, 200]
    assert len([event for event in solo.events if isinstance(event, SnapshotDamaged)]) == 1
    assert solo.tick(HEARTBEAT_US) != []


def test_answers_about_a_snapshot_that_wait_for_the_disk_do_not_pile_up() -> None:
    def answer(sequence: int, offset: int, damaged: bool = False) -> InstallSnapshotResponse:
        return InstallSnapshotResponse(1, 1, 8, offset, sequence, offset, False, damaged)

    promises = Promises()
    for number in range(1, 1000):
        promises.add(2, answer(number, 100 * number))
    assert [envelope.message for envelope in promises.take()] == [answer(999, 99900)]
    promises.add(2, answer(1, 100, damaged=True))
    promises.add(2, answer(2, 200))
    promises.add(2, answer(1, 100))
    assert len(promises.take()) == 3, "damage is told, and what came late tells nothing new"
    for number in range(2 * ANSWERS_MAX):
        promises.add(2, answer(number, 2 * ANSWERS_MAX - number))
    assert len(promises.take()) == ANSWERS_MAX


def test_b44_end_of_verifying_an_earlier_snapshot_does_not_touch_the_one_that_arrives() -> None:
    """A new leader has a newer one, whose first part is there when the old one is found damaged, or
    good.
    """
    for is_good in (False, True):
        solo = Solo()
        old, new = SnapshotId(10, 1, 4, b"old"), SnapshotId(20, 2, 4, b"new")
        solo.receive(chunk_of(old, 0, b"abcd", term=1))
        (answer,) = solo.receive(chunk_of(new, 0, b"ab", term=2))
        assert answer == InstallSnapshotResponse(2, 1, 20, 0, 1, 2, False, False)
        if is_good:
            assert solo.core.install_snapshot(Snapshot(old, Configuration(frozenset({1, 2, 3}))))
        else:
            solo.core.refuse_snapshot(old)
        solo.work()
        (answer,) = solo.receive(chunk_of(new, 2, b"cd", term=2))
        assert answer == InstallSnapshotResponse(2, 1, 20, 2, 1, 4, False, False)
        assert solo.received[-1].is_last


def test_slow_disk_of_a_node_that_receives_a_snapshot_does_not_look_like_a_dead_node() -> None:
    """Its leader has nobody else, and would step down for want of a majority."""
    cluster = Cluster(3, snapshot_chunk_bytes=100, snapshot_window_bytes=300)
    leader = cluster.elect(1)
    slow = cluster[3]
    slow.crash()
    cluster.propose("x")
    leader.take_snapshot()
    slow.restart()
    slow.holds_disk = True
    cluster.run(HEARTBEAT_US)
    assert slow.held is not None
    assert slow.held.received, "a part of it is being written"
    cluster[2].crash()
    term = leader.core.term
    for _ in range(20):
        cluster.tick(HEARTBEAT_US)
        cluster.send(3, slow.core.take_prompt().messages)
        cluster.deliver()
    assert (leader.core.is_leader, leader.core.term) == (True, term)
    assert len(slow.core._received) <= 3, "no more than the window waits for the disk"
    slow.release_disk()
    cluster.run_until(lambda: slow.values == ["x"])


def test_snapshot_that_is_gone_while_it_is_sent_gives_way_to_the_newest_one() -> None:
    cluster = Cluster(3, snapshot_chunk_bytes=100, snapshot_window_bytes=300)
    leader = cluster.elect(1)
    cluster[3].crash()
    cluster.propose("x")
    leader.take_snapshot()
    cluster.drop = lambda src, dst, m: isinstance(m, InstallSnapshot) and m.offset >= 300
    cluster[3].restart()
    cluster.run(4 * HEARTBEAT_US)
    old = leader.core.progress[3].transfer
    assert old is not None
    cluster.propose("y")
    newest = leader.take_snapshot()
    cluster.run(2 * HEARTBEAT_US)
    assert leader.core.progress[3].transfer == old, "it is sent to its end"
    leader.disk.files = {newest.id: leader.disk.files[newest.id]}
    cluster.drop = lambda src, dst, m: False
    cluster.run(4 * HEARTBEAT_US)
    assert cluster[3].values == ["x", "y"]
    assert cluster[3].core.snapshot == newest


@pytest.mark.parametrize(
    "message",
    [
        InstallSnapshot(1, 2, 5, 1, 0, b"d", 0, b"", 1),
        InstallSnapshot(1, 2, 5, 1, -1, b"d", 0, b"", 1),
        InstallSnapshot(1, 2, 5, 2, 9, b"d", 0, b"", 1),
        InstallSnapshot(1, 2, 0, 1, 9, b"d", 0, b"", 1),
        InstallSnapshot(1, 2, 5, 1, 9, b"d", 9, b"x", 1),
        InstallSnapshot(1, 2, 5, 1, 9, b"d", -1, b"x", 1),
        InstallSnapshot(0, 2, 5, 1, 9, b"d", 0, b"x", 1),
        InstallSnapshotResponse(1, 2, 5, 0, 1, -1, False, False),
        InstallSnapshotResponse(1, 2, 5, -1, 1, 0, False, False),
        AppendEntries(1, 2, 0, 0, [LogEntry(1, Configuration())], 0, 1),
    ],
)
def test_message_about_members_or_snapshots_that_no_node_sends_is_refused(message: Message) -> None:
    solo = Solo()
    with pytest.raises(RemoteProtocolError):
        solo.receive(message)
    assert (solo.core.last_index, solo.core.receipt) == (0, None)
