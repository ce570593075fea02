"""Changes of the members with a crash at each of their steps, and what members may and may not do
before, during and after them.
"""

import pytest

from node.raft.configuration import AddLearner, Change, Configuration, Demote, Promote, Remove
from node.raft.errors import ConfigurationError
from node.raft.events import LeaderElected
from node.raft.messages import (
    AppendEntries,
    LogEntry,
    RequestPreVote,
    RequestVote,
    RequestVoteResponse,
    TimeoutNow,
)
from tests.raft.cluster import HEARTBEAT_US, TIMEOUT_US, Cluster
from tests.raft.solo import Solo, log_of

THREE = Configuration(frozenset({1, 2, 3}))


def with_learners(size: int, learners: int) -> Cluster:
    """Node 1 leads, the last `learners` nodes have caught up, and "before" is committed."""
    cluster = Cluster(size)
    cluster.elect(1)
    for newcomer in range(size + 1, size + learners + 1):
        cluster.add(newcomer)
        cluster.change(AddLearner(newcomer))
        cluster.run(HEARTBEAT_US)
    cluster.propose("before")
    cluster.run(2 * HEARTBEAT_US)
    return cluster


def step_of(cluster: Cluster) -> None:
    """One message arrives, or time passes where none is under way."""
    cluster.work()
    if not cluster.in_flight:
        cluster.tick(10_000)
        return
    _, (to, message) = cluster.in_flight.pop(0)
    if cluster[to].is_up:
        cluster.step(to, message)


def crash_of_the_leader(size: int, learners: int, changes: list[Change], steps: int) -> Cluster:
    """It dies after `steps` of the change, and comes back when the others did what they can."""
    cluster = with_learners(size, learners)
    leader = cluster.leader
    leader.core.change_membership(changes, cluster.now)
    for _ in range(steps):
        step_of(cluster)
    leader.crash()
    cluster.run(6 * TIMEOUT_US)
    leader.restart()
    cluster.run(20 * TIMEOUT_US)
    return cluster


def check_end(cluster: Cluster, before: Configuration, after: Configuration) -> bool:
    """Either of the two holds for all, and the cluster works. Gives whether it is the new one."""
    configuration = cluster.configuration
    assert configuration in (before, after), "half a change"
    cluster.propose("after")
    cluster.run(2 * HEARTBEAT_US)
    for member in sorted(configuration.members):
        assert cluster[member].core.configuration == configuration
        assert cluster[member].values == ["before", "after"]
    assert [node for node in cluster.leaders if node.id in configuration.voters] != []
    return configuration == after


STEPS = 40
CHANGES: list[tuple[int, int, list[Change], Configuration]] = [
    (2, 0, [Remove(1)], Configuration(frozenset({2}))),
    (3, 0, [Remove(1)], Configuration(frozenset({2, 3}))),
    (3, 0, [Demote(1)], Configuration(frozenset({2, 3}), frozenset({1}))),
    (1, 1, [Promote(2), Remove(1)], Configuration(frozenset({2}))),
    (3, 0, [Remove(3)], Configuration(frozenset({1, 2}))),
    (3, 1, [Promote(4)], Configuration(frozenset({1, 2, 3, 4}))),
    (
        3,
        3,
        [Promote(4), Promote(5), Promote(6), Remove(1), Remove(2), Demote(3)],
        Configuration(frozenset({4, 5, 6}), frozenset({3})),
    ),
]


@pytest.mark.parametrize(("size", "learners", "changes", "after"), CHANGES)
def test_b53_b55_leader_that_dies_at_any_step_leaves_no_half_of_a_change(
    size: int, learners: int, changes: list[Change], after: Configuration
) -> None:
    before = with_learners(size, learners).configuration
    ends = []
    for steps in range(STEPS):
        cluster = crash_of_the_leader(size, learners, changes, steps)
        ends.append(check_end(cluster, before, after))
    assert ends[-1], "that many steps complete it"
    assert ends == sorted(ends), "once it is sure to come, it does not go away"


