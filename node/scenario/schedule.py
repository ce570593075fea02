"""What is due when, in a scenario that runs: pure, told the time and what happens.

A step counts as carried out when `due` gives it, and so does the end of a fault. Whoever runs the
scenario asks `next_at`, waits until then or until something happens, tells that with
`leader_changed` and `ended`, and carries out what `due` gives.
"""

import heapq
from dataclasses import dataclass

from node.scenario.actions import ending
from node.scenario.scenario import Scenario, Step
from node.scenario.when import After, At, LeaderChange, Mark


@dataclass(frozen=True, slots=True)
class Fire:
    """Carry this out. `place` is the step's place in the scenario, from 0."""

    place: int
    step: Step


@dataclass(frozen=True, slots=True)
class End:
    """The time of this step's fault is over: undo it."""

    place: int
    step: Step


_ENDS, _FIRES = 0, 1  # at the same moment, what is over goes first


class Schedule:
    """One run of a scenario whose background faults are steps already (`background.expand`).

    Times are microseconds from the begin, and never go back.
    """

    def __init__(self, scenario: Scenario) -> None:
        """Raises ValueError for a scenario that still has background faults to draw."""
        if scenario.random is not None:
            raise ValueError("expand the background faults first")
        self._steps = scenario.steps
        self._heap: list[tuple[int, int, int]] = []
        self._fired: set[int] = set()
        self._in_force: set[int] = set()
        self._waiting: dict[Mark, list[int]] = {}
        self._awaiting_leader: list[int] = []
        for place, step in enumerate(self._steps):
            match step.when:
                case At(at_us):
                    heapq.heappush(self._heap, (at_us, _FIRES, place))
                case After(mark) | LeaderChange(Mark() as mark):
                    self._waiting.setdefault(mark, []).append(place)
                case LeaderChange():
                    self._awaiting_leader.append(place)

    @property
    def next_at(self) -> int | None:
        """When something is due next; None while nothing is, unless something happens."""
        while self._heap and self._is_void(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    @property
    def never_fired(self) -> list[Step]:
        """The steps that have not been carried out: at the end, a run with any proves nothing."""
        return [step for place, step in enumerate(self._steps) if place not in self._fired]

    @property
    def in_force(self) -> list[Step]:
        """The steps whose faults hold: what has an end, and was neither ended nor healed."""
        return [self._steps[place] for place in sorted(self._in_force)]

    def due(self, now_us: int) -> list[Fire | End]:
        """What has to be done now, in this order. It counts as done.

        What follows a step counts from `now_us`, not from when the step was due.
        """
        found: list[Fire | End] = []
        while (at_us := self.next_at) is not None and at_us <= now_us:
            _, kind, place = heapq.heappop(self._heap)
            step = self._steps[place]
            if kind == _ENDS:
                found.append(End(place, step))
                self.ended(place, now_us)
            else:
                found.append(Fire(place, step))
                self._fire(place, step, now_us)
        return found

    def leader_changed(self, now_us: int) -> None:
        """There is a new leader."""
        for place in self._awaiting_leader:
            self._plan(place, now_us)
        self._awaiting_leader.clear()

    def ended(self, place: int, now_us: int) -> None:
        """The fault of this step is over before its time: it was healed, a partition took its
        place, or it could not even begin. Only who carries the steps out knows that. One that is
        over cannot end again.
        """
        if place not in self._in_force:
            return
        self._in_force.remove(place)
        if name := self._steps[place].name:
            self._reach(Mark(name, healed=True), now_us)

    def _is_void(self, item: tuple[int, int, int]) -> bool:
        """An end of what has ended early."""
        return item[1] == _ENDS and item[2] not in self._in_force

    def _plan(self, place: int, now_us: int) -> None:
        when = self._steps[place].when
        assert isinstance(when, After | LeaderChange), "a time of its own is planned from the begin"
        heapq.heappush(self._heap, (now_us + when.plus_us, _FIRES, place))

    def _fire(self, place: int, step: Step, now_us: int) -> None:
        self._fired.add(place)
        if ending(step.action) is not None:
            self._in_force.add(place)
            if step.lasts_us is not None:
                heapq.heappush(self._heap, (now_us + step.lasts_us, _ENDS, place))
        if step.name:
            self._reach(Mark(step.name), now_us)

    def _reach(self, mark: Mark, now_us: int) -> None:
        for place in self._waiting.pop(mark, []):
            if isinstance(self._steps[place].when, LeaderChange):
                self._awaiting_leader.append(place)
            else:
                self._plan(place, now_us)
