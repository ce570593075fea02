"""How a snapshot travels: chunks lost, doubled or late, cut links, other leaders, slow disks."""

import random

import pytest

from node.raft.configuration import Configuration
from node.raft.errors import RemoteProtocolError
from node.raft.events import SnapshotDamaged, SnapshotInstalled, SnapshotSending, SnapshotSent
from node.raft.installing import REFUSED_REST
from node.raft.messages import (
    AppendEntries,
    InstallSnapshot,
    InstallSnapshotResponse,
    LogEntry,
    Message,
)
from node.raft.promises import ANSWERS_MAX, Promises
from node.raft.snapshot import Snapshot, SnapshotId
from tests.raft.cluster import HEARTBEAT_US, TIMEOUT_US, Cluster
from tests.raft.solo import Solo, appends_to, chunk_of, chunks_to, log_of, sends_snapshot


def test_b44_late_answer_about_an_earlier_transfer_of_the_same_snapshot_changes_nothing() -> None:
    solo, which = sends_snapshot()
    chunks = chunks_to(solo.has_of(which, 0))
    assert [chunk.offset for chunk in chunks] == [0, 100, 200]
    solo.has_of(which, 300, 200)
    last = solo.newest_sequence
    assert solo.has_of(which, 0, damaged=True) == [], "who refused one rests first"
    (question,) = after_a_rest(solo)
    assert (question.offset, question.data) == (0, b""), "it begins again"
    assert solo.has_of(which, 0, sequence=last, damaged=True) == [], "a duplicate"
    assert solo.has_of(which, 300, 200, sequence=last) == [], "of the time before"
    assert [chunk.offset for chunk in chunks_to(solo.has_of(which, 0))] == [0, 100, 200]
    assert len([event for event in solo.events if isinstance(event, SnapshotDamaged)]) == 1
    assert solo.tick(HEARTBEAT_US) != []


