"""Everything that can grow has a limit: appends on their way, answers, reads, terms."""

import random
from contextlib import suppress

import pytest

from node.raft.config import CoreConfig, InitialState
from node.raft.core import APPLY_ENTRIES_MAX, RaftCore
from node.raft.errors import ProposalDroppedError, RemoteProtocolError
from node.raft.gate import TERM_STEP_MAX
from node.raft.messages import (
    AppendEntries,
    AppendEntriesResponse,
    LogEntry,
    Message,
    ReadIndexRequest,
    ReadIndexResponse,
    RequestPreVote,
    RequestVote,
    RequestVoteResponse,
    StaleTerm,
    TimeoutNow,
)
from node.raft.progress import Progress, ProgressState
from node.raft.promises import ANSWERS_MAX, Promises, covers
from tests.raft.cluster import HEARTBEAT_US, TIMEOUT_US, Cluster
from tests.raft.solo import Solo, appends_to, log_of


# -- appends on their way --------------------------------------------------------------------------
def bytes_of(append: AppendEntries) -> int:
    return sum(len(entry.entry or b"") for entry in append.entries)


def test_bytes_on_their_way_to_one_follower_are_bounded() -> None:
    log = [LogEntry(1, b"x" * 100)] * 100
    solo = Solo(log, entry_size=len, append_bytes_max=200, inflight_bytes_max=500)
    solo.lead()
    sent = appends_to(solo.reject(100, (0, 0)))
    sent += appends_to(solo.acknowledge(2))
    under_way = [append for append in sent if append.prev_log_index >= 2]
    assert [bytes_of(append) for append in under_way] == [200, 200, 200], "the last one overruns"
    (more,) = appends_to(solo.acknowledge(4))
    assert bytes_of(more) == 200, "what was answered makes room"
    solo.reject(10, (3, 1))
    assert bytes_of(appends_to(solo.acknowledge(6))[0]) == 200, "and so does what was refused"
    for match in (*range(8, 101, 2), 101):
        solo.acknowledge(match)
    assert solo.core.progress[2].inflight_bytes == 0


def test_one_entry_is_sent_however_large_it_is() -> None:
    solo = Solo([LogEntry(1, b"x" * 1000)] * 3, entry_size=len, inflight_bytes_max=1)
    solo.lead()
    solo.reject(3, (0, 0))
    for match in (1, 2, 3):
        solo.acknowledge(match)
    assert solo.core.progress[2].next_index > solo.core.progress[2].match_index == 3


def test_entries_of_one_append_do_not_depend_on_how_many_may_be_uncommitted() -> None:
    sizes = set()
    for uncommitted_max in (1, 4096, 1_000_000):
        solo = Solo([LogEntry(1, b"x")] * 9999, entry_size=len, uncommitted_max=uncommitted_max)
        solo.lead()
        (append,) = appends_to(solo.reject(9999, (0, 0)))
        sizes.add(len(append.entries))
    assert sizes == {4096}


def test_refused_appends_are_not_on_their_way_any_more() -> None:
    progress = Progress(1, inflight_max=2, inflight_bytes_max=100)
    progress.matched(0, 1, 1)
    for last_index in (1, 2):
        progress.sent(last_index, 10)
    may_send = [progress.may_send_entries]
    progress.become_probe(1, 3)
    progress.sent(1, 10)
    progress.matched(1, 4, 4)
    may_send.append(progress.may_send_entries)
    assert may_send == [False, True]
    assert (list(progress.inflight), progress.inflight_bytes) == ([], 0)


# -- what is handed out ----------------------------------------------------------------------------
def test_one_batch_holds_a_bounded_number_of_committed_entries() -> None:
    count = 2 * APPLY_ENTRIES_MAX + 10
    solo = Solo(log_of(*[1] * count))
    solo.core.step(AppendEntries(1, 2, count, 1, [], count, 1), solo.now)
    sizes = []
    while (ready := solo.core.ready()) is not None:
        sizes.append(len(ready.committed))
        solo.core.synced(ready.seq, solo.now)
    assert sizes == [APPLY_ENTRIES_MAX, APPLY_ENTRIES_MAX, 10]


