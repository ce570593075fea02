"""What clients ask, on a store that is a map: alone, and with somebody who comes between."""

import random
from collections import Counter
from typing import Any

import pytest

from node.scenario.scenario import MIXES, Workload, WorkloadKind
from node.scenario.workloads import (
    ACCOUNTS,
    BALANCE,
    Came,
    Cas,
    Chooser,
    Get,
    Operation,
    Put,
    Reply,
    Request,
    decoded,
    encoded,
    initial,
    steps_of,
)


class Store:
    """Keys and values. `between` is done in front of the next compare-and-set, once."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.index = 0
        self.between: tuple[str, Any] | None = None

    def ask(self, request: Request) -> Reply:
        self.index += 1
        match request:
            case Get(key):
                return Reply(True, self.values.get(key), self.index)
            case Put(key, value):
                self.values[key] = value
                return Reply(True, value, self.index)
            case Cas(key, old, new):
                if self.between is not None:
                    (other, value), self.between = self.between, None
                    self.values[other] = value
                if self.values.get(key) != old:
                    return Reply(False, self.values.get(key), self.index)
                self.values[key] = new
                if new is None:
                    del self.values[key]
                return Reply(True, new, self.index)

    def do(self, f: str, key: str, value: Any = None) -> Came:
        steps = steps_of(Operation(f, key, value))
        reply: Reply | None = None
        while True:
            try:
                request = next(steps) if reply is None else steps.send(reply)
            except StopIteration as ended:
                came: Came = ended.value
                return came
            reply = self.ask(request)


def test_register() -> None:
    store = Store()
    assert store.do("read", "register-0-0").value is None
    assert store.do("write", "register-0-0", 7) == Came("ok", 7, 2)
    assert store.do("read", "register-0-0").value == 7


def test_compare_and_set_that_finds_something_else_is_an_answer() -> None:
    store = Store()
    store.do("write", "cas-0-0", 1)
    assert store.do("cas", "cas-0-0", [1, 2]) == Came("ok", [1, 2], 2, None, 2)
    assert store.do("cas", "cas-0-0", [1, 3]) == Came("ok", [1, 3], 3, False, 2)
    assert store.values["cas-0-0"] == 2


@pytest.mark.parametrize(
    ("f", "key", "value", "before", "after"),
    [
        ("add", "set-0-0", 5, [3], [3, 5]),
        ("append", "append-0-0", 5, [3], [3, 5]),
        ("add", "counter-0-0", 5, 3, 8),
    ],
)
def test_changes_are_tried_until_nobody_came_between(
    f: str,
    key: str,
    value: int,
    before: Any,
    after: Any,
) -> None:
    store = Store()
    store.between = (key, [before, "other"])
    assert store.do(f, key, value) == Came("ok", value, 3)
    assert store.values[key] == [after, "0.2"]
    assert store.do("read", key).value == after


@pytest.mark.parametrize(
    ("key", "empty"),
    [("set-0-0", []), ("append-0-0", []), ("counter-0-0", 0), ("bank-0-0", initial("bank"))],
)
def test_what_nobody_wrote_is_read_as_what_it_begins_with(
    key: str,
    empty: Any,
) -> None:
    assert Store().do("read", key).value == empty


def test_bank_moves_money_and_makes_none() -> None:
    store, key = Store(), "bank-0-0"
    assert store.do("transfer", key, {"from": "0", "to": "1", "amount": 30}).result is None
    poor = {**initial("bank"), "0": 5, "1": 195}
    store.between = (key, [poor, "other"])
    came = store.do("transfer", key, {"from": "0", "to": "2", "amount": 60})
    assert (came.type, came.result) == ("ok", False)
    assert store.do("read", key).value == poor


def test_lock_that_is_held_is_not_taken_and_goes_back_to_nobody_else() -> None:
    store, key = Store(), "lock-0-0"
    assert store.do("acquire", key, 1).type == "ok"
    assert store.do("acquire", key, 2).type == "fail"
    assert store.do("release", key, 2) == Came("ok", 2, 3, False)
    assert store.do("release", key, 1) == Came("ok", 1, 5)
    assert store.do("acquire", key, 2).type == "ok"


@pytest.mark.parametrize("kind", list(MIXES))
def test_operations_are_drawn_as_the_mix_says_with_no_value_twice(kind: WorkloadKind) -> None:
    workload = Workload(kind=kind, keys=3, ops_per_key=50, mix=MIXES[kind])
    chooser, store = Chooser(workload, random.Random(1)), Store()
    drawn: Counter[str] = Counter()
    keys: Counter[str] = Counter()
    written: list[Any] = []
    for number in range(600):
        process = number % 4
        operation = chooser.next(process)
        drawn[operation.f] += 1
        keys[operation.key] += 1
        came = store.do(operation.f, operation.key, operation.value)
        chooser.saw(process, operation, came)
        if operation.f in ("write", "append") or (kind, operation.f) == ("set", "add"):
            written.append(operation.value)
    assert drawn.keys() == MIXES[kind].keys()
    assert len(set(written)) == len(written)
    assert len(keys) > 3  # fresh ones took the place of those that were used up
    if kind == "bank":
        assert all(sum(value.values()) == ACCOUNTS * BALANCE for value, _ in store.values.values())
    if kind == "cas":
        assert sum(value == store.values[key] for key, value in store.values.items()) > 0


def test_compare_and_set_expects_what_was_seen_last() -> None:
    workload = Workload(kind="cas", keys=1, mix={"cas": 1})
    chooser, store = Chooser(workload, random.Random(1)), Store()
    for _ in range(20):
        operation = chooser.next(0)
        came = store.do(operation.f, operation.key, operation.value)
        assert came.result is None
        chooser.saw(0, operation, came)


def test_compare_and_set_that_failed_tells_what_the_next_one_expects() -> None:
    workload = Workload(kind="cas", keys=1, mix={"cas": 1})
    chooser, store = Chooser(workload, random.Random(1)), Store()
    first = chooser.next(0)
    store.values[first.key] = 77
    chooser.saw(0, first, store.do(first.f, first.key, first.value))
    assert chooser.next(0).value[0] == 77


def test_same_seed_asks_the_same() -> None:
    def drawn(seed: int) -> list[Operation]:
        chooser = Chooser(Workload(kind="bank", mix=MIXES["bank"]), random.Random(seed))
        return [chooser.next(0) for _ in range(50)]

    assert drawn(1) == drawn(1)
    assert drawn(1) != drawn(2)


@pytest.mark.parametrize("value", [None, 0, 7, [1, [2]], {"from": 1}, "text"])
def test_values_come_back_as_they_were(value: object) -> None:
    assert decoded(encoded(value)) == value


@pytest.mark.parametrize("kind", list(MIXES))
def test_two_marks_have_no_key_in_common_and_ask_the_same_else(kind: WorkloadKind) -> None:
    def drawn(mark: str) -> list[Operation]:
        chooser = Chooser(Workload(kind=kind, mix=MIXES[kind]), random.Random(1), mark)
        return [chooser.next(0) for _ in range(50)]

    plain, marked = drawn(""), drawn("20261128T120000")
    assert {each.key for each in plain}.isdisjoint(each.key for each in marked)
    assert [(each.f, each.value) for each in plain] == [(each.f, each.value) for each in marked]
    store = Store()
    first = marked[0]
    assert store.do(first.f, first.key, first.value).type == "ok"
