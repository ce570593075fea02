"""A command for a client that reaches no other node: handed to the leader, answered here."""

from node.raft.messages import (
    AppendEntries,
    ForwardProposal,
    LogEntry,
    ProposalRefused,
    RequestVote,
)
from node.replica import Ticket
from node.replica.forwarding import FORWARD_PATIENCE, FORWARDED_MAX
from node.wire.messages import Applied, Failure, WireMessage
from tests.replica.driven import Driven, command, leader_of_three


def follower() -> Driven:
    """Node 1 follows node 2 in term 1."""
    driven = Driven(size=3)
    driven.receive(AppendEntries(1, 2, 0, 0, [LogEntry(1, None)], 1, 1))
    driven.sent.clear()
    return driven


def ask(driven: Driven, request_id: int, sealed: bytes) -> ForwardProposal:
    driven.replica.submit(Ticket("c", request_id), sealed, driven.now, here=True)
    driven.work()
    forwarded = [each for each in driven.sent if isinstance(each, ForwardProposal)]
    return forwarded[-1]


def failure(message: WireMessage) -> tuple[str, str]:
    assert isinstance(message, Failure)
    return message.code, message.outcome


def test_command_is_handed_to_the_leader_and_answered_when_it_is_applied_here() -> None:
    driven = follower()
    sealed = command(7, 1, b"x")
    forwarded = ask(driven, 5, sealed)
    assert (forwarded.term, forwarded.proposer_id, forwarded.entry) == (1, 1, sealed)
    driven.receive(AppendEntries(1, 2, 1, 1, [LogEntry(1, sealed)], 1, 2))
    assert driven.replies == {}, "it is not committed"
    driven.receive(AppendEntries(1, 2, 2, 1, [], 2, 3))
    assert driven.replies == {5: Applied(5, 2, 1, b"\x00did x")}


def test_leader_takes_a_forwarded_command_and_refuses_what_it_cannot_take() -> None:
    driven = leader_of_three()
    before = driven.replica.core.last_index
    driven.receive(ForwardProposal(1, 3, 9, command(7, 1, b"x")))
    assert driven.replica.core.last_index == before + 1
    driven.replica.transfer(Ticket("c", 1), 2, driven.now)
    driven.sent.clear()
    driven.receive(ForwardProposal(1, 3, 10, command(7, 2, b"y")))
    assert driven.sent[-1] == ProposalRefused(1, 1, 10)
    assert driven.replica.core.last_index == before + 1


def test_who_does_not_lead_refuses_what_is_forwarded_to_it() -> None:
    driven = follower()
    driven.receive(ForwardProposal(1, 3, 10, command(7, 2, b"y")))
    driven.receive(ForwardProposal(0, 3, 11, command(7, 2, b"y")))
    assert driven.sent[-2:] == [ProposalRefused(1, 1, 10), ProposalRefused(1, 1, 11)]


def test_refused_command_ends_and_a_refusal_of_another_says_nothing() -> None:
    driven = follower()
    forwarded = ask(driven, 5, command(7, 1, b"x"))
    driven.receive(ProposalRefused(1, 2, forwarded.proposal_id + 1))
    assert driven.replies == {}
    driven.receive(ProposalRefused(1, 2, forwarded.proposal_id))
    assert failure(driven.replies[5])[0] == "busy"


def test_b62_refusal_of_a_duplicate_does_not_say_that_the_command_had_no_effect() -> None:
    driven, leader = follower(), leader_of_three()
    forwarded = ask(driven, 5, command(7, 1, b"x"))
    from_three = ForwardProposal(1, 3, forwarded.proposal_id, forwarded.entry)
    leader.receive(from_three)
    assert leader.replica.core.entries(2, 2) == [LogEntry(1, forwarded.entry)], "one copy is taken"
    leader.replica.transfer(Ticket("c", 1), 2, leader.now)
    leader.receive(from_three)
    assert leader.sent[-1] == ProposalRefused(1, 1, forwarded.proposal_id), "the other is not"
    driven.receive(ProposalRefused(1, 2, forwarded.proposal_id))
    assert failure(driven.replies[5]) == ("busy", "unknown")


def test_numbers_of_an_earlier_life_are_not_used_again() -> None:
    first = ask(follower(), 5, command(7, 1, b"x")).proposal_id
    assert first > 1_000_000


def test_retry_of_an_applied_command_gets_the_first_result() -> None:
    driven = follower()
    sealed = command(7, 1, b"x")
    driven.receive(AppendEntries(1, 2, 1, 1, [LogEntry(1, sealed)], 2, 2))
    ask(driven, 5, sealed)
    driven.receive(AppendEntries(1, 2, 2, 1, [LogEntry(1, sealed)], 3, 3))
    assert driven.replies == {5: Applied(5, 3, 1, b"\x00did x")}
    assert driven.machine.applied == [b"x"]  # type: ignore[attr-defined]


def test_forwarded_command_is_in_doubt_when_the_term_ends_or_nobody_answers() -> None:
    driven = follower()
    ask(driven, 5, command(7, 1, b"x"))
    driven.now += 2 * driven.replica.core.config.election_timeout_us
    driven.receive(RequestVote(2, 3, 9, 1))
    assert failure(driven.replies[5]) == ("leadership_lost", "unknown")

    driven = follower()
    ask(driven, 6, command(7, 1, b"x"))
    timeout = driven.replica.core.config.election_timeout_us
    for sequence in range(2, 3 * FORWARD_PATIENCE + 3):
        driven.now += timeout // 3
        driven.receive(AppendEntries(1, 2, 1, 1, [], 1, sequence))
        if driven.now >= driven.replica.next_deadline:
            driven.replica.tick(driven.now)
            driven.work()
    assert failure(driven.replies[6]) == ("timeout", "unknown")


def test_no_leader_no_room_and_nobody_there_are_answered() -> None:
    driven = Driven(size=3)
    driven.replica.submit(Ticket("c", 1), command(7, 1, b"x"), driven.now, here=True)
    driven.work()
    assert failure(driven.replies[1]) == ("no_leader", "none")
    driven = follower()
    for number in range(FORWARDED_MAX):
        driven.replica.submit(Ticket("c", number), command(7, number, b"x"), 0, here=True)
    driven.replica.submit(Ticket("c", 9999), command(7, 9999, b"x"), 0, here=True)
    driven.collect()
    assert failure(driven.replies[9999]) == ("busy", "none")
    driven.replica.forget("c")
    driven.replica.stop()
    driven.collect()
    assert list(driven.replies) == [9999]


def test_same_command_asked_twice_is_answered_once_and_both_hear() -> None:
    driven = follower()
    sealed = command(7, 1, b"x")
    ask(driven, 5, sealed)
    ask(driven, 6, sealed)
    driven.receive(AppendEntries(1, 2, 1, 1, [LogEntry(1, sealed)], 2, 2))
    assert failure(driven.replies[5]) == ("superseded", "unknown")
    assert isinstance(driven.replies[6], Applied)
