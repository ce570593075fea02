"""What a core counts of its attempts to lead, the timer that starts them, and whom it followed."""

from tests.raft.cluster import TIMEOUT_US, Cluster


def test_won_election_is_counted_with_its_prevote() -> None:
    cluster = Cluster(3)
    tally = cluster.elect(1).core.tally
    assert (tally.prevotes_tried, tally.prevotes_won) == (1, 1)
    assert (tally.elections_tried, tally.elections_won) == (1, 1)
    others = [cluster[node].core.tally for node in (2, 3)]
    assert all(each.elections_tried == each.prevotes_tried == 0 for each in others)


def test_rounds_of_prevotes_that_nobody_answers_are_counted_and_win_nothing() -> None:
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.cut(2)
    cluster.run(20 * TIMEOUT_US)
    tally = cluster[2].core.tally
    assert 9 <= tally.prevotes_tried <= 20
    assert (tally.prevotes_won, tally.elections_tried, tally.elections_won) == (0, 0, 0)


def test_last_leader_is_remembered_when_it_is_gone() -> None:
    cluster = Cluster(3)
    assert cluster[2].core.last_leader is None
    term = cluster.elect(1).core.term
    core = cluster[2].core
    cluster.cut(2)
    cluster.run_until(lambda: core.leader_id is None)
    assert core.last_leader == (term, 1)
    assert cluster[1].core.last_leader == (term, 1)


def test_election_timer_begins_anew_with_each_word_of_the_leader() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    assert leader.core.election_timer is None
    cluster.run(TIMEOUT_US)
    heard_at = cluster[2].core.leader_heard_at
    assert heard_at is not None
    cluster.cut(2)
    cluster.run(TIMEOUT_US // 2)
    timer = cluster[2].core.election_timer
    assert timer is not None
    began_at, deadline = timer
    assert began_at >= heard_at > cluster.now - TIMEOUT_US
    assert TIMEOUT_US <= deadline - began_at < 2 * TIMEOUT_US
    cluster.run_until(lambda: cluster[2].core.role_name == "precandidate")
    again = cluster[2].core.election_timer
    assert again is not None
    assert again[0] >= deadline
