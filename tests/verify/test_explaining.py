"""What a wrong answer could have been instead: neither more nor less than what is told."""

import random
import re
from typing import Any

import pytest

from node.verify.linearizability import explaining
from node.verify.linearizability.explaining import Explanation, prefix_of
from node.verify.linearizability.operations import Operations
from node.verify.linearizability.reducing import Reducing
from node.verify.models import MODELS
from node.verify.models.base import ILLEGAL, Model
from tests.verify.randomly import ASKED, is_linearizable, only_key, random_history
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


@pytest.mark.parametrize("model", ASKED)
def test_operations_that_are_shown_prove_it_and_none_of_them_is_idle(model: str) -> None:
    shorter = compared = 0
    for seed in range(400):
        made = random_history(random.Random(f"{model} {seed}"), model, 8)
        found = checked(made).explanation if len(made) else None
        if found is None:
            continue
        operations = only_key(made)
        last = operations.returns[found.culprit]
        ends = [place for place, end in enumerate(operations.returns) if end < last]
        if operations.returns.count(last) > 1:
            continue  # which of them came last is a matter of taste
        prefix = prefix_of(operations, [*ends, found.culprit])
        initial = MODELS[model].init(made.initial)
        core = Reducing(prefix, MODELS[model], initial).run()
        assert not is_linearizable(core, MODELS[model], initial), seed
        if model not in ("append", "set"):
            assert {*core.numbers} <= {*found.operations}
        for place, (name, result) in enumerate(zip(core.names, core.results, strict=True)):
            if MODELS[model].readonly(name, result):
                others = core.chosen(each for each in range(len(core)) if each != place)
                assert is_linearizable(others, MODELS[model], initial), seed
        named = {int(each) for each in re.findall(r"\bop (\d+)", f"{found.text} {found.why}")}
        assert named <= {number + 1 for number in found.operations}, seed
        shorter += len(core) < len(prefix)
        compared += 1
    assert compared > 10
    assert shorter > 5


def test_long_list_of_what_is_needed_is_cut_and_says_so() -> None:
    adds = [(at, at + 1, "add", 1) for at in range(0, 60, 2)]
    found = explanation(*adds, (100, 101, R, None, 3), model="counter")
    assert len(found.operations) == explaining.SHOWN_MAX
    assert found.left_out == len(adds) + 1 - explaining.SHOWN_MAX


@pytest.mark.parametrize(("model", "f"), [("set", "add"), ("append", "append")])
def test_of_a_set_and_a_list_those_are_shown_that_are_named(model: str, f: str) -> None:
    adds = [(at, at + 1, f, at) for at in range(0, 60, 2)]
    seen = [at for _, _, _, at in adds if at != 8]
    found = explanation(*adds, (100, 101, R, None, seen), model=model)
    assert found.why == "op 31 read no 8, which was acknowledged before, by op 5"
    assert (found.operations, found.left_out) == ([4, 30], 0)


def test_writer_of_what_was_possible_is_shown() -> None:
    found = explanation(
        (0, 1, W, 1), (2, 3, W, 2), (4, 5, W, 3), (2, 9, W, 7), (10, 11, R, None, 1)
    )
    assert sorted(found.possible) == ["3", "7"]
    assert {2, 3} < {*found.operations}


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
