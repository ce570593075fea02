"""The checker against a check that tries all orders, the stages one by one, and known anomalies."""

import random
from collections import Counter
from typing import Any

import pytest

from node.verify.history import NEVER, History
from node.verify.linearizability.keys import KeyVerdict
from node.verify.linearizability.narrowing import narrowed
from node.verify.linearizability.racing import Race
from node.verify.linearizability.search import Search
from node.verify.models import MODELS, take_shape
from node.verify.models.base import ILLEGAL, UNKNOWN
from node.verify.reading import history_of
from tests.measure.checking import Size, events
from tests.verify.randomly import ASKED, is_linearizable, only_key, random_history

CASES = 10_000
STEPS_MAX = 1_000_000


def history(
    model: str, *spans: tuple[Any, ...], initial: Any = None, indices: tuple[int, ...] = ()
) -> History:
    """Of one key. A span: from, to (None: outcome unknown), f, value, what was answered; each of a
    process of its own.
    """
    head = {"schema": "raftctl.history/v1", "model": model, "initial": initial}
    events = []
    for process, (begin, end, f, value, *answer) in enumerate(spans):
        said: dict[str, Any] = {"process": process, "f": f, "value": value}
        command = {"client": process, "sequence": 1}
        events.append((begin, 0, {**said, "type": "invoke", **command}))
        if end is not None:
            reply = {"value" if f in ("read", "get") else "result": each for each in answer}
            if indices:
                reply["index"] = indices[process]
            events.append((end, 1, {**said, **reply, "type": "ok"}))
    in_order = [{**each, "time": at} for at, _, each in sorted(events, key=lambda each: each[:2])]
    made = history_of(enumerate([head, *in_order], 1))
    take_shape(made, MODELS[model])
    return made


def checked(
    made: History, committed: dict[tuple[int, int], int] | None = None, cuts: int = STEPS_MAX
) -> KeyVerdict:
    assert made.model is not None
    race = Race(made, MODELS[made.model], committed)
    for _ in race.at_once():
        pass
    for _ in race.search():
        cuts -= 1
        if not cuts:
            race.give_up("no time")
    race.explain()
    return race.verdicts[0]


