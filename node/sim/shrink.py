"""A failing run made small: as few nodes, clients and faults as still break the same rule.

What is left out changes nothing else, since every use of chance has a stream of its own. A change
counts as long as the run still violates the invariant that the first one did (delta debugging,
Zeller and Hildebrandt 2002, over the steps of the plan), and the plan can be written down and read
again: what cannot be replayed is of no use.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from node.scenario.errors import ScenarioError
from node.scenario.parsing import parse
from node.scenario.pruning import possible_part, without_orphans
from node.scenario.scenario import DURATION_US_MIN, Option, Scenario, Step
from node.scenario.timing import windows
from node.scenario.writing import write
from node.sim.options import OptionError, values_of
from node.sim.planning import expanded
from node.sim.simulation import Result, options_of

RUNS_MAX = 200
SECONDS_MAX = 120.0
SETTLE_US = 200_000
"""What is left of a run after the failure."""
MS = 1000
QUIET: Mapping[str, Option] = {
    "drop": 0.0,
    "duplicate": 0.0,
    "reorder": 0.0,
    "late": 0.0,
    "client_loss": 0.0,
    "clock_ppm": 0,
    "jitter_ms": 0.0,
    "ordered": True,
    "stale_reads": False,
    "lease_reads": False,
    "follower_reads": 0.0,
    "astray": 0.0,
    "batches": 0.0,
    "spare_ms": 0,
    "readers": 0.0,
    "flush_crash": 0.0,
    "noticed": 0.0,
    "resets": 0.0,
    "flaps": 0.0,
    "queue_max": 64,
    "inflight_max": 64,
    "append_bytes_max": 1 << 20,
    "snapshot_entries": 0,
    "callers": 1,
    "uncommitted_max": 4096,
    "uncommitted_bytes_max": 64 << 20,
    "reads_max": 65_536,
    "inflight_bytes_max": 8 << 20,
    "priority_min": 100,
    "lease_percent": 90,
}
"""The background, as little as there can be of it."""
FAULT_US_MIN = 10_000

Run = Callable[[Scenario], Result]


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest scenario that was found, its result, and how many runs that took."""

    scenario: Scenario
    result: Result
    runs: int
    steps_before: int


