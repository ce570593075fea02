"""The search for an order: Wing and Gong's, with Lowe's memory of where it has been.

A configuration is which operations have been put in order so far, and the state after them. Next
may come whatever was called before the first return that is still ahead. What a configuration leads
to depends on nothing else, so each is looked at once (Wing and Gong 1993, Lowe 2017).

What keeps it small:

- Of the operations in order only those beyond the first that is not are remembered one by one:
  a configuration is as large as what was concurrent, not as the history.
- An operation that changes nothing and fits the state is taken at once, and nothing else is tried
  in its place: moving it forward takes no possibility from any other. Whether it changed nothing
  is known by its result alone.
- Where a state is a value that is written (`Model.is_tracked`), nobody writes over it while
  somebody has yet to see it and no other write can bring it back.
- A write of unknown outcome that nobody saw can do one thing: make a compare-and-set fail that
  would have fitted. So it is tried where one waits for that, and one such write is as good as
  another.

The next to be tried is the one with the lowest log index, where all have one, else the one that
returned first. It is a stepper: `run` does so many steps, and can be called again.
"""

from collections import Counter
from typing import Any

from node.verify.history import NEVER
from node.verify.linearizability.narrowing import unseen_of
from node.verify.linearizability.operations import Operations
from node.verify.linearizability.spares import Spares
from node.verify.models.base import ILLEGAL, NOTHING, Model

HEAD = 0
STATES_MAX = 8
"""That are remembered for the words about a violation."""


class Search:
    """Of one key. `looks_ahead`: use what later operations saw; else each prefix stands for itself,
    as the words about a violation want it. `barred` is the place of one that is never put in order,
    so that all configurations before it are seen.

    `verdict` is None until it is known. Of the configurations that got furthest, `blocker` is the
    operation that could not be put in order, and `states` are those in which it might have been.
    """

    def __init__(
        self,
        operations: Operations,
        model: Model,
        initial: Any,  # noqa: ANN401
        looks_ahead: bool = True,
        barred: int | None = None,
    ) -> None:
        self._operations = operations
        self._model = model
        self._barred = barred
        self._state = initial
        self._count = count = len(operations)
        self._readonly = [
            model.readonly(name, result)
            for name, result in zip(operations.names, operations.results, strict=True)
        ]
        self._left = sum(operations.certain)
        self._order = _order_of(operations)
        self._tracks = looks_ahead and model.is_tracked(set(operations.names))
        self._spares = Spares(operations, unseen_of(operations, model) if self._tracks else [])
        self._link_all(count)
        self._slots = _slots_of(operations)
        self._frontier = 0
        self._mask = 0
        self._endless = 0
        self._seen: set[tuple[int, int, int, Any]] = set()
        self._stack: list[tuple[int, Any, int, int, int, list[int]]] = []
        self._track()
        self.steps = 0
        self.verdict: bool | None = None
        self.blocker: int | None = None
        self.states: list[Any] = []
        self._furthest = -1
        self._candidates = self._choose()

    @property
    def entries(self) -> int:
        """Configurations that it remembers."""
        return len(self._seen)

    # -- the list of what is not in order yet ------------------------------------------------------
    def _link_all(self, count: int) -> None:
        """Calls are 1 to count, the returns of the same operations count + 1 to 2 * count."""
        operations = self._operations
        returns = sorted(
            (place for place in range(count) if operations.returns[place] != NEVER),
            key=operations.returns.__getitem__,
        )
        self._rank = {place: rank for rank, place in enumerate(returns)}
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
        operations, state, observes = self._operations, self._state, self._observes
        count, following, readonly = self._count, self._next, self._readonly
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
                found.append(place)
            elif place != self._barred and self._after(place) is not ILLEGAL:
                return [place]
            else:
                is_waiting = True
        end = NEVER
        if node != self._tail:
            self._note(node - count - 1)
            end = operations.returns[node - count - 1]
        if is_waiting and self._tracks:
            found += self._spares.choice(state, end)
        if len(found) > 1:
            found.sort(key=self._order.__getitem__, reverse=True)
        return found

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
        return after if is_of_use and place != self._barred else ILLEGAL

    def _note(self, blocker: int) -> None:
        """How far this configuration got: all that returned before the blocker is in order."""
        rank = self._rank[blocker]
        if rank > self._furthest:
            self._furthest, self.blocker, self.states = rank, blocker, [self._state]
        elif rank == self._furthest and self._state not in self.states[: STATES_MAX - 1]:
            self.states = [*self.states, self._state][:STATES_MAX]

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
    def run(self, steps: int) -> bool | None:
        """About so many steps, each an operation that is tried; the verdict, if there is one."""
        last = self.steps + steps
        while self.verdict is None and self.steps < last:
            self.steps += 1
            if not self._left:
                self.verdict = True
            elif not self._advance() and not self._retreat():
                self.verdict = False
        if self.verdict is not None:
            self._seen, self._stack = set(), []
        return self.verdict

    def _advance(self) -> bool:
        """Put one more in order; False when none can be."""
        candidates = self._candidates
        while candidates:
            place = candidates.pop()
            after = self._after(place)
            if after is ILLEGAL:
                continue
            frontier, mask, endless = self._frontier, self._mask, self._endless
            slot = self._slots[place]
            if slot < 0:
                endless |= 1 << ~slot
            else:
                mask |= 1 << (slot - frontier)
            if mask & 1:
                full = (~mask & (mask + 1)).bit_length() - 1
                frontier, mask = frontier + full, mask >> full
            if not self._readonly[place]:
                configuration = (frontier, mask, endless, after)
                if configuration in self._seen:
                    continue
                self._seen.add(configuration)
            self._stack.append(
                (place, self._state, self._frontier, self._mask, self._endless, candidates)
            )
            self._frontier, self._mask, self._endless = frontier, mask, endless
            self._state = after
            self._left -= self._operations.certain[place]
            self._lift(place)
            if self._tracks:
                self._count_off(place, -1)
            self._candidates = self._choose()
            return True
        return False

    def _retreat(self) -> bool:
        """Take the last one back; False when there is none."""
        if not self._stack:
            return False
        place, self._state, self._frontier, self._mask, self._endless, candidates = (
            self._stack.pop()
        )
        self._candidates = candidates
        self._left += self._operations.certain[place]
        self._unlift(place)
        if self._tracks:
            self._count_off(place, 1)
        return True


def _order_of(operations: Operations) -> list[tuple[int, int]]:
    """What is tried first."""
    has_indices = all(
        index > 0
        for index, is_certain in zip(operations.indices, operations.certain, strict=True)
        if is_certain
    )
    if has_indices:
        return [(index or NEVER, 0) for index in operations.indices]
    return [(end, call) for end, call in zip(operations.returns, operations.calls, strict=True)]


def _slots_of(operations: Operations) -> list[int]:
    """A bit for each: those that return have theirs in the order of calls, from 0; those that never
    do would hold up the frontier, and have theirs apart: ~0, ~1, and so on.
    """
    slots = []
    ending = endless = 0
    for end in operations.returns:
        if end == NEVER:
            slots.append(~endless)
            endless += 1
        else:
            slots.append(ending)
            ending += 1
    return slots
