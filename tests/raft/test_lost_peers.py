"""A leader's connections end, as they do when its process dies: a hint, which costs no safety."""

import pytest

from node.raft.config import CoreConfig, InitialState
from node.raft.configuration import AddLearner
from node.raft.core import RaftCore
from node.raft.events import RoleChanged
from node.raft.messages import (
    AppendEntries,
    InstallSnapshot,
    RequestPreVote,
    RequestPreVoteResponse,
    RequestVote,
    RequestVoteResponse,
)
from node.raft.roles import Follower
from tests.raft.cluster import HEARTBEAT_US, TIMEOUT_US, Cluster, Node
from tests.raft.solo import Solo, appends_to, log_of

LEASE_US = TIMEOUT_US * 90 // 100


def lose(cluster: Cluster, peer_id: int, *nodes: int) -> None:
    """The connections of these nodes with a peer end."""
    for node_id in nodes:
        cluster[node_id].core.peer_lost(peer_id, cluster.now)


def deadline(node: Node) -> int:
    role = node.core.role
    assert isinstance(role, Follower)
    return role.election_deadline


def follows(claims_lease: bool, **settings: object) -> Solo:
    """Node 1 has just heard node 2, which leads."""
    solo = Solo(log_of(1), term=1, **settings)  # type: ignore[arg-type]
    solo.receive(AppendEntries(1, 2, 1, 1, [], 0, 1, claims_lease))
    assert solo.core.leader_id == 2
    return solo


def test_death_of_a_leader_that_is_noticed_costs_no_timeout() -> None:
    cluster = Cluster(3)
    cluster.elect(1).crash()
    lose(cluster, 1, 2, 3)
    cluster.tick(0)
    cluster.deliver()
    assert cluster.leader.id == 2
    changes = [event for event in cluster[2].events if isinstance(event, RoleChanged)]
    assert [each.why for each in changes if each.role == "precandidate"][-1] == "lost its leader"


