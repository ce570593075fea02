"""Requests that wait in a replica: whom each answer goes to, when, and that it comes."""

from typing import Any

import pytest

from node.raft.configuration import AddLearner
from node.raft.messages import (
    AppendEntries,
    AppendEntriesResponse,
    LogEntry,
    Message,
    ReadIndexResponse,
    StaleTerm,
)
from node.replica import Ticket
from node.replica.pending import ConfirmedQueries, Query
from node.replica.sessions import Sessions
from node.wire.envelope import EXPIRED_RESULT, Header, error_result, seal
from node.wire.messages import Answer, Document, Failure, WireMessage
from tests.replica.driven import Driven, Recorder, command, leader_of_three


def receive(driven: Driven, *messages: Message) -> None:
    for message in messages:
        driven.replica.step(message, driven.now)
        driven.work()


def failure(reply: WireMessage | None) -> tuple[str, str]:
    assert isinstance(reply, Failure)
    return reply.code, reply.outcome


# -- transfers of leadership -----------------------------------------------------------------------
def leader_that_hands_over(target: int = 2) -> Driven:
    """Its request is number 1, of source "a"."""
    driven = leader_of_three()
    receive(driven, AppendEntriesResponse(1, target, True, 0, 1, match_index=1))
    driven.replica.transfer(Ticket("a", 1), target, driven.now)
    driven.work()
    assert driven.replies == {}
    return driven


def test_transfer_is_done_once_the_target_leads() -> None:
    driven = leader_that_hands_over()
    receive(driven, StaleTerm(2, 3))
    assert driven.replies == {}, "somebody campaigns: that may be anyone"
    receive(driven, AppendEntries(2, 2, 1, 1, [LogEntry(2, None)], 1, 1))
    assert driven.replies[1] == Document(1, {"from": 1, "target": 2, "term": 2})


def test_transfer_after_which_another_node_leads_is_no_success() -> None:
    driven = leader_that_hands_over()
    receive(driven, AppendEntries(9, 3, 0, 0, [], 0, 1))
    assert failure(driven.replies[1]) == ("timeout", "unknown")


def test_transfer_that_is_given_up_fails_and_another_may_follow() -> None:
    driven = leader_that_hands_over()
    driven.now = driven.replica.next_deadline
    while 1 not in driven.replies:
        driven.now += 10_000
        receive(driven, AppendEntriesResponse(1, 3, True, 0, 1, match_index=0))
        driven.replica.tick(driven.now)
        driven.work()
    assert driven.replica.core.is_leader
    assert failure(driven.replies[1]) == ("timeout", "unknown")
    driven.replica.transfer(Ticket("a", 2), 3, driven.now)
    driven.work()
    assert 2 not in driven.replies


def test_transfer_is_not_answered_with_the_end_of_the_one_that_it_replaced() -> None:
    driven = leader_that_hands_over(2)
    driven.replica.forget("a")
    driven.replica.transfer(Ticket("b", 2), 3, driven.now)
    driven.work()
    assert driven.replies == {}
    receive(driven, AppendEntries(2, 3, 1, 1, [LogEntry(2, None)], 1, 1))
    assert driven.replies == {2: Document(2, {"from": 1, "target": 3, "term": 2})}


def test_transfer_fails_when_the_node_hands_over_to_another_one() -> None:
    driven = leader_that_hands_over(2)
    driven.replica.core.transfer_leadership(3, driven.now)  # as a node does that stops
    driven.work()
    assert failure(driven.replies[1]) == ("timeout", "unknown")


def test_b51_change_that_is_asked_for_in_the_turn_in_which_another_is_done_is_taken() -> None:
    """The answer that commits the first one and the request for the second come in one read."""
    driven = leader_of_three()
    driven.acknowledge()
    driven.replica.change_membership(Ticket("a", 1), [AddLearner(4, "h:4")], driven.now)
    driven.work()
    assert driven.replies == {}
    core = driven.replica.core
    done = AppendEntriesResponse(core.term, 2, True, 0, 1, match_index=core.last_index)
    driven.replica.step(done, driven.now)
    driven.replica.change_membership(Ticket("b", 2), [AddLearner(5, "h:5")], driven.now)
    driven.work()
    assert isinstance(driven.replies[1], Document)
    assert 2 not in driven.replies, "it waits for a majority in its turn"
    driven.acknowledge()
    assert isinstance(driven.replies[2], Document)


