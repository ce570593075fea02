"""An election that somebody asks for, where the timer need not be waited for."""

from tests.raft.cluster import Cluster


def campaign(cluster: Cluster, node_id: int) -> None:
    cluster[node_id].core.campaign(cluster.now)
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
