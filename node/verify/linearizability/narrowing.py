"""For the search alone: the same question with smaller states and fewer operations.

Reads of a list that only grows are prefixes of the longest one: the refuters have made sure of it.
So the longest says in which order appends up to its length have come, what is appended later can be
in any order, and the length alone is the state. Reads of a set that only grows lie in a chain
alike. What nobody saw and nobody was told of may as well not have been.
"""

from collections.abc import Iterable
from sys import getsizeof
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
    """Of one key whose reads contain each other. A state is how many steps of the chain are full,
    how many elements of the next one are there before the first that is not, and a bit for each
    from that one on. They stand in the order in which they were surely added.
    """

    def __init__(self, operations: Operations, initial: frozenset[Any]) -> None:
        reads = {
            len(result): result
            for name, result in zip(operations.names, operations.results, strict=True)
            if name == "read"
        }
        chain = [initial, *(reads[size] for size in sorted(reads) if size > len(initial))]
        adds: dict[Any, int] = dict.fromkeys(initial, -1)
        for place in sorted(range(len(operations)), key=operations.returns.__getitem__):
            if operations.names[place] != "read":
                adds.setdefault(operations.values[place], len(adds))
        self._places: dict[Any, tuple[int, int]] = {}
        self._sizes = []
        for step, each in enumerate(chain):
            new = sorted(
                (element for element in each if element not in self._places), key=adds.__getitem__
            )
            self._sizes.append(len(new))
            self._places.update((element, (step, at)) for at, element in enumerate(new))
        self._full_at = {len(each): step + 1 for step, each in enumerate(chain)}
        self.first = (1, 0, 0)

    def step(self, state: Any, f: str, value: Any, result: Any) -> Any:  # noqa: ANN401
        full, begun, bits = state
        if f == "read":
            is_whole = not begun and not bits and self._full_at[len(result)] == full
            return state if is_whole else ILLEGAL
        step, at = self._places.get(value, (len(self._sizes), 0))
        if step < full or (step == full and (at < begun or bits >> at - begun & 1)):
            return state
        if step > full:
            return ILLEGAL
        if full == len(self._sizes):
            return full + 1, 0, 0
        bits |= 1 << at - begun
        whole = (~bits & (bits + 1)).bit_length() - 1
        begun, bits = begun + whole, bits >> whole
        return (full + 1, 0, 0) if begun == self._sizes[full] else (full, begun, bits)

    def bytes_of(self, state: Any) -> int:  # noqa: ANN401
        return sum(map(getsizeof, state))
