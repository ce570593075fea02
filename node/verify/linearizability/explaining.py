"""A violation in words: the shortest prefix of the history that no order explains, and what its
last operation could have answered instead.
"""

from dataclasses import dataclass
from typing import Any

from node.verify.history import NEVER, READS
from node.verify.linearizability.narrowing import with_forced
from node.verify.linearizability.operations import Operations
from node.verify.linearizability.reducing import Reducing, decided, refuted
from node.verify.linearizability.search import Search
from node.verify.models.append import Append
from node.verify.models.base import UNKNOWN, Model
from node.verify.models.sets import Set

STATES_STEPS_MAX = 1_000_000
"""To find out what else the last operation of the prefix could have answered."""
STATES_MAX = 8
STEPS_MAX = 2_000_000
"""For all prefixes that are tried: some seconds. What takes more is told with a longer one."""
SHOWN_MAX = 12
"""Operations of the prefix that are shown, the last ones, beside those that are named."""
STATES_TOLD = 5


@dataclass
class Explanation:
    """`operations` are numbers in the history: those of the shortest illegal prefix that show it,
    and that can have made what was possible instead; the culprit is last. `possible` are the states
    in which the culprit might have taken place, as far as they were found.
    """

    text: str
    culprit: int
    operations: list[int]
    possible: list[str]
    why: str
    """In other words, of which operations that is."""
    left_out: int
    """So many more it would take to show it."""


def explained(
    operations: Operations,
    model: Model,
    initial: Any,  # noqa: ANN401
    near: int | None,
) -> Explanation | None:
    """None when it takes too long. `near` is the place of an operation that has to do with it."""
    ends = sorted(
        (place for place, end in enumerate(operations.returns) if end != NEVER),
        key=operations.returns.__getitem__,
    )
    start = len(ends) - 1 if near not in ends else ends.index(near)
    length = _shortest(operations, model, initial, ends, start)
    if length is None:
        return None
    last = ends[length - 1]
    prefix = prefix_of(operations, ends[:length])
    culprit = operations.numbers[last]
    name = operations.names[last]
    told = model.tell(name, operations.values[last], operations.results[last])
    found, are_all = _possible(prefix, model, initial, prefix.numbers.index(culprit))
    states = [model.show(each) for each in found]
    # What was asked for the states has changed its answer.
    core = Reducing(prefix_of(operations, ends[:length]), model, initial).run()
    why = refuted(core, model, initial)
    named = {core.numbers[place] for place in why.places} if why is not None else set()
    # Of a list or a set those say all; the others have added what was right.
    is_told = bool(named) and isinstance(model, Append | Set)
    needed = [number for number in core.numbers if number != culprit and not is_told]
    named |= _makers(prefix, model, found[:STATES_TOLD])
    shown = sorted({*needed[-SHOWN_MAX + 1 :], *named} - {culprit})
    return Explanation(
        f"op {culprit + 1} {told}; {_told(name, model, states, are_all)}",
        culprit,
        [*shown, culprit],
        states,
        "" if why is None else why.text,
        len({*needed} - {*shown}),
    )


def _makers(prefix: Operations, model: Model, states: list[Any]) -> set[int]:
    """The numbers of those that wrote one of these states, where that is something to write."""
    if not model.is_tracked({*prefix.names}):
        return set()
    triples = zip(prefix.names, prefix.values, prefix.results, strict=True)
    return {
        number
        for number, triple in zip(prefix.numbers, triples, strict=True)
        if model.writes(*triple) in states
    }


def _possible(
    prefix: Operations,
    model: Model,
    initial: Any,  # noqa: ANN401
    culprit: int,
) -> tuple[list[Any], bool]:
    """The states in which the operation at this place could have been, had it answered as they
    want, and whether these are all: asked for one after the other, until there is no other.
    """
    prefix.results[culprit] = UNKNOWN
    narrow = with_forced(prefix, model, initial)
    found: list[Any] = []
    left = STATES_STEPS_MAX
    while len(found) < STATES_MAX:
        search = Search(narrow, model, initial, culprit, found)
        if not search.run(left):
            return found, search.verdict is False
        found.append(search.met)
        left -= search.steps
    return found, False


def _told(name: str, model: Model, states: list[str], are_all: bool) -> str:
    if not states:
        return "no order of what came before explains that"
    some = " or ".join(states[:STATES_TOLD])
    if not are_all or len(states) > STATES_TOLD:
        others = f"{some}, or others"
        return (
            f"{others}, were possible" if name in READS else f"the {model.noun} could be {others}"
        )
    if name in READS:
        return f"only {some} {'was' if len(states) == 1 else 'were'} possible"
    return f"the {model.noun} could only be {some}"


def _shortest(
    operations: Operations,
    model: Model,
    initial: Any,  # noqa: ANN401
    ends: list[int],
    start: int,
) -> int | None:
    """How many have returned in the shortest prefix that no order explains: every longer one is as
    illegal. It is looked for in growing steps from a place where it may be, and then between what
    is known.
    """
    legal, illegal = 0, len(ends) + 1
    found = None
    left = STEPS_MAX
    at, stride = start + 1, 1
    while illegal - legal > 1:
        verdict, steps = decided(prefix_of(operations, ends[:at]), model, initial, left)
        left -= steps
        if verdict is None:
            return found
        if verdict:
            legal = at
        else:
            illegal = found = at
        if found is None:
            at = min(at + stride, illegal - 1)
        elif not legal:
            at = max(at - stride, 1)
        else:
            at = (legal + illegal) // 2
        stride *= 2
    return found


def prefix_of(operations: Operations, ends: list[int]) -> Operations:
    """What was known when these had returned, in this order: what else had been called has no
    outcome yet.
    """
    returned = set(ends)
    last = operations.returns[ends[-1]]
    places = [
        place
        for place, call in enumerate(operations.calls)
        if place in returned or (call <= last and operations.names[place] not in READS)
    ]
    prefix = operations.chosen(places)
    for at, place in enumerate(places):
        if place not in returned:
            prefix.returns[at] = NEVER
            prefix.results[at] = UNKNOWN
            prefix.certain[at] = False
    return prefix
