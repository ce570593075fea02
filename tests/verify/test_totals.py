"""Counts and accounts with many operations of which nobody knows what came of them."""

import random
from itertools import chain, combinations
from typing import Any

import pytest

from node.verify.history import History
from node.verify.linearizability import totals
from node.verify.linearizability.narrowing import narrowed
from node.verify.linearizability.search import Search
from node.verify.linearizability.totals import Totals
from node.verify.models import MODELS
from node.verify.models.base import ILLEGAL, UNKNOWN
from tests.verify.randomly import only_key
from tests.verify.test_linearizability import history

ACCOUNTS = dict.fromkeys("abcde", 100)
CLIENTS = 8
STEPS_MAX = 300_000


def vague_history(rng: random.Random, name: str, count: int, unknown: float) -> History:
    """Of clients that are always busy, as a right object would have answered them."""
    model, initial = MODELS[name], ACCOUNTS if name == "bank" else None
    free = [0] * CLIENTS
    asked: list[tuple[int, int, int, str, Any, bool]] = []
    for _ in range(count):
        client = min(range(CLIENTS), key=free.__getitem__)
        call = free[client] + rng.randrange(1, 10)
        end = free[client] = call + rng.randrange(5, 40)
        source, target = rng.sample("abcde", 2)
        amount = rng.randint(1, 5)
        if name == "bank":
            change: tuple[str, Any] = ("transfer", {"from": source, "to": target, "amount": amount})
        else:
            change = ("add", amount)
        f, value = ("read", None) if rng.random() < 0.4 else change
        asked.append((rng.randint(call, end), call, end, f, value, rng.random() < unknown))
    state = model.init(initial)
    spans: dict[int, tuple[Any, ...]] = {}
    for number in sorted(range(count), key=asked.__getitem__):
        _, call, end, f, value, is_unknown = asked[number]
        after = model.step(state, f, model.shape(f, value, UNKNOWN, 0)[0], UNKNOWN)
        seen = dict(state) if name == "bank" else state
        answer = [seen] if f == "read" else [after != state] if f == "transfer" else []
        spans[number] = (call, None, f, value) if is_unknown else (call, end, f, value, *answer)
        if not is_unknown or rng.random() < 0.5:
            state = after
    return history(name, *(spans[number] for number in range(count)), initial=initial)


@pytest.mark.parametrize(("name", "unknown", "seed"), [("counter", 0.2, 0), ("bank", 0.1, 2)])
def test_history_of_which_much_is_unknown_is_decided(name: str, unknown: float, seed: int) -> None:
    made = vague_history(random.Random(f"{name} {seed}"), name, 400, unknown)
    model = MODELS[name]
    search = Search(*narrowed(only_key(made), model, model.init(made.initial)))
    assert search.run(STEPS_MAX) is True


AMOUNTS = ["", "1", "2 2", "-1 3", "5 -2 -2 7", "3 3 3", "-4 -4 1"]


@pytest.mark.parametrize("text", AMOUNTS)
def test_read_can_follow_where_some_of_what_may_precede_it_add_up(text: str) -> None:
    amounts = [int(each) for each in text.split()]
    sums = {
        sum(each)
        for each in chain.from_iterable(
            combinations(amounts, count) for count in range(len(amounts) + 1)
        )
    }
    for saw in range(-20, 25):
        reachable = _can_become(saw, 2, [], amounts)
        assert reachable is (saw - 2 in sums)
        assert _can_become(saw + 6, 2, [4, 2], amounts) is reachable


def _can_become(saw: int, state: int, before: list[int], perhaps: list[int]) -> bool:
    """Of a counter in that state, which was read as `saw`."""
    adds = [(0, 1, "add", amount) for amount in [*before, *perhaps]]
    operations = only_key(history("counter", *adds, (0, 1, "read", None, saw)))
    places = range(len(adds))
    found = Totals(operations, MODELS["counter"], 0)
    return found.can_become(state, len(adds), places[: len(before)], places[len(before) :])


def test_sums_that_would_take_long_are_taken_for_possible(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not _can_become(3, 0, [], [2, 2])
    monkeypatch.setattr(totals, "SPAN_MAX", 3)
    assert _can_become(3, 0, [], [2, 2])
    assert not _can_become(5, 0, [], [2, 2])


def test_transfers_that_cannot_take_place_add_nothing() -> None:
    bank = MODELS["bank"]
    accounts = bank.init({"a": 1, "b": 2})
    assert bank.adds(accounts, "transfer", ("a", "b", 1), True) == ((0, -1), (1, 1))
    for value, result in [(("a", "z", 1), True), (("a", "a", 1), True), (("a", "b", 9), False)]:
        assert bank.adds(accounts, "transfer", value, result) == ()
    assert bank.step(accounts, "transfer", ("z", "a", 1), True) is ILLEGAL