def after_a_rest(solo: Solo) -> list[InstallSnapshot]:
    """What the follower, which answers heartbeats meanwhile, is sent of a snapshot next."""
    for _ in range(REFUSED_REST * TIMEOUT_US // HEARTBEAT_US + 1):
        sent = solo.tick(HEARTBEAT_US)
        beats = [beat for beat in appends_to(sent) if beat.prev_log_index == 0]  # not node 3's
        assert all(beat.entries == [] for beat in beats)
        if found := chunks_to(sent):
            return found
        for beat in beats:
            solo.acknowledge(0, sequence=beat.sequence)
    raise AssertionError("it is never sent one again")


def test_refused_snapshot_is_not_sent_again_at_once() -> None:
    """A disk without room for it would be written full, and the network, for nothing."""
    solo, which = sends_snapshot()
    solo.has_of(which, 0)
    began = solo.now
    solo.has_of(which, 0, damaged=True)
    after_a_rest(solo)
    assert solo.now - began >= REFUSED_REST * TIMEOUT_US
    assert solo.core.is_leader, "who rests still counts as there"


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
        slow.prompt()
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


def behind(size: int = 10_000, **settings: int) -> Cluster:
    """Node 3 was away: it needs a snapshot, which nodes 1 and 2 both have. Node 1 leads."""
    settings = {"snapshot_chunk_bytes": 100, "snapshot_window_bytes": 300, **settings}
    cluster = Cluster(3, **settings)
    cluster.snapshot_bytes = size
    cluster.elect(1)
    cluster[3].crash()
    cluster.propose("x")
    cluster.run(HEARTBEAT_US)
    assert cluster[1].take_snapshot() == cluster[2].take_snapshot()
    cluster[3].restart()
    return cluster


def bytes_to(cluster: Cluster, node_id: int = 3) -> int:
    sent = (envelope.message for _, envelope in cluster.sent if envelope.to == node_id)
    return sum(len(message.data) for message in sent if isinstance(message, InstallSnapshot))


def cut_after(cluster: Cluster, offset: int) -> None:
    """Lose everything between the leader and node 3 from this part of the snapshot on."""

    def drop(src: int, dst: int, message: Message) -> bool:
        if isinstance(message, InstallSnapshot) and message.data and message.offset >= offset:
            cluster.cut(3)
        return 3 in (src, dst) and bool(cluster.cut_links)

    cluster.drop = drop


def test_b44_three_cuts_of_the_link_cost_a_window_each() -> None:
    cluster = behind()
    for offset in (2000, 5000, 8000):
        cut_after(cluster, offset)
        cluster.run_until(lambda: bool(cluster.cut_links))
        cluster.run(5 * TIMEOUT_US)
        assert cluster[3].values == []
        cluster.heal()
        cluster.drop = lambda src, dst, m: False
    cluster.run_until(lambda: cluster[3].values == ["x"])
    assert bytes_to(cluster) <= 1.1 * 10_000
    assert len(cluster.leader.of_type(SnapshotSending)) == 1


@pytest.mark.parametrize("seed", range(6))
def test_b44_chunks_lost_doubled_and_out_of_order_arrive_in_the_end(seed: int) -> None:
    rng = random.Random(seed)
    cluster = behind(3000)
    for _ in range(3000):
        cluster.work()
        if rng.random() < 0.1:
            cluster.tick(10_000)
        flying = cluster.in_flight
        if flying:
            position = rng.randrange(min(len(flying), 3))
            _, (to, message) = flying[position]
            if rng.random() < 0.9:
                del flying[position]
            if rng.random() < 0.9:
                cluster.step(to, message)
    cluster.run(4 * HEARTBEAT_US)
    assert cluster[3].values == ["x"]
    installed = cluster[3].of_type(SnapshotInstalled)
    assert len(installed) == 1, "and only once"


def test_b44_next_leader_with_the_same_snapshot_goes_on_where_the_last_one_stood() -> None:
    cluster = behind()
    cut_after(cluster, 6000)
    cluster.run_until(lambda: bool(cluster.cut_links))
    cluster[1].crash()
    cluster.heal()
    cluster.drop = lambda src, dst, m: False
    cluster.run_until(lambda: cluster[3].values == ["x"])
    assert cluster.leader.id == 2
    first = next(m for m in chunks_of(cluster, 2) if m.data)
    assert first.offset == 6000
    assert bytes_to(cluster) <= 10_000 + 300


def chunks_of(cluster: Cluster, src: int) -> list[InstallSnapshot]:
    return chunks_to([envelope.message for sender, envelope in cluster.sent if sender == src])


def test_b44_next_leader_with_another_snapshot_begins_again_and_ends() -> None:
    cluster = behind()
    cut_after(cluster, 6000)
    cluster.run_until(lambda: bool(cluster.cut_links))
    cluster.propose("y")
    cluster.run(HEARTBEAT_US)
    newer = cluster[2].take_snapshot()
    cluster[1].crash()
    cluster.heal()
    cluster.drop = lambda src, dst, m: False
    cluster.run_until(lambda: cluster[3].values == ["x", "y"])
    assert cluster[3].core.snapshot == newer
    assert sum(len(chunk.data) for chunk in chunks_of(cluster, 2)) == 10_000
    assert list(cluster[3].disk.files) == [newer.id]


def test_b44_slow_install_is_waited_for_and_nothing_is_sent_twice() -> None:
    """It takes ten timeouts. The leader keeps its office and asks with each heartbeat."""
    cluster = behind()
    slow = cluster[3]
    slow.holds_install = True
    cluster.run_until(lambda: bool(slow.arrived))
    term = cluster.leader.core.term
    cluster.sent.clear()
    cluster.run(10 * TIMEOUT_US)
    asked = [m for m in chunks_of(cluster, 1) if not m.data]
    assert len(asked) == 30, "one each heartbeat"
    assert (bytes_to(cluster), slow.core.term, slow.core.leader_id) == (0, term, 1)
    slow.release_install()
    cluster.propose("y")
    cluster.run(2 * HEARTBEAT_US)
    assert slow.values == ["x", "y"]


def test_b44_snapshot_whose_node_restarts_is_sent_again_from_its_beginning() -> None:
    cluster = behind()
    cut_after(cluster, 6000)
    cluster.run_until(lambda: bool(cluster.cut_links))
    cluster[3].crash()
    cluster[3].restart()
    cluster.heal()
    cluster.drop = lambda src, dst, m: False
    cluster.run_until(lambda: cluster[3].values == ["x"])
    assert bytes_to(cluster) <= 10_000 + 6000 + 300


def test_b44_damaged_snapshot_is_sent_once_more_and_reported_once() -> None:
    cluster = behind()
    damaged: list[int] = []

    def damage(src: int, dst: int, message: Message) -> bool:
        if isinstance(message, InstallSnapshot) and message.offset == 500 and not damaged:
            damaged.append(dst)
            cluster.step(dst, message._replace(data=bytes(len(message.data))))
            return True
        return False

    cluster.drop = damage
    cluster.run_until(lambda: cluster[3].values == ["x"])
    cluster.run(HEARTBEAT_US)
    assert bytes_to(cluster) == 2 * 10_000
    assert len(cluster.leader.of_type(SnapshotDamaged)) == 1
    sent = cluster.leader.of_type(SnapshotSent)
    assert [event.sent_bytes for event in sent if isinstance(event, SnapshotSent)] == [10_000]


def test_follower_that_was_away_briefly_needs_no_snapshot() -> None:
    cluster = Cluster(3)
    cluster.elect(1)
    cluster[3].crash()
    cluster.propose(*range(8))
    cluster.run(HEARTBEAT_US)
    cluster[1].take_snapshot(keep=10)
    cluster[3].restart()
    cluster.run(4 * HEARTBEAT_US)
    assert cluster[3].values == list(range(8))
    assert bytes_to(cluster) == 0


def test_leader_that_compacts_under_followers_in_probe_and_replicate_loses_none() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.cut_one_way(1, 3)
    cluster.propose(*range(5))
    assert leader.core.progress[3].state == "replicate", "its appends were lost, it does not know"
    leader.take_snapshot()
    cluster.heal()
    cluster.run(4 * HEARTBEAT_US)
    assert cluster[3].values == list(range(5))

    cluster.cut_one_way(3, 1)
    cluster.propose("y")
    cluster.tick(HEARTBEAT_US)
    leader.core.progress[3].become_probe(0, leader.core.role.sequence)  # type: ignore[union-attr]
    cluster.work()
    assert leader.core.progress[3].state == "probe"
    leader.take_snapshot()
    cluster.heal()
    cluster.run(4 * HEARTBEAT_US)
    assert (cluster[3].values[-1], leader.core.progress[3].state) == ("y", "replicate")


def test_conflict_hints_below_the_base_lead_to_the_snapshot_and_not_to_a_search() -> None:
    solo = Solo(log_of(1, 1, 2, 2, 3, 3, 3))
    solo.lead()
    solo.acknowledge(8, peer=3)
    solo.compact(6)
    sent = solo.reject(7, (5, 1))
    assert chunks_to(sent) != [], "index 5 is gone here"
    other = Solo(log_of(1, 1, 2, 2, 3, 3, 3))
    other.lead()
    other.acknowledge(8, peer=3)
    other.compact(4)
    (probe,) = appends_to(other.reject(7, (5, 3)))
    assert (probe.prev_log_index, probe.prev_log_term) == (5, 3)
    (probe,) = appends_to(other.reject(5, (4, 1)))
    assert (probe.prev_log_index, probe.prev_log_term) == (4, 2), "the base, whose term is known"
    sent = other.reject(4, (2, 1))
    assert (chunks_to(sent) != [], appends_to(sent)) == (True, [])
