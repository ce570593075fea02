"""A violation in words: the shortest prefix of the history that no order explains, and what its
last operation could have answered instead.
"""

from bisect import bisect_left
from dataclasses import dataclass
from typing import Any

from node.verify.history import NEVER, READS
from node.verify.linearizability.operations import Operations
from node.verify.linearizability.search import Search
from node.verify.models.base import UNKNOWN, Model

STEPS_MAX = 200_000
"""For each prefix that is tried; a violation that takes more is told without one."""
SHOWN_MAX = 12
"""Operations of the prefix that are shown, the last ones."""


@dataclass
class Explanation:
    """`operations` are numbers in the history: the end of the shortest illegal prefix, the culprit
    last. `possible` are the states in which the culprit might have taken place.
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
    """None when it takes too long. `near` is an operation's place at which the search got stuck."""
    returns = sorted({end for end in operations.returns if end != NEVER})
    start = len(returns) - 1 if near is None else bisect_left(returns, operations.returns[near])
    found = _shortest(operations, model, initial, returns, min(start, len(returns) - 1))
    if found is None:
        return None
    search, prefix = found
    assert search.blocker is not None, "nobody is stuck who has nothing to put in order"
    culprit = prefix.numbers[search.blocker]
    place = operations.numbers.index(culprit)
    name, value, result = (
        operations.names[place], operations.values[place], operations.results[place]
    )  # fmt: skip
    states = [model.show(each) for each in search.states]
    shown = [number for number in prefix.numbers if number != culprit]
    return Explanation(
        f"op {culprit + 1} {model.tell(name, value, result)}; {_possible(name, model, states)}",
        culprit,
        [*shown[-SHOWN_MAX + 1 :], culprit],
        states,
    )


def _possible(name: str, model: Model, states: list[str]) -> str:
    some = " or ".join(states[:5]) + (", or others" if len(states) > 5 else "")
    if name in READS:
        return f"only {some} {'was' if len(states) == 1 else 'were'} possible"
    return f"the {model.noun} could only be {some}"


def _shortest(
    operations: Operations,
    model: Model,
    initial: Any,  # noqa: ANN401
    returns: list[int],
    start: int,
) -> tuple[Search, Operations] | None:
    """By the moment at which the prefix ends: illegal is each that is longer than an illegal one.
    Where the search got stuck is a good guess, so steps grow from there.
    """
    legal, illegal = -1, len(returns)
    best: tuple[Search, Operations] | None = None
    at, stride = start, 1
    while illegal - legal > 1:
        prefix = prefix_of(operations, returns[at])
        search = Search(prefix, model, initial, looks_ahead=False)
        verdict = search.run(STEPS_MAX)
        if verdict is None:
            return best
        if verdict:
            legal = at
        else:
            illegal, best = at, (search, prefix)
        if best is None:
            at = min(at + stride, illegal - 1)
        elif legal < 0:
            at = max(at - stride, 0)
        else:
            at = (legal + illegal) // 2
        stride *= 2
    return best


def prefix_of(operations: Operations, end: int) -> Operations:
    """What was known at the moment `end`: what has not returned by then has no outcome yet."""
    places = [
        place
        for place, call in enumerate(operations.calls)
        if call <= end
        and (operations.returns[place] <= end or operations.names[place] not in READS)
    ]
    prefix = operations.chosen(places)
    for place, returned in enumerate(prefix.returns):
        if returned > end:
            prefix.returns[place] = NEVER
            prefix.results[place] = UNKNOWN
            prefix.certain[place] = False
    return prefix
