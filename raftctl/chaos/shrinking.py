"""A run that failed made small: as few steps as still fail the same check.

One step after the other is left out, from the last to the first, with those that wait for it. Real
processes do not do the same twice, so a step that was left out once and made no difference may have
made one another time: what is given back failed when it was run, which is all that can be said.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from node.scenario.errors import ScenarioError
from node.scenario.pruning import possible_part, without_orphans
from node.scenario.scenario import Scenario
from raftctl.chaosdocs import ChaosCheck, ChaosRun

Run = Callable[[Scenario], ChaosRun]
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest that failed, and how many runs it took to find it."""

    scenario: Scenario
    check: ChaosCheck
    runs: int


def failed_check(run: ChaosRun) -> ChaosCheck | None:
    """The first that does not hold; None: there is none."""
    return next((check for check in run.checks if check.verdict == "failed"), None)


def shrunk(scenario: Scenario, run: Run, tell: Tell, runs_max: int) -> Shrunk | None:
    """At most `runs_max` runs; None when the first one does not fail. Raises what `run` raises."""
    check = failed_check(run(scenario))
    if check is None:
        return None
    runs = 1
    place = len(scenario.steps) - 1
    while place >= 0 and runs < runs_max:
        smaller = _without(scenario, place)
        place = min(place, len(scenario.steps)) - 1
        if smaller is None:
            continue
        runs += 1
        found = failed_check(run(smaller))
        is_same = found is not None and found.name == check.name
        if is_same and found is not None:
            scenario, check = smaller, found
            place = min(place, len(scenario.steps) - 1)
        what = "still fails" if is_same else "does not fail"
        tell(f"{len(smaller.steps)} steps: {what}")
    return Shrunk(scenario, check, runs)


def _without(scenario: Scenario, place: int) -> Scenario | None:
    """None: what is left cannot be run."""
    steps = scenario.steps[:place] + scenario.steps[place + 1 :]
    try:
        return possible_part(without_orphans(replace(scenario, steps=steps)))
    except ScenarioError:
        return None
