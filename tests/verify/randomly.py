"""Random histories of a few operations, right and wrong, and a check that tries all orders."""

import random
from collections.abc import Callable
from typing import Any

from node.verify.history import READS, History
from node.verify.linearizability.operations import Operations, operations_of
from node.verify.models import MODELS, take_shape
from node.verify.models.base import ILLEGAL, UNKNOWN, Model
from node.verify.reading import history_of

ASKED: dict[str, Callable[[random.Random], tuple[str, Any]]] = {
    "register": lambda rng: rng.choice([("read", None), ("write", rng.randrange(4))]),
    "cas": lambda rng: rng.choice(
        [("read", None), ("write", rng.randrange(3)), ("cas", [rng.randrange(3), rng.randrange(3)])]
    ),
    "kv": lambda rng: rng.choice(
        [("get", None), ("get", None), ("put", rng.choice("ab")), ("append", rng.choice("abc")),
         ("append", rng.choice("ab")), ("delete", None)]
    ),
    "counter": lambda rng: rng.choice([("read", None), ("add", rng.randrange(-2, 4))]),
    "append": lambda rng: rng.choice([("read", None), ("append", rng.randrange(5))]),
    "set": lambda rng: rng.choice([("read", None), ("add", rng.randrange(5))]),
    "lock": lambda rng: (rng.choice(["acquire", "release"]), None),
    "bank": lambda rng: rng.choice([("read", None), ("transfer", _transfer(rng))]),
}  # fmt: skip
INITIAL: dict[str, Any] = {"bank": {"a": 3, "b": 2}}
PROCESSES = 4


def _transfer(rng: random.Random) -> dict[str, Any]:
    return {"from": rng.choice("ab"), "to": rng.choice("ab"), "amount": rng.randrange(4)}


UNIQUE = ("register", "cas", "append", "set")


def random_history(
    rng: random.Random, name: str, count: int, unknown: float = 0.15, wrong_max: int = 2
) -> History:
    """What a right object would have answered, but for up to `wrong_max` answers that are changed;
    times that are often equal; indices in the order of the right object, or none. `unknown`: of so
    many nobody knows what came of them.
    """
    model = MODELS[name]
    asked = [ASKED[name](rng) for _ in range(count)]
    if name in UNIQUE and rng.random() < 0.7:
        asked = [(f, _unique(f, value, place)) for place, (f, value) in enumerate(asked)]
    if name == "kv" and rng.random() < 0.4:
        asked = [(f, value) for f, value in asked if f in ("get", "append")]
    free = dict.fromkeys(range(PROCESSES), 0)
    spans = []
    for f, value in asked:
        process = rng.randrange(PROCESSES)
        call = free[process] + rng.randrange(3)
        end = call + rng.randrange(5)
        free[process] = end
        spans.append((call, end, process, f, value, rng.randint(call, end)))
    answers = _answers(model, spans, rng, wrong_max)
    has_indices = rng.random() < 0.3
    events = []
    for number, (call, end, process, f, value, _) in enumerate(spans):
        events.append(
            (call, number, {"process": process, "type": "invoke", "f": f, "value": value})
        )
        kind = "info" if rng.random() < unknown else "ok"
        index, result = answers[number]
        ending: dict[str, Any] = {"process": process, "type": kind, "f": f}
        if kind == "ok":
            ending["value" if f in READS else "result"] = result
            if has_indices:
                ending["index"] = index
        events.append((end, number, ending))
    return _made(name, events)


def _unique(f: str, value: Any, place: int) -> Any:
    if f == "cas":
        return [value[0] and place - value[0], place]
    return None if f == "read" else place


def _made(name: str, events: list[tuple[int, int, dict[str, Any]]]) -> History:
    """Of one process, what ends at a moment stands before what begins then."""
    in_order = sorted(events, key=lambda each: each[:2])
    lines = [{**event, "time": time} for time, _, event in in_order]
    head = {"schema": "raftctl.history/v1", "model": name, "initial": INITIAL.get(name)}
    history = history_of(enumerate([head, *lines], 1))
    take_shape(history, MODELS[name])
    return history


def _answers(
    model: Model, spans: list[Any], rng: random.Random, wrong_max: int
) -> dict[int, tuple[int, Any]]:
    """By number: the place in the right order, and what was answered."""
    order = sorted(range(len(spans)), key=lambda number: (spans[number][5], number))
    states = [model.init(INITIAL.get(model.name))]
    for number in order:
        _, _, process, f, value, _ = spans[number]
        states.append(
            model.step(states[-1], f, model.shape(f, value, UNKNOWN, process)[0], UNKNOWN)
        )
    answers = {}
    wrong = set(rng.sample(order, min(len(order), rng.randrange(wrong_max + 1))))
    for index, number in enumerate(order, 1):
        _, _, process, f, value, _ = spans[number]
        asked, _ = model.shape(f, value, UNKNOWN, process)
        state = states[index - 1]
        result: Any = None
        if f in READS:
            result = _as_read(model, rng.choice(states) if number in wrong else state)
        elif f in ("cas", "acquire", "release", "transfer"):
            result = model.step(state, f, asked, True) is not ILLEGAL
            if number in wrong:
                result = not result
        answers[number] = (index, result)
    return answers


def _as_read(model: Model, state: Any) -> Any:
    if model.name == "bank":
        return dict(state)
    return list(state) if model.name in ("set", "append") else state


def only_key(history: History) -> Operations:
    return operations_of(history, 0, history.by_key()[0])


def is_linearizable(operations: Operations, model: Model, initial: Any) -> bool:
    """By trying every order."""
    count = len(operations)
    left = set(range(count))

    def go(state: Any) -> bool:
        if not any(operations.certain[place] for place in left):
            return True
        first_end = min(operations.returns[place] for place in left)
        for place in sorted(left):
            if operations.calls[place] > first_end:
                continue
            after = model.step(
                state, operations.names[place], operations.values[place], operations.results[place]
            )
            if after is not ILLEGAL:
                left.remove(place)
                is_found = go(after)
                left.add(place)
                if is_found:
                    return True
        return False

    return go(initial)