# -- against all orders ----------------------------------------------------------------------------
@pytest.mark.parametrize("unknown", [0.15, 0.5])
@pytest.mark.parametrize("model", ASKED)
def test_verdicts_are_those_of_trying_every_order(model: str, unknown: float) -> None:
    """Twice 10,000 random histories in all, as many of each model, of up to 8 operations."""
    met: Counter[tuple[str, str]] = Counter()
    for seed in range(CASES // len(ASKED)):
        made = random_history(random.Random(f"{model} {seed}"), model, 1 + seed % 8, unknown)
        if not len(made):
            continue
        operations = only_key(made)
        initial = MODELS[model].init(made.initial)
        expected = is_linearizable(operations, MODELS[model], initial)
        verdict = checked(made)
        met[verdict.stage, verdict.verdict] += 1
        assert verdict.verdict == ("ok" if expected else "failed"), (seed, verdict)
        assert (verdict.explanation is None) == expected, (seed, verdict)
        if verdict.stage != "refuter":
            assert Search(*narrowed(operations, MODELS[model], initial)).run(STEPS_MAX) is expected
    assert {verdict for _, verdict in met} == {"ok", "failed"}


@pytest.mark.parametrize("model", ASKED)
def test_outcomes_that_the_log_knows_are_decided_as_certain_ones(model: str) -> None:
    resolved = 0
    for seed in range(300):
        rng = random.Random(f"{model} {seed}")
        made = random_history(rng, model, 7)
        if not len(made):
            continue
        operations = only_key(made)
        unknown = [place for place, certain in enumerate(operations.certain) if not certain]
        made.commands = {place: (place, 1) for place in unknown}
        done = {place for place in unknown if rng.random() < 0.5}
        kept = [place for place in range(len(made)) if place in done or place not in unknown]
        expected = operations.chosen(kept)
        expected.certain = [True] * len(kept)
        initial = MODELS[model].init(made.initial)
        is_right = is_linearizable(expected, MODELS[model], initial)
        verdict = checked(made, {(place, 1): len(made) + place for place in done})
        assert verdict.verdict == ("ok" if is_right else "failed"), (seed, verdict)
        assert verdict.resolved == len(unknown)
        resolved += len(unknown)
    assert resolved > 50


@pytest.mark.parametrize("model", ASKED)
def test_the_explanation_is_the_shortest_prefix_that_no_order_explains(model: str) -> None:
    found = 0
    for seed in range(300):
        made = random_history(random.Random(f"{model} {seed}"), model, 6)
        verdict = checked(made) if len(made) else None
        if verdict is None or verdict.explanation is None:
            continue
        found += 1
        initial = MODELS[model].init(made.initial)
        last = verdict.explanation.culprit
        for is_cut in (False, True):
            prefix = prefix_until(made, last, is_cut)
            if len(prefix):
                is_right = is_linearizable(only_key(prefix), MODELS[model], initial)
                assert is_right is is_cut, (seed, verdict)
        assert verdict.explanation.possible
    assert found > 5


def prefix_until(made: History, last: int, is_cut: bool) -> History:
    """Read anew, without the ends that come after that of `last`, or, cut, without that either."""
    at = made.completed[last]
    head = {"schema": "raftctl.history/v1", "model": made.model, "initial": made.initial}
    assert made.shaped_for is not None
    events: list[tuple[int, int, dict[str, Any]]] = []
    for each in range(len(made)):
        name, value = made.name_of(each), made.values[each]
        if name == "transfer":
            value = dict(zip(("from", "to", "amount"), value, strict=True))
        said = {"process": each, "f": name, "value": value}
        if made.invoked[each] <= at:
            events.append((made.invoked[each], 0, {**said, "type": "invoke"}))
        if (made.completed[each], each) < (at, last) or (each == last and not is_cut):
            seen = made.results[each]
            seen = dict(seen) if made.model == "bank" and name == "read" else seen
            reply = {"value" if name in ("read", "get") else "result": seen}
            events.append((made.completed[each], 1, {**said, **reply, "type": "ok"}))
    in_order = [{**each, "time": at} for at, _, each in sorted(events, key=lambda each: each[:2])]
    prefix = history_of(enumerate([head, *in_order], 1))
    take_shape(prefix, MODELS[made.shaped_for])
    return prefix


# -- anomalies -------------------------------------------------------------------------------------
W, R, C = "write", "read", "cas"
ANOMALIES = {
    "stale read": history("register", (0, 1, W, 1), (2, 3, W, 2), (4, 5, R, None, 1)),
    "read of a value that nobody wrote": history("register", (0, 1, W, 1), (2, 3, R, None, 9)),
    "read before the write": history("register", (0, 1, R, None, 5), (2, 3, W, 5)),
    "new, then old": history(
        "register", (0, 1, W, 1), (2, 9, W, 2), (3, 4, R, None, 2), (5, 6, R, None, 1)
    ),
    "two readers see two orders": history(
        "register", (0, 9, W, 1), (0, 9, W, 2),
        (1, 2, R, None, 1), (3, 4, R, None, 2), (5, 6, R, None, 1),
    ),
    "lost update": history(
        "cas", (0, 1, W, 0), (2, 5, C, [0, 1], True), (2, 5, C, [0, 2], True)
    ),
    "cas that was refused although it fits": history(
        "cas", (0, 1, W, 0), (2, 3, C, [0, 1], False)
    ),
    "acknowledged write is gone": history("kv", (0, 1, "put", "a"), (2, 3, "get", None, "")),
    "an append came twice": history("kv", (0, 1, "append", "a"), (2, 3, "get", None, "aa")),
    "count too high": history("counter", (0, 1, "add", 1), (2, 3, R, None, 2)),
    "lists that contradict each other": history(
        "append", (0, 9, "append", 1), (0, 9, "append", 2),
        (10, 11, R, None, [1, 2]), (12, 13, R, None, [2, 1]),
    ),
    "acknowledged element is lost": history("set", (0, 1, "add", 1), (2, 3, R, None, [])),
    "element seen, then gone": history(
        "set", (0, 9, "add", 1), (1, 2, R, None, [1]), (3, 4, R, None, [])
    ),
    "element twice": history("set", (0, 1, "add", 1), (2, 3, R, None, [1, 1])),
    "two hold the lock": history(
        "lock", (0, 1, "acquire", "a", True), (2, 3, "acquire", "b", True)
    ),
    "money out of nothing": history(
        "bank", (0, 1, R, None, {"a": 2, "b": 2}), initial={"a": 3, "b": 0}
    ),
    "read in the middle of a transfer": history(
        "bank", (0, 1, "transfer", {"from": "a", "to": "b", "amount": 1}),
        (2, 3, R, None, {"a": 3, "b": 0}), initial={"a": 3, "b": 0},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ANOMALIES)
def test_an_anomaly_is_found_and_told(name: str) -> None:
    verdict = checked(ANOMALIES[name])
    assert verdict.verdict == "failed"
    assert verdict.explanation is not None
    assert verdict.explanation.culprit == verdict.explanation.operations[-1]


@pytest.mark.parametrize(
    ("name", "text", "explained"),
    [
        (
            "stale read",
            "op 2 write 2 while the value had to be 1: 1 from op 1 write 1 to op 3 read 1",
            "op 3 read 1; only 2 was possible",
        ),
        (
            "read of a value that nobody wrote",
            "op 2 read 9, but nobody wrote that",
            "op 2 read 9; only 1 was possible",
        ),
        ("lost update", None, "op 3 cas 0 to 2; the value could only be 1"),
        ("count too high", "op 2 read 2; only 1 could be", "op 2 read 2; only 1 was possible"),
        (
            "acknowledged element is lost",
            "op 2 read no 1, which was acknowledged before, by op 1",
            "op 2 read []; only [1] was possible",
        ),
        (
            "two hold the lock",
            "b got it (op 2) while a held it (op 1)",
            "op 2 acquire by b; the holder could only be a",
        ),
        (
            "money out of nothing",
            "op 1 read 4 in all accounts, not 3",
            "op 1 read a 2, b 2; only a 3, b 0 was possible",
        ),
    ],
)
def test_what_is_wrong_is_said_in_words(name: str, text: str | None, explained: str) -> None:
    verdict = checked(ANOMALIES[name])
    assert verdict.explanation is not None
    assert verdict.explanation.text == explained
    assert text is None or verdict.text == text


# -- what is allowed -------------------------------------------------------------------------------
@pytest.mark.parametrize(
    "made",
    [
        history("register", (0, 5, W, 1), (5, 6, R, None, None)),
        history("register", (0, 1, W, 1), (1, 2, R, None, None)),
        history("register", (0, None, W, 1), (1, 2, R, None, None), (3, 4, R, None, 1)),
        history("register", (0, 1, W, 1), (2, 3, R, None, 1), (4, 9, W, 1)),
        history("cas", (0, None, C, [None, 1]), (1, 2, C, [1, 2], True)),
        history("kv", (0, 1, "put", ""), (2, 3, "get", None, None), (4, 5, "get", None, "")),
        history("lock", (0, 1, "acquire", "a", True), (2, 3, "acquire", "b", False)),
    ],
)
def test_what_ends_as_another_begins_is_concurrent_and_unknown_may_be_either(made: History) -> None:
    assert checked(made).verdict == "ok"


# -- each stage decides something ------------------------------------------------------------------
def test_the_log_is_a_witness() -> None:
    verdict = checked(history("cas", (0, 9, C, [None, 1], True), (0, 9, W, 2), indices=(1, 2)))
    assert (verdict.verdict, verdict.stage) == ("ok", "witness")


def test_a_witness_that_breaks_real_time_proves_nothing() -> None:
    verdict = checked(
        history("cas", (0, 1, W, 1), (2, 3, W, 2), (4, 5, R, None, 2), indices=(2, 1, 2))
    )
    assert (verdict.verdict, verdict.stage) == ("ok", "zones")


def test_zones_prove_and_disprove_what_only_reads_and_writes() -> None:
    assert checked(history("register", (0, 9, W, 1), (0, 9, R, None, 1))).stage == "zones"
    verdict = checked(ANOMALIES["new, then old"])
    assert (verdict.verdict, verdict.stage) == ("failed", "zones")


def test_the_search_decides_the_rest() -> None:
    made = history("cas", (0, 9, C, [None, 1], True), (0, 9, C, [1, 2], True))
    assert (checked(made).verdict, checked(made).stage) == ("ok", "search")
    assert checked(ANOMALIES["lost update"]).stage in ("zones", "search")


def test_the_committed_log_resolves_what_clients_do_not_know() -> None:
    made = history("register", (0, None, W, 1), (1, 2, W, 2), (3, 4, R, None, 1))
    assert checked(made).verdict == "ok"
    never = checked(made, committed={(1, 1): 1})
    assert (never.verdict, never.resolved) == ("failed", 1)
    both = checked(made, committed={(1, 1): 1, (0, 1): 2})
    assert (both.verdict, both.resolved) == ("ok", 1)


def test_a_resolved_outcome_is_a_part_of_the_witness() -> None:
    made = history("register", (0, None, W, 1), (1, 2, W, 2), (3, 4, R, None, 1), indices=(0, 1, 2))
    verdict = checked(made, committed={(1, 1): 1, (0, 1): 2})
    assert (verdict.verdict, verdict.stage) == ("ok", "witness")


def test_what_is_too_hard_for_the_budget_has_no_verdict() -> None:
    spans = [(0, None, "add", 1 << place) for place in range(24)]
    made = history("counter", *spans, (1, 2, R, None, -1 + (1 << 24)), (3, 4, R, None, 0))
    verdict = checked(made, cuts=1)
    assert (verdict.verdict, verdict.stage, verdict.text) == ("inconclusive", "budget", "no time")


# -- histories that are hard for a search that goes about it simply --------------------------------
def test_many_writers_at_once_are_no_trouble() -> None:
    """Each of 60 concurrent writes is seen once, the last ones first."""
    writes = [(0, 500, C, [place or None, place + 1], True) for place in range(60)]
    reads = [(600 + place, 600 + place, R, None, 60) for place in range(5)]
    assert checked(history("cas", *reversed(writes), *reads)).verdict == "ok"


def test_writes_without_an_end_are_no_trouble() -> None:
    lost = [(place, None, W, 1000 + place) for place in range(40)]
    used = [(50 + 2 * place, 51 + 2 * place, R, None, 1000 + place) for place in range(20)]
    verdict = checked(history("register", *lost, *used))
    assert verdict.verdict == "ok"
    wrong = checked(history("register", *lost, *used, (200, 201, R, None, 1000)))
    assert wrong.verdict == "failed"


def test_one_that_stays_open_does_not_make_configurations_large() -> None:
    """A frontier that it held up would remember every later operation one by one."""
    spans = [
        (2 * place, 2 * place + 1, C, [place or None, place + 1], True) for place in range(300)
    ]
    made = history("cas", (0, None, W, 5000), *spans, (900, 901, R, None, 5000))
    assert checked(made).verdict == "ok"
    search = Search(only_key(made), MODELS["cas"], None)
    while search.run(1) is None:
        assert search._mask < 4


def test_a_refused_compare_and_set_may_owe_it_to_a_write_that_nobody_saw() -> None:
    """The value was 1, so a cas from 1 fits, unless a write of unknown outcome came between."""
    lost = [(0, None, W, 100 + place) for place in range(30)]
    spans = [(10, 11, W, 1), (12, 20, C, [1, 2], False), (21, 22, W, 3), (23, 24, R, None, 3)]
    assert checked(history("cas", *lost, *spans)).verdict == "ok"
    assert checked(history("cas", (0, None, C, [1, 9]), *spans)).verdict == "ok"
    assert checked(history("cas", (0, None, C, [7, 9]), *spans)).verdict == "failed"
    assert checked(history("cas", (15, None, W, 9), *spans)).verdict == "ok"
    assert checked(history("cas", (21, None, W, 9), *spans)).verdict == "failed"
    two = [*spans, (30, 31, W, 1), (32, 33, C, [1, 2], False), (34, 35, R, None, None)]
    assert checked(history("cas", *lost, *two[:-1])).verdict == "ok"
    assert checked(history("cas", *lost[:1], *two[:-1])).verdict == "failed", "it can do so once"


def test_who_alone_can_have_written_what_was_seen_has_done_it() -> None:
    chain = [(0, None, C, [place or None, place + 1]) for place in range(12)]
    made = history("cas", (0, 1, R, None, None), *chain, (2, 3, R, None, 12))
    operations, model, initial = narrowed(only_key(made), MODELS["cas"], None)
    assert all(operations.certain)
    assert Search(operations, model, initial).run(1_000) is True


def test_fifty_clients_on_one_key_take_some_steps_each() -> None:
    size = Size(10_000, 50, 1, False, 0)
    made = history_of(enumerate(events(size), 1))
    take_shape(made, MODELS["cas"])
    assert made.completed.count(NEVER) > 5
    search = Search(*narrowed(only_key(made), MODELS["cas"], None))
    assert search.run(size.operations * size.clients) is True


# -- planted faults --------------------------------------------------------------------------------
@pytest.mark.parametrize("model", ["register", "cas", "append", "set", "counter", "bank"])
def test_an_answer_that_is_changed_is_caught(model: str) -> None:
    """One client after the other, so that every answer is the only right one."""
    rng = random.Random(model)
    object_, caught = MODELS[model], 0
    initial = {"a": 9, "b": 9} if model == "bank" else None
    for _ in range(50):
        state = object_.init(initial)
        spans: list[tuple[Any, ...]] = []
        states = [state]
        for place in range(30):
            f, value = ASKED[model](rng)
            span = (2 * place, 2 * place + 1, f)
            if f == "read":
                spans.append((*span, None, _seen(model, state)))
                continue
            if f != "transfer":
                value = [state, place] if f == "cas" else place + 10
            asked, _ = object_.shape(f, value, UNKNOWN, 0)
            is_done = object_.step(state, f, asked, True) is not ILLEGAL
            spans.append((*span, value, *([is_done] if f in ("cas", "transfer") else [])))
            state = object_.step(state, f, asked, UNKNOWN)
            if state not in states:
                states.append(state)
        assert checked(history(model, *spans, initial=initial)).verdict == "ok"
        reads = [place for place, each in enumerate(spans) if each[2] == "read"]
        if not reads:
            continue
        chosen = rng.choice(reads)
        right = spans[chosen][4]
        wrong = [each for each in (_seen(model, other) for other in states) if each != right]
        if wrong:
            spans[chosen] = (*spans[chosen][:4], rng.choice(wrong))
            assert checked(history(model, *spans, initial=initial)).verdict == "failed"
            caught += 1
    assert caught > 40


def _seen(model: str, state: Any) -> Any:
    if model == "bank":
        return dict(state)
    return list(state) if model in ("append", "set") else state
