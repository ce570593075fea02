"""The search for an order: Wing and Gong's, with Lowe's memory of where it has been.

A configuration is which operations have been put in order so far, and the state after them. Next
may come whatever was called before the first return that is still ahead. What a configuration leads
to depends on nothing else, so each is looked at once (Wing and Gong 1993, Lowe 2017).

What keeps it small:

- All that returned before the first return still ahead is in order, and nothing is that was called
  after it. So of the operations that return, a configuration is that return, and a bit for each
  that was open then: as large as what was concurrent, however long one of them took.
- An operation that changes nothing and fits the state is taken at once, and nothing else is tried
  in its place: moving it forward takes no possibility from any other. Whether it changed nothing
  is known by its result alone.
- Where a state is a value that is written (`Model.is_tracked`), nobody writes over it while
  somebody has yet to see it and no other write can bring it back.
- Where states are totals, nothing is tried that keeps the next read from what it saw (`totals`).
- A write of unknown outcome that nobody saw can do one thing: make a compare-and-set fail that
  would have fitted. So it is tried where one waits for that, and one such write is as good as
  another.
- Of those of unknown outcome that ask for the same, the one called first comes first.

The next to be tried is the one with the lowest log index, where all have one, else the one that
returned first; then, of those that never returned, the one that was called last. It is a stepper:
`run` does so many steps, and can be called again.
"""

from collections import Counter
from collections.abc import Collection
from heapq import heappop, heappush
from typing import Any

from node.verify.history import NEVER
from node.verify.linearizability.narrowing import unseen_of
from node.verify.linearizability.operations import Operations
from node.verify.linearizability.spares import Spares
from node.verify.linearizability.totals import Totals
from node.verify.models.base import ILLEGAL, NOTHING, Model

HEAD = 0
BYTES_MAX = 250_000_000
"""Of all configurations that are remembered."""
CONFIGURATION_BYTES = 180
"""Without its state and what its bits take beyond a word."""
STEP_BYTES = 200
"""To take one back, without what else was to be tried there."""


