"""Elections as others got them wrong; docs/known-bugs.md tells the stories."""

import random

import pytest

from node.raft.errors import ProposalDroppedError
from node.raft.events import LeaderElected, TransferEnded
from node.raft.messages import (
    AppendEntries,
    RequestPreVote,
    RequestPreVoteResponse,
    RequestVote,
    RequestVoteResponse,
    StaleTerm,
    TimeoutNow,
)
from node.raft.roles import Leader
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
    cluster = Cluster(3, pre_vote=False, check_quorum=False)
    cluster.elect(1)
    cluster.propose("x")
    cluster.run(HEARTBEAT_US)
    cluster[1].crash()
    voter = cluster[2].core
    deadline = voter.next_deadline
    cluster[3].crash()
    for _ in range(10):
        cluster.now += TIMEOUT_US // 12
        term = voter.term + 1
        cluster.step(2, RequestVote(term, 3, voter.last_index - 1, 1))
        assert (voter.term, voter.voted_for) == (term, None), "it follows, and refuses"
        assert voter.next_deadline == deadline
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


@pytest.mark.parametrize(
    ("first", "lags", "expected"), [(1, False, 1), (3, False, 3), (1, True, 1), (3, True, 1)]
)
def test_b07_voter_of_a_lower_term_takes_part_again(first: int, lags: bool, expected: int) -> None:
    """Node 3 comes back in term 1. Nodes 1 and 2 are in term 5, whose leader, 2, just died."""
    cluster = Cluster(3)
    cluster.elect(2)
    cluster[3].crash()
    if lags:
        cluster.propose("x")
    cluster[1].core.set_hard_state(5, 2)
    cluster[1].work()
    cluster[2].crash()
    cluster[3].restart()
    cluster.in_flight.clear()
    assert (cluster[1].core.term, cluster[3].core.term) == (5, 1)
    (later,) = cluster.voters - {first, 2}
    for node_id, wait in ((first, 1), (later, 10)):  # only who goes first campaigns by itself
        role = cluster[node_id].core.role
        assert not isinstance(role, Leader)
        role.election_deadline = cluster.now + wait * TIMEOUT_US
    limit = 4 * TIMEOUT_US if first == expected else 14 * TIMEOUT_US
    cluster.run_until(lambda: bool(cluster.leaders), limit)
    assert cluster.leader.id == expected
    cluster.propose("y")
    cluster.run(2 * HEARTBEAT_US)
    assert cluster[1].values[-1:] == cluster[3].values[-1:] == ["y"]


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


@pytest.mark.parametrize("wanted", [True, False], ids=["enable", "rollback"])
def test_b08_rolling_change_of_pre_vote_always_elects(wanted: bool) -> None:
    """At each step node 3, of a later term and with a shorter log, stays with one other node."""
    cluster = Cluster(3, pre_vote=not wanted)
    cluster.elect(1)
    written: list[int] = []
    for changed in (1, 3, 2):
        node = cluster[changed]
        cluster.cut(3)
        cluster.run_until(lambda: any(leader.id != 3 for leader in cluster.leaders))
        cluster.propose(changed)
        written.append(changed)
        assert cluster[3].core.last_index < cluster.leader.core.last_index
        cluster[3].core.set_hard_state(cluster[3].core.term + 10, 3)  # it has campaigned
        cluster[3].work()
        node.crash()
        cluster.settings["pre_vote"] = wanted
        if changed == 3:
            node.restart()
            cluster.leader.crash()
        cluster.heal()
        cluster.run_until(lambda: any(leader.id != 3 for leader in cluster.leaders))
        for other in cluster.nodes.values():
            if not other.is_up:
                other.restart()
        cluster.run_until(lambda: [node.values for node in cluster.up] == [written] * 3)


@pytest.mark.parametrize("pre_vote", [True, False])
def test_b09_candidate_of_a_higher_term_is_freed(pre_vote: bool) -> None:
    cluster = Cluster(3, pre_vote=pre_vote)
    cluster.elect(1)
    cluster.cut(3)
    cluster.propose("x")
    cluster[3].core.set_hard_state(9, 3)  # it has campaigned, all by itself
    cluster.run(3 * TIMEOUT_US)
    assert [leader.id for leader in cluster.leaders] == [1]
    for node in cluster.up:
        node.events.clear()
    cluster.heal()
    cluster.run_until(lambda: len(cluster.leaders) == 1 and cluster.leader.core.term >= 9)
    cluster.run(20 * TIMEOUT_US)
    assert len({node.core.term for node in cluster.up}) == 1
    assert [node.values for node in cluster.up] == [["x"]] * 3
    elected = [e for node in cluster.up for e in node.events if isinstance(e, LeaderElected)]
    assert len(elected) == 1, "it costs one election, and then there is peace"


