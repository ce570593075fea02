"""Restarts, lost disks and reads as others got them wrong; docs/known-bugs.md tells the stories."""

import random
from collections.abc import Sequence

import pytest

from node.raft import InitialState, LogEntry, NotLeaderError
from node.raft.events import LeaderChanged
from node.raft.messages import (
    AppendEntries,
    AppendEntriesResponse,
    Message,
    ReadIndexRequest,
    ReadIndexResponse,
    RequestPreVote,
    RequestVote,
    RequestVoteResponse,
    StaleTerm,
    TimeoutNow,
)
from tests.raft.cluster import HEARTBEAT_US, TIMEOUT_US, Cluster
from tests.raft.solo import Solo, log_of


def test_b36_saved_state_that_contradicts_its_log_is_refused() -> None:
    with pytest.raises(ValueError, match="applied"):
        InitialState(1, None, [LogEntry(1, "x")], last_applied=2)
    with pytest.raises(ValueError, match="the saved term"):
        InitialState(1, None, [LogEntry(2, "x")])
    with pytest.raises(ValueError, match="after one of term"):
        InitialState(2, None, [LogEntry(2, "x"), LogEntry(1, "y")])


def test_b38_node_with_a_lost_disk_follows_without_a_voice() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.propose("x")
    cluster.run(HEARTBEAT_US)
    cluster[3].crash()
    cluster[3].wipe()
    cluster.sent.clear()
    cluster.run(5 * TIMEOUT_US)
    said = [type(m[1].message) for m in cluster.sent if m[0] == 3]
    assert said == [], "no vote, no acknowledgement, no campaign"
    assert cluster[3].core.leader_id == leader.id
    leader.crash()
    cluster.run(10 * TIMEOUT_US)
    assert not cluster.leaders, "one real voter of three is no majority"


def test_b38_wiped_node_says_nothing_whatever_it_is_asked() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster.propose("x")
    node = cluster[3]
    node.crash()
    node.wipe()
    cluster.run(HEARTBEAT_US)
    assert (node.core.term, node.core.leader_id) == (1, 1), "it follows: TimeoutNow is from its own"
    leader.crash()
    cluster.sent.clear()
    asked: list[Message] = [
        TimeoutNow(1, 1),
        AppendEntries(1, 1, 0, 0, [LogEntry(1, None)], 2, 9),
        AppendEntries(1, 1, 0, 0, [], 2, 10),  # a commit index above all it holds
        RequestPreVote(1, 2, 2, 9, 9),
        RequestVote(2, 2, 9, 9, leadership_transfer=True),
        RequestVote(1, 2, 9, 9),  # of an earlier term by now
        AppendEntries(1, 1, 0, 0, [], 2, 11),
    ]
    for message in asked:
        cluster.step(3, message)
        cluster.work()
        assert (cluster.sent, node.core.role_name, node.core.voted_for) == ([], "follower", None)
    for _ in range(10):
        cluster.tick(2 * TIMEOUT_US)
        node.work()
    assert [envelope for src, envelope in cluster.sent if src == 3] == []
    assert (node.core.role_name, node.core.term, node.core.last_index) == ("follower", 2, 0)
    assert (node.core.commit_index, node.values) == (0, [])


@pytest.mark.parametrize("seed", range(5))
def test_b39_cold_start_of_all_nodes_loses_nothing_committed(seed: int) -> None:
    rng = random.Random(seed)
    cluster = Cluster(5, seed=seed)
    cluster.elect()
    committed: list[int] = []
    for number in range(20):
        cluster.propose(number)
        committed.append(number)
        if number % 5 == 4:
            for node in cluster.nodes.values():
                node.crash()
            cluster.in_flight.clear()
            for node in rng.sample(list(cluster.nodes.values()), 5):
                node.restart()
                cluster.run(10_000)
            cluster.elect()
    cluster.run(2 * HEARTBEAT_US)
    assert [node.values for node in cluster.up] == [committed] * 5


def test_b57_read_waits_for_an_entry_of_the_present_term() -> None:
    solo = Solo(log_of(1, 1, 1))
    solo.lead()
    solo.core.read_index("r", solo.now)
    solo.work()
    solo.acknowledge(2)  # an old entry: this term has nothing committed yet
    assert solo.reads == []
    solo.acknowledge(4)
    solo.work()
    solo.acknowledge(4)
    assert [(read.context, read.read_index) for read in solo.reads] == [("r", 4)]