def test_transfer_of_a_source_that_is_gone_is_forgotten() -> None:
    driven = leader_that_hands_over()
    driven.replica.forget("a")
    receive(driven, AppendEntries(2, 2, 1, 1, [LogEntry(2, None)], 1, 1))
    assert driven.replies == {}


def test_transfer_after_which_nobody_leads_ends_all_the_same() -> None:
    driven = leader_that_hands_over()
    asked_at = driven.now
    receive(driven, StaleTerm(2, 3))
    while 1 not in driven.replies:
        driven.now = driven.replica.next_deadline
        driven.replica.tick(driven.now)
        driven.work()
    assert failure(driven.replies[1]) == ("timeout", "unknown")
    assert driven.now - asked_at <= 4 * driven.replica.core.config.election_timeout_us


# -- reads -----------------------------------------------------------------------------------------
def follower_with_a_confirmed_read() -> Driven:
    """Its entry 1 is not committed; request 5, of source "c", may be served once it is applied."""
    driven = Driven(size=3)
    receive(driven, AppendEntries(1, 2, 0, 0, [LogEntry(1, command(7, 1, b"x"))], 0, 1))
    driven.replica.read(Ticket("c", 5), b"", "linearizable", True, driven.now)
    driven.work()
    (read_id,) = driven.replica.core.forwarded_reads
    receive(driven, ReadIndexResponse(1, 2, read_id, 1))
    assert driven.replies == {}, "confirmed, but the machine is not there yet"
    return driven


def test_confirmed_read_is_served_only_when_its_index_is_applied() -> None:
    driven = follower_with_a_confirmed_read()
    receive(driven, AppendEntries(1, 2, 1, 1, [], 1, 2))
    assert driven.replies == {5: Answer(5, 1, b"x")}


def test_confirmed_read_of_a_source_that_is_gone_is_forgotten() -> None:
    driven = follower_with_a_confirmed_read()
    driven.replica.forget("c")
    receive(driven, AppendEntries(1, 2, 1, 1, [], 1, 2))
    assert driven.replies == {}


def test_confirmed_read_fails_in_time_under_a_leader_that_never_commits() -> None:
    driven = follower_with_a_confirmed_read()
    timeout = driven.replica.core.config.election_timeout_us
    for sequence in range(2, 40):
        driven.now += timeout // 3
        receive(driven, AppendEntries(1, 2, 1, 1, [], 0, sequence))
        if driven.now >= driven.replica.next_deadline:  # as a driver does
            driven.replica.tick(driven.now)
            driven.work()
    assert failure(driven.replies[5]) == ("no_quorum", "none")
    assert driven.replica.next_deadline > driven.now


def test_deadlines_of_confirmed_reads_are_known_as_they_come_and_go() -> None:
    confirmed = ConfirmedQueries()
    for index, deadline in ((5, 300), (4, 100), (6, 200)):
        confirmed.add(index, Query(Ticket("c", index), (b"",), deadline))
    assert confirmed.next_deadline == 100
    assert [query.ticket.id for query in confirmed.pop_overdue(150)] == [4]
    assert confirmed.next_deadline == 200
    assert [query.ticket.id for query in confirmed.pop_ready(5)] == [5]
    assert [query.ticket.id for query in confirmed.pop_overdue(400)] == [6]
    assert confirmed.next_deadline is None


def test_requests_are_answered_in_the_order_of_asking_when_the_node_stops() -> None:
    driven = leader_of_three()
    driven.replica.submit(Ticket("c", 1), command(7, 1, b"x"), driven.now)
    for request_id in range(2, 40):
        driven.replica.read(Ticket("c", request_id), b"", "linearizable", False, driven.now)
    driven.work()
    driven.replica.stop()
    answered = [message.id for _, message in driven.replica.take_replies(driven.now)]  # type: ignore[union-attr]
    assert answered == list(range(1, 40))


# -- the machine -----------------------------------------------------------------------------------
@pytest.mark.parametrize("error", [MemoryError, RecursionError])
def test_want_of_memory_in_apply_stops_the_node_since_others_may_have_applied(
    error: type[Exception],
) -> None:
    class Exhausted(Recorder):
        def apply(self, command: bytes, index: int) -> bytes:
            raise error

    driven = Driven(machine=Exhausted()).lead()
    with pytest.raises(error):
        driven.submit(1, command(7, 1, b"x"))
    assert driven.replies == {}


