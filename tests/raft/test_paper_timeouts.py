"""Election timeouts as the Raft paper has them (section 5.2); test_paper.py has the rest."""

import pytest

from tests.raft.cluster import TIMEOUT_US, Cluster
from tests.raft.solo import Solo, log_of


def test_message_of_the_leader_resets_the_timer_of_a_follower() -> None:
    """5.2: A server remains in follower state as long as it receives valid RPCs from a leader."""
    solo = Solo(log_of(1))
    for number in range(20):
        solo.tick(TIMEOUT_US - 1)
        assert solo.core.role_name == "follower"
        prev = ((1, 1), (9, 1))[number % 2]  # even one that it has to refuse
        solo.append(prev, term=1)
        assert TIMEOUT_US <= solo.core.next_deadline - solo.now < 2 * TIMEOUT_US
    solo.time_out()
    assert solo.core.role_name == "precandidate"


def test_split_votes_are_rare() -> None:
    """5.2: Randomized election timeouts ensure that split votes are rare."""
    split = 0
    for seed in range(200):
        cluster = Cluster(5, seed=seed)
        deadlines = sorted(node.core.next_deadline for node in cluster.up)
        split += deadlines[1] - deadlines[0] < 1000
    assert split < 20


@pytest.mark.parametrize("role", ["follower", "precandidate", "candidate"])
def test_each_election_timeout_is_drawn_anew(role: str) -> None:
    """5.2: Election timeouts are chosen randomly from a fixed interval, by candidates as well."""
    solo = Solo(log_of(1), pre_vote=role == "precandidate")
    waits = set()
    for _ in range(100):
        if role == "follower":
            solo.append((1, 1), term=1)
        else:
            solo.time_out()
        assert solo.core.role_name == role
        waits.add(solo.core.next_deadline - solo.now)
    assert min(waits) >= TIMEOUT_US
    assert max(waits) < 2 * TIMEOUT_US
    assert max(waits) - min(waits) > 0.8 * TIMEOUT_US
    assert len(waits) > 95


@pytest.mark.parametrize("role", ["precandidate", "candidate"])
def test_candidates_seldom_time_out_together_again(role: str) -> None:
    """5.2: Each candidate restarts its randomized timeout, which makes another split vote rare."""
    split = 0
    for seed in range(200):
        cluster = Cluster(5, seed=seed, pre_vote=role == "precandidate")
        cluster.tick(2 * TIMEOUT_US)  # all of them at once
        deadlines = sorted(node.core.next_deadline for node in cluster.up)
        assert {node.core.role_name for node in cluster.up} == {role}
        split += deadlines[1] - deadlines[0] < 1000
    assert split < 20