class Shrinker:
    """`run` runs a scenario; `tell` hears of each step forward. Seconds are real ones."""

    def __init__(
        self,
        run: Run,
        tell: Callable[[str], None],
        runs_max: int = RUNS_MAX,
        seconds_max: float = SECONDS_MAX,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._run = run
        self._tell = tell
        self._runs_max = runs_max
        self._clock = clock
        self._until = clock() + seconds_max
        self._runs = 0

    def shrink(self, scenario: Scenario) -> Shrunk | None:
        """None when the scenario does not fail. Raises OptionError and ScenarioError."""
        scenario = spelled_out(scenario)
        steps_before = len(scenario.steps)
        result = self._run(scenario)
        self._runs = 1
        if result.verdict != "failed":
            return None
        self._invariant = result.invariant
        self._best, self._result = scenario, result
        self._cut_after_failure()
        passes = (self._steps, self._background, self._size, self._durations, self._steps)
        before = None
        while before != self._best and self._may_go_on:
            before = self._best
            for each in passes:
                each()
                self._cut_after_failure()
        return Shrunk(self._best, self._result, self._runs, steps_before)

    @property
    def _may_go_on(self) -> bool:
        return self._runs < self._runs_max and self._clock() < self._until

    def _fails(self, candidate: Scenario) -> bool:
        """Whether it fails as the first one did; then it is the best so far."""
        candidate = without_orphans(candidate)
        if not self._may_go_on or candidate == self._best or not _can_be_written(candidate):
            return False
        self._runs += 1
        try:
            result = self._run(candidate)
        except OptionError:
            return False
        if result.verdict != "failed" or result.invariant != self._invariant:
            return False
        self._best, self._result = candidate, result
        steps = f"{len(candidate.steps)} steps"
        self._tell(f"{steps}, {candidate.nodes} nodes, {result.at_us / 1e6:.1f} virtual seconds")
        return True

    # -- ways to make it smaller -------------------------------------------------------------------
    def _cut_after_failure(self) -> None:
        best, at_us = self._best, self._result.at_us
        if at_us >= best.duration_us:  # it failed while it was to get well: all of it counts
            return
        starts = _starts(best)
        steps = tuple(step for step, at in zip(best.steps, starts, strict=True) if at <= at_us)
        best = without_orphans(replace(best, steps=steps))
        end_us = max(-(-(at_us + SETTLE_US) // MS) * MS, DURATION_US_MIN)
        self._fails(with_duration(best, min(best.duration_us, end_us)))

    def _steps(self) -> None:
        """Without some of the steps: halves, quarters, and so on down to each alone."""
        size = max(len(self._best.steps) // 2, 1)
        while self._may_go_on:
            start = 0
            while start < len(self._best.steps) and self._may_go_on:
                steps = self._best.steps
                without = steps[:start] + steps[start + size :]
                if not self._fails(replace(self._best, steps=without)):
                    start += size
            if size == 1:
                return
            size = max(size // 2, 1)

    def _background(self) -> None:
        if self._fails(with_options(self._best, QUIET)):
            return
        for name, value in QUIET.items():
            self._fails(with_options(self._best, {name: value}))

    def _size(self) -> None:
        for nodes in range(1, self._best.nodes):
            if self._fails(possible_part(_with_nodes(self._best, nodes))):
                break
        for options in self._fewer():
            self._fails(with_options(self._best, options))

    def _fewer(self) -> Iterator[dict[str, Option]]:
        sim = self._best.sim
        for clients in (1, 2, 4):  # without any, no run would show that the mistake is gone
            if clients < int(sim.get("clients", 0)):
                yield {"clients": clients}
        if int(sim.get("keys", 1)) > 1:
            yield {"keys": 1}
        if int(sim.get("rate", 0)) > 10:
            yield {"rate": int(sim["rate"]) // 2}

    def _durations(self) -> None:
        """Each fault for half as long, as long as that goes."""
        for place in range(len(self._best.steps)):
            while self._may_go_on:
                step = self._best.steps[place]
                if step.lasts_us is None or step.lasts_us < 2 * FAULT_US_MIN:
                    break
                shorter = replace(step, lasts_us=step.lasts_us // 2 // MS * MS)
                steps = self._best.steps
                changed = (*steps[:place], shorter, *steps[place + 1 :])
                if not self._fails(replace(self._best, steps=changed)):
                    break


def spelled_out(scenario: Scenario) -> Scenario:
    """The same run, with all in it that chance and defaults give, so that each can be changed.

    Raises OptionError and ScenarioError.
    """
    sim = {**values_of(options_of(scenario)), **scenario.sim}
    return replace(expanded(scenario), sim=sim)


def _can_be_written(scenario: Scenario) -> bool:
    try:
        return parse(write(scenario)) == scenario
    except ScenarioError:
        return False


def with_options(scenario: Scenario, options: Mapping[str, Option]) -> Scenario:
    """The same with other options, as far as it has these."""
    known = {name: value for name, value in options.items() if name in scenario.sim}
    workload = scenario.workload
    if "clients" in known:
        workload = replace(workload, clients=max(int(known["clients"]), 1))
    if "keys" in known:
        workload = replace(workload, keys=int(known["keys"]))
    if "rate" in known:
        workload = replace(workload, rate_per_s=int(known["rate"]))
    return replace(scenario, workload=workload, sim={**scenario.sim, **known})


def with_duration(scenario: Scenario, duration_us: int) -> Scenario:
    """The same, ended then, and no step after it or beyond."""
    sim = {**scenario.sim}
    if "duration_ms" in sim:
        sim["duration_ms"] = duration_us // MS
    timed = zip(scenario.steps, _starts(scenario), strict=True)
    steps = tuple(_within(step, duration_us - at) for step, at in timed if at < duration_us)
    return replace(scenario, duration_us=duration_us, steps=steps, sim=sim)


def _within(step: Step, left_us: int) -> Step:
    if step.lasts_us is None or step.lasts_us <= left_us:
        return step
    return replace(step, lasts_us=left_us)


def _with_nodes(scenario: Scenario, nodes: int) -> Scenario:
    return replace(scenario, nodes=nodes, sim={**scenario.sim, "nodes": nodes})


def _starts(scenario: Scenario) -> list[int]:
    """When each step comes, at the earliest."""
    return [window.earliest_us for window in windows(scenario)]
