"""The rules of a call, on a clock that the test sets."""

import pytest

from node.client.errors import (
    DeadlineError,
    NoLeaderError,
    OutcomeUnknownError,
    RejectedError,
    UnreachableError,
)
from node.client.session import OPENING_SECONDS, Call, Pause, Sequences, Try
from node.wire.messages import Failure, Outcome


def refusal(code: str, outcome: Outcome = "none", leader: int | None = None) -> Failure:
    return Failure(1, code, "because", outcome, leader)


def gone(node_id: int) -> UnreachableError:
    return UnreachableError("refused", f"n{node_id} is gone")


def tries(call: Call, now: float) -> int:
    step = call.next(now)
    assert isinstance(step, Try)
    return step.node_id


def test_hint_of_a_refusal_is_followed() -> None:
    call = Call([1, 2, 3], None, 0, 4)
    assert tries(call, 0) == 1
    call.sent()
    call.refused(1, refusal("not_leader", leader=3))
    assert tries(call, 0) == 3


def test_b66_nodes_that_point_at_each_other_cost_a_round_not_for_ever() -> None:
    call = Call([1, 2, 3], None, 0, 4)
    asked = []
    step = call.next(0)
    while isinstance(step, Try):
        asked.append(step.node_id)
        assert len(asked) < 10
        call.refused(step.node_id, refusal("not_leader", leader=2 if step.node_id == 1 else 1))
        step = call.next(0)
    assert isinstance(step, Pause)
    assert set(asked) == {1, 2, 3}


def test_hint_to_itself_or_to_a_stranger_is_not_believed() -> None:
    for hint in (1, 99):
        call = Call([1, 2, 3], None, 0, 4)
        assert tries(call, 0) == 1
        call.refused(1, refusal("not_leader", leader=hint))
        assert tries(call, 0) == 2


def silent(node_id: int) -> UnreachableError:
    return UnreachableError("silent", f"n{node_id} does not answer")


def test_node_that_took_the_request_gets_a_quarter_of_the_time() -> None:
    step = Call([1, 2], None, 100.0, 4).next(100.0)
    assert step == Try(1, until=101.0, opens_until=100.0 + OPENING_SECONDS)


def test_node_that_opens_no_connection_is_left_alone_for_a_while_whoever_names_it() -> None:
    call = Call([1, 2], 1, 0, 8)
    assert tries(call, 0) == 1
    now = OPENING_SECONDS
    call.unreachable(silent(1))
    asked = []
    while now < 3 * OPENING_SECONDS:
        step = call.next(now)
        if isinstance(step, Pause):
            now = step.until
        else:
            asked.append(step.node_id)
            call.refused(2, refusal("not_leader", leader=1))
    assert set(asked) == {2}
    assert 3 < len(asked) < 20, "the others are asked again and again, with pauses"
    step = call.next(now)
    while isinstance(step, Pause) or step.node_id == 2:
        if isinstance(step, Pause):
            now = step.until
        else:
            call.refused(2, refusal("no_leader"))
        step = call.next(now)
    assert step.node_id == 1
    assert step.opens_until == pytest.approx(now + 2 * OPENING_SECONDS)


def test_node_that_answers_again_is_believed_to_lead_again() -> None:
    call = Call([1, 2], 1, 0, 8)
    assert tries(call, 0) == 1
    call.unreachable(silent(1))
    assert tries(call, 0.2) == 2
    call.refused(2, refusal("no_leader"))
    assert isinstance(call.next(0.2), Pause)
    assert tries(call, 0.7) == 1
    call.refused(1, refusal("not_leader", leader=2))
    assert tries(call, 0.7) == 2
    call.refused(2, refusal("not_leader", leader=1))
    assert tries(call, 0.7) == 1


