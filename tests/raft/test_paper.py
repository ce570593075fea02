"""The Raft paper, sentence by sentence (Ongaro and Ousterhout, extended version, 2014)."""

import pytest

from node.raft.messages import (
    AppendEntries,
    AppendEntriesResponse,
    LogEntry,
    RequestPreVoteResponse,
    RequestVote,
    RequestVoteResponse,
    StaleTerm,
    TimeoutNow,
)
from node.raft.ready import Envelope, HardState
from tests.raft.cluster import HEARTBEAT_US, TIMEOUT_US, Cluster
from tests.raft.solo import Solo, appends_to, log_of


@pytest.mark.parametrize("role", ["follower", "candidate", "leader"])
def test_larger_term_updates_the_current_one_and_makes_a_follower(role: str) -> None:
    """5.1: If one server's current term is smaller than the other's, it updates its term..."""
    solo = Solo(pre_vote=False)
    if role == "candidate":
        solo.time_out()
    if role == "leader":
        solo.lead()
    solo.append((0, 0), term=7)
    assert (solo.core.term, solo.core.role_name, solo.core.leader_id) == (7, "follower", 2)


def test_request_with_a_stale_term_is_rejected() -> None:
    """5.1: If a server receives a request with a stale term number, it rejects the request."""
    solo = Solo(term=5)
    assert solo.receive(RequestVote(3, 2, 9, 9)) == [StaleTerm(5, 1)]
    assert solo.append((0, 0), [LogEntry(3, "x")], term=3) == [StaleTerm(5, 1)]
    assert (solo.terms, solo.core.voted_for) == ([], None)


def test_servers_start_as_followers() -> None:
    """5.2: When servers start up, they begin as followers."""
    assert Solo(log_of(1), term=4).core.role_name == "follower"


def test_leaders_send_periodic_heartbeats() -> None:
    """5.2: Leaders send periodic heartbeats (AppendEntries that carry no log entries)."""
    solo = Solo()
    solo.lead()
    solo.acknowledge(1, peer=2)
    solo.acknowledge(1, peer=3)
    for _ in range(2):
        beats = appends_to(solo.tick(HEARTBEAT_US))
        assert [list(beat.entries) for beat in beats] == [[], []]


def test_follower_that_hears_nothing_begins_an_election() -> None:
    """5.2: To begin an election, a follower increments its term, votes for itself and asks all."""
    solo = Solo(pre_vote=False, size=5)
    sent = solo.time_out()
    assert (solo.core.term, solo.core.voted_for, solo.core.role_name) == (1, 1, "candidate")
    assert sent == [RequestVote(1, 1, 0, 0)] * 4


def test_candidate_whose_election_times_out_begins_a_new_one() -> None:
    """5.2: Each candidate will time out and start a new election by incrementing its term."""
    solo = Solo(pre_vote=False)
    solo.time_out()
    solo.time_out()
    assert (solo.core.term, solo.core.role_name) == (2, "candidate")


@pytest.mark.parametrize("log", [(), (1,), (1, 2, 2)])
def test_vote_request_says_how_the_log_ends_and_goes_to_all_others(log: tuple[int, ...]) -> None:
    """5.4.1: The RPC includes information about the candidate's log, its last index and term."""
    cluster = Cluster(5, pre_vote=False)
    node = cluster[2]
    node.disk.log = log_of(*log)
    node.disk.hard_state = HardState(3, 4)
    node.boot()
    for term in (4, 5):  # a candidate that repeats asks all of them again, with the same log
        cluster.sent.clear()
        node.core.tick(node.core.next_deadline)
        cluster.work()
        request = RequestVote(term, 2, len(log), log[-1] if log else 0)
        assert sorted(cluster.sent) == [(2, Envelope(peer, request)) for peer in (1, 3, 4, 5)]
        assert node.disk.hard_state == (term, 2)


@pytest.mark.parametrize(
    ("size", "votes", "expected"),
    [
        (1, {}, "leader"),
        (3, {2: True}, "leader"),
        (3, {2: True, 3: False}, "leader"),
        (3, {2: False}, "candidate"),
        (3, {2: False, 3: False}, "follower"),
        (5, {2: True}, "candidate"),
        (5, {2: True, 3: True}, "leader"),
        (5, {2: False, 3: False, 4: False}, "follower"),
    ],
)
def test_majority_of_votes_in_one_term_wins(
    size: int, votes: dict[int, bool], expected: str
) -> None:
    """5.2: A candidate wins an election if it receives votes from a majority in the same term."""
    solo = Solo(pre_vote=False, size=size)
    solo.time_out()
    for voter, granted in votes.items():
        solo.receive(RequestVoteResponse(1, voter, granted))
    assert solo.core.role_name == expected


@pytest.mark.parametrize(("voted_for", "candidate", "granted"), [
    (None, 2, True), (None, 3, True), (2, 2, True), (3, 3, True), (2, 3, False), (3, 2, False),
])  # fmt: skip
def test_one_vote_in_a_term_first_come_first_served(
    voted_for: int | None, candidate: int, granted: bool
) -> None:
    """5.2: Each server will vote for at most one candidate in a given term."""
    solo = Solo(term=1, voted_for=voted_for)
    assert solo.answer(RequestVote(1, candidate, 0, 0)) == RequestVoteResponse(1, 1, granted)


