"""What a search remembers: as much as was concurrent, counted in bytes, and given up when it is too
much.
"""

import random
import tracemalloc
from typing import Any

import pytest

from node.verify.history import History
from node.verify.linearizability.keys import KeyCheck
from node.verify.linearizability.narrowing import narrowed
from node.verify.linearizability.search import Search
from node.verify.models import MODELS, take_shape
from node.verify.reading import history_of
from tests.verify.randomly import only_key

MIB = 1 << 20
Asked = tuple[str, Any]


def made(model: str, events: list[dict[str, Any]], initial: Any = None) -> History:
    """Of events, without times."""
    head = {"schema": "raftctl.history/v1", "model": model, "initial": initial}
    history = history_of(enumerate([head, *events], 1))
    take_shape(history, MODELS[model])
    return history


def began(process: int, f: str, value: Any = None) -> dict[str, Any]:
    return {"process": process, "type": "invoke", "f": f, "value": value}


def ended(process: int, f: str, **reply: Any) -> dict[str, Any]:
    return {"process": process, "type": "ok", "f": f, **reply}


def search_of(history: History) -> Search:
    assert history.model is not None
    model = MODELS[history.model]
    return Search(*narrowed(only_key(history), model, model.init(history.initial)))


def chain_under_a_slow_read(count: int) -> History:
    """One compare-and-set after the other, while one read waits for its answer."""
    events = [began(0, "read")]
    for place in range(count):
        value = [place or None, place + 1]
        events += [began(1, "cas", value), ended(1, "cas")]
    return made("cas", [*events, ended(0, "read", value=count)])


def appends(rounds: int, size: int) -> History:
    """Texts that grow in any of many orders, and a last one that none of them explains."""
    events = [began(9, "put", "s"), ended(9, "put")]
    for _ in range(rounds):
        values = {process: chr(97 + process) * size for process in range(7)}
        events += [began(process, "append", value) for process, value in values.items()]
        events += [ended(process, "append") for process in values]
    return made("kv", [*events, began(0, "get"), ended(0, "get", value="x")])


def transfers(accounts: int, count: int) -> History:
    """Of unknown outcome, among two groups of three, and a read of what only one from one group to
    the other would explain: each account by itself can have that.
    """
    rng = random.Random(1)
    initial = {f"a{each}": 100 for each in range(accounts)}
    events = []
    for process in range(count):
        source, target = rng.sample([["a0", "a1", "a2"], ["a3", "a4", "a5"]][process % 2], 2)
        value = {"from": source, "to": target, "amount": 1 + process % 5}
        events.append(began(process, "transfer", value))
    seen = {**initial, "a0": 101, "a3": 99}
    return made("bank", [*events, began(count, "read"), ended(count, "read", value=seen)], initial)


def additions(count: int) -> History:
    """Of unknown outcome, two sums that cannot both have been."""
    events = [began(process, "add", 1 << process) for process in range(count)]
    for seen in ((1 << count) - 1, 0):
        events += [began(count, "read"), ended(count, "read", value=seen)]
    return made("counter", events)


def test_an_operation_that_lasts_as_long_as_the_history_does_not_make_configurations_large() -> (
    None
):
    search = search_of(chain_under_a_slow_read(300))
    while search.run(1) is None:
        assert search._mask.bit_length() <= 2
    assert search.verdict is True


def test_bits_are_used_again_and_never_by_two_at_once() -> None:
    """So many at once that each has had several bits, and the answers hang on their order."""
    rng = random.Random(5)
    events, running, value = [], dict[int, list[int]](), 0
    for _ in range(400):
        process = rng.randrange(6)
        if process not in running:
            running[process] = [value, value + 1]
            value += 1
            events.append(began(process, "cas", running[process]))
        else:
            del running[process]
            events.append(ended(process, "cas"))
    search = search_of(made("cas", events, initial=0))
    while search.run(1) is None:
        assert search._mask.bit_length() <= 6
    assert search.verdict is True


@pytest.mark.parametrize(
    "history", [appends(2, 10_000), transfers(500, 30), additions(24), transfers(6, 40)]
)
def test_what_a_search_remembers_is_counted_in_bytes(history: History) -> None:
    search = search_of(history)
    bytes_max = 8 * MIB
    tracemalloc.start()
    try:
        assert search.run(1_000_000, bytes_max) is None
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert bytes_max < search.bytes < bytes_max + MIB // 2
    assert peak < 1.5 * bytes_max


def test_a_key_that_needs_more_memory_than_it_may_take_has_no_verdict() -> None:
    history = appends(4, 10_000)
    check = KeyCheck(only_key(history), MODELS["kv"], "")
    assert check.at_once() is None
    verdict = check.search(1_000_000, MIB)
    assert verdict is not None
    assert (verdict.verdict, verdict.stage) == ("inconclusive", "budget")
    assert verdict.text == "the search needs more memory than it may take"
    assert check.bytes == 0


def test_of_unknown_ones_that_ask_for_the_same_it_does_not_matter_which() -> None:
    """40 additions of 1, 40 of 2: 41 * 41 situations, and not 2 ** 80."""
    events = [began(process, "add", 1 + process % 2) for process in range(80)]
    for seen in (120, 119):
        events += [began(80, "read"), ended(80, "read", value=seen)]
    assert search_of(made("counter", events)).run(200_000) is False


def test_a_set_that_grows_one_by_one_is_as_small_in_each_step() -> None:
    """4,000 elements before the first read: their number is the state, not all of them."""
    count = 4_000
    events = []
    for each in range(count):
        events += [began(0, "add", each), ended(0, "add")]
    events += [began(0, "read"), ended(0, "read", value=list(range(count)))]
    search = search_of(made("set", events))
    tracemalloc.start()
    try:
        assert search.run(100_000) is True
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * MIB


def test_of_what_never_returned_the_last_that_was_called_is_tried_first() -> None:
    """31 may be one addition, or one of thousands of sums of those before it."""
    events = [began(process, "add", 1 + process) for process in range(31)]
    events += [began(40, "read"), ended(40, "read", value=31)]
    search = search_of(made("counter", events))
    assert search.run(100_000) is True
    assert search.steps < 200
