"""What comes before what: the disk before the promise, the newest word before the late one."""

import pytest

from node.raft.events import LeaderChanged
from node.raft.messages import (
    AppendEntries,
    LogEntry,
    RequestPreVoteResponse,
    RequestVote,
    TimeoutNow,
)
from tests.raft.cluster import HEARTBEAT_US, Cluster
from tests.raft.solo import Solo, appends_to, log_of


# -- the disk --------------------------------------------------------------------------------------
def test_votes_are_asked_for_once_term_and_own_vote_are_durable() -> None:
    cluster = Cluster(3, pre_vote=False)
    node = cluster[1]
    node.holds_disk = True
    node.core.tick(node.core.next_deadline)
    node.work()
    assert node.core.role_name == "candidate"
    assert cluster.sent == [], "after a crash now it might vote for another in the same term"
    node.release_disk()
    assert node.disk.hard_state == (1, 1)
    assert len(cluster.of_type(RequestVote)) == 2


@pytest.mark.parametrize("replaced", [[], [LogEntry(1, "old"), LogEntry(1, "old")]])
def test_entry_is_applied_only_once_it_is_durable_here(replaced: list[LogEntry]) -> None:
    cluster = Cluster(3)
    node = cluster[1]
    cluster.step(1, AppendEntries(1, 2, 0, 0, replaced, 0, 1))
    cluster.work()
    node.holds_disk = True
    cluster.step(1, AppendEntries(2, 3, 0, 0, [LogEntry(2, "x")], 1, 1))
    node.work()
    assert node.core.commit_index == 1
    node.work()
    assert node.applied == []
    node.release_disk()
    node.work()
    assert node.values == ["x"]


def test_node_with_a_lost_disk_grants_no_vote_that_it_is_asked_for() -> None:
    cluster = Cluster(3)
    cluster[3].wipe()
    cluster.step(3, RequestVote(5, 2, 9, 9))
    cluster.work()
    assert (cluster.sent, cluster[3].core.voted_for) == ([], None)
    cluster.step(3, RequestVote(4, 2, 9, 9))
    cluster.step(3, AppendEntries(4, 2, 0, 0, [], 0, 1))
    cluster.work()
    assert (cluster.sent, cluster[3].core.term) == ([], 5), "nor has it a word about terms"


# -- late words ------------------------------------------------------------------------------------
def test_late_refusal_does_not_move_a_probe() -> None:
    solo = Solo(log_of(1, 1, 1, 1), term=1)
    solo.lead()
    (probe,) = appends_to(solo.reject(4, (1, 1)))
    assert probe.prev_log_index == 1
    assert solo.reject(4, (3, 1)) == []
    assert solo.core.progress[2].next_index == 2


def test_late_answer_does_not_take_back_what_a_newer_one_confirmed() -> None:
    solo = Solo(size=5)
    solo.lead()
    for peer in (2, 3):
        solo.acknowledge(1, peer=peer)
    solo.tick(HEARTBEAT_US)
    earlier = solo.newest_sequence
    solo.core.read_index("r", solo.now)
    solo.work()
    solo.acknowledge(1, peer=2)
    solo.acknowledge(1, peer=2, sequence=earlier)
    assert solo.reads == []
    solo.acknowledge(1, peer=3)
    assert [read.read_index for read in solo.reads] == [1]


def test_pre_vote_for_another_term_does_not_count() -> None:
    solo = Solo(term=4)
    solo.time_out()
    for next_term in (4, 6):
        solo.receive(RequestPreVoteResponse(4, 2, next_term, True))
        assert solo.core.role_name == "precandidate"
    solo.receive(RequestPreVoteResponse(4, 2, 5, True))
    assert solo.core.role_name == "candidate"


# -- leaders ---------------------------------------------------------------------------------------
def test_only_the_leader_may_ask_for_an_election() -> None:
    solo = Solo()
    solo.append((0, 0), term=1, leader=2)
    assert solo.receive(TimeoutNow(1, 3)) == []
    assert (solo.core.term, solo.core.role_name) == (1, "follower")


def test_late_tick_sends_one_heartbeat_and_the_next_is_a_heartbeat_away() -> None:
    solo = Solo(check_quorum=False)
    solo.lead()
    beats = appends_to(solo.tick(10 * HEARTBEAT_US))
    assert len(beats) == 2
    assert solo.core.next_deadline == solo.now + HEARTBEAT_US


@pytest.mark.parametrize("leader", [2, 3])
def test_forwarded_read_ends_with_the_leadership_that_it_was_sent_to(leader: int) -> None:
    solo = Solo()
    solo.append((0, 0), term=1, leader=2)
    solo.core.read_index("r", solo.now)
    solo.work()
    solo.append((0, 0), term=1, leader=2, sequence=2)
    assert solo.reads == []
    solo.append((0, 0), term=2, leader=leader)
    assert [(read.context, read.read_index) for read in solo.reads] == [("r", None)]


def test_leader_that_leads_again_is_news() -> None:
    solo = Solo()
    for term in (1, 1, 2):
        solo.append((0, 0), term=term, leader=2)
    solo.receive(RequestVote(3, 3, 9, 9, leadership_transfer=True))
    solo.append((0, 0), term=3, leader=3)
    changes = [event for event in solo.events if isinstance(event, LeaderChanged)]
    assert changes == [
        LeaderChanged(1, 2),
        LeaderChanged(2, 2),
        LeaderChanged(3, None),
        LeaderChanged(3, 3),
    ]