@pytest.mark.parametrize("size", [2, 3])
def test_b53_leader_that_removes_itself_is_not_counted_and_leaves(size: int) -> None:
    cluster = Cluster(size)
    leader = cluster.elect(1)
    cluster.drop = lambda src, dst, m: dst == 1  # nobody's answer arrives
    cluster.change(Remove(1))
    assert leader.core.configuration.is_joint
    assert leader.core.commit_index < leader.core.configuration_index
    cluster.drop = lambda src, dst, m: False
    cluster.run(HEARTBEAT_US)
    voters = frozenset(range(2, size + 1))
    assert leader.core.role_name == "follower"
    assert leader.core.configuration == Configuration(voters)
    cluster.run(HEARTBEAT_US)
    successor = cluster.leader
    assert (successor.id, successor.core.configuration.voters) == (2, voters)
    assert successor.core.term == leader.core.term + 1, "it was told, and needed no timeout"
    cluster.propose("x")
    assert successor.values == ["x"]
    cluster.run(10 * TIMEOUT_US)
    assert (cluster.leaders, leader.values) == ([successor], [])


def test_b53_only_voter_cannot_remove_itself() -> None:
    cluster = Cluster(1)
    cluster.elect(1)
    for change in (Remove(1), Demote(1)):
        with pytest.raises(ConfigurationError, match="last voter"):
            cluster.change(change)
    cluster.propose("x")
    assert cluster[1].values == ["x"]


def joint_solo() -> Solo:
    """Node 1 of voters 1, 2 and 3, on the way to 1, 4 and 5."""
    joint = Configuration(frozenset({1, 4, 5}), outgoing=frozenset({1, 2, 3}))
    return Solo([LogEntry(1, None), LogEntry(1, joint)], pre_vote=False)


def test_b55_votes_and_commits_of_a_joint_configuration_take_both_majorities() -> None:
    for winners in ((2, 4), (3, 5)):
        solo = joint_solo()
        solo.time_out()
        solo.receive(RequestVoteResponse(2, winners[0], True))
        assert solo.core.role_name == "candidate", "one half alone"
        solo.receive(RequestVoteResponse(2, winners[1], True))
        assert solo.core.is_leader
        solo.acknowledge(3, peer=winners[0])
        assert solo.core.commit_index == 0
        solo.acknowledge(3, peer=winners[1])
        assert solo.core.commit_index == 3
        left = solo.core.configuration
        assert left == Configuration(frozenset({1, 4, 5})), "and it is left at once"
    solo = joint_solo()
    solo.time_out()
    for voter in (2, 3):
        solo.receive(RequestVoteResponse(2, voter, True))
    assert solo.core.role_name == "candidate"
    for voter in (4, 5):
        solo.receive(RequestVoteResponse(2, voter, False))
    assert solo.core.role_name == "follower", "one half is lost, so all is"


def test_b55_every_half_that_is_cut_off_stops_a_joint_configuration() -> None:
    for lost in ((2, 3), (4, 5)):
        solo = joint_solo()
        solo.time_out()
        for voter in {2, 3, 4, 5} - set(lost):
            solo.receive(RequestVoteResponse(2, voter, True))
        assert solo.core.role_name == "candidate"


def test_several_voters_are_replaced_in_one_change() -> None:
    cluster = with_learners(3, 3)
    changes: list[Change] = [Promote(4), Promote(5), Promote(6), Remove(1), Remove(2), Remove(3)]
    cluster.change(*changes)
    cluster.run_until(lambda: bool(cluster.leaders) and cluster.leader.id in (4, 5, 6))
    assert cluster.configuration == Configuration(frozenset({4, 5, 6}))
    for gone in (1, 2, 3):
        cluster[gone].crash()
    cluster.propose("x")
    cluster.run(HEARTBEAT_US)
    assert [cluster[member].values for member in (4, 5, 6)] == [["before", "x"]] * 3


@pytest.mark.parametrize("pre_vote", [True, False])
def test_b11_removed_node_does_not_disturb_and_comes_back_as_a_learner(pre_vote: bool) -> None:
    cluster = Cluster(4, pre_vote=pre_vote)
    leader = cluster.elect(1)
    cluster.cut(4)
    cluster.change(Remove(4))
    cluster.run(10 * TIMEOUT_US)
    assert (cluster[4].core.term > 2) == (not pre_vote), "it campaigns, and cannot know better"
    cluster.heal()
    term = leader.core.term
    cluster.run(10 * TIMEOUT_US)
    assert (cluster.leader, leader.core.term) == (leader, term)
    cluster.change(AddLearner(4))
    cluster.run(10 * TIMEOUT_US)
    assert (leader.core.term == term) == pre_vote, "a higher term costs one election"
    elected = [e for node in cluster.up for e in node.of_type(LeaderElected)]
    assert len(elected) == (1 if pre_vote else 2)
    cluster.propose("x")
    cluster.run(HEARTBEAT_US)
    assert cluster[4].values == ["x"]
    assert cluster.configuration.learners == {4}