# -- sessions --------------------------------------------------------------------------------------
class Applying:
    """Sessions, and which sequences were run, by client."""

    def __init__(self, **limits: Any) -> None:
        self.sessions = Sessions(**limits)
        self.index = 0
        self.runs: list[tuple[int, int]] = []

    def apply(
        self, client: int, sequence: int, acked: int = 0, born: int = 0, result: bytes = b"result"
    ) -> bytes:
        self.index += 1

        def run(payload: bytes, index: int) -> bytes:
            self.runs.append((client, sequence))
            return payload

        command = seal(Header(client, sequence, acked, born), result)
        (given,) = self.sessions.apply([command], self.index, run)
        return given


def test_results_kept_for_one_client_are_bounded_until_it_acknowledges() -> None:
    applying = Applying(results_max=3)
    for sequence in (1, 2, 3):
        assert applying.apply(7, sequence) == b"result"
    assert applying.apply(7, 4) == error_result("TooManyUnacknowledged")
    assert applying.apply(7, 3) == b"result", "a known result is still given"
    assert applying.apply(7, 4, acked=2) == b"result", "the first one made room"
    assert applying.runs == [(7, 1), (7, 2), (7, 3), (7, 4)]
    assert applying.apply(7, 5, acked=2) == error_result("TooManyUnacknowledged")
    assert applying.apply(7, 99, acked=99) == b"result", "all of them are acknowledged"
    assert applying.apply(7, 5) == EXPIRED_RESULT


def test_session_that_is_used_is_not_the_one_to_go() -> None:
    applying = Applying(sessions_max=2)
    applying.apply(1, 1, born=1)
    applying.apply(2, 1, born=1)
    applying.apply(1, 2, born=1)
    applying.apply(3, 1, born=1)  # the session of client 2 goes
    assert applying.apply(1, 2, born=1) == b"result"
    assert applying.apply(2, 1, born=1) == EXPIRED_RESULT
    assert applying.runs == [(1, 1), (2, 1), (1, 2), (3, 1)]


def test_bytes_of_results_kept_for_one_client_are_bounded() -> None:
    applying = Applying(results_bytes_max=100)
    for sequence in (1, 2):
        assert applying.apply(7, sequence, result=b"x" * 60) == b"x" * 60
    assert applying.apply(7, 3) == error_result("TooManyUnacknowledged")
    assert applying.apply(7, 3, acked=2) == b"result", "60 bytes made room"
    assert applying.apply(7, 4, acked=99) == EXPIRED_RESULT
    assert applying.apply(7, 99, acked=99, result=b"x" * 200) == b"x" * 200
    assert applying.apply(7, 100, acked=99) == error_result("TooManyUnacknowledged")


def test_bytes_of_all_results_are_bounded_and_the_least_used_sessions_go() -> None:
    applying = Applying(sessions_bytes_max=100)
    for client in (1, 2, 3):
        applying.apply(client, 1, result=b"x" * 40)
    assert len(applying.sessions) == 2
    assert applying.apply(1, 1) == EXPIRED_RESULT
    assert applying.apply(3, 1) == b"x" * 40
    applying.apply(2, 2, acked=2, result=b"x" * 40)  # its first result is gone
    assert len(applying.sessions) == 2
    applying.apply(4, 1, born=9, result=b"x" * 1000)
    assert len(applying.sessions) == 1, "the one that is in use stays, however large"


@pytest.mark.parametrize("answer", ["text", None, 7, bytearray(b"x")])
def test_query_that_is_not_answered_in_bytes_is_refused_and_the_node_goes_on(answer: Any) -> None:
    class Wrong(Recorder):
        def query(self, query: bytes) -> Any:
            return answer

    driven = Driven(machine=Wrong()).lead()
    driven.replica.read(Ticket("c", 1), b"", "stale", True, driven.now)
    driven.work()
    driven.collect()
    failure = driven.replies[1]
    assert isinstance(failure, Failure)
    assert (failure.code, type(answer).__name__ in failure.message) == ("bad_request", True)