class Search:
    """Of one key. `asked` is the place of one whose answer is not taken for granted, if there is
    one: it may come in any state but those in `barred`.

    `verdict` is None until it is known. If an order was found, `met` is the state in which `asked`
    stands there. `bytes` is about what is remembered.
    """

    def __init__(
        self,
        operations: Operations,
        model: Model,
        initial: Any,  # noqa: ANN401
        asked: int | None = None,
        barred: Collection[Any] = (),
    ) -> None:
        self._operations = operations
        self._model = model
        self._asked = asked
        self._barred = barred
        self._state = initial
        self._count = count = len(operations)
        self._readonly = [
            model.readonly(name, result)
            for name, result in zip(operations.names, operations.results, strict=True)
        ]
        self._left = sum(operations.certain)
        self._order = _order_of(operations)
        self._tracks = model.is_tracked(set(operations.names))
        # Whoever is asked may have seen what nobody else saw.
        has_spares = self._tracks and asked is None
        self._spares = Spares(operations, unseen_of(operations, model) if has_spares else [])
        has_totals = model.totals(initial) is not None and not all(operations.certain)
        self._totals = Totals(operations, model, initial) if has_totals else None
        self._link_all(count)
        self._slots = _slots_of(operations)
        self._twins = _twins_of(operations)
        self._passed = 0
        """How many returned before the first return that is still ahead."""
        self._mask = 0
        self._endless = 0
        self._seen: set[tuple[int, int, int, Any]] = set()
        self._stack: list[tuple[int, Any, int, int, int, list[int]]] = []
        self._track()
        self.steps = 0
        self.bytes = 0
        self.verdict: bool | None = None
        self.met: Any = None
        self._candidates = self._choose()

    # -- the list of what is not in order yet ------------------------------------------------------
    def _link_all(self, count: int) -> None:
        """Calls are 1 to count, the returns of the same operations count + 1 to 2 * count."""
        operations = self._operations
        returns = sorted(
            (place for place in range(count) if operations.returns[place] != NEVER),
            key=operations.returns.__getitem__,
        )
        self._returned = returns
        self._next = [0] * (2 * count + 2)
        self._previous = [0] * (2 * count + 2)
        self._tail = 2 * count + 1
        last = HEAD
        call = 0
        for place in [*returns, None]:
            end = NEVER if place is None else operations.returns[place]
            while call < count and operations.calls[call] <= end:
                call += 1
                if call - 1 not in self._spares:
                    self._next[last], self._previous[call] = call, last
                    last = call
            node = self._tail if place is None else count + 1 + place
            self._next[last], self._previous[node] = node, last
            last = node

    def _lift(self, place: int) -> None:
        if place in self._spares:
            self._spares.take(place)
            return
        following, previous = self._next, self._previous
        node = place + 1
        after, before = following[node], previous[node]
        following[before], previous[after] = after, before
        if self._operations.returns[place] != NEVER:
            node += self._count
            after, before = following[node], previous[node]
            following[before], previous[after] = after, before

    def _unlift(self, place: int) -> None:
        if place in self._spares:
            self._spares.put_back(place)
            return
        following, previous = self._next, self._previous
        node = place + 1
        if self._operations.returns[place] != NEVER:
            end = node + self._count
            following[previous[end]] = previous[following[end]] = end
        following[previous[node]] = previous[following[node]] = node

    # -- what may come next ------------------------------------------------------------------------
    def _choose(self) -> list[int]:
        """What may come next, the best last. Whether it really may is seen when it is tried."""
        if self._totals is not None and not self._leads_on(self._totals):
            return []
        operations, state, observes = self._operations, self._state, self._observes
        count, following, readonly = self._count, self._next, self._readonly
        twins, endless = self._twins, self._endless
        found: list[int] = []
        is_waiting = False
        node = following[HEAD]
        while node <= count:
            place = node - 1
            node = following[node]
            self.steps += 1
            if observes[place] is not NOTHING and observes[place] != state:
                continue
            if not readonly[place]:
                twin = twins[place]
                if twin < 0 or endless >> twin & 1:
                    found.append(place)
            elif self._after(place) is not ILLEGAL:
                return [place]
            else:
                is_waiting = True
        if is_waiting and self._tracks:
            end = NEVER if node == self._tail else operations.returns[node - count - 1]
            found += self._spares.choice(state, end)
        if len(found) > 1:
            found.sort(key=self._order.__getitem__, reverse=True)
        return found

    def _leads_on(self, totals: Totals) -> bool:
        """Whether the read that returns next can still get what it saw."""
        count, following, adds, seen = self._count, self._next, totals.adds, totals.seen
        called: list[int] = []
        returned: list[int] = []
        before: dict[int, int] = {}
        """Of reads: how many of those that add had returned when it was called."""
        node = following[HEAD]
        while node != self._tail:
            self.steps += 1
            place = node - 1 if node <= count else node - 1 - count
            if node <= count:
                if seen[place] is not None:
                    before[place] = len(returned)
                elif adds[place]:
                    called.append(place)
            elif seen[place] is not None:
                first = returned[: before[place]]
                sure = set(first)
                perhaps = [each for each in called if each not in sure]
                return totals.can_become(self._state, place, first, perhaps)
            elif adds[place]:
                returned.append(place)
            node = following[node]
        return True

    def _after(self, place: int) -> Any:  # noqa: ANN401
        """The state after it, or ILLEGAL where it need not be tried."""
        operations, state = self._operations, self._state
        after = self._model.step(
            state, operations.names[place], operations.values[place], operations.results[place]
        )
        if after == state:
            is_of_use = operations.certain[place]
        else:
            is_of_use = not (self._tracks and self._loses(place))
        return ILLEGAL if not is_of_use or self._is_barred(place) else after

    def _is_barred(self, place: int) -> bool:
        return place == self._asked and self._state in self._barred

    # -- what is still to be seen ------------------------------------------------------------------
    def _track(self) -> None:
        operations, model = self._operations, self._model
        triples = list(zip(operations.names, operations.values, operations.results, strict=True))
        self._writes = [model.writes(*each) for each in triples]
        is_tracked = model.is_tracked({*operations.names})
        self._observes = [model.observes(*each) if is_tracked else NOTHING for each in triples]
        self._writers_left = Counter(self._writes)
        self._observers_left = Counter(self._observes)

    def _loses(self, place: int) -> bool:
        """Whether what somebody has yet to see would be gone for good if this changed it."""
        state = self._state
        observers = self._observers_left[state] - (self._observes[place] == state)
        return observers > 0 and not self._writers_left[state]

    def _count_off(self, place: int, by: int) -> None:
        if self._writes[place] is not NOTHING:
            self._writers_left[self._writes[place]] += by
        if self._observes[place] is not NOTHING:
            self._observers_left[self._observes[place]] += by

    # -- going on, and back ------------------------------------------------------------------------
    def run(self, steps: int, bytes_max: int = BYTES_MAX) -> bool | None:
        """About so many steps, each an operation that is tried, or fewer where more than
        `bytes_max` would have to be remembered; the verdict, if there is one.
        """
        last = self.steps + steps
        while self.verdict is None and self.steps < last and self.bytes <= bytes_max:
            self.steps += 1
            if not self._left:
                self.verdict = True
                self.met = next((step[1] for step in self._stack if step[0] == self._asked), None)
            elif not self._advance() and not self._retreat():
                self.verdict = False
        if self.verdict is not None:
            self._seen, self._stack = set(), []
            self.bytes = 0
        return self.verdict

    def _advance(self) -> bool:
        """Put one more in order; False when none can be."""
        candidates = self._candidates
        while candidates:
            place = candidates.pop()
            after = self._after(place)
            if after is ILLEGAL:
                continue
            passed, mask, endless = self._passed, self._mask, self._endless
            slot = self._slots[place]
            if slot < 0:
                endless |= 1 << ~slot
            else:
                passed, mask = self._pass(passed, mask | 1 << slot)
            if not self._readonly[place]:
                configuration = (passed, mask, endless, after)
                if configuration in self._seen:
                    continue
                self._seen.add(configuration)
                bits = mask.bit_length() + endless.bit_length()
                self.bytes += CONFIGURATION_BYTES + (bits >> 3) + self._model.bytes_of(after)
            self.bytes += STEP_BYTES + 8 * len(candidates)
            self._stack.append(
                (place, self._state, self._passed, self._mask, self._endless, candidates)
            )
            self._passed, self._mask, self._endless = passed, mask, endless
            self._state = after
            self._left -= self._operations.certain[place]
            self._lift(place)
            if self._tracks:
                self._count_off(place, -1)
            self._candidates = self._choose()
            return True
        return False

    def _pass(self, passed: int, mask: int) -> tuple[int, int]:
        """Go on to the first return of what is not in order, and free the bits of the others."""
        returned, slots = self._returned, self._slots
        while passed < len(returned) and mask >> slots[returned[passed]] & 1:
            mask ^= 1 << slots[returned[passed]]
            passed += 1
        return passed, mask

    def _retreat(self) -> bool:
        """Take the last one back; False when there is none."""
        if not self._stack:
            return False
        place, self._state, self._passed, self._mask, self._endless, candidates = self._stack.pop()
        self._candidates = candidates
        self.bytes -= STEP_BYTES + 8 * len(candidates)
        self._left += self._operations.certain[place]
        self._unlift(place)
        if self._tracks:
            self._count_off(place, 1)
        return True