@pytest.mark.parametrize("term", [1, 2])
def test_candidate_that_hears_a_leader_of_its_term_returns_to_follower(term: int) -> None:
    """5.2: If the leader's term is at least as large, the candidate recognizes it..."""
    solo = Solo(pre_vote=False)
    solo.time_out()
    solo.append((0, 0), term=term, leader=3)
    assert (solo.core.role_name, solo.core.leader_id, solo.core.term) == ("follower", 3, term)


def test_leader_appends_and_sends_in_parallel() -> None:
    """5.3: The leader appends the command to its log, then issues AppendEntries in parallel."""
    solo = Solo()
    solo.lead()
    solo.acknowledge(1, peer=2)
    solo.acknowledge(1, peer=3)
    index = solo.core.propose(["x"])
    appends = appends_to(solo.work())
    assert index == 2
    assert [(a.prev_log_index, a.prev_log_term, list(a.entries)) for a in appends] == [
        (1, 1, [LogEntry(1, "x")])
    ] * 2


@pytest.mark.parametrize(
    ("size", "acks", "committed"),
    [
        (1, [], True),
        (3, [], False),
        (3, [2], True),
        (5, [2], False),
        (5, [2, 3], True),
        (5, [2, 3, 4], True),
    ],
)
def test_entry_is_committed_once_a_majority_holds_it(
    size: int, acks: list[int], committed: bool
) -> None:
    """5.3: A log entry is committed once the leader has replicated it on a majority."""
    solo = Solo(size=size)
    solo.lead()
    index = solo.core.propose(["x"])
    solo.work()
    for peer in acks:
        solo.acknowledge(index, peer=peer)
    assert (solo.core.commit_index == index) is committed
    assert ([entry.entry for entry in solo.applied] == [None, "x"]) is committed


def test_commit_covers_all_preceding_entries() -> None:
    """5.3: This also commits all preceding entries, including entries of previous leaders."""
    solo = Solo(log_of(1, 2, 2), term=2)
    solo.lead()
    solo.acknowledge(4)
    assert [entry.term for entry in solo.applied] == [1, 2, 2, 3]


def test_commit_index_travels_with_the_next_message() -> None:
    """5.3: The leader includes the highest index it knows to be committed in future RPCs."""
    solo = Solo()
    solo.lead()
    solo.acknowledge(1, peer=2)
    solo.acknowledge(1, peer=3)
    solo.core.propose(["x"])
    assert [append.leader_commit for append in appends_to(solo.work())] == [1, 1]
    solo.acknowledge(2, peer=2)
    assert [append.leader_commit for append in appends_to(solo.tick(HEARTBEAT_US))] == [2, 2]
    solo.core.propose(["y"])
    assert [append.leader_commit for append in appends_to(solo.work())] == [2, 2]


def test_follower_applies_what_the_leader_says_is_committed_in_log_order() -> None:
    """5.3: Once a follower learns that an entry is committed, it applies it, in log order."""
    solo = Solo()
    solo.append((0, 0), log_of(1, 1, 1), commit=2, term=1)
    assert solo.applied == log_of(1, 1)
    solo.append((3, 1), commit=3)
    assert solo.applied == log_of(1, 1, 1)


@pytest.mark.parametrize(
    ("prev", "success", "hint"),
    [
        ((0, 0), True, (0, 0)),
        ((1, 1), True, (0, 0)),
        ((2, 2), True, (0, 0)),
        ((2, 1), False, (1, 1)),
        ((2, 3), False, (2, 2)),
        ((3, 2), False, (2, 2)),
        ((9, 1), False, (1, 1)),
    ],
)
def test_follower_refuses_entries_whose_predecessor_it_lacks(
    prev: tuple[int, int], success: bool, hint: tuple[int, int]
) -> None:
    """5.3: If the follower does not find an entry with the same index and term, it refuses. It can
    include the term of the conflicting entry, so that all of that term are bypassed at once.
    """
    solo = Solo(log_of(1, 2), term=3)
    (answer,) = solo.append(prev)
    assert answer == AppendEntriesResponse(
        3, 1, success, prev[0], 1, prev[0] if success else 0, *hint
    )


@pytest.mark.parametrize(
    ("prev", "entries", "expected"),
    [
        ((2, 2), [3], [1, 2, 3]),
        ((1, 1), [3, 4], [1, 3, 4]),
        ((0, 0), [1], [1, 2]),
        ((0, 0), [3], [3]),
    ],
)
def test_conflicting_entries_are_overwritten_by_the_leaders(
    prev: tuple[int, int], entries: list[int], expected: list[int]
) -> None:
    """5.3: Conflicting entries in follower logs will be overwritten with the leader's."""
    solo = Solo(log_of(1, 2), term=4)
    solo.append(prev, [LogEntry(term, "new") for term in entries])
    assert solo.terms == expected


