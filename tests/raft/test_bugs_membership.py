"""Changes of the members as others got them wrong; docs/known-bugs.md tells the stories."""

import pytest

from node.raft.configuration import AddLearner, Configuration, Demote, Promote, Remove
from node.raft.errors import NotCaughtUpError, ProposalDroppedError
from node.raft.events import PeerLogReverted
from node.raft.messages import AppendEntries, Message
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
