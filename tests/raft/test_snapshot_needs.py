"""What is kept of a log for followers that a snapshot has to bring back, and for how long."""

import pytest

from node.raft.events import SnapshotSending
from node.raft.installing import NEEDED_PATIENCE
from node.raft.messages import InstallSnapshot, Message
from node.raft.ready import Envelope
from tests.raft.cluster import HEARTBEAT_US, TIMEOUT_US, Cluster


def behind() -> Cluster:
    """Node 3 was away, and the log is compacted."""
    cluster = Cluster(3, snapshot_chunk_bytes=100, snapshot_window_bytes=300)
    cluster.elect(1)
    cluster[3].crash()
    cluster.propose("x")
    cluster[1].take_snapshot()
    cluster[3].restart()
    return cluster


@pytest.mark.parametrize("keep", [0, 5])
def test_follower_under_load_and_compaction_needs_one_snapshot_and_no_more(keep: int) -> None:
    """The leader writes all the time, and keeps less of its log than arrives in a round trip."""
    cluster = behind()
    leader = cluster[1]
    wires: list[tuple[int, tuple[int, Envelope]]] = []
    for millisecond in range(2000):
        cluster.tick(1000)
        if millisecond % 5 == 0:
            leader.core.propose([millisecond])
        cluster.work()
        wires += [(cluster.now + 20_000, item) for item in cluster.in_flight]
        cluster.in_flight.clear()
        while wires and wires[0][0] <= cluster.now:
            cluster.step(*wires.pop(0)[1][1])
        cluster.work()
        if millisecond % 50 == 0:
            leader.take_snapshot(keep)
    assert len(leader.of_type(SnapshotSending)) == 1
    assert leader.core.progress[3].state == "replicate"
    assert leader.core.log.base.index > leader.core.last_index - 40, "and the log stays short"


def test_node_that_was_away_is_sent_the_newest_snapshot_alone() -> None:
    cluster = behind()
    cluster.drop = lambda src, dst, message: isinstance(message, InstallSnapshot)
    cluster.run(2 * HEARTBEAT_US)
    assert cluster[1].core.progress[3].transfer is not None, "it was offered one"
    cluster[3].crash()
    cluster.run(2 * TIMEOUT_US)
    sent: list[int] = []
    cluster.propose("y")
    cluster.run(HEARTBEAT_US)
    cluster[1].take_snapshot()
    cluster.run(HEARTBEAT_US)
    cluster.propose("z")
    newest = cluster[1].take_snapshot()

    def look(src: int, dst: int, message: Message) -> bool:
        if isinstance(message, InstallSnapshot):
            sent.append(message.snapshot_index)
        return False

    cluster.drop = look
    cluster[3].restart()
    cluster.run(4 * TIMEOUT_US)
    assert cluster[3].values == ["x", "y", "z"]
    assert set(sent) == {newest.index}


def test_follower_that_fell_silent_in_mid_snapshot_does_not_hold_back_the_log_for_ever() -> None:
    cluster = behind()
    leader = cluster[1]
    cluster.drop = lambda src, dst, m: isinstance(m, InstallSnapshot) and m.offset >= 300
    cluster.run(2 * HEARTBEAT_US)
    base = leader.core.log.base.index
    cluster[3].crash()
    cluster.propose(*range(10))
    leader.take_snapshot()
    assert leader.core.log.base.index == leader.core.needed_index == base
    cluster.run((NEEDED_PATIENCE + 2) * TIMEOUT_US)
    leader.take_snapshot()
    assert leader.core.log.base.index == leader.core.commit_index
    cluster[3].restart()
    cluster.drop = lambda src, dst, m: False
    cluster.run(4 * HEARTBEAT_US)
    assert cluster[3].values == ["x", *range(10)]