@pytest.mark.parametrize("check_quorum", [True, False])
def test_b58_partitioned_old_leader_answers_no_read(check_quorum: bool) -> None:
    cluster = Cluster(3, check_quorum=check_quorum)
    old = cluster.elect(1)
    cluster.propose("old")
    cluster.cut(1)
    old.is_up = False  # a long pause: it does not look at its clock, and still believes
    cluster.run_until(lambda: bool(cluster.leaders))
    cluster.propose("newer")
    assert cluster.leader.values == ["old", "newer"], "a newer write is complete"
    old.is_up = True
    assert old.core.is_leader
    for number in range(3):
        old.core.read_index(number, cluster.now)
        old.work()
        cluster.deliver()
        assert old.reads == [], "it would be answered with the old value"
    cluster.run(4 * TIMEOUT_US)
    assert [(read.context, read.read_index) for read in old.reads] == [
        (0, None), (1, None), (2, None),
    ]  # fmt: skip
    assert old.values == ["old"]


def test_b59_only_answers_to_later_appends_confirm_a_read() -> None:
    solo = Solo()
    solo.lead()
    solo.acknowledge(1)
    solo.tick(HEARTBEAT_US)
    earlier = solo.newest_sequence
    solo.core.read_index("r", solo.now)
    sent = solo.work()
    assert any(isinstance(message, AppendEntries) for message in sent), "a round of its own"
    for sequence in range(1, earlier + 1):
        solo.acknowledge(1, sequence=sequence)
    assert solo.reads == [], "old answers say nothing about now"
    solo.acknowledge(1)
    assert [read.read_index for read in solo.reads] == [1]


def test_b59_answer_to_an_append_of_an_earlier_term_confirms_nothing() -> None:
    """A heartbeat of term 1 is slow. It is answered in term 2, which its sender leads by then."""
    cluster = Cluster(3)
    old = cluster.elect(1)
    cluster.run(5 * HEARTBEAT_US)
    cluster.tick(HEARTBEAT_US)
    cluster.work()
    slow = next(m for _, (to, m) in reversed(cluster.in_flight) if to == 2)
    assert isinstance(slow, AppendEntries)
    cluster.in_flight.clear()
    old.core.step_down(cluster.now, "the disk is full")
    cluster.elect(1)
    assert old.core.term == 2
    cluster.step(2, slow)
    cluster.work()
    late = [m for src, (to, m) in cluster.in_flight if (src, to) == (2, 1)]
    cluster.in_flight.clear()

    cluster.cut(1)
    old.is_up = False  # a long pause: it does not look at its clock
    cluster.run_until(lambda: bool(cluster.leaders))
    cluster.propose("new")
    assert cluster.leader.values == ["new"]
    old.is_up = True
    old.core.read_index("r", cluster.now)
    old.work()
    for number in range(slow.sequence):  # whatever the number, this term has sent as many
        old.core.propose([number])
        old.work()
    for message in late:
        cluster.step(1, message)
    old.work()
    assert old.reads == [], "one of three confirms nothing"


def test_b59_forwarded_read_that_is_repeated_waits_for_a_later_answer_too() -> None:
    solo = Solo()
    solo.lead()
    solo.acknowledge(1)
    solo.tick(HEARTBEAT_US)
    earlier = solo.newest_sequence

    def answers(messages: Sequence[Message]) -> list[ReadIndexResponse]:
        return [message for message in messages if isinstance(message, ReadIndexResponse)]

    said = solo.receive(ReadIndexRequest(1, 3, 7))
    between = solo.newest_sequence
    assert between > earlier, "a round of its own"
    said += solo.receive(ReadIndexRequest(1, 3, 7))  # the same, again
    for sequence in range(1, earlier + 1):
        said += solo.acknowledge(1, sequence=sequence)
    assert answers(said) == [], "old answers say nothing about now"
    assert answers(solo.acknowledge(1, sequence=between)) == [ReadIndexResponse(1, 1, 7, 1)]
    assert answers(solo.acknowledge(1)) == [ReadIndexResponse(1, 1, 7, 1)]


