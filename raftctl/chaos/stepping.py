"""The steps of a scenario on real nodes, each when it is due, several at a time."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

from node.scenario.actions import Heal, Partition, ending
from node.scenario.scenario import Scenario
from node.scenario.schedule import End, Fire, Schedule
from raftctl.chaos.injecting import Injected, Injector
from raftctl.progressdocs import StepState

AT_ONCE_MAX = 32
"""Steps that are under way at the same time."""
TICK_SECONDS = 0.25
LOOK_SECONDS = 0.5
"""How often nodes are asked whether faults took effect."""


class Steps:
    """Whoever runs the scenario calls `carry_out` again and again, with `wait` between."""

    def __init__(
        self, scenario: Scenario, injector: Injector, told: Callable[[Injected, StepState], None]
    ) -> None:
        """`scenario` has its background faults as steps. `told` gets what was done, on threads."""
        self._duration_us = scenario.duration_us
        self._injector = injector
        self._told = told
        self._schedule = Schedule(scenario)
        self._steps: dict[int, Injected] = {}
        self._begun: dict[int, Future[None]] = {}
        self._ending: list[Future[None]] = []
        self._pool = ThreadPoolExecutor(AT_ONCE_MAX, "step")
        self._news = threading.Condition()
        self._over: set[int] = set()
        """Steps whose faults ended, which the schedule has not been told yet."""
        self._has_new_leader = False
        self._looks_next = 0.0
        self._looking: Future[None] | None = None

    @property
    def done(self) -> list[Injected]:
        """Those that were begun, in the scenario's order."""
        steps = dict(self._steps)
        return [steps[place] for place in sorted(steps)]

    @property
    def in_force(self) -> list[Injected]:
        return [each for each in self.done if each.is_in_force]

    def leader_changed(self) -> None:
        """There is a new leader."""
        with self._news:
            self._has_new_leader = True
            self._news.notify()

    def carry_out(self, now_us: int) -> None:
        """Begin and end what is due now."""
        with self._news:
            self._tell_schedule(now_us)
        for due in self._schedule.due(now_us):
            match due:
                case Fire(place, step):
                    self._steps[place] = Injected(place, step)
                    self._begun[place] = self._pool.submit(self._begin, self._steps[place])
                case End(place, _):
                    self._ending.append(self._pool.submit(self._end, self._steps[place]))

    def wait(self, now_us: int) -> None:
        """Until something happens or is due, a moment at most."""
        next_us = min(self._schedule.next_at or self._duration_us, self._duration_us)
        with self._news:
            if not self._over and not self._has_new_leader:
                self._news.wait(min(max(next_us - now_us, 0) / 1e6, TICK_SECONDS))

    def look_now_and_then(self) -> None:
        """What a node has counted is gone when it dies. Raises CliError."""
        if self._looking is not None and self._looking.done():
            self._looking.result()
        if time.monotonic() < self._looks_next:
            return
        if self._looking is not None and not self._looking.done():
            return
        self._looks_next = time.monotonic() + LOOK_SECONDS
        self._looking = self._pool.submit(self._injector.look, *self.in_force)

    def settle(self) -> None:
        """Wait for what is under way. Raises CliError."""
        for future in [*self._begun.values(), *self._ending]:
            future.result()

    def end_all(self) -> None:
        """End every fault that holds. Raises CliError."""
        for injected in self.in_force:
            self._injector.end(injected)
            self._told(injected, "ended")

    def close(self) -> None:
        self._pool.shutdown()

    def _tell_schedule(self, now_us: int) -> None:
        if self._has_new_leader:
            self._has_new_leader = False
            self._schedule.leader_changed(now_us)
        for place in sorted(self._over):
            self._schedule.ended(place, now_us)
        self._over.clear()

    def _begin(self, injected: Injected) -> None:
        self._injector.begin(injected)
        self._told(injected, "begun")
        over = {injected.place} if injected.why_not and ending(injected.step.action) else set()
        if isinstance(injected.action, Heal | Partition) and not injected.why_not:
            over |= self._ended_by(injected)
        if over:
            with self._news:
                self._over |= over
                self._news.notify()

    def _end(self, injected: Injected) -> None:
        self._begun[injected.place].result()
        self._injector.end(injected)
        self._told(injected, "ended")

    def _ended_by(self, healer: Injected) -> set[int]:
        """The steps whose faults the nodes do not hold any more."""
        held = self._injector.numbers_in_force()
        gone = [each for each in self.in_force if each.number is not None]
        gone = [each for each in gone if each.number not in held]
        for each in gone:
            each.ended_ns = healer.began_ns
            self._told(each, "ended")
        return {each.place for each in gone}
