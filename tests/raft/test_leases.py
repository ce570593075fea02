"""Reads under a lease: counted from when a message left, on a clock that does not step."""

import pytest

from node.raft.messages import (
    AppendEntriesResponse,
    LogEntry,
    Message,
    RequestPreVote,
    RequestPreVoteResponse,
    RequestVote,
    RequestVoteResponse,
)
from node.raft.roles import Follower
from tests.raft.cluster import HEARTBEAT_US, TIMEOUT_US, Cluster
from tests.raft.solo import Solo, appends_to, log_of

LEASE_US = TIMEOUT_US * 90 // 100


def leader(**settings: object) -> Solo:
    """Node 1 of three leads, claims a lease, and node 2 holds its no-op."""
    solo = Solo(**settings)  # type: ignore[arg-type]
    solo.lead()
    solo.core.want_lease(solo.now)
    solo.acknowledge(solo.core.last_index)
    assert solo.core.commit_index == solo.core.last_index
    return solo


def beat(solo: Solo) -> int:
    """Let a heartbeat leave; gives its number."""
    beats = appends_to(solo.time_out())
    return max(each.sequence for each in beats)


def test_b60_lease_is_counted_from_when_the_message_left_not_from_its_answer() -> None:
    solo = leader()
    sequence = beat(solo)
    left_at = solo.now
    solo.now += LEASE_US - 1000  # the answer takes almost as long as the lease
    solo.acknowledge(solo.core.last_index, sequence=sequence)
    assert solo.core.lease_index(solo.now) == solo.core.commit_index
    assert solo.core.lease_index(left_at + LEASE_US - 1) is not None
    assert solo.core.lease_index(left_at + LEASE_US) is None


def test_b60_answer_to_an_older_message_does_not_renew_the_lease() -> None:
    solo = leader()
    old = beat(solo)
    left_at = solo.now
    beat(solo)
    solo.acknowledge(solo.core.last_index, sequence=old)
    assert solo.core.lease_index(left_at + LEASE_US - 1) is not None
    assert solo.core.lease_index(left_at + LEASE_US) is None


def test_b60_leader_that_stood_still_has_no_lease_when_it_goes_on() -> None:
    solo = leader()
    solo.acknowledge(solo.core.last_index, sequence=beat(solo))
    assert solo.core.lease_index(solo.now + 1) is not None
    assert solo.core.lease_index(solo.now + 3 * TIMEOUT_US) is None


def test_b60_lease_ends_before_a_follower_whose_clock_is_a_tenth_faster_would_vote() -> None:
    """The follower heard the leader no sooner than the message left, and votes for another after an
    election timeout of its own clock; the lease is over by then.
    """
    follower = Solo(log_of(1), term=1)
    follower.append((1, 1), term=1)
    heard_at = follower.now
    fastest = heard_at + TIMEOUT_US * 10 // 11  # leader's time, when the follower's timeout is over
    assert heard_at + LEASE_US <= fastest
    follower.now = heard_at + TIMEOUT_US - 1
    assert follower.receive(RequestVote(2, 3, 9, 1)) == [], "it is not even looked at"
    follower.now = heard_at + TIMEOUT_US
    assert follower.answer(RequestVote(2, 3, 9, 1)) == RequestVoteResponse(2, 1, True)


def test_b60_transfer_ends_the_lease_for_good() -> None:
    """The successor is elected although its voters hear the leader."""
    solo = leader()
    sequence = beat(solo)
    solo.acknowledge(solo.core.last_index, sequence=sequence)
    assert solo.core.lease_index(solo.now) is not None
    solo.core.transfer_leadership(2, solo.now)
    solo.work()
    assert solo.core.lease_index(solo.now) is None
    solo.now += 2 * TIMEOUT_US
    for peer in (2, 3):
        solo.acknowledge(solo.core.last_index, peer=peer)
    solo.tick(0)
    assert solo.core.is_leader
    assert solo.core.transferring_to is None, "it was given up"
    solo.acknowledge(solo.core.last_index, sequence=beat(solo))
    assert solo.core.lease_index(solo.now) is None, "it was told, and may campaign yet"


def test_new_leader_has_no_lease_before_an_entry_of_its_term_is_committed() -> None:
    solo = Solo(log_of(1, 1), term=1)
    solo.lead()
    solo.core.want_lease(solo.now)
    sequence = beat(solo)
    solo.acknowledge(0, sequence=sequence)
    assert solo.core.lease_index(solo.now) is None
    solo.acknowledge(solo.core.last_index, sequence=sequence)
    assert solo.core.lease_index(solo.now) == 3


def test_without_check_quorum_nobody_promises_anything_so_there_is_no_lease() -> None:
    solo = leader(check_quorum=False)
    solo.acknowledge(solo.core.last_index, sequence=beat(solo))
    assert solo.core.lease_index(solo.now) is None