def test_voters_try_one_after_the_other_behind_the_lost_leader() -> None:
    cluster = Cluster(5)
    cluster.elect(3)
    lose(cluster, 3, 1, 2, 4, 5)
    turns = {node.id: deadline(node) - cluster.now for node in cluster.followers}
    assert turns == {4: 0, 5: HEARTBEAT_US // 2, 1: HEARTBEAT_US, 2: HEARTBEAT_US * 3 // 2}


def test_voter_whose_log_is_too_short_leaves_its_turn_to_the_next_one() -> None:
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.cut_one_way(1, 2)
    cluster.propose("only 3 has it")
    cluster[1].crash()
    lose(cluster, 1, 2, 3)
    cluster.run(HEARTBEAT_US, step_us=HEARTBEAT_US // 8)
    assert cluster.leader.id == 3


def test_voter_that_is_asked_while_it_waits_for_its_turn_lets_the_other_one_go_ahead() -> None:
    solo = follows(False)
    solo.core.peer_lost(2, solo.now)
    solo.now += HEARTBEAT_US // 2 - 1
    assert solo.answer(RequestPreVote(1, 3, 2, 1, 1)) == RequestPreVoteResponse(1, 1, 2, True)
    assert solo.core.next_deadline == solo.now + HEARTBEAT_US
    before = solo.core.next_deadline
    solo.now += 1
    assert not solo.answer(RequestPreVote(1, 3, 2, 0, 0)).vote_granted
    assert solo.core.next_deadline == before - HEARTBEAT_US // 2, "who cannot win had its turn"


def turns_behind_4(last_log_index: int, last_log_term: int) -> dict[int, int]:
    """Of voters that lost their leader, node 3, and are asked by node 4, with a log that ends so:
    how long each waits.
    """
    cluster = Cluster(5)
    cluster.elect(3)
    lose(cluster, 3, 1, 2, 4, 5)
    for voter in (5, 1, 2):
        message = RequestPreVote(1, 4, 2, last_log_index, last_log_term)
        cluster[voter].core.step(message, cluster.now)
    return {voter: deadline(cluster[voter]) - cluster.now for voter in (5, 1, 2)}


def test_voters_move_up_behind_one_that_cannot_win() -> None:
    """Whom the lost leader spared may be the first to try, and lacks what the others hold."""
    assert turns_behind_4(0, 0) == {5: 0, 1: HEARTBEAT_US // 2, 2: HEARTBEAT_US}


def test_voter_that_still_hears_a_leader_does_not_move_up() -> None:
    solo = follows(claims_lease=True)
    solo.core.peer_lost(2, solo.now)
    before = solo.core.next_deadline
    solo.receive(RequestPreVote(1, 3, 2, 0, 0))
    assert solo.core.next_deadline == before, "it promised to wait"
    solo = follows(claims_lease=False)
    before = solo.core.next_deadline
    solo.receive(RequestPreVote(1, 3, 2, 0, 0))
    assert solo.core.next_deadline == before, "nothing says that the leader is gone"


def test_death_of_a_leader_that_spared_the_first_in_the_row_costs_no_turn() -> None:
    cluster = Cluster(3, spare_us=HEARTBEAT_US // 2)
    cluster.elect(1)
    cluster.cut_one_way(1, 2)
    cluster.propose("a")
    cluster.deliver()
    cluster.heal()
    cluster.propose("only 3 is asked")
    cluster.deliver()
    assert cluster[2].core.last_index < cluster[3].core.last_index
    cluster[1].crash()
    lose(cluster, 1, 2, 3)
    cluster.tick(0)
    cluster.deliver()
    cluster.tick(0)
    cluster.deliver()
    assert cluster.leader.id == 3


def test_voters_that_let_another_go_ahead_try_one_after_the_other_behind_it() -> None:
    assert turns_behind_4(1, 1) == {5: HEARTBEAT_US, 1: HEARTBEAT_US * 3 // 2, 2: HEARTBEAT_US * 2}


def test_voter_that_is_asked_after_a_timeout_waits_no_longer_than_before() -> None:
    solo = follows(False)
    before = solo.core.next_deadline
    solo.now = before - 1
    assert solo.answer(RequestPreVote(1, 3, 2, 1, 1)).vote_granted
    assert solo.core.next_deadline == before


def test_node_of_a_low_priority_waits_longer_here_too() -> None:
    solo = follows(False, priority=50)
    solo.core.peer_lost(2, solo.now)
    turn = HEARTBEAT_US // 2  # node 3 comes first
    assert solo.core.next_deadline == solo.now + turn + TIMEOUT_US // 2


def test_the_wait_never_becomes_longer() -> None:
    solo = follows(False, priority=0)
    before = solo.core.next_deadline
    solo.core.peer_lost(2, before - 1)
    assert solo.core.next_deadline == before


def test_loss_of_another_peer_than_the_leader_changes_nothing() -> None:
    solo = follows(False)
    before = solo.core.next_deadline
    solo.core.peer_lost(3, solo.now)
    assert (solo.core.leader_id, solo.core.next_deadline) == (2, before)


def test_leader_that_loses_peers_goes_on() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    before = leader.core.next_deadline
    for peer_id in (1, 2, 3):
        lose(cluster, peer_id, 1)
    assert leader.core.is_leader
    assert leader.core.next_deadline == before


@pytest.mark.parametrize("role", ["precandidate", "candidate"])
def test_who_campaigns_goes_on(role: str) -> None:
    solo = follows(False)
    solo.time_out()
    if role == "candidate":
        solo.receive(RequestPreVoteResponse(1, 3, 2, True))
    assert solo.core.role_name == role
    before = solo.core.next_deadline
    solo.core.peer_lost(2, solo.now)
    assert (solo.core.role_name, solo.core.next_deadline) == (role, before)


def test_without_pre_votes_the_hint_is_not_taken_since_nobody_could_refuse() -> None:
    solo = follows(False, pre_vote=False)
    before = solo.core.next_deadline
    solo.core.peer_lost(2, solo.now)
    assert (solo.core.leader_id, solo.core.next_deadline) == (2, before)


def test_learner_that_loses_its_leader_does_not_campaign() -> None:
    cluster = Cluster(3)
    cluster.elect(1)
    learner = cluster.add(4)
    cluster.change(AddLearner(4))
    cluster.run(2 * HEARTBEAT_US)
    lose(cluster, 1, 4)
    assert learner.core.leader_id is None
    cluster.tick(TIMEOUT_US // 10)
    cluster.tick(TIMEOUT_US // 10)
    assert learner.core.role_name == "follower"


# -- a leader that lives ---------------------------------------------------------------------------
def test_connection_that_ends_while_the_leader_lives_unseats_nobody() -> None:
    cluster = Cluster(5)
    leader = cluster.elect(1)
    term = leader.core.term
    lose(cluster, 1, 2)
    assert cluster[2].core.leader_id is None
    cluster.tick(0)
    cluster.deliver()
    answers = [envelope.message for _, envelope in cluster.of_type(RequestPreVoteResponse)][-4:]
    assert [answer.vote_granted for answer in answers] == [False] * 4  # type: ignore[union-attr]
    cluster.run(4 * TIMEOUT_US)
    assert (cluster.leader, leader.core.term) == (leader, term)


def test_leader_that_is_heard_again_is_waited_for_again() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    lose(cluster, 1, 2)
    cluster.tick(0)
    cluster.deliver()
    cluster.run_until(lambda: cluster[2].core.leader_id == leader.id, HEARTBEAT_US + 10_000)
    assert deadline(cluster[2]) >= cluster.now - 10_000 + TIMEOUT_US
    assert cluster[2].core.hears_leader(cluster.now)


# -- promises --------------------------------------------------------------------------------------
@pytest.mark.parametrize("ask", [RequestVote(2, 3, 9, 1), RequestPreVote(1, 3, 2, 9, 1)])
def test_promise_to_a_leader_that_claims_a_lease_outlasts_the_connection(
    ask: RequestVote | RequestPreVote,
) -> None:
    solo = follows(claims_lease=True)
    heard_at = solo.now
    solo.core.peer_lost(2, solo.now)
    assert solo.core.next_deadline >= heard_at + TIMEOUT_US, "nor does it campaign itself"
    solo.now = heard_at + TIMEOUT_US - 1
    for answer in solo.receive(ask):
        assert answer == RequestPreVoteResponse(1, 1, 2, False)
    assert solo.core.term == 1
    solo.now = heard_at + TIMEOUT_US
    answer = solo.answer(ask)
    assert isinstance(answer, RequestVoteResponse | RequestPreVoteResponse)
    assert answer.vote_granted


def test_claim_holds_though_later_messages_claim_nothing() -> None:
    solo = follows(claims_lease=True)
    heard_at = solo.now
    solo.now += 1000
    solo.receive(AppendEntries(1, 2, 1, 1, [], 0, 2))
    solo.core.peer_lost(2, solo.now)
    solo.now = heard_at + TIMEOUT_US - 1
    assert solo.receive(RequestVote(2, 3, 9, 1)) == []


def test_promise_to_a_leader_that_claims_none_ends_with_the_connection() -> None:
    solo = follows(claims_lease=False)
    assert solo.receive(RequestVote(2, 3, 9, 1)) == [], "as long as it is connected"
    solo.core.peer_lost(2, solo.now)
    assert solo.answer(RequestVote(2, 3, 9, 1)) == RequestVoteResponse(2, 1, True)


def test_part_of_a_snapshot_claims_a_lease() -> None:
    solo = Solo(log_of(1), term=1)
    solo.receive(InstallSnapshot(1, 2, 5, 1, 100, b"digest", 0, b"part", 1))
    solo.core.peer_lost(2, solo.now)
    assert solo.receive(RequestVote(2, 3, 9, 1)) == []


def test_promise_of_an_earlier_life_outlasts_the_connection() -> None:
    """The node may have heard a claim just before it died."""
    config = CoreConfig(1, frozenset({1, 2, 3}))
    solo = Solo()
    solo.core = RaftCore(config, InitialState(1, None, log_of(1)), solo.core._rng, 0)
    solo.receive(AppendEntries(1, 2, 1, 1, [], 0, 1))
    solo.core.peer_lost(2, solo.now)
    solo.now = TIMEOUT_US - 1
    assert solo.core.next_deadline > solo.now
    assert solo.receive(RequestVote(2, 3, 9, 1)) == []
    solo.now = TIMEOUT_US
    assert solo.answer(RequestVote(2, 3, 9, 1)) == RequestVoteResponse(2, 1, True)


# -- leases ----------------------------------------------------------------------------------------
def beat(solo: Solo) -> AppendEntries:
    """The newest heartbeat of a leader."""
    return max(appends_to(solo.time_out()), key=lambda each: each.sequence)


def leads() -> Solo:
    solo = Solo()
    solo.lead()
    solo.acknowledge(solo.core.last_index)
    return solo


def test_leader_claims_a_lease_only_where_somebody_reads_under_one() -> None:
    solo = leads()
    assert not beat(solo).claims_lease
    solo.core.want_lease(solo.now)
    assert beat(solo).claims_lease


def test_messages_that_left_before_the_claim_carry_no_lease() -> None:
    solo = leads()
    unclaimed = beat(solo)
    solo.core.want_lease(solo.now)
    solo.acknowledge(solo.core.last_index, sequence=unclaimed.sequence)
    assert solo.core.lease_index(solo.now) is None
    claimed = beat(solo)
    solo.acknowledge(solo.core.last_index, sequence=claimed.sequence)
    assert solo.core.lease_index(solo.now) == solo.core.commit_index


def test_claim_ends_where_nobody_reads_under_a_lease_any_more() -> None:
    solo = leads()
    solo.core.want_lease(solo.now)
    ends_at = solo.now + 16 * TIMEOUT_US
    while solo.now < ends_at - HEARTBEAT_US:
        claimed = beat(solo)
        assert claimed.claims_lease
        solo.acknowledge(solo.core.last_index, sequence=claimed.sequence)
    assert solo.core.lease_index(solo.now) is not None
    beat(solo)
    assert not beat(solo).claims_lease
    solo.acknowledge(solo.core.last_index)
    assert solo.core.lease_index(solo.now) is None
    solo.core.want_lease(solo.now)
    assert solo.core.lease_index(solo.now) is None, "what was answered last claimed nothing"
    solo.acknowledge(solo.core.last_index, sequence=beat(solo).sequence)
    assert solo.core.lease_index(solo.now) is not None


def test_claim_is_kept_up_as_long_as_somebody_reads() -> None:
    solo = leads()
    for _ in range(100):
        solo.core.want_lease(solo.now)
        claimed = beat(solo)
        assert claimed.claims_lease
        solo.acknowledge(solo.core.last_index, sequence=claimed.sequence)
        assert solo.core.lease_index(solo.now) is not None


def test_leader_that_named_a_successor_claims_no_lease() -> None:
    solo = leads()
    solo.core.transfer_leadership(2, solo.now)
    solo.work()
    solo.core.want_lease(solo.now)
    assert not beat(solo).claims_lease


def test_lease_reads_never_miss_a_write_while_connections_end() -> None:
    """The leader is cut off and its followers lose it, while it may answer under its lease."""
    elected_soon = 0
    for seed in range(20):
        cluster = Cluster(3, seed=seed)
        cluster.elect(1)
        for number in range(12):
            is_asked = (seed + number) % 2 == 0
            old = cluster.leader
            if is_asked:
                old.core.want_lease(cluster.now)
            cluster.propose(number)
            cluster.run(HEARTBEAT_US)
            cluster.cut(old.id)
            lose(cluster, old.id, *(node.id for node in cluster.followers))
            cut_at, term = cluster.now, old.core.term
            for _ in range(24):
                cluster.run(HEARTBEAT_US // 4)
                if cluster.leader is not old:
                    soon = cluster.now - cut_at < TIMEOUT_US // 2
                    assert not (soon and is_asked), f"seed {seed}: the promise was broken"
                    elected_soon += soon and cluster.leader.core.term == term + 1
                    cluster.propose("of the new leader")
                committed = max(node.core.commit_index for node in cluster.up)
                for node in cluster.up:
                    index = node.core.lease_index(cluster.now)
                    assert index is None or index >= committed, f"seed {seed}: a stale read"
            cluster.heal()
            cluster.run(4 * TIMEOUT_US)
    assert elected_soon > 100, "without a lease nobody waits"