def test_b12_learner_votes_when_it_is_asked_and_never_asks_itself() -> None:
    cluster = with_learners(1, 1)
    cluster.run(HEARTBEAT_US)
    cluster.drop = lambda src, dst, m: dst == 2 and isinstance(m, AppendEntries)
    cluster.change(Promote(2))
    assert cluster[1].core.configuration.voters == {1, 2}
    assert cluster[2].core.configuration.learners == {2}, "it does not know"
    learner = cluster[2].core
    cluster.tick(5 * TIMEOUT_US)
    assert (learner.role_name, learner.is_voter, learner.may_campaign) == ("follower", False, False)
    cluster[1].crash()
    cluster[1].restart()
    cluster.drop = lambda src, dst, m: False
    cluster.run_until(lambda: cluster[1].core.is_leader)
    cluster.run(2 * HEARTBEAT_US)
    assert cluster.configuration == Configuration(frozenset({1, 2}))


def test_b12_leadership_is_not_transferred_to_a_learner() -> None:
    cluster = with_learners(2, 1)
    with pytest.raises(ValueError, match="not another voter"):
        cluster.leader.core.transfer_leadership(3, cluster.now)
    cluster.step(3, TimeoutNow(cluster.leader.core.term, 1))
    assert cluster[3].core.role_name == "follower"
    cluster.leader.core.transfer_leadership(2, cluster.now)
    cluster.cut(2)
    cluster.work()
    assert cluster[1].core.transferring_to == 2


def test_b12_leadership_is_not_transferred_to_a_voter_that_is_on_its_way_out() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.drop = lambda src, dst, m: dst == 3
    cluster.cut_one_way(2, 1)
    cluster.change(Demote(3))
    assert cluster.configuration.is_joint
    with pytest.raises(ValueError, match="not another voter"):
        leader.core.transfer_leadership(3, cluster.now)


def test_b13_node_campaigns_with_the_configuration_of_its_log_applied_or_not() -> None:
    """It counts from when it stands in the log, so nothing waits for the machine."""
    two = Configuration(frozenset({1, 2}))
    solo = Solo([*log_of(1, 1), LogEntry(1, two)], pre_vote=False)
    assert (solo.core.configuration, solo.applied) == (two, [])
    asked = [type(message) for message in solo.time_out()]
    assert asked == [RequestVote], "node 2 alone"
    solo.receive(RequestVoteResponse(2, 3, True))
    assert solo.core.role_name == "candidate"
    solo.receive(RequestVoteResponse(2, 2, True))
    assert solo.core.is_leader
    gone = Solo([*log_of(1, 1), LogEntry(1, Configuration(frozenset({2, 3})))], pre_vote=True)
    assert [type(m) for m in gone.time_out()] == [RequestPreVote] * 2, "not known to be committed"
    gone.append((3, 1), [], commit=3)
    assert gone.time_out() == [], "and now it is"


def test_restarted_follower_keeps_the_promise_of_its_earlier_life_to_elect_nobody() -> None:
    """Its leader counts on it for a timeout after it answered: a lease read rests on that."""
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.cut(1)
    voter = cluster[3]
    voter.crash()
    voter.restart()
    booted = cluster.now

    def asks(message: RequestPreVote | RequestVote) -> None:
        cluster.step(3, message)
        cluster.work()

    last, term = voter.core.last_index, voter.core.term
    asks(RequestPreVote(term, 2, term + 1, last, leader.core.log.last_term))
    asks(RequestVote(term + 1, 2, last, leader.core.log.last_term))
    assert (voter.core.term, voter.core.voted_for) == (term, 1)
    cluster.tick(TIMEOUT_US - 1)
    asks(RequestVote(term + 1, 2, last, leader.core.log.last_term))
    assert voter.core.term == term
    cluster.now = booted + TIMEOUT_US
    asks(RequestVote(term + 1, 2, last, leader.core.log.last_term))
    assert (voter.core.term, voter.core.voted_for) == (term + 1, 2)


def test_restarted_follower_keeps_the_promise_of_its_earlier_life_but_for_a_transfer() -> None:
    cluster = Cluster(3)
    cluster.elect(1)
    voter = cluster[3]
    voter.crash()
    voter.restart()
    last, term = voter.core.last_index, voter.core.term
    cluster.step(3, RequestVote(term + 1, 2, last, term, leadership_transfer=True))
    assert voter.core.voted_for == 2, "the leader asked for it, and holds no lease any more"
