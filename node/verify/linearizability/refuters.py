"""What no order could explain, found in one pass: a check for each model."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from itertools import accumulate, pairwise
from typing import Any

from node.verify.history import NEVER
from node.verify.linearizability.elements import Survey
from node.verify.linearizability.operations import Operations
from node.verify.linearizability.zones import Violation
from node.verify.models.base import UNKNOWN, shown

Refuter = Callable[[Operations, Any], Violation | None]


def refute(operations: Operations, model: str, initial: Any) -> Violation | None:  # noqa: ANN401
    """The first violation that the check of the model finds."""
    refuter = _REFUTERS.get(model)
    return None if refuter is None else refuter(operations, initial)


def _set(operations: Operations, initial: Any) -> Violation | None:  # noqa: ANN401
    found = Survey(operations, initial, is_list=False).violation()
    if found is not None:
        return found
    reads = sorted(_reads(operations), key=lambda place: len(operations.results[place]))
    for one, other in pairwise(reads):
        missing = set(operations.results[one]).difference(operations.results[other])
        if missing:
            more = next(
                iter(set(operations.results[other]).difference(operations.results[one])), None
            )
            text = (
                f"op {_number(operations, one)} read {shown(missing.pop())} and no {shown(more)}, "
                f"op {_number(operations, other)} the other way round"
            )
            return Violation(text, (one, other))
    return None


def _append(operations: Operations, initial: Any) -> Violation | None:  # noqa: ANN401
    found = Survey(operations, initial, is_list=True).violation()
    if found is not None:
        return found
    longest = max(
        _reads(operations), key=lambda place: len(operations.results[place]), default=None
    )
    if longest is None:
        return None
    whole = operations.results[longest]
    for place in _reads(operations):
        seen = operations.results[place]
        if seen[: len(initial)] != initial or seen != whole[: len(seen)]:
            at = next(
                (
                    at
                    for at, pair in enumerate(zip(seen, whole, strict=False))
                    if pair[0] != pair[1]
                ),
                0,
            )
            text = (
                f"op {_number(operations, place)} read {shown(seen[at]) if seen else 'nothing'} at "
                f"place {at + 1}, op {_number(operations, longest)} {shown(whole[at])}"
            )
            return Violation(text, (place, longest))
    return None


def _counter(operations: Operations, initial: int) -> Violation | None:
    """A count lies between what was surely there and what can have been there."""
    adds = [place for place, name in enumerate(operations.names) if name == "add"]
    values, calls, returns = operations.values, operations.calls, operations.returns
    sure = sorted((place for place in adds if returns[place] != NEVER), key=returns.__getitem__)
    called = sorted(adds, key=calls.__getitem__)
    ends = [returns[place] for place in sure]
    starts = [calls[place] for place in called]

    def sums(places: list[int], sign: int) -> list[int]:
        return list(accumulate((max(sign * values[each], 0) for each in places), initial=0))

    sure_up, sure_down = sums(sure, 1), sums(sure, -1)
    called_up, called_down = sums(called, 1), sums(called, -1)
    for place in _reads(operations):
        done = bisect_left(ends, calls[place])
        begun = bisect_right(starts, returns[place])
        low = initial + sure_up[done] - called_down[begun]
        high = initial + called_up[begun] - sure_down[done]
        seen = operations.results[place]
        if not low <= seen <= high:
            possible = f"only {low}" if low == high else f"only {low} to {high}"
            text = f"op {_number(operations, place)} read {seen}; {possible} could be"
            return Violation(text, (place,))
    return None


def _lock(operations: Operations, initial: Any) -> Violation | None:  # noqa: ANN401
    """Two that surely held it at once: from the answer to acquire, to the call of release."""
    values, calls, returns = operations.values, operations.calls, operations.returns
    holds = []
    holding: dict[Any, int] = {}
    busy_until: dict[Any, int] = {}
    vague = set()
    """Who did something of unknown outcome, or two things at once: what they hold is not sure."""
    for place, (name, who) in enumerate(zip(operations.names, values, strict=True)):
        if busy_until.get(who, -1) >= calls[place] or operations.results[place] is UNKNOWN:
            vague.add(who)
        busy_until[who] = returns[place]
        if operations.results[place] is not True:
            continue
        if name == "acquire":
            holding[who] = place
        elif who in holding:
            since = holding.pop(who)
            holds.append((returns[since], calls[place], since))
    holds += [(returns[since], NEVER, since) for since in holding.values()]
    holds = sorted(each for each in holds if values[each[2]] not in vague)
    for one, other in pairwise(holds):
        if other[0] < one[1] and values[one[2]] != values[other[2]]:
            text = (
                f"{shown(values[other[2]])} got it (op {_number(operations, other[2])}) while "
                f"{shown(values[one[2]])} held it (op {_number(operations, one[2])})"
            )
            return Violation(text, (one[2], other[2]))
    return None


def _bank(operations: Operations, initial: Any) -> Violation | None:  # noqa: ANN401
    total = sum(balance for _, balance in initial)
    for place in _reads(operations):
        balances = operations.results[place]
        number = _number(operations, place)
        if [name for name, _ in balances] != [name for name, _ in initial]:
            return Violation(f"op {number} read other accounts than there are", (place,))
        found = sum(balance for _, balance in balances)
        if found != total:
            return Violation(f"op {number} read {found} in all accounts, not {total}", (place,))
        for (name, balance), (_, before) in zip(balances, initial, strict=True):
            if balance < min(before, 0):
                return Violation(f"op {number} read {balance} in {shown(name)}", (place,))
    return None


def _reads(operations: Operations) -> list[int]:
    return [place for place, name in enumerate(operations.names) if name == "read"]


def _number(operations: Operations, place: int) -> int:
    return operations.numbers[place] + 1


_REFUTERS: dict[str, Refuter] = {
    "set": _set, "append": _append, "counter": _counter, "lock": _lock, "bank": _bank,
}  # fmt: skip
