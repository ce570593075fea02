"""Changes of the members as others got them wrong; docs/known-bugs.md tells the stories."""

import pytest

from node.raft.configuration import AddLearner, Configuration, Demote, Promote, Remove
from node.raft.core import RaftCore
from node.raft.errors import ChangePendingError, NotCaughtUpError, ProposalDroppedError
from node.raft.events import ConfigurationChanged, PeerLogReverted
from node.raft.messages import AppendEntries, AppendEntriesResponse, LogEntry, Message
from node.raft.roles import Leader
from tests.raft.cluster import HEARTBEAT_US, TIMEOUT_US, Cluster
from tests.raft.solo import Solo, log_of


def drops_the_last_entry(cluster: Cluster) -> None:
    """Lose all appends that carry a configuration that is not joint, whoever sends them."""

    def drop(src: int, dst: int, message: Message) -> bool:
        return isinstance(message, AppendEntries) and any(
            type(entry.entry) is Configuration and not entry.entry.is_joint
            for entry in message.entries
        )

    cluster.drop = drop


@pytest.mark.parametrize("change", [Remove, Demote])
@pytest.mark.parametrize("pre_vote", [True, False])
def test_b53_leader_that_loses_its_vote_is_elected_while_only_it_holds_the_change(
    change: type[Remove] | type[Demote], pre_vote: bool
) -> None:
    """Two nodes: the other needs the old leader's vote, and its log is too short to get it."""
    cluster = Cluster(2, pre_vote=pre_vote)
    leader = cluster.elect(1)
    drops_the_last_entry(cluster)
    cluster.change(change(1))
    cluster.run(HEARTBEAT_US)
    assert not leader.core.configuration.is_joint
    assert cluster[2].core.configuration.is_joint
    leader.crash()
    leader.restart()
    cluster.drop = lambda src, dst, message: False
    cluster.run(20 * TIMEOUT_US)
    assert cluster.leader.id == 2
    assert cluster.configuration.voters == {2}
    cluster.propose("x")
    assert cluster[2].values == ["x"]


def test_b54_learner_that_stopped_to_keep_up_is_not_promoted() -> None:
    """It kept up once. Its disk hangs since, while its heartbeats are answered as ever."""
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.add(4)
    cluster.change(AddLearner(4))
    cluster.run(4 * HEARTBEAT_US)
    cluster.drop = lambda src, dst, m: isinstance(m, AppendEntries) and dst == 4 and m.entries != []
    cluster.propose("x")
    cluster.run(HEARTBEAT_US)
    cluster.propose("y")
    cluster.run(2 * TIMEOUT_US)
    with pytest.raises(NotCaughtUpError) as caught:
        cluster.change(Promote(4))
    assert (caught.value.member, caught.value.last_index) == (4, cluster[1].core.last_index)
    cluster.drop = lambda src, dst, m: False
    cluster.run(4 * HEARTBEAT_US)
    cluster.change(Promote(4))
    cluster.run(2 * HEARTBEAT_US)
    assert cluster.configuration.voters == {1, 2, 3, 4}


def test_changes_of_members_leave_the_bound_on_uncommitted_bytes_as_it_was() -> None:
    cluster = Cluster(1, entry_size=len, uncommitted_bytes_max=1000)
    leader = cluster.elect(1)
    for newcomer in range(2, 6):
        cluster.add(newcomer)
        cluster.change(AddLearner(newcomer))
        cluster.run(HEARTBEAT_US)
        assert leader.core.commit_index == leader.core.configuration_index
    leader.holds_disk = True
    leader.core.propose(["x" * 900])
    leader.work()
    with pytest.raises(ProposalDroppedError, match="bytes"):
        leader.core.propose(["x" * 900])


