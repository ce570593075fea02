"""For the search alone: the same question with smaller states and fewer operations.

Reads of a list that only grows are prefixes of the longest one: the refuters have made sure of it.
So the longest says in which order appends up to its length have come, what is appended later can be
in any order, and the length alone is the state. Reads of a set that only grows lie in a chain
alike. What nobody saw and nobody was told of may as well not have been.
"""

from collections.abc import Iterable
from typing import Any

from node.verify.linearizability.operations import Operations
from node.verify.models.append import Append
from node.verify.models.base import ILLEGAL, NOTHING, UNKNOWN, Model
from node.verify.models.kv import Kv
from node.verify.models.sets import Set


def narrowed(operations: Operations, model: Model, initial: Any) -> tuple[Operations, Model, Any]:  # noqa: ANN401
    """What to search instead: operations, their model, its state at first."""
    operations = without_unseen(with_forced(operations, model, initial), model)
    if isinstance(model, Append):
        return operations, PrefixAppend(operations, initial), len(initial)
    if isinstance(model, Set):
        chain = ChainSet(operations, initial)
        return operations, chain, chain.first
    if isinstance(model, Kv) and {*operations.names} <= {"append", "get"}:
        return operations, PrefixText(operations, initial), len(initial)
    return operations, model, initial


def with_forced(operations: Operations, model: Model, initial: Any) -> Operations:  # noqa: ANN401
    """With certain outcomes where answers leave no other: whoever is the only one that can have
    written what somebody saw has done it, and if it is a compare-and-set, it saw what it expected.
    """
    if not model.is_tracked({*operations.names}) or all(operations.certain):
        return operations
    triples = list(zip(operations.names, operations.values, operations.results, strict=True))
    writers: dict[Any, int | None] = {initial: None}
    """The only one, or None."""
    for place, triple in enumerate(triples):
        written = model.writes(*triple)
        writers[written] = None if written in writers else place
    forced = operations.chosen(range(len(operations)))
    seen = [model.observes(*triple) for triple in triples]
    while seen:
        value = seen.pop()
        writer = None if value is NOTHING else writers.get(value)
        if writer is None or forced.results[writer] is not UNKNOWN:
            continue
        name = forced.names[writer]
        result = True if name == "cas" else None
        forced.certain[writer], forced.results[writer] = True, result
        seen.append(model.observes(name, forced.values[writer], result))
    return forced


def without_unseen(operations: Operations, model: Model) -> Operations:
    """Without what has no certain outcome and was never seen, unless one that was refused can have
    needed it.
    """
    unseen = set(unseen_of(operations, model))
    if not unseen or any(
        name == "cas" and result is False
        for name, result in zip(operations.names, operations.results, strict=True)
    ):
        return operations
    return operations.chosen(place for place in range(len(operations)) if place not in unseen)


def unseen_of(operations: Operations, model: Model) -> list[int]:
    """The places of what has no certain outcome, and of which no answer speaks."""
    seen: set[Any]
    if isinstance(model, Append | Set):
        seen = {
            element
            for name, result in zip(operations.names, operations.results, strict=True)
            if name == "read"
            for element in result
        }
        written = [NOTHING if name == "read" else value for name, value in _pairs(operations)]
    elif model.is_tracked(set(operations.names)):
        triples = list(zip(operations.names, operations.values, operations.results, strict=True))
        seen = {model.observes(*each) for each in triples}
        seen |= {value[0] for name, value, _ in triples if name == "cas"}
        written = [model.writes(*each) for each in triples]
        if any(
            result is UNKNOWN and is_certain and name == "cas"
            for (name, _, result), is_certain in zip(triples, operations.certain, strict=True)
        ):
            return []  # what that came to hangs on what it found
    else:
        return []
    return [
        place
        for place, is_certain in enumerate(operations.certain)
        if not is_certain and written[place] not in seen
    ]


def _pairs(operations: Operations) -> Iterable[tuple[str, Any]]:
    return zip(operations.names, operations.values, strict=True)


class PrefixAppend(Append):
    """Of one key, whose reads are prefixes of the longest. A state is a length."""

    def __init__(self, operations: Operations, initial: tuple[Any, ...]) -> None:
        reads = [
            result
            for name, result in zip(operations.names, operations.results, strict=True)
            if name == "read"
        ]
        self._longest = max([initial, *reads], key=len)

    def step(self, state: int, f: str, value: Any, result: Any) -> Any:  # noqa: ANN401
        if f == "read":
            return state if len(result) == state else ILLEGAL
        if state < len(self._longest) and self._longest[state] != value:
            return ILLEGAL
        return state + 1


class PrefixText(Kv):
    """Of one key that is only appended to and read. A state is a length."""

    def __init__(self, operations: Operations, initial: str) -> None:
        reads = [
            result
            for name, result in zip(operations.names, operations.results, strict=True)
            if name == "get"
        ]
        self._longest = longest = max([initial, *reads], key=len)
        self._are_prefixes = all(longest.startswith(each) for each in (initial, *reads))

    def is_tracked(self, names: Iterable[str]) -> bool:
        return False

    def step(self, state: int, f: str, value: Any, result: Any) -> Any:  # noqa: ANN401
        if not self._are_prefixes:
            return ILLEGAL
        if f == "get":
            return state if len(result) == state else ILLEGAL
        if state < len(self._longest) and not self._longest.startswith(value, state):
            return ILLEGAL
        return state + len(value)


class ChainSet(Set):
    """Of one key whose reads contain each other. A state is (how many steps of the chain are full,
    what is there of the next one).
    """

    def __init__(self, operations: Operations, initial: frozenset[Any]) -> None:
        reads = [
            frozenset(result)
            for name, result in zip(operations.names, operations.results, strict=True)
            if name == "read"
        ]
        chain = sorted({initial, *reads}, key=len)
        self._steps: dict[Any, int] = {}
        self._sizes = []
        for step, each in enumerate(chain):
            new = each.difference(chain[step - 1]) if step else each
            self._sizes.append(len(new))
            self._steps.update(dict.fromkeys(new, step))
        self._rank = {each: step + 1 for step, each in enumerate(chain)}
        self.first = (self._rank[initial], frozenset[Any]())

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:  # noqa: ANN401
        full, part = state
        if f == "read":
            return state if not part and self._rank[frozenset(result)] == full else ILLEGAL
        step = self._steps.get(value, len(self._sizes))
        if step < full or value in part:
            return state
        if step > full:
            return ILLEGAL
        if full == len(self._sizes):
            return full + 1, part
        return (
            (full + 1, frozenset())
            if len(part) + 1 == self._sizes[step]
            else (full, part | {value})
        )
