"""Requests of several commands or queries: taken as a whole, answered once."""

import pytest

from node.raft.messages import AppendEntries, AppendEntriesResponse, LogEntry
from node.replica import Ticket
from node.replica import queries as reads
from node.wire.batches import AnswerAll, AppliedAll
from node.wire.envelope import error_result, ok_result
from node.wire.messages import Failure
from tests.replica.driven import Driven, Recorder, command, leader_of_three


def commands(*bodies: bytes, client: int = 7, first: int = 1) -> list[bytes]:
    return [command(client, sequence, body) for sequence, body in enumerate(bodies, first)]


def failure(reply: object) -> tuple[str, str]:
    assert isinstance(reply, Failure)
    return reply.code, reply.outcome


def applied_by(driven: Driven) -> list[bytes]:
    assert isinstance(driven.machine, Recorder)
    return driven.machine.applied


def test_commands_of_one_request_follow_each_other_and_have_one_answer() -> None:
    driven = Driven().lead()
    first = driven.replica.core.last_index + 1
    driven.replica.submit_all(Ticket("c", 1), commands(b"a", b"boom", b"b"))
    driven.work()
    results = [ok_result(b"did a"), error_result("ZeroDivisionError"), ok_result(b"did b")]
    assert driven.replies == {1: AppliedAll(1, first, 1, results)}
    assert applied_by(driven) == [b"a", b"b"]


def test_requests_of_one_and_of_several_commands_are_answered_each_with_its_own() -> None:
    driven = Driven().lead()
    driven.replica.submit_all(Ticket("c", 1), commands(b"a", b"b"))
    driven.replica.submit(Ticket("d", 2), command(8, 1, b"c"), driven.now)
    driven.replica.submit_all(Ticket("e", 3), commands(b"d", client=9))
    driven.work()
    found = {number: getattr(reply, "index", None) for number, reply in driven.replies.items()}
    assert found == {1: 2, 2: 4, 3: 5}
    assert getattr(driven.replies[2], "result", None) == ok_result(b"did c")
    assert getattr(driven.replies[3], "results", None) == [ok_result(b"did d")]


def test_retry_of_a_request_finds_the_first_results() -> None:
    driven = Driven().lead()
    for number in (1, 2):
        driven.replica.submit_all(Ticket("c", number), commands(b"a", b"b"))
        driven.work()
    first, again = driven.replies[1], driven.replies[2]
    assert isinstance(first, AppliedAll)
    assert isinstance(again, AppliedAll)
    assert first.results == again.results
    assert applied_by(driven) == [b"a", b"b"]


def test_request_waits_for_the_last_of_its_commands() -> None:
    driven = leader_of_three()
    driven.replica.submit_all(Ticket("c", 1), commands(b"a", b"b", b"c"))
    driven.work()
    last = driven.replica.core.last_index
    driven.receive(AppendEntriesResponse(1, 2, True, 0, 1, match_index=last - 1))
    assert applied_by(driven) == [b"a", b"b"]
    assert driven.replies == {}
    driven.acknowledge()
    results = [ok_result(b"did " + body) for body in (b"a", b"b", b"c")]
    assert driven.replies == {1: AppliedAll(1, last - 2, 1, results)}


@pytest.mark.parametrize(("committed", "code"), [(0, "leadership_lost"), (1, "superseded")])
def test_request_of_which_a_part_took_effect_is_in_doubt_when_its_leader_is_deposed(
    committed: int, code: str
) -> None:
    driven = leader_of_three()
    driven.replica.submit_all(Ticket("c", 1), commands(b"a", b"b"))
    driven.work()
    last = driven.replica.core.last_index
    driven.receive(AppendEntriesResponse(1, 2, True, 0, 1, match_index=last - 1))
    driven.receive(AppendEntries(2, 3, last - 1, 1, [LogEntry(2, None)], last - 1 + committed, 1))
    assert applied_by(driven) == [b"a"]
    assert failure(driven.replies[1]) == (code, "unknown")


def test_one_command_without_a_header_and_none_of_them_is_taken() -> None:
    driven = Driven().lead()
    last = driven.replica.core.last_index
    driven.replica.submit_all(Ticket("c", 1), [*commands(b"a"), b"short"])
    driven.work()
    assert failure(driven.replies[1]) == ("bad_request", "none")
    assert driven.replica.core.last_index == last


def test_follower_takes_no_request_of_several() -> None:
    driven = Driven(size=3)
    driven.replica.submit_all(Ticket("c", 1), commands(b"a"))
    driven.replica.read_all(Ticket("c", 2), [b""], "linearizable", driven.now)
    driven.replica.read_all(Ticket("c", 3), [b""], "stale", driven.now)
    driven.work()
    assert failure(driven.replies[1]) == ("no_leader", "none")
    assert failure(driven.replies[2]) == ("no_leader", "none")
    assert isinstance(driven.replies[3], AnswerAll)


class Reader(Recorder):
    def query(self, query: bytes) -> bytes:
        if query == b"boom":
            raise ZeroDivisionError
        return query * 2 if query != b"text" else "no bytes"  # type: ignore[return-value]


def test_queries_of_one_request_are_answered_at_one_index_each_as_it_went() -> None:
    driven = Driven(machine=Reader()).lead()
    driven.replica.read_all(Ticket("c", 1), [b"a", b"boom", b"text"], "linearizable", driven.now)
    driven.work()
    results = [ok_result(b"aa"), error_result("ZeroDivisionError"), error_result("TypeError")]
    assert driven.replies == {1: AnswerAll(1, driven.replica.last_applied, results)}


def test_answers_of_one_request_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "ANSWER_BYTES_MAX", 1000)
    driven = Driven(machine=Reader()).lead()
    driven.replica.read_all(Ticket("c", 1), [bytes(300)] * 2, "linearizable", driven.now)
    driven.work()
    assert failure(driven.replies[1]) == ("too_large", "none")


def test_what_is_read_for_answers_that_are_too_long_counts_for_those_that_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else one client has a node read all it asked for in a turn, and answer nobody meanwhile."""
    monkeypatch.setattr(reads, "ANSWER_BYTES_MAX", 1000)
    driven = Driven(machine=Reader()).lead()
    for number in (1, 2):
        driven.replica.read_all(Ticket("c", number), [bytes(300)] * 2, "linearizable", driven.now)
    ready = driven.replica.ready()
    assert ready is not None
    driven.replica.apply(ready)
    driven.collect()
    assert set(driven.replies) == {1}
    driven.replica.tick(driven.now)
    driven.work()
    assert set(driven.replies) == {1, 2}