def _order_of(operations: Operations) -> list[tuple[int, int]]:
    """What is tried first. Of those that never return the last that was called: what others have
    long got on without, they may go on without.
    """
    has_indices = all(
        index > 0
        for index, is_certain in zip(operations.indices, operations.certain, strict=True)
        if is_certain
    )
    firsts = operations.indices if has_indices else operations.returns
    return [
        (NEVER, -call) if first in (0, NEVER) else (first, call)
        for first, call in zip(firsts, operations.calls, strict=True)
    ]


def _slots_of(operations: Operations) -> list[int]:
    """A bit for each. Of those that return, no two that are open at once share one; those that
    never do would keep theirs for ever, and have them apart: ~0, ~1, and so on.
    """
    slots = []
    endless = width = 0
    free: list[int] = []
    held: list[tuple[int, int]] = []
    """Until when, and which; what ends as another begins is concurrent with it."""
    for call, end in zip(operations.calls, operations.returns, strict=True):
        if end == NEVER:
            slots.append(~endless)
            endless += 1
            continue
        while held and held[0][0] < call:
            heappush(free, heappop(held)[1])
        if not free:
            free.append(width)
            width += 1
        slots.append(heappop(free))
        heappush(held, (end, slots[-1]))
    return slots


def _twins_of(operations: Operations) -> list[int]:
    """Of each of unknown outcome, the number among those without an end of the last one called
    before it that asks for the same; -1: there is none.
    """
    twins = [-1] * len(operations)
    last: dict[Any, int] = {}
    endless = 0
    for place, end in enumerate(operations.returns):
        if end != NEVER:
            continue
        if not operations.certain[place]:
            what = operations.names[place], operations.values[place]
            twins[place] = last.get(what, -1)
            last[what] = endless
        endless += 1
    return twins