def test_call_that_finds_all_nodes_silent_goes_on_with_pauses_until_its_time_is_over() -> None:
    call = Call([1, 2], None, 0, 4)
    now, steps = 0.0, 0
    while now < 4:
        step = call.next(now)
        steps += 1
        if isinstance(step, Pause):
            now = step.until
        else:
            now = step.opens_until
            call.unreachable(silent(step.node_id))
    assert steps < 60
    with pytest.raises(UnreachableError):
        call.next(now)


def test_call_at_one_node_waits_for_it_until_the_end() -> None:
    assert Call([1, 2], None, 0, 4, only=2).next(0) == Try(2, 4, 4)


def test_outcome_is_none_when_no_node_took_the_request() -> None:
    call = Call([1], None, 0, 1)
    call.next(0)
    call.sent()
    call.refused(1, refusal("no_leader"))
    with pytest.raises(NoLeaderError) as caught:
        call.next(2)
    assert caught.value.outcome == "none"


def test_b63_outcome_is_unknown_once_a_node_may_have_taken_it() -> None:
    call = Call([1, 2], None, 0, 1)
    call.next(0)
    call.sent()
    call.unreachable(gone(1))
    call.next(0)
    call.sent()
    call.refused(2, refusal("no_leader"))
    with pytest.raises(OutcomeUnknownError) as caught:
        call.next(2)
    assert caught.value.outcome == "unknown"


def test_connection_that_was_never_made_leaves_no_doubt() -> None:
    call = Call([1], None, 0, 1)
    call.next(0)
    call.unreachable(gone(1))
    with pytest.raises(UnreachableError):
        call.next(2)


def test_refusal_with_an_unknown_outcome_is_in_doubt_and_tried_again() -> None:
    call = Call([1, 2], None, 0, 1)
    call.next(0)
    call.sent()
    call.refused(1, refusal("leadership_lost", "unknown", leader=2))
    assert call.is_in_doubt
    assert tries(call, 0) == 2


def test_final_refusal_ends_the_call_at_once() -> None:
    call = Call([1, 2], None, 0, 1)
    call.next(0)
    with pytest.raises(RejectedError):
        call.refused(1, refusal("too_large"))


def test_call_at_one_node_is_never_sent_elsewhere() -> None:
    call = Call([1, 2, 3], 2, 0, 4, only=3)
    assert tries(call, 0) == 3
    with pytest.raises(NoLeaderError):
        call.refused(3, refusal("no_quorum", leader=1))


def test_sequences_acknowledge_what_no_open_command_needs() -> None:
    sequences = Sequences(7)
    sequences.begin(41)
    first, second, third = (sequences.take() for _ in range(3))
    assert sequences.header(third)[1:] == (3, 1, 41)
    sequences.done(second)
    assert sequences.header(third).acked_below == first
    sequences.done(first)
    assert sequences.header(third).acked_below == third


def test_time_that_ends_on_the_way_to_the_leader_does_not_say_that_there_is_none() -> None:
    call = Call([1, 2], None, 0, 1)
    assert tries(call, 0) == 1
    call.refused(1, refusal("not_leader", leader=2))
    with pytest.raises(DeadlineError) as caught:
        call.next(1)
    assert caught.value.outcome == "none"
    with pytest.raises(DeadlineError):
        Call([1, 2], None, 0, 0).next(0)


@pytest.mark.parametrize("code", ["no_leader", "no_quorum"])
def test_time_that_ends_without_a_leader_says_so(code: str) -> None:
    call = Call([1, 2], None, 0, 1)
    call.next(0)
    call.refused(1, refusal(code))
    with pytest.raises(NoLeaderError) as caught:
        call.next(1)
    assert caught.value.code == code


def test_time_that_ends_in_doubt_is_an_unknown_outcome_whatever_was_heard_last() -> None:
    call = Call([1, 2], None, 0, 1)
    call.next(0)
    call.sent()
    call.unreachable(gone(1))
    call.next(0)
    call.refused(2, refusal("not_leader", leader=1))
    with pytest.raises(OutcomeUnknownError):
        call.next(1)