def test_follower_has_no_lease_and_knows_how_long_ago_it_heard_its_leader() -> None:
    solo = Solo()
    assert solo.core.age_us(solo.now) is None
    solo.append((0, 0), [LogEntry(1, "x")], term=1)
    assert solo.core.lease_index(solo.now) is None
    assert solo.core.age_us(solo.now + 700) == 700
    solo.now += 3 * TIMEOUT_US
    solo.time_out()
    assert solo.core.age_us(solo.now) is None, "it looks for a leader itself"


def test_only_voter_of_a_cluster_always_has_a_lease() -> None:
    solo = Solo(size=1)
    solo.lead()
    solo.core.want_lease(solo.now)
    for _ in range(4):
        assert solo.core.lease_index(solo.now) == solo.core.commit_index
        solo.tick(HEARTBEAT_US)


@pytest.mark.parametrize("ask", [RequestVote(5, 2, 9, 4), RequestPreVote(4, 2, 5, 9, 4)])
def test_restarted_node_elects_nobody_while_a_lease_of_its_earlier_life_may_last(
    ask: RequestVote | RequestPreVote,
) -> None:
    solo = Solo(log_of(4), term=4)
    solo.core.hearing.promised_until = TIMEOUT_US  # as it was booted
    solo.now = TIMEOUT_US - 1
    for answer in solo.receive(ask):
        assert answer == RequestPreVoteResponse(4, 1, 5, False)
    assert solo.core.term == 4
    solo.now = TIMEOUT_US
    answer = solo.answer(ask)
    assert isinstance(answer, RequestVoteResponse | RequestPreVoteResponse)
    assert answer.vote_granted


def test_b60_lease_holds_against_a_candidate_whose_term_is_known_already() -> None:
    """Node 2 looks for a leader and hears its old one again. Then it learns of the term that node 3
    is in, from the answer to a question of its own, and only then of node 3's election.
    """
    cluster = Cluster(3)
    old, follower, rival = (cluster.elect(1), cluster[2], cluster[3])
    old.core.want_lease(cluster.now)
    cluster.run(HEARTBEAT_US)
    old.is_up = False  # it stands still
    cluster.cut_links |= {(1, 3), (3, 1)}
    assert isinstance(follower.core.role, Follower)
    follower.core.role.election_deadline = rival.core.next_deadline + 10_000
    late: list[tuple[int, Message]] = []

    def is_late(src: int, dst: int, message: Message) -> bool:
        is_answer = isinstance(message, RequestPreVoteResponse) and message.term == 2
        if not (is_answer or isinstance(message, RequestVote)):
            return False
        late.append((dst, message))
        return True

    cluster.drop = is_late
    while follower.core.role_name != "precandidate":
        cluster.tick(1000)
        cluster.deliver()
    assert (rival.core.role_name, rival.core.term) == ("candidate", 2)
    old.is_up = True
    cluster.tick(0)
    cluster.deliver()
    cluster.cut(1)
    lease = old.core.lease_index(cluster.now)
    assert lease == old.core.commit_index, "the follower has answered, and promised"
    cluster.drop = lambda src, dst, message: False
    for dst, message in sorted(late, key=lambda each: isinstance(each[1], RequestVote)):
        if dst == follower.id:
            cluster.step(dst, message)
            cluster.deliver()
    assert follower.core.term == 2
    assert not rival.core.is_leader, "it would commit what the old leader's reads do not see"
    cluster.run(2 * TIMEOUT_US)
    assert old.core.lease_index(cluster.now) is None
    cluster.heal()
    cluster.run(4 * TIMEOUT_US)
    assert len(cluster.leaders) == 1


def test_lease_reads_never_miss_a_write_while_leaders_are_cut_off() -> None:
    """Whoever holds a lease has every entry that anybody committed."""
    for seed in range(20):
        cluster = Cluster(3, seed=seed)
        cluster.elect(1)
        for number in range(12):
            cluster.propose(number)
            old = cluster.leader.id
            cluster.leader.core.want_lease(cluster.now)
            cluster.cut(old)
            for _ in range(12):
                cluster.run(HEARTBEAT_US // 2)
                committed = max(node.core.commit_index for node in cluster.up)
                for node in cluster.up:
                    index = node.core.lease_index(cluster.now)
                    assert index is None or index >= committed
            cluster.heal()
            cluster.run(4 * TIMEOUT_US)


def test_answers_of_members_that_left_do_not_carry_a_lease() -> None:
    solo = leader()
    solo.acknowledge(solo.core.last_index, peer=3, sequence=beat(solo))
    assert solo.core.lease_index(solo.now) is not None
    solo.receive(AppendEntriesResponse(solo.core.term, 99, True, 0, solo.newest_sequence, 1))
    assert solo.core.lease_index(solo.now + LEASE_US) is None