def test_answers_that_wait_for_a_disk_do_not_pile_up() -> None:
    cluster = Cluster(3)
    node = cluster[2]
    cluster.step(2, AppendEntries(2, 1, 0, 0, [LogEntry(1, "a")], 0, 1))
    cluster.work()
    node.holds_disk = True
    cluster.step(2, AppendEntries(2, 1, 1, 1, [LogEntry(1, "b")], 0, 2))
    cluster.work()
    sequence = 1000
    for _ in range(100):
        sequence += 1
        cluster.step(2, AppendEntries(2, 1, 1, 1, [], 1, sequence))
        cluster.step(2, AppendEntries(2, 1, 9, 2, [], 1, sequence))  # refused
        cluster.step(2, AppendEntries(1, 3, 0, 0, [], 0, sequence))
        cluster.step(2, RequestPreVote(1, 3, 2, 9, 9))
    cluster.sent.clear()
    node.release_disk()
    node.work()
    answers: list[Message] = [message for src, (_, message) in cluster.sent if src == 2]
    assert len(answers) < 300, "acknowledgements and refusals alternate, all else is said once"
    assert answers.count(StaleTerm(2, 2)) == 1
    assert max(m.sequence for m in answers if isinstance(m, AppendEntriesResponse)) == sequence


def test_newest_acknowledgement_covers_those_before_it_and_nothing_else() -> None:
    def ack(match: int, sequence: int, term: int = 1) -> AppendEntriesResponse:
        return AppendEntriesResponse(term, 1, True, 0, sequence, match_index=match)

    def refusal(prev: int, sequence: int) -> AppendEntriesResponse:
        return AppendEntriesResponse(1, 1, False, prev, sequence, conflict_index=1)

    assert covers(ack(5, 2), ack(5, 1))
    assert covers(ack(6, 2), ack(5, 1))
    assert covers(ack(1, 1, term=2), ack(5, 9))
    assert not covers(ack(5, 9), ack(1, 1, term=2))
    assert not covers(ack(4, 2), ack(5, 1))
    assert not covers(ack(6, 1), ack(5, 2)), "an answer to an older append confirms less"
    assert not covers(refusal(7, 2), ack(5, 1))
    assert not covers(ack(9, 2), refusal(7, 1))
    assert covers(refusal(7, 2), refusal(7, 1))
    assert not covers(refusal(6, 2), refusal(7, 1))
    assert not covers(RequestVoteResponse(1, 1, False), RequestVoteResponse(1, 1, True))
    assert covers(RequestVoteResponse(1, 1, True), RequestVoteResponse(1, 1, True))


def test_acknowledgements_that_wait_for_a_disk_are_sent_as_one() -> None:
    cluster = Cluster(3)
    leader = cluster.elect(1)
    cluster[2].holds_disk = True
    for number in range(50):
        cluster.propose(number)
    cluster.sent.clear()
    cluster[2].release_disk()
    cluster[2].work()
    acks = [m for _, (_, m) in cluster.of_type(AppendEntriesResponse)]
    assert len(acks) == 2, "of the batch that was under way, and of all that came meanwhile"
    cluster.deliver()
    assert leader.core.progress[2].match_index == leader.core.last_index


# -- reads -----------------------------------------------------------------------------------------
def test_reads_that_wait_for_a_majority_are_bounded() -> None:
    solo = Solo(reads_max=3)
    solo.lead()
    for committed in (False, True):
        if committed:
            solo.acknowledge(1)
            solo.acknowledge(1)
        for _ in range(3):
            solo.core.read_index("r", solo.now)
        with pytest.raises(ProposalDroppedError, match="reads"):
            solo.core.read_index("one too many", solo.now)
        (answer,) = (
            message
            for message in solo.receive(ReadIndexRequest(1, 3, 77))
            if isinstance(message, ReadIndexResponse)
        )
        assert answer.read_index is None
    assert len(solo.reads) == 3


