"""The steps of a scenario on the cluster that a load runs on. Its own load, and what it expects, do
not count here.
"""

import contextlib
import random
import threading
import time
from dataclasses import replace
from types import TracebackType

from node.scenario.background import expand
from node.scenario.scenario import Scenario
from node.verify.told import Told
from raftctl.benchdocs import BenchFault
from raftctl.chaos.arena import check_size, held
from raftctl.chaos.injecting import Injected, Injector, judge
from raftctl.chaos.lines import Lines
from raftctl.chaos.stepping import Steps
from raftctl.chaos.threads import Threads
from raftctl.chaos.watcher import Watcher
from raftctl.cluster.directory import Cluster
from raftctl.progressdocs import StepState
from raftctl.settings import Settings

READY_SECONDS = 30


class Faults:
    """Use it in a `with` block: behind it all that was done to the cluster is undone."""

    def __init__(
        self, settings: Settings, scenario: Scenario, cluster: Cluster, seconds: float
    ) -> None:
        """`seconds`: how long the load takes at most. Raises CliError when it is about another
        number of nodes.
        """
        check_size(scenario.nodes, cluster, "a scenario with nodes = {found}, or another cluster")
        expanded = expand(scenario, random.Random(f"{scenario.seed} background"))
        self._scenario = replace(expanded, duration_us=round(seconds * 1e6))
        self._settings = replace(settings, cluster=cluster.name)
        self._cluster = cluster
        self._is_over = threading.Event()
        self._began_ns = 0
        self._files = contextlib.ExitStack()
        self._threads = Threads()
        self._threads.add("faults", self._carry_out)

    def __enter__(self) -> "Faults":
        """Raises CliError when another run uses the cluster, or it does not get ready."""
        kept = self._files.enter_context(held(self._settings))
        options = ["--home", str(self._settings.home), "-c", self._cluster.name, "-y"]
        self._lines = Lines(options, [], [kept.fileno()])
        self._files.callback(self._lines.close)
        try:
            self._lines.do(["wait", "ready", "--timeout", f"{READY_SECONDS}s"]).check()
        except BaseException:
            self._files.close()
            raise
        return self

    def begin(self) -> None:
        """Times count from now."""
        self._began_ns = time.monotonic_ns()
        seed = self._scenario.seed
        duration_us = self._scenario.duration_us
        injector = Injector(self._lines, self._cluster, seed, self._began_ns, duration_us)
        self._steps = Steps(self._scenario, injector, self._tell)
        self._watcher = Watcher(self._cluster, _forget, Told(), self._began_ns, self._led)
        self._watcher.start()
        self._threads.start()

    def check(self) -> None:
        """Raises CliError when they broke off."""
        self._threads.check()
        self._watcher.threads.check()

    def end(self) -> list[BenchFault]:
        """End what holds, and say what came of each step. Raises CliError when they broke off."""
        self._is_over.set()
        self._threads.join()
        self._watcher.stop()
        try:
            self._steps.settle()
            self._steps.end_all()
        finally:
            self._steps.close()
        self.check()
        done = self._steps.done
        for injected in done:
            judge(injected, done)
        begun = {injected.place: injected for injected in done}
        steps = enumerate(self._scenario.steps)
        return [
            _document(begun[place]) if place in begun else _not_due(str(step.action))
            for place, step in steps
        ]

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._files.close()

    def _now_us(self) -> int:
        return (time.monotonic_ns() - self._began_ns) // 1000

    def _carry_out(self) -> None:
        while not self._is_over.is_set():
            self._steps.carry_out(self._now_us())
            self._steps.wait(self._now_us())
            self._steps.look_now_and_then()
            self._lines.check()

    def _led(self, node_id: int, term: int) -> None:
        self._steps.leader_changed()
        self._note(f"leader n{node_id} term {term}")

    def _tell(self, injected: Injected, state: StepState) -> None:
        what = str(injected.action or injected.step.action)
        why = f": {injected.why_not}" if injected.why_not else ""
        self._note(f"{'end of ' if state == 'ended' else ''}{what}{why}")

    def _note(self, text: str) -> None:
        self._settings.output.note(f"{self._now_us() / 1e6:7.2f}  {text}")


def _forget(record: object) -> None:
    """What nodes tell is not kept: the load is what is measured."""


def _document(injected: Injected) -> BenchFault:
    return BenchFault(
        line=str(injected.action or injected.step.action),
        began_ms=round(injected.began_ns / 1e6, 1),
        ended_ms=None if injected.ended_ns is None else round(injected.ended_ns / 1e6, 1),
        hits=None if injected.number is None else injected.hits,
        why_not=injected.why_not,
    )


def _not_due(line: str) -> BenchFault:
    return BenchFault(line, None, None, None, "the load was over before it was due")
