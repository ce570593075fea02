"""Elections as others got them wrong; docs/known-bugs.md tells the stories."""

import random

import pytest

from node.raft.messages import (
    AppendEntries,
    RequestPreVote,
    RequestPreVoteResponse,
    RequestVote,
    RequestVoteResponse,
    StaleTerm,
    TimeoutNow,
)
from tests.raft.cluster import HEARTBEAT_US, TIMEOUT_US, Cluster
from tests.raft.solo import Solo, log_of


def test_b01_vote_is_durable_before_it_is_on_the_wire() -> None:
    cluster = Cluster(3)
    node = cluster[1]
    node.holds_disk = True
    cluster.step(1, RequestVote(1, 2, 0, 0))
    cluster.work()
    assert not cluster.of_type(RequestVoteResponse), "the disk has not taken the vote"
    node.crash()
    node.holds_disk = False
    node.restart()
    cluster.step(1, RequestVote(1, 3, 0, 0))
    cluster.work()
    ((_, granted),) = cluster.of_type(RequestVoteResponse)
    assert granted.to == 3
    assert node.disk.hard_state == (1, 3)
    node.crash()
    node.restart()
    cluster.step(1, RequestVote(1, 2, 0, 0))
    cluster.work()
    last = cluster.of_type(RequestVoteResponse)[-1][1].message
    assert isinstance(last, RequestVoteResponse)
    assert not last.vote_granted


def test_b02_one_vote_a_term_without_a_crash() -> None:
    solo = Solo(pre_vote=False)
    solo.time_out()
    solo.append((0, 0), term=1, leader=2)
    assert not solo.answer(RequestVote(1, 3, 9, 9)).vote_granted
    other = Solo()
    assert other.answer(RequestVote(1, 2, 0, 0)).vote_granted
    assert not other.answer(RequestVote(1, 3, 9, 9)).vote_granted


def test_b03_lost_grant_is_repeated_without_a_disk_write() -> None:
    cluster = Cluster(3)
    for _ in range(2):
        cluster.step(1, RequestVote(1, 2, 0, 0))
        cluster.work()
    answers = [item[1].message for item in cluster.of_type(RequestVoteResponse)]
    assert answers == [RequestVoteResponse(1, 1, True)] * 2
    assert cluster[1].disk.writes == 1


def test_b04_votes_are_counted_by_voter() -> None:
    solo = Solo(size=5, pre_vote=False)
    solo.time_out()
    for _ in range(3):
        solo.receive(RequestVoteResponse(1, 2, True))
    solo.receive(RequestPreVoteResponse(1, 3, 2, True))
    solo.receive(RequestVoteResponse(0, 4, True))
    assert solo.core.role_name == "candidate", "two of five, however often they say so"
    solo.receive(RequestVoteResponse(1, 3, True))
    assert solo.core.is_leader


def test_b04_granted_vote_is_not_taken_back_by_what_arrives_later() -> None:
    solo = Solo(size=5, pre_vote=False)
    solo.time_out()
    solo.time_out()
    solo.receive(RequestVoteResponse(2, 2, True))
    solo.receive(RequestVoteResponse(2, 2, False))
    solo.receive(RequestVoteResponse(2, 3, True))
    assert solo.core.is_leader


def test_b04_answer_to_a_request_of_an_earlier_term_is_no_vote() -> None:
    voter = Solo(term=2)
    (answer,) = voter.receive(RequestVote(1, 2, 0, 0))
    assert answer == StaleTerm(2, 1), "the term, and no word about a vote in it"
    candidate = Solo(pre_vote=False)
    for _ in range(2):
        candidate.time_out()
    for voter_id in (2, 3):
        candidate.receive(StaleTerm(2, voter_id))
    assert (candidate.core.role_name, candidate.core.term) == ("candidate", 2)
    candidate.receive(StaleTerm(3, 2))
    assert (candidate.core.role_name, candidate.core.term) == ("follower", 3)


def test_b05_only_a_grant_or_a_leader_resets_the_timer() -> None:
    cluster = Cluster(3, pre_vote=False)
    cluster.elect(1)
    cluster.propose("x")
    cluster.run(HEARTBEAT_US)
    cluster[1].crash()
    last = cluster[2].core.log
    stale = RequestVote(0, 3, last.last_index - 1, 0)
    deadline = cluster[2].core.next_deadline
    cluster[3].crash()
    for _ in range(10):
        cluster.now += TIMEOUT_US // 12
        term = cluster[2].core.term + 1
        cluster.step(2, RequestVote(term, 3, stale.last_log_index, 0))
        assert cluster[2].core.next_deadline == deadline
    cluster.tick(TIMEOUT_US)
    assert cluster[2].core.role_name == "candidate"


def test_b06_node_that_comes_back_changes_neither_leader_nor_term() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.cut(3)
    cluster.run(100 * TIMEOUT_US, step_us=50_000)
    assert cluster[3].core.term == leader.core.term, "a pre-vote costs no term"
    cluster.heal()
    cluster.run(5 * TIMEOUT_US)
    assert (cluster.leader, cluster.leader.core.term) == (leader, 1)