@pytest.mark.parametrize("is_committed", [False, True])
def test_read_of_a_leader_without_a_majority_ends(is_committed: bool) -> None:
    solo = Solo(check_quorum=False)
    solo.lead()
    if is_committed:
        solo.acknowledge(1)
    solo.core.read_index("first", solo.now)
    solo.tick(HEARTBEAT_US)
    solo.now += 7  # not together with a heartbeat
    solo.core.read_index("second", solo.now)
    solo.receive(ReadIndexRequest(1, 3, 77))
    asked_at = solo.now
    sent: list[Message] = []
    while len(solo.reads) < 2 or not any(isinstance(m, ReadIndexResponse) for m in sent):
        sent += solo.time_out()
        assert solo.now <= asked_at + 2 * TIMEOUT_US
    assert [(read.context, read.read_index) for read in solo.reads] == [
        ("first", None),
        ("second", None),
    ]
    assert ReadIndexResponse(1, 1, 77, None) in sent
    assert solo.core.is_leader, "nobody asked it to watch its quorum"
    solo.core.read_index("third", solo.now)
    solo.work()
    solo.acknowledge(1)
    solo.acknowledge(1)
    assert solo.reads[-1] == ("third", 1)


def test_forwarded_reads_are_given_up_one_by_one_as_they_are_overdue() -> None:
    solo = Solo()
    solo.append((0, 0), term=1)
    for number in range(3):
        solo.core.read_index(number, solo.now)
        solo.now += 1000
    for number in range(3):
        assert solo.core.next_deadline == TIMEOUT_US + number * 1000
        solo.time_out()
        assert [read.context for read in solo.reads] == list(range(number + 1))


# -- terms -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "message",
    [
        AppendEntries(TERM_STEP_MAX + 6, 2, 0, 0, [], 0, 1),
        RequestVote(2**62, 2, 0, 0),
        StaleTerm(2**62, 2),
    ],
)
def test_term_that_leaves_no_room_to_count_on_is_refused(message: Message) -> None:
    solo = Solo(term=5)
    with pytest.raises(RemoteProtocolError, match="is in term"):
        solo.receive(message)
    assert solo.core.term == 5 + TERM_STEP_MAX
    solo.receive(RequestPreVote(2**62, 2, 2**62, 9, 9))
    assert solo.core.term == 5 + TERM_STEP_MAX, "a pre-vote changes nothing"


@pytest.mark.parametrize(
    "message", [RequestVote(0, 2, 9, 9), AppendEntries(0, 2, 0, 0, [], 0, 1), TimeoutNow(0, 2)]
)
def test_nobody_campaigns_or_leads_in_term_0(message: Message) -> None:
    """A vote that was saved in it would be refused at the next start."""
    solo = Solo()
    with pytest.raises(RemoteProtocolError, match="term 0"):
        solo.receive(message)
    assert (solo.core.voted_for, solo.core.leader_id) == (None, None)


@pytest.mark.parametrize("beyond", [0, 1, 2**61])
def test_no_single_message_keeps_a_cluster_from_electing_for_ever(beyond: int) -> None:
    cluster = Cluster(3)
    cluster.elect(1)
    highest = cluster[1].core.term + TERM_STEP_MAX

    def deliver(src: int, dst: int, message: Message) -> bool:
        with suppress(RemoteProtocolError):
            cluster.step(dst, message)
        return True

    with suppress(RemoteProtocolError):
        cluster.step(1, StaleTerm(highest + beyond, 2))
    cluster.drop = deliver
    cluster.run_until(lambda: bool(cluster.leaders) and cluster.leader.core.term > highest)
    cluster.propose("x")
    cluster.run(2 * HEARTBEAT_US)
    assert [node.values for node in cluster.up] == [["x"]] * 3