def test_b59_forwarded_read_takes_no_answer_of_an_earlier_term() -> None:
    follower = Solo()
    follower.append((0, 0), [LogEntry(1, None)], term=1)
    follower.core.read_index("first", 0)
    asked = follower.work()[-1]
    assert isinstance(asked, ReadIndexRequest)
    follower.append((1, 1), [LogEntry(2, None)], term=2, leader=3)
    assert [(read.context, read.read_index) for read in follower.reads] == [("first", None)]
    follower.core.read_index("second", 0)
    again = follower.work()[-1]
    assert isinstance(again, ReadIndexRequest)
    assert again.read_id != asked.read_id
    follower.receive(ReadIndexResponse(1, 2, asked.read_id, 1))
    follower.receive(ReadIndexResponse(1, 2, again.read_id, 1))
    assert [read.context for read in follower.reads] == ["first"], "nothing old serves it"
    follower.receive(ReadIndexResponse(2, 3, again.read_id, 2))
    assert [(read.context, read.read_index) for read in follower.reads[1:]] == [("second", 2)]


def test_follower_reads_at_the_leaders_index() -> None:
    cluster = Cluster(3)
    cluster.elect(1)
    index = cluster.propose("x")
    cluster[3].core.read_index("r", cluster.now)
    cluster.deliver()
    assert [(read.context, read.read_index) for read in cluster[3].reads] == [("r", index)]
    assert cluster[3].values == ["x"], "the round that confirms the read carries the commit"


def test_follower_gives_up_a_read_whose_answer_is_lost() -> None:
    cluster = Cluster(3)
    cluster.elect(1)
    cluster.drop = lambda src, dst, message: isinstance(message, ReadIndexResponse)
    cluster[3].core.read_index("r", cluster.now)
    cluster.run(2 * TIMEOUT_US)
    assert [(read.context, read.read_index) for read in cluster[3].reads] == [("r", None)]


def test_late_answer_to_an_earlier_life_serves_no_new_read() -> None:
    cluster = Cluster(3)
    cluster.elect(1)
    cluster[3].core.read_index("old", cluster.now)
    cluster.work()
    request = cluster.in_flight[-1][1].message
    cluster.deliver()
    cluster[3].crash()
    cluster[3].restart()
    cluster.run(2 * HEARTBEAT_US)
    cluster.cut(3)
    cluster[3].core.read_index("new", cluster.now)
    cluster.work()
    assert isinstance(request, ReadIndexRequest)
    cluster.step(3, ReadIndexResponse(cluster[3].core.term, 1, request.read_id, 1))
    cluster.work()
    assert [read for read in cluster[3].reads if read.context == "new"] == []


def test_b66_leader_hint_is_forgotten_with_the_leader() -> None:
    cluster = Cluster(3)
    cluster.elect(1)
    assert cluster[2].core.leader_id == 1
    cluster.cut(2)
    cluster.run(3 * TIMEOUT_US)
    with pytest.raises(NotLeaderError) as caught:
        cluster[2].core.propose(["x"])
    assert caught.value.leader is None


@pytest.mark.parametrize(
    "message",
    [
        StaleTerm(2, 3),
        RequestVote(2, 3, 9, 9, leadership_transfer=True),
        AppendEntriesResponse(2, 3, False, 1, 1),
        RequestVoteResponse(2, 3, False),
        ReadIndexRequest(2, 3, 1),
    ],
    ids=lambda message: type(message).__name__,
)
def test_b66_follower_that_enters_a_later_term_forgets_the_hint(message: Message) -> None:
    solo = Solo()
    solo.append((0, 0), term=1, leader=2)
    hints = [solo.core.leader_id]
    solo.receive(message)
    hints.append(solo.core.leader_id)
    assert (solo.core.term, hints) == (2, [2, None])
    with pytest.raises(NotLeaderError) as caught:
        solo.core.propose(["x"])
    assert caught.value.leader is None
    assert LeaderChanged(2, None) in solo.events
    solo.append((0, 0), term=2, leader=3)
    assert solo.core.leader_id == 3


def test_late_answers_after_a_lost_leadership_change_nothing() -> None:
    solo = Solo()
    solo.lead()
    solo.append((0, 0), term=9, leader=3)
    solo.receive(AppendEntriesResponse(1, 2, True, 0, 1, match_index=1))
    solo.receive(RequestVoteResponse(1, 2, True))
    assert (solo.core.role_name, solo.core.term, solo.core.commit_index) == ("follower", 9, 0)