def test_b10_partial_partition_keeps_going_and_a_deaf_leader_steps_down() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.cut_one_way(1, 3)
    cluster.cut_one_way(3, 1)
    cluster.run(5 * TIMEOUT_US)  # node 3 has all that node 2 has, so only the leader keeps its vote
    for number in range(10):
        cluster.propose(number)
        cluster.run(TIMEOUT_US)
        assert leader.values == list(range(number + 1)), "two of three are enough"
        assert cluster.leader is leader, "node 2 hears the leader, so node 3 gets no votes"
    cluster.heal()
    cluster.run(2 * HEARTBEAT_US)
    assert cluster[3].values == list(range(10))
    assert {node.core.term for node in cluster.up} == {1}

    cluster.cut_one_way(2, 1)
    cluster.cut_one_way(3, 1)  # it talks, and hears nobody
    cluster.run_until(lambda: not leader.core.is_leader, 3 * TIMEOUT_US)
    assert leader.core.leader_id is None
    cluster.run_until(lambda: bool(cluster.leaders), 5 * TIMEOUT_US)
    assert cluster.leader is not leader
    cluster.propose("after")
    assert cluster.leader.values[-1] == "after"
    cluster.run(10 * TIMEOUT_US)
    assert [node.id for node in cluster.leaders] == [cluster.leader.id]
    cluster.heal()
    cluster.run(2 * HEARTBEAT_US)
    assert leader.values[-1] == "after", "it hears its successor, and follows"


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


def test_b14_leader_that_steps_down_in_mid_transfer_takes_proposals_when_it_leads_again() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.cut(3)
    cluster.propose("x")
    leader.core.transfer_leadership(3, cluster.now)
    with pytest.raises(ProposalDroppedError):
        leader.core.propose(["too late"])
    leader.core.step_down(cluster.now, "the disk is full")
    leader.work()
    assert leader.core.transferring_to is None
    ended = [event for event in leader.events if isinstance(event, TransferEnded)]
    assert ended == [TransferEnded(1, 3, ok=False)]
    cluster.heal()
    cluster.elect(1)
    assert (leader.core.term, leader.core.transferring_to) == (2, None)
    cluster.propose("y")
    assert leader.values == ["x", "y"]

    cluster.cut(3)
    leader.core.transfer_leadership(3, cluster.now)  # and once more, deposed by a later term
    cluster.step(1, StaleTerm(7, 2))
    leader.work()
    assert leader.core.transferring_to is None
    assert [event for event in leader.events if isinstance(event, TransferEnded)][1:] == [
        TransferEnded(7, 3, ok=True)
    ]
    cluster.heal()
    cluster.elect(1)
    cluster.propose("z")
    assert leader.values == ["x", "y", "z"]


@pytest.mark.parametrize("loses", ["target", "leader"])
def test_b14_transfer_whose_target_or_leader_dies_leaves_a_working_cluster(loses: str) -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    leader.core.transfer_leadership(3, cluster.now)
    cluster.work()
    cluster[3 if loses == "target" else 1].crash()
    cluster.run_until(
        lambda: bool(cluster.leaders) and cluster.leader.core.transferring_to is None,
        4 * TIMEOUT_US,
    )
    cluster.propose("after")
    assert cluster.leader.values == ["after"]


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


def test_b40_leader_that_gives_way_names_a_successor_that_is_there() -> None:
    """Node 2 is gone, and in a quiet cluster it holds as much as node 3."""
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.run(HEARTBEAT_US)
    cluster[2].crash()
    cluster.run(2 * HEARTBEAT_US)
    matches = [progress.match_index for progress in leader.core.progress.values()]
    assert matches == [leader.core.last_index] * 2
    leader.core.give_way(cluster.now, "its disk hangs")
    cluster.deliver()
    assert [node.id for node in cluster.leaders] == [3], "it was told, and needed no timeout"