def test_saved_state_that_no_node_has_saved_is_refused() -> None:
    with pytest.raises(ValueError, match="terms begin at 1"):
        InitialState(1, None, [LogEntry(0, "x")])
    with pytest.raises(ValueError, match="terms begin at 0"):
        InitialState(-1)
    with pytest.raises(ValueError, match="term 0"):
        InitialState(0, 1)
    assert Solo(term=1, voted_for=3).core.voted_for == 3


@pytest.mark.parametrize("name", ["inflight_bytes_max", "append_bytes_max", "reads_max"])
def test_limit_of_nothing_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        CoreConfig(1, frozenset({1}), **{name: 0})  # type: ignore[arg-type]


# -- what a leader takes without a majority --------------------------------------------------------
def test_uncommitted_bytes_are_bounded_and_a_commit_makes_room() -> None:
    solo = Solo([], entry_size=len, uncommitted_bytes_max=1000)
    solo.lead()
    for _ in range(10):
        solo.core.propose([b"x" * 100])
    with pytest.raises(ProposalDroppedError, match="1000 bytes are not committed"):
        solo.core.propose([b"x"])
    solo.work()
    solo.acknowledge(1 + 4)  # the no-op, and four of them
    solo.core.propose([b"x" * 400])
    with pytest.raises(ProposalDroppedError):
        solo.core.propose([b"x"])
    solo.work()
    solo.acknowledge(1 + 11)
    solo.core.propose([b"x" * 5000])  # one is taken however large it is
    with pytest.raises(ProposalDroppedError):
        solo.core.propose([b"x"])


# -- late answers ----------------------------------------------------------------------------------
def test_old_answers_neither_start_nor_end_a_probe() -> None:
    """A slow disk answers in bursts: refusals and successes by turns cost no window each."""
    log = [LogEntry(1, b"x")] * 50
    solo = Solo(log)
    solo.lead()
    solo.acknowledge(40)
    old = solo.newest_sequence
    solo.reject(51, (45, 1))
    states = [solo.core.progress[2].state]
    for _ in range(20):
        assert appends_to(solo.acknowledge(40, sequence=old)) == []
        assert appends_to(solo.reject(50, (44, 1), sequence=old)) == []
    states.append(solo.core.progress[2].state)
    solo.acknowledge(45)
    states.append(solo.core.progress[2].state)
    assert states == [ProgressState.PROBE, ProgressState.PROBE, ProgressState.REPLICATE]


def test_answers_that_wait_for_the_disk_are_bounded_even_if_none_covers_another() -> None:
    promises = Promises()
    for number in range(3 * ANSWERS_MAX):
        is_success = number % 2 == 0
        promises.add(
            1, AppendEntriesResponse(1, 2, is_success, number, number, number * is_success)
        )
    promises.add(1, RequestVoteResponse(1, 2, True))
    waiting = promises.take()
    assert len(waiting) == ANSWERS_MAX + 1
    assert waiting[-1].message == RequestVoteResponse(1, 2, True), "votes are never dropped"


@pytest.mark.parametrize("timeouts", [3, 10])
def test_candidate_whose_vote_is_still_being_saved_wins_once_it_is_saved(timeouts: int) -> None:
    """A slow disk must not turn every election into nothing just when its vote is durable."""
    core = RaftCore(CoreConfig(1, frozenset({1})), InitialState(), random.Random(1), 0)
    now = core.next_deadline
    core.tick(now)
    ready = core.ready()
    assert ready is not None
    for _ in range(timeouts):
        now = core.next_deadline
        core.tick(now)
    assert (core.role_name, core.term) == ("candidate", 1)
    core.synced(ready.seq, now)
    assert core.is_leader
