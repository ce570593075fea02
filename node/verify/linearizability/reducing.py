"""Of operations that no order explains, those that show it.

One may be left out where an order that explains all of them would explain the others as well: what
is then left, and no order explains, proves as much. So it is with what changed nothing, and with a
write whose value nobody saw. A compare-and-set that was refused may rest on any write before it.
"""

from typing import Any

from node.verify.linearizability.narrowing import narrowed
from node.verify.linearizability.operations import Operations
from node.verify.linearizability.refuters import refute
from node.verify.linearizability.search import Search
from node.verify.linearizability.zones import Violation, Zones
from node.verify.models.append import Append
from node.verify.models.base import NOTHING, Model
from node.verify.models.sets import Set

STEPS_MAX = 500_000
"""For all that is tried: a second or two. What is left then stays."""


def refuted(operations: Operations, model: Model, initial: Any) -> Violation | None:  # noqa: ANN401
    """What the stages that take one pass each find wrong."""
    found = refute(operations, model.name, initial)
    if found is None and model.is_tracked({*operations.names}):
        found = Zones(operations, model, initial).violation()
    return found


def decided(
    operations: Operations,
    model: Model,
    initial: Any,  # noqa: ANN401
    steps: int,
) -> tuple[bool | None, int]:
    """Whether some order explains it, and how many steps of a search that took."""
    if refute(operations, model.name, initial) is not None:
        return False, 0
    if model.is_tracked({*operations.names}):
        zones = Zones(operations, model, initial)
        if zones.violation() is not None:
            return False, 0
        if zones.is_exact:
            return True, 0
    search = Search(*narrowed(operations, model, initial))
    return search.run(steps), search.steps


class Reducing:
    """`operations` are what is left. Whoever is certain in them has returned."""

    def __init__(self, operations: Operations, model: Model, initial: Any) -> None:  # noqa: ANN401
        self.operations = operations
        self._model = model
        self._initial = initial
        self._left = STEPS_MAX

    def run(self) -> Operations:
        """Leave out one after the other, in ever smaller parts, until each is needed."""
        size = len(self.operations)
        while size and self._left > 0:
            has_gone = self._leave_out(size)
            if not has_gone or size > 1:
                size //= 2
        return self.operations

    def _leave_out(self, size: int) -> bool:
        """Whether any could be, of parts of so many."""
        has_gone = False
        at = 0
        while (part := self._needless()[at : at + size]) and self._left > 0:
            gone = set(part)
            rest = self.operations.chosen(
                place for place in range(len(self.operations)) if place not in gone
            )
            verdict, steps = decided(rest, self._model, self._initial, self._left)
            self._left -= steps + len(rest)
            if verdict is False:
                self.operations, has_gone = rest, True
            else:
                at += size
        return has_gone

    def _needless(self) -> list[int]:
        """The places of those without which the others would be as right as with them."""
        operations, model = self.operations, self._model
        triples = list(zip(operations.names, operations.values, operations.results, strict=True))
        idle = [model.readonly(name, result) for name, _, result in triples]
        seen: set[Any] = set()
        if isinstance(model, Append | Set):
            written = [NOTHING if name == "read" else value for name, value, _ in triples]
            seen = {each for name, _, result in triples if name == "read" for each in result}
        elif model.is_tracked({*operations.names}) and not any(
            name == "cas" and result is False for name, _, result in triples
        ):
            written = [model.writes(*triple) for triple in triples]
            seen = {model.observes(*triple) for triple in triples}
            seen |= {value[0] for name, value, _ in triples if name == "cas"}
        else:
            written = [NOTHING] * len(triples)
        return [
            place
            for place, value in enumerate(written)
            if idle[place] or (value is not NOTHING and value not in seen)
        ]