@pytest.mark.parametrize(
    "log",
    [
        (1, 1, 1, 4, 4, 5, 5, 6, 6),
        (1, 1, 1, 4),
        (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6),
        (1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7),
        (1, 1, 1, 4, 4, 4, 4),
        (1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3),
    ],
    ids="abcdef",
)
def test_leader_brings_any_log_into_consistency_with_its_own(log: tuple[int, ...]) -> None:
    """Figure 7: all that may have happened to a follower's log when term 8 begins."""
    cluster = Cluster(3)
    leader_log = log_of(1, 1, 1, 4, 4, 5, 5, 6, 6, 6)
    for node_id, entries in ((1, leader_log), (2, log_of(*log)), (3, leader_log)):
        node = cluster[node_id]
        node.disk.log = list(entries)
        node.disk.hard_state = node.disk.hard_state._replace(current_term=7)
        node.boot()
    cluster.elect(1)
    cluster.run(2 * HEARTBEAT_US)
    assert cluster[2].terms == cluster[1].terms == [e.term for e in leader_log] + [8]


@pytest.mark.parametrize(
    ("mine", "last_index", "last_term", "granted"),
    [
        ((1,), 1, 1, True),
        ((1,), 2, 1, True),
        ((1, 1), 1, 1, False),
        ((1,), 1, 2, True),
        ((1, 1), 1, 2, True),
        ((2,), 2, 1, False),
        ((2,), 1, 1, False),
    ],
)
def test_vote_goes_to_a_log_at_least_as_up_to_date(
    mine: tuple[int, ...], last_index: int, last_term: int, granted: bool
) -> None:
    """5.4.1: The voter denies its vote if its own log is more up-to-date."""
    solo = Solo(log_of(*mine), term=2)
    answer = solo.answer(RequestVote(3, 2, last_index, last_term))
    assert answer.vote_granted is granted


@pytest.mark.parametrize(("index", "committed"), [(1, 0), (2, 0), (3, 3)])
def test_only_entries_of_the_leaders_term_are_committed_by_counting(
    index: int, committed: int
) -> None:
    """5.4.2: Only log entries from the leader's current term are committed by counting replicas."""
    solo = Solo(log_of(1, 2), term=2)
    solo.lead()
    solo.acknowledge(index)
    assert solo.core.commit_index == committed


def test_messages_to_a_crashed_follower_are_retried_and_idempotent() -> None:
    """5.5: Raft RPCs are idempotent, so this causes no harm."""
    solo = Solo()
    for _ in range(3):
        (answer,) = solo.append((0, 0), log_of(1, 1), commit=1, term=1)
        assert isinstance(answer, AppendEntriesResponse)
        assert (answer.success, answer.match_index) == (True, 2)
    assert (solo.terms, len(solo.applied)) == ([1, 1], 1)


def test_leader_begins_its_term_with_a_no_op() -> None:
    """8: Each leader commits a blank no-op entry into the log at the start of its term."""
    solo = Solo(log_of(1))
    (append, *_) = appends_to(solo.lead())
    assert list(append.entries) == [LogEntry(2, None)]


def test_pre_vote_precedes_a_new_term() -> None:
    """Thesis 9.6: a candidate only increments its term if it first learns that it could win."""
    solo = Solo(term=4)
    solo.time_out()
    assert (solo.core.term, solo.core.role_name) == (4, "precandidate")
    solo.receive(RequestPreVoteResponse(4, 2, 5, True))
    assert (solo.core.term, solo.core.role_name) == (5, "candidate")


def test_server_that_hears_a_leader_grants_no_vote_to_a_disrupter() -> None:
    """Thesis 4.2.3: a RequestVote within the minimum election timeout of hearing from a leader."""
    solo = Solo()
    solo.append((0, 0), term=1)
    assert solo.receive(RequestVote(9, 3, 9, 9)) == []
    assert solo.core.term == 1
    (answer,) = solo.receive(RequestVote(9, 3, 9, 9, leadership_transfer=True))
    assert answer == RequestVoteResponse(9, 1, True)


def test_leader_steps_down_without_a_majority_for_an_election_timeout() -> None:
    """Thesis 6.2: a leader steps down after an election timeout without a round to a majority."""
    solo = Solo()
    solo.lead()
    solo.tick(TIMEOUT_US)
    assert solo.core.role_name == "follower"


def test_transfer_makes_the_target_campaign_at_once() -> None:
    """Thesis 3.10: TimeoutNow has the same effect as the target's election timer firing."""
    solo = Solo()
    solo.append((0, 0), term=1)
    sent = solo.receive(TimeoutNow(1, 2))
    assert sent == [RequestVote(2, 1, 0, 0, leadership_transfer=True)] * 2


def test_appends_name_the_leader_for_redirects() -> None:
    """Figure 2: leaderId, so follower can redirect clients."""
    solo = Solo()
    solo.receive(AppendEntries(3, 2, 0, 0, [], 0, 1))
    assert solo.core.leader_id == 2