def test_b38_answer_from_an_earlier_membership_says_nothing_about_a_new_disk() -> None:
    """A member is removed, gets a new disk and is added again, all under one leader."""
    solo = Solo(log_of(1, 1, 1, 1))
    solo.lead()
    solo.acknowledge(5)
    late = solo.newest_sequence
    solo.core.change_membership([Remove(3)], solo.now)
    for _ in range(2):
        solo.work()
        solo.acknowledge(solo.core.last_index)
    assert solo.core.configuration.voters == {1, 2}
    solo.core.change_membership([AddLearner(3)], solo.now)
    solo.work()
    solo.acknowledge(5, peer=3, sequence=late)
    assert solo.core.progress[3].match_index == 0
    assert solo.core.progress[3].heard_at is None
    solo.reject(solo.core.last_index - 1, (0, 0), peer=3)
    solo.acknowledge(solo.core.last_index, peer=3)
    assert solo.core.progress[3].match_index == solo.core.last_index
    assert not [event for event in solo.events if isinstance(event, PeerLogReverted)]


def test_b50_no_change_before_the_leader_has_committed_an_entry_of_its_own() -> None:
    """Four nodes. Two leaders in a row that each change one member by themselves could have two
    majorities that share nobody (Ongaro 2015).
    """
    cluster = Cluster(4)
    first = cluster.elect(1)
    cluster.add(5)
    cluster.cut(1)
    first.core.change_membership([AddLearner(5)], cluster.now)
    first.work()
    second = cluster[2]
    cluster.prefer(2)
    cluster.drop = lambda src, dst, m: isinstance(m, AppendEntries)
    cluster.run_until(lambda: second.core.is_leader)
    with pytest.raises(ChangePendingError) as caught:
        second.core.change_membership([Remove(4)], cluster.now)
    assert caught.value.index == second.core.last_index, "the first entry of its term"
    cluster.drop = lambda src, dst, m: False
    cluster.run(2 * HEARTBEAT_US)
    cluster.change(Remove(4))
    cluster.heal()
    cluster.run(4 * TIMEOUT_US)
    assert first.core.configuration == second.core.configuration
    assert first.core.configuration.members == {1, 2, 3}


def test_b51_one_change_at_a_time_and_the_others_learn_what_they_wait_for() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.add(4)
    index = leader.core.change_membership([AddLearner(4)], cluster.now)
    for newcomer in (5, 6):
        with pytest.raises(ChangePendingError, match="another change") as caught:
            leader.core.change_membership([AddLearner(newcomer)], cluster.now)
        assert caught.value.index == index
    cluster.deliver()
    index = leader.core.change_membership([Demote(3)], cluster.now)
    assert leader.core.configuration.is_joint
    with pytest.raises(ChangePendingError) as caught:
        leader.core.change_membership([AddLearner(5)], cluster.now)
    assert caught.value.index == index
    cluster.deliver()
    assert cluster.configuration == Configuration(frozenset({1, 2}), frozenset({3, 4}))


def test_b52_configuration_goes_back_with_the_entries_that_are_dropped() -> None:
    first = Configuration(frozenset({1, 2, 3}))
    joint = Configuration(frozenset({1, 2}), outgoing=frozenset({1, 2, 3}))
    after = Configuration(frozenset({1, 2}))
    for dropped_from, expected in ((5, after), (4, joint), (3, joint), (2, first), (1, first)):
        log = [LogEntry(1, e) for e in (None, joint, "x", after, "y")]
        solo = Solo(log)
        assert solo.core.configuration == after
        prev = (dropped_from - 1, 1 if dropped_from > 1 else 0)
        solo.append(prev, [LogEntry(2, None)], term=2)
        assert solo.core.configuration == expected, dropped_from
        told = [event for event in solo.events if isinstance(event, ConfigurationChanged)]
        assert [event.configuration for event in told] == [expected] * (expected != after)
    solo.append((1, 2), [LogEntry(2, joint), LogEntry(2, after)], term=2)
    assert solo.core.configuration == after, "and forward again"


