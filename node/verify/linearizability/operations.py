"""The operations of one key, as all stages take them."""

from array import array
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from node.verify.history import NEVER, CommandId, History, Key


@dataclass(slots=True)
class Operations:
    """In the order of their calls, in columns. Times are those of the history; an operation of
    unknown outcome returns NEVER, and `certain` says whether it took effect all the same.
    `numbers` are the operations' places in the history, `indices` their log entries, 0: not known.
    """

    key: Key
    numbers: "array[int]"
    calls: list[int]
    returns: list[int]
    names: list[str]
    values: list[Any]
    results: list[Any]
    indices: list[int]
    certain: list[bool]

    def __len__(self) -> int:
        return len(self.calls)

    def chosen(self, places: Iterable[int]) -> "Operations":
        """Those of these places alone."""
        kept = list(places)
        return Operations(
            self.key,
            array("I", [self.numbers[place] for place in kept]),
            [self.calls[place] for place in kept],
            [self.returns[place] for place in kept],
            [self.names[place] for place in kept],
            [self.values[place] for place in kept],
            [self.results[place] for place in kept],
            [self.indices[place] for place in kept],
            [self.certain[place] for place in kept],
        )


def operations_of(history: History, code: int, numbers: "array[int]") -> Operations:
    """Those of the key with this code, which have these numbers."""
    names, codes = history.names, history.name_codes
    ends = [history.completed[number] for number in numbers]
    return Operations(
        history.keys[code],
        numbers,
        [history.invoked[number] for number in numbers],
        ends,
        [names[codes[number]] for number in numbers],
        [history.values[number] for number in numbers],
        [history.results[number] for number in numbers],
        [history.indices[number] for number in numbers],
        [end != NEVER for end in ends],
    )


def resolved(
    operations: Operations, history: History, committed: Mapping[CommandId, int]
) -> tuple[Operations, int]:
    """Unknown outcomes as the log has them, and how many those were: what it holds was done, and
    what it does not hold was not. `committed` is the index of every command that took effect.
    """
    kept = []
    count = 0
    indices = list(operations.indices)
    certain = list(operations.certain)
    for place, number in enumerate(operations.numbers):
        command = None if certain[place] else history.commands.get(number)
        if command is None:
            kept.append(place)
            continue
        count += 1
        index = committed.get(command)
        if index is not None:
            kept.append(place)
            indices[place], certain[place] = index, True
    if not count:
        return operations, 0
    operations.indices, operations.certain = indices, certain
    return operations.chosen(kept), count
