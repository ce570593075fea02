"""When steps come at the earliest and at the latest, as far as that can be told beforehand."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from node.scenario.actions import Heal, Partition, Resume, Start, ending
from node.scenario.errors import ScenarioError
from node.scenario.names import link_of
from node.scenario.scenario import Scenario, Step
from node.scenario.when import LEADER_CHANGE, After, At, LeaderChange, Mark, mark_of


@dataclass(frozen=True, slots=True)
class Window:
    """In microseconds from the begin. `latest_us` None: nobody knows, perhaps never."""

    earliest_us: int
    latest_us: int | None

    def plus(self, least_us: int, most_us: int | None) -> "Window":
        latest_us = self.latest_us
        known = latest_us is not None and most_us is not None
        return Window(
            self.earliest_us + least_us, (latest_us or 0) + (most_us or 0) if known else None
        )

    def may_precede(self, other: "Window") -> bool:
        return other.latest_us is None or self.earliest_us <= other.latest_us


def windows(scenario: Scenario) -> list[Window]:
    """One for each step. Raises ScenarioError for what waits for itself, or for no step."""
    steps = scenario.steps
    found: dict[int, Window] = {}
    places = {step.name: place for place, step in enumerate(steps) if step.name}
    ends_early = may_end_early(scenario)
    for place in _in_order(steps, places):
        when = steps[place].when
        base = Window(0, 0)
        if mark := mark_of(when):
            other = places[mark.name]
            base = found[other]
            if mark.healed:
                lasts_us = steps[other].lasts_us
                base = base.plus(0 if ends_early else lasts_us or 0, lasts_us)
        match when:
            case At():
                found[place] = Window(when.at_us, when.at_us)
            case After():
                found[place] = base.plus(when.plus_us, when.plus_us)
            case LeaderChange():
                found[place] = base.plus(when.plus_us, None)
    return [found[place] for place in range(len(steps))]


def may_end_early(scenario: Scenario) -> bool:
    """Whether something may end a fault before its time is over."""
    actions = [step.action for step in scenario.steps]
    actions += [action for action, _ in scenario.random.faults] if scenario.random else []
    partitions = sum(isinstance(action, Partition) for action in actions)
    return partitions > 1 or any(isinstance(each, Heal | Start | Resume) for each in actions)


def may_be_healed(step: Step, others: Sequence[Step]) -> bool:
    """Whether the fault of a step ends at all: after its time, or by one of the other steps."""
    if step.lasts_us is not None:
        return True
    for other in others:
        match ending(step.action), other.action:
            case ("start", Start()) | ("resume", Resume()):
                return True
            case ("heal", Heal(what)) if what in ("all", step.name) or link_of(what):
                return True
            case ("heal", Partition()) if isinstance(step.action, Partition) and other != step:
                return True
    return False


def _in_order(steps: Sequence[Step], places: dict[str, int]) -> list[int]:
    """The steps' places, each after the one that it waits for."""
    graph: TopologicalSorter[int] = TopologicalSorter()
    for place, step in enumerate(steps):
        mark = mark_of(step.when)
        graph.add(place, *([_place_of(mark, place, places)] if mark else []))
    try:
        return list(graph.static_order())
    except CycleError as error:
        circle: list[int] = error.args[1]
        names = " <- ".join(steps[place].name for place in circle)
        raise ScenarioError(
            f"step {circle[0] + 1} waits for itself: {names}",
            "one of them needs a time of its own",
            f"step.{circle[0]}.when",
        ) from error


def _place_of(mark: Mark, place: int, places: dict[str, int]) -> int:
    if mark.name not in places:
        near = difflib.get_close_matches(mark.name, [*places, LEADER_CHANGE], n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else 'name a step: as = "cut"'
        message = f"step {place + 1}: when: no step is called {mark.name}"
        raise ScenarioError(message, hint, f"step.{place}.when")
    return places[mark.name]