def test_b52_member_that_was_added_in_vain_and_one_that_was_there_before() -> None:
    """The second change drops nothing that the first members rest on."""
    cluster = Cluster(3)
    old = cluster.elect(1)
    cluster.add(4)
    cluster.cut(1)
    old.core.change_membership([AddLearner(4), Demote(3)], cluster.now)
    old.work()
    assert old.core.configuration.is_joint
    cluster.run_until(lambda: any(node.id != 1 for node in cluster.leaders))
    cluster.propose("x")
    cluster.heal()
    cluster.run(4 * TIMEOUT_US)
    for member in (1, 2, 3):
        assert cluster[member].core.configuration == Configuration(frozenset({1, 2, 3}))
        assert cluster[member].values == ["x"]


def test_b54_unreachable_newcomer_costs_the_cluster_nothing() -> None:
    cluster = Cluster(3)
    cluster.elect(1)
    newcomer = cluster.add(4)
    newcomer.is_up = False
    cluster.change(AddLearner(4, promote=True))
    cluster.run(4 * TIMEOUT_US)
    assert cluster.configuration.voters == {1, 2, 3}
    with pytest.raises(NotCaughtUpError, match="it holds 0 of"):
        cluster.change(Promote(4))
    cluster[3].crash()
    cluster.propose("x")
    assert cluster.leader.values == ["x"], "two of three, not of four"
    cluster[3].restart()
    cluster.change(Remove(4))
    cluster.run(HEARTBEAT_US)
    cluster.change(AddLearner(4, promote=True))
    newcomer.is_up = True
    cluster.run(4 * TIMEOUT_US)
    assert cluster.configuration == Configuration(frozenset({1, 2, 3, 4}))
    assert newcomer.values == ["x"]


def test_b54_learner_that_takes_too_long_for_a_round_is_not_promoted() -> None:
    """Each round takes longer than an election, since the log grows as fast as it is sent."""
    solo = Solo(size=1)
    solo.lead()
    solo.core.change_membership([AddLearner(2, promote=True)], solo.now)
    solo.work()
    for _ in range(10):
        target = solo.core.last_index
        solo.core.propose(["x"])
        for _ in range(4):  # it answers all the time
            solo.tick(HEARTBEAT_US)
            solo.acknowledge(target - 1)
        solo.acknowledge(target)
        assert solo.core.configuration.promotable == {2}
    solo.tick(HEARTBEAT_US)
    solo.acknowledge(solo.core.last_index)  # a round of 50 ms, at last
    assert solo.core.configuration == Configuration(frozenset({1, 2}), outgoing=frozenset({1}))


def with_a_learner_that_keeps_up() -> tuple[Cluster, RaftCore]:
    """Three voters, of which node 1 leads, and the learner 4."""
    cluster = Cluster(3)
    leader = cluster.elect(1).core
    cluster.add(4)
    cluster.change(AddLearner(4))
    cluster.run(3 * TIMEOUT_US)
    return cluster, leader


def test_learner_that_was_away_has_to_catch_up_again_before_it_votes() -> None:
    """Its first answer is a rejection: it is there again, and holds nothing of what came since."""
    cluster, leader = with_a_learner_that_keeps_up()
    cluster.cut(4)
    for number in range(20):
        cluster.propose(number)
        cluster.run(TIMEOUT_US)
    cluster.heal()
    cluster.tick(HEARTBEAT_US)
    while (leader.progress[4].heard_at or 0) < cluster.now:
        cluster.work()
        under_way, cluster.in_flight = cluster.in_flight, []
        for _, (to, message) in under_way:
            cluster.step(to, message)
    assert leader.progress[4].match_index < leader.last_index
    with pytest.raises(NotCaughtUpError):
        leader.change_membership([Promote(4)], cluster.now)
    cluster.run(3 * TIMEOUT_US)
    cluster.change(Promote(4))


def test_learner_that_lost_its_log_has_to_catch_up_again_before_it_votes() -> None:
    cluster, leader = with_a_learner_that_keeps_up()
    held = leader.progress[4].match_index
    assert held == leader.last_index
    assert isinstance(leader.role, Leader)
    lost = AppendEntriesResponse(leader.term, 4, False, held, leader.role.sequence, 0, 0)
    cluster.step(1, lost)
    assert leader.progress[4].match_index == 0
    with pytest.raises(NotCaughtUpError):
        leader.change_membership([Promote(4)], cluster.now)
