"""What a wrong answer could have been instead: neither more nor less than what is told."""

import random
from typing import Any

import pytest

from node.verify.linearizability import explaining
from node.verify.linearizability.explaining import Explanation, prefix_of
from node.verify.linearizability.operations import Operations
from node.verify.models import MODELS
from node.verify.models.base import ILLEGAL, Model
from tests.verify.randomly import is_linearizable, only_key, random_history
from tests.verify.test_linearizability import checked, history

R, W, C = "read", "write", "cas"


def explanation(*spans: tuple[Any, ...], model: str = "register") -> Explanation:
    found = checked(history(model, *spans)).explanation
    assert found is not None
    return found


def test_what_stood_before_a_write_that_had_returned_meanwhile_was_possible_too() -> None:
    found = explanation((1, 2, W, 1), (4, 5, W, 2), (3, 6, R, None, 9))
    assert found.text == "op 2 read 9; only 1 or 2 were possible"
    assert found.possible == ["1", "2"]


def test_more_than_one_answer_may_have_been_possible() -> None:
    found = explanation((0, 1, W, 1), (2, 9, W, 5), (2, 9, W, 7), (10, 11, R, None, 1))
    assert sorted(found.possible) == ["5", "7"]
    assert found.text.startswith("op 4 read 1; only ")


def test_what_a_later_answer_forbids_was_not_possible() -> None:
    """1 or 2 could be read at the beginning of op 3, but what op 4 saw came first."""
    found = explanation((0, 9, W, 1), (0, 9, W, 2), (0, 1, R, None, 2), (2, 3, R, None, 7))
    assert sorted(found.possible) == ["1", "2"]
    found = explanation(
        (0, 9, W, 1), (0, 9, W, 2), (0, 1, R, None, 1), (2, 8, R, None, 2), (10, 11, R, None, 1)
    )
    assert found.text == "op 5 read 1; only 2 was possible"


def test_what_only_a_write_of_unknown_outcome_can_have_written_was_possible() -> None:
    found = explanation((0, None, W, 8), (1, 2, W, 1), (3, 4, R, None, 9))
    assert sorted(found.possible) == ["1", "8"]


def test_without_all_of_them_it_does_not_say_only(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [(0, 1, W, each) for each in range(12)]
    found = explanation(*many, (2, 3, R, None, 99))
    assert len(found.possible) == explaining.STATES_MAX
    assert found.text.endswith(", or others, were possible")
    assert "only" not in found.text
    refused = explanation(*many, (2, 3, C, [99, 100], True), model="cas")
    assert refused.text.endswith(", or others")
    assert "the value could be " in refused.text
    monkeypatch.setattr(explaining, "STATES_STEPS_MAX", 10)
    found = explanation(*many, (2, 3, R, None, 99))
    assert (found.possible, found.text) == (
        [],
        "op 13 read 99; no order of what came before explains that",
    )


@pytest.mark.parametrize("model", ["register", "cas", "kv", "counter", "append", "set", "bank"])
def test_the_answers_told_are_those_with_which_some_order_explains_it(model: str) -> None:
    read = "get" if model == "kv" else "read"
    several = compared = 0
    for seed in range(700):
        made = random_history(random.Random(f"{model} {seed}"), model, 6)
        found = checked(made).explanation if len(made) else None
        if found is None or made.name_of(found.culprit) != read:
            continue
        operations = only_key(made)
        before = operations.returns[found.culprit]
        ends = [place for place, end in enumerate(operations.returns) if end < before]
        if operations.returns.count(before) > 1:
            continue  # which of them came last is a matter of taste
        prefix = prefix_of(operations, [*ends, found.culprit])
        culprit = prefix.numbers.index(found.culprit)
        initial = MODELS[model].init(made.initial)
        legal = set()
        for state in states_of(prefix, MODELS[model], initial, culprit):
            prefix.results[culprit] = state
            if is_linearizable(prefix, MODELS[model], initial):
                legal.add(MODELS[model].show(state))
        if len(legal) < explaining.STATES_MAX:
            assert set(found.possible) == legal, (seed, found)
            assert ("only" in found.text) == (len(legal) <= explaining.STATES_TOLD)
            compared += 1
        several += len(legal) > 1
    assert compared > 20
    assert several >= 3


def states_of(operations: Operations, model: Model, initial: Any, left_out: int) -> set[Any]:
    """All that any of the operations, in any order, can lead to."""
    met = set()
    ahead = [(frozenset[int]([left_out]), initial)]
    while ahead:
        done, state = ahead.pop()
        if (done, state) in met:
            continue
        met.add((done, state))
        for place in range(len(operations)):
            if place not in done:
                after = model.step(
                    state,
                    operations.names[place],
                    operations.values[place],
                    operations.results[place],
                )
                if after is not ILLEGAL:
                    ahead.append((done | {place}, after))
    return {state for _, state in met}
