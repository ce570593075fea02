"""Whether what is still to come can lead to what somebody saw, where operations add up.

A count, or what an account holds, is what it was and all that was added since. Of the operations
that are not in order yet, those that returned before a read was called come before it, and of those
that it does not so follow on, any part may. So for each number there are only so many sums, and a
configuration from which a read cannot get what it saw leads nowhere, whatever comes next.
"""

from collections.abc import Sequence
from typing import Any

from node.verify.linearizability.operations import Operations
from node.verify.models.base import UNKNOWN, Model

SPAN_MAX = 4096
"""Between the least and the largest sum; beyond, it is not looked which of those between there are.
"""


class Totals:
    """Of operations of a model whose states are numbers that are added to (`Model.totals`)."""

    def __init__(self, operations: Operations, model: Model, initial: Any) -> None:  # noqa: ANN401
        triples = zip(operations.names, operations.values, operations.results, strict=True)
        self._model = model
        self.adds: list[tuple[tuple[int, int], ...]] = []
        """By place: to which numbers, and how much."""
        self.seen: list[Sequence[int] | None] = []
        """By place: what it saw, if it saw all of them."""
        for name, value, result in triples:
            is_read = name == "read"
            self.adds.append(() if is_read else model.adds(initial, name, value, result))
            saw = is_read and result is not UNKNOWN
            self.seen.append(model.totals(result) if saw else None)

    def can_become(
        self,
        state: Any,  # noqa: ANN401
        read: int,
        before: Sequence[int],
        perhaps: Sequence[int],
    ) -> bool:
        """Whether `read` can get what it saw, from this state on, with all operations in `before`
        and any of those in `perhaps`. These are places.
        """
        wanted = self.seen[read]
        has = self._model.totals(state)
        assert wanted is not None, "it saw something"
        assert has is not None, "it has the same model"
        missing = [there - here for there, here in zip(wanted, has, strict=True)]
        for place in before:
            for number, amount in self.adds[place]:
                missing[number] -= amount
        amounts: list[list[int]] = [[] for _ in missing]
        for place in perhaps:
            for number, amount in self.adds[place]:
                amounts[number].append(amount)
        return all(map(_is_sum, missing, amounts))


def _is_sum(wanted: int, amounts: Sequence[int]) -> bool:
    """Whether some of these amounts come to that. Where it would take long, it may be."""
    least = sum(amount for amount in amounts if amount < 0)
    span = sum(map(abs, amounts))
    if not 0 <= wanted - least <= span:
        return False
    if span > SPAN_MAX:
        return True
    sums = 1
    """A bit for each, from the least on."""
    for amount in amounts:
        sums |= sums << abs(amount)
    return bool(sums >> wanted - least & 1)
