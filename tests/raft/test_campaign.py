"""An election that somebody asks for, where the timer need not be waited for."""

from tests.raft.cluster import TIMEOUT_US, Cluster


def campaign(cluster: Cluster, node_id: int) -> None:
    cluster[node_id].core.campaign(cluster.now, cluster.now)
    cluster.tick(0)
    cluster.deliver()


def test_node_of_a_new_cluster_leads_at_once() -> None:
    cluster = Cluster(3)
    campaign(cluster, 2)
    assert (cluster.leader.id, cluster.leader.core.term) == (2, 1)


def test_leader_that_is_there_stays() -> None:
    cluster = Cluster(3)
    term = cluster.elect(1).core.term
    for node_id in (1, 2):
        campaign(cluster, node_id)
        assert (cluster.leader.id, cluster.leader.core.term) == (1, term)
        assert {node.core.term for node in cluster.up} == {term}


def test_timer_runs_out_no_later_than_asked_for_and_no_earlier() -> None:
    cluster = Cluster(3)
    core = cluster[2].core
    core.campaign(cluster.now + TIMEOUT_US // 2, cluster.now)
    assert core.next_deadline == cluster.now + TIMEOUT_US // 2
    core.campaign(cluster.now + 10 * TIMEOUT_US, cluster.now)
    assert core.next_deadline == cluster.now + TIMEOUT_US // 2
    assert core.role_name == "follower"


def test_who_got_no_answer_to_its_pre_vote_asks_again() -> None:
    cluster = Cluster(3)
    cluster.cut(2)
    campaign(cluster, 2)
    assert cluster[2].core.role_name == "precandidate"
    cluster.heal()
    campaign(cluster, 2)
    assert (cluster.leader.id, cluster.leader.core.term) == (2, 1)
