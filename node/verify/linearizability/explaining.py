"""A violation in words: the shortest prefix of the history that no order explains, and what its
last operation could have answered instead.
"""

from dataclasses import dataclass
from typing import Any

from node.verify.history import NEVER, READS
from node.verify.linearizability.narrowing import narrowed, with_forced
from node.verify.linearizability.operations import Operations
from node.verify.linearizability.refuters import refute
from node.verify.linearizability.search import Search
from node.verify.linearizability.zones import Zones
from node.verify.models.base import UNKNOWN, Model

STATES_STEPS_MAX = 1_000_000
"""To find out what else the last operation of the prefix could have answered."""
STATES_MAX = 8
STEPS_MAX = 2_000_000
"""For all prefixes that are tried: some seconds. What takes more is told with a longer one."""
SHOWN_MAX = 12
"""Operations of the prefix that are shown, the last ones."""
STATES_TOLD = 5


@dataclass
class Explanation:
    """`operations` are numbers in the history: the end of the shortest illegal prefix, the culprit
    last. `possible` are the states in which the culprit might have taken place, as far as they were
    found.
    """

    text: str
    culprit: int
    operations: list[int]
    possible: list[str]


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
    shown = [number for number in prefix.numbers if number != culprit]
    return Explanation(
        f"op {culprit + 1} {told}; {_told(name, model, states, are_all)}",
        culprit,
        [*shown[-SHOWN_MAX + 1 :], culprit],
        states,
    )


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
        verdict, steps = _decided(prefix_of(operations, ends[:at]), model, initial, left)
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


def _decided(
    prefix: Operations,
    model: Model,
    initial: Any,  # noqa: ANN401
    steps: int,
) -> tuple[bool | None, int]:
    """Whether some order explains it, and how many steps of a search that took."""
    if refute(prefix, model.name, initial) is not None:
        return False, 0
    if model.is_tracked({*prefix.names}):
        zones = Zones(prefix, model, initial)
        if zones.violation() is not None:
            return False, 0
        if zones.is_exact:
            return True, 0
    search = Search(*narrowed(prefix, model, initial))
    return search.run(steps), search.steps


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
