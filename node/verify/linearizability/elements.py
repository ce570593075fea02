"""What became of the elements of sets and lists, and what their reads cannot have seen."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from node.verify.history import NEVER
from node.verify.linearizability.operations import Operations
from node.verify.linearizability.zones import Violation
from node.verify.models.base import shown

SHOWN_MAX = 5


@dataclass
class Elements:
    """How many were added, and which of them were lost (acknowledged, and missing from a later
    read), stale (seen, and missing from a later read), duplicated, or phantoms (seen, and never
    added). Never read: nobody read after they were added.
    """

    added: int
    never_read: int
    lost: list[Any]
    stale: list[Any]
    duplicated: list[Any]
    phantom: list[Any]

    @property
    def text(self) -> str:
        """3 of 40 lost: 7, 8, 9."""
        parts = []
        for name in ("lost", "stale", "duplicated", "phantom"):
            found = getattr(self, name)
            if found:
                some = ", ".join(map(shown, found[:SHOWN_MAX]))
                more = ", ..." if len(found) > SHOWN_MAX else ""
                parts.append(f"{len(found)} {name}: {some}{more}")
        rest = f", {self.never_read} never read" if self.never_read else ""
        return f"{'; '.join(parts) or 'none lost'} (of {self.added}{rest})"


class Survey:
    """Of one key: adds and reads. `is_list`: an element may be there as often as it was added."""

    def __init__(self, operations: Operations, initial: Iterable[Any], is_list: bool) -> None:
        self._operations = operations
        self._is_list = is_list
        self._adds: dict[Any, list[int]] = {}
        self._reads = []
        for place, name in enumerate(operations.names):
            if name == "read":
                self._reads.append(place)
            else:
                self._adds.setdefault(operations.values[place], []).append(place)
        self._initial = Counter(initial)
        self._known_at = self._find_known()

    def _find_known(self) -> dict[Any, tuple[int, bool, int]]:
        """By element, when it surely was in, whether an acknowledgement says so, and whose."""
        operations = self._operations
        known = dict.fromkeys(self._initial, (-1, True, -1))
        ended = (place for place, end in enumerate(operations.returns) if end != NEVER)
        for place in sorted(
            ended, key=lambda each: (operations.returns[each], self._reads_at(each))
        ):
            end = operations.returns[place]
            if not self._reads_at(place):
                known.setdefault(operations.values[place], (end, True, place))
                continue
            for element in set(operations.results[place]) - known.keys():
                known[element] = (end, False, place)
        return known

    def _reads_at(self, place: int) -> bool:
        return self._operations.names[place] == "read"

    def missing(self) -> Iterator[tuple[Any, int, bool, int]]:
        """An element, the read that does not have it, whether it had been acknowledged, and whose
        answer says that it was in.
        """
        calls = self._operations.calls
        in_order = sorted(self._known_at.items(), key=lambda each: each[1][0])
        expected: dict[Any, tuple[bool, int]] = {}
        at = 0
        for place in sorted(self._reads, key=calls.__getitem__):
            while at < len(in_order) and in_order[at][1][0] < calls[place]:
                element, (_, is_acknowledged, whose) = in_order[at]
                expected[element] = (is_acknowledged, whose)
                at += 1
            for element in expected.keys() - set(self._operations.results[place]):
                yield element, place, *expected[element]

    def strange(self) -> Iterator[tuple[Any, int, bool]]:
        """An element, a read that cannot have it, and whether it was there twice."""
        operations = self._operations
        adds = [place for places in self._adds.values() for place in places]
        adds.sort(key=operations.calls.__getitem__)
        begun = set(self._initial)
        at = 0
        for place in sorted(self._reads, key=operations.returns.__getitem__):
            while at < len(adds) and operations.calls[adds[at]] <= operations.returns[place]:
                begun.add(operations.values[adds[at]])
                at += 1
            result = operations.results[place]
            found = set(result)
            if not found <= begun:
                for element in dict.fromkeys(result):
                    if element not in begun:
                        yield element, place, False
            if len(found) == len(result):
                continue
            for element, times in Counter(result).items():
                times_max = len(self._adds.get(element, ())) + self._initial[element]
                if element in begun and times > (times_max if self._is_list else 1):
                    yield element, place, True

    def elements(self) -> Elements:
        """All of it, for the words about a key that failed or not."""
        lost: dict[Any, None] = {}
        stale: dict[Any, None] = {}
        for element, _, is_acknowledged, _ in self.missing():
            (lost if is_acknowledged else stale)[element] = None
        strange = list(self.strange())
        last_read = max((self._operations.calls[place] for place in self._reads), default=-1)
        seen = set[Any]().union(*(self._operations.results[place] for place in self._reads))
        never_read = sum(
            1
            for element, adds in self._adds.items()
            if element not in seen
            and max(self._operations.returns[add] for add in adds) >= last_read
        )
        return Elements(
            len(self._adds),
            never_read,
            list(lost),
            [element for element in stale if element not in lost],
            list(dict.fromkeys(element for element, _, is_twice in strange if is_twice)),
            list(dict.fromkeys(element for element, _, is_twice in strange if not is_twice)),
        )

    def violation(self) -> Violation | None:
        """The first that is found."""
        numbers = self._operations.numbers
        for element, place, is_twice in self.strange():
            what = "twice" if is_twice else "which nobody had added"
            text = f"op {numbers[place] + 1} read {shown(element)} {what}"
            return Violation(text, (place,))
        for element, place, is_acknowledged, whose in self.missing():
            if whose < 0:
                return Violation(
                    f"op {numbers[place] + 1} read no {shown(element)}, which was there at "
                    "the beginning",
                    (place,),
                )
            verb = "acknowledged" if is_acknowledged else "seen"
            text = (
                f"op {numbers[place] + 1} read no {shown(element)}, which was {verb} before, "
                f"by op {numbers[whose] + 1}"
            )
            return Violation(text, (place, whose))
        return None