@pytest.mark.parametrize("survivor_leads", [1, 3])
def test_b07_voter_of_a_lower_term_takes_part_again(survivor_leads: int) -> None:
    cluster = Cluster(3)
    cluster[3].crash()
    cluster.elect(2)
    for _ in range(3):  # terms pass while node 3 is away
        cluster[2].core.transfer_leadership(1, cluster.now)
        cluster.run(TIMEOUT_US)
        cluster[1].core.transfer_leadership(2, cluster.now)
        cluster.run(TIMEOUT_US)
    assert cluster.leader.core.term > 3
    cluster[2].crash()
    cluster[3].restart()
    cluster.run_until(lambda: bool(cluster.leaders))


@pytest.mark.parametrize("with_pre_vote", [{1}, {1, 2}, {3}])
def test_b08_mixed_pre_vote_settings_always_elect(with_pre_vote: set[int]) -> None:
    cluster = Cluster(3)
    for node in cluster.nodes.values():
        cluster.settings["pre_vote"] = node.id in with_pre_vote
        node.boot()
    cluster.elect()
    crashed = cluster.leader
    crashed.crash()
    cluster.run_until(lambda: bool(cluster.leaders))
    assert cluster.leader is not crashed


@pytest.mark.parametrize("pre_vote", [True, False])
def test_b09_candidate_of_a_higher_term_is_freed(pre_vote: bool) -> None:
    cluster = Cluster(3, pre_vote=pre_vote)
    cluster.elect(1)
    cluster.cut(3)
    cluster.propose("x")
    cluster[3].core.set_hard_state(9, 3)  # it has campaigned, all by itself
    cluster.run(3 * TIMEOUT_US)
    cluster.heal()
    cluster.run_until(lambda: len(cluster.leaders) == 1 and cluster.leader.core.term >= 9)
    cluster.run(5 * TIMEOUT_US)
    assert len({node.core.term for node in cluster.up}) == 1
    assert [node.values for node in cluster.up] == [["x"]] * 3


def test_b10_partial_partition_keeps_going_and_a_deaf_leader_steps_down() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.cut_one_way(1, 3)
    cluster.cut_one_way(3, 1)
    cluster.run(10 * TIMEOUT_US)
    assert cluster.leader is leader, "node 2 hears the leader, so node 3 gets no votes"
    cluster.heal()
    cluster.cut_one_way(2, 1)
    cluster.cut_one_way(3, 1)
    cluster.run_until(lambda: not leader.core.is_leader)
    assert leader.core.leader_id is None


def test_b14_transfer_ends_in_bounded_time_whatever_happens() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.cut(3)
    cluster.propose(*range(10))
    leader.core.transfer_leadership(3, cluster.now)
    cluster.run(TIMEOUT_US + 10_000)
    assert leader.core.transferring_to is None
    cluster.propose("after")

    cluster.heal()
    cluster.run(4 * HEARTBEAT_US)
    leader = cluster.leader
    cluster.drop = lambda src, dst, message: isinstance(message, TimeoutNow)
    target = cluster.followers[0]
    leader.core.transfer_leadership(target.id, cluster.now)
    cluster.run(2 * TIMEOUT_US)
    assert leader.core.transferring_to is None
    assert leader.core.is_leader
    cluster.drop = lambda src, dst, message: False
    leader.core.transfer_leadership(target.id, cluster.now)
    cluster.run(HEARTBEAT_US)
    assert cluster.leader is target
    assert leader.core.transferring_to is None
    cluster.propose("new leader")


def test_target_that_lags_is_brought_up_to_date_before_it_campaigns() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.drop = lambda src, dst, message: dst == 3 and isinstance(message, AppendEntries)
    cluster.propose(*range(10))
    cluster.drop = lambda src, dst, message: False
    leader.core.transfer_leadership(3, cluster.now)
    cluster.run(2 * HEARTBEAT_US)
    assert cluster.leader.id == 3
    assert cluster[3].values == list(range(10))


def test_pre_vote_changes_nothing_on_the_voter() -> None:
    solo = Solo(log_of(1, 1), term=4, voted_for=2)
    before = (solo.core.term, solo.core.voted_for, solo.core.next_deadline)
    answer = solo.answer(RequestPreVote(7, 3, 8, 2, 1))
    assert answer == RequestPreVoteResponse(4, 1, 8, True)
    assert (solo.core.term, solo.core.voted_for, solo.core.next_deadline) == before


def test_election_timeouts_are_spread_over_a_whole_timeout() -> None:
    rng = random.Random(3)
    deadlines = set()
    for _ in range(500):
        solo = Solo()
        solo.core._rng = rng
        deadlines.add(solo.core.draw_election_deadline(0))
    assert min(deadlines) >= TIMEOUT_US
    assert max(deadlines) < 2 * TIMEOUT_US
    assert max(deadlines) - min(deadlines) > 0.9 * TIMEOUT_US
