"""A scenario carried out on real processes: clients ask, steps are done when they are due, and all
that happens is written down.
"""

import random
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from node.scenario.actions import Wipe, ending
from node.scenario.background import expand
from node.scenario.scenario import Scenario
from node.scenario.workloads import initial
from node.verify.told import RULES, Told
from raftctl.chaos.arena import Arena
from raftctl.chaos.availability import NS
from raftctl.chaos.clients import Clients, Seen
from raftctl.chaos.committed import Committed, committed_in
from raftctl.chaos.converging import late
from raftctl.chaos.deaths import Deaths, running, unexplained
from raftctl.chaos.disks import Logs, compared, lost
from raftctl.chaos.folders import RunFolder
from raftctl.chaos.injecting import Injected, Injector, judge
from raftctl.chaos.planned import plan_of
from raftctl.chaos.probes import Probe, Probes
from raftctl.chaos.seconds import Seconds
from raftctl.chaos.stepping import Steps
from raftctl.chaos.watcher import Watcher
from raftctl.chaos.writing import LineFile
from raftctl.progressdocs import (
    ChaosBroken,
    ChaosHits,
    ChaosLeader,
    ChaosPhase,
    ChaosProgress,
    ChaosSecond,
    ChaosStep,
    ChaosUse,
    Phase,
    StepState,
)

CONVERGE_SECONDS = 10.0
"""How long a cluster has to come together where a scenario does not say."""


@dataclass(slots=True)
class Ran:
    """What happened. Times in nanoseconds since the run began."""

    scenario: Scenario
    """With its background faults as steps."""
    steps: list[Injected]
    seen: Seen
    probes: list[Probe]
    told: Told
    leaders: list[tuple[int, int, int]]
    """When, who, and in which term."""
    ended_ns: int
    """When the scenario was over, or broke off."""
    nodes: int = 0
    members: Sequence[int] = ()
    """The nodes that were up when it began."""
    committed: Committed = field(default_factory=Committed)
    began_mono_ns: int = 0
    """When it began, on the monotonic clock."""
    began_wall_ns: int = 0
    """The same in Unix time."""
    converged_ns: int | None = None
    """From the end of all faults until all nodes held the same; None: that took too long."""
    lost: list[str] = field(default_factory=list)
    """Nodes without data that they could go on with, which need not hold the same."""
    rules: Collection[str] = RULES
    """The invariants that were looked at."""
    dead: list[str] | None = None
    """Nodes that ended by themselves, and when; None: there are no processes."""
    logs: Logs | None = None
    """What is on the disks; None: there are none."""


Tell = Callable[[ChaosProgress], None]


def history_head(scenario: Scenario, nodes: int) -> dict[str, Any]:
    """The first line of a history, which says what it is about."""
    kind = scenario.workload.kind
    return {
        "schema": "raftctl.history/v1",
        "model": kind,
        "name": scenario.name,
        "nodes": nodes,
        **({"initial": initial(kind)} if kind == "bank" else {}),
    }


class LiveRun:
    """One run. `tell` gets what happens, also from threads."""

    def __init__(self, scenario: Scenario, arena: Arena, folder: RunFolder, tell: Tell) -> None:
        self._scenario = expand(scenario, random.Random(f"{scenario.seed} background"))
        self._arena = arena
        self._folder = folder
        self._listener = tell
        self._nobody_listens: OSError | None = None
        self._began_ns = 0

    def run(self) -> Ran:
        """Raises CliError, KeyboardInterrupt; whoever closes the arena heals."""
        cluster, scenario = self._arena.cluster, self._scenario
        self._began_ns = time.monotonic_ns()
        head = history_head(scenario, len(cluster.spec.nodes))
        history = LineFile(self._folder.history, self._began_ns, head)
        raft = LineFile(self._folder.raft, self._began_ns)
        probed = LineFile(self._folder.probes, self._began_ns)
        self._members = running(cluster)
        self._told = Told()
        self._clients = Clients(
            cluster.address, scenario.workload, scenario.seed, history, self._arena.mark
        )
        self._probes = Probes(cluster.address, probed, self._began_ns, self._arena.mark)
        self._deaths = Deaths(cluster, self._began_ns)
        self._seconds = Seconds()
        self._watcher = Watcher(cluster, raft.write, self._told, self._began_ns, self._led)
        injector = Injector(
            self._arena.lines, cluster, scenario.seed, self._began_ns, scenario.duration_us
        )
        self._steps = Steps(scenario, injector, self._tell_step)
        self._tell(plan_of(scenario, "live", self._folder, len(cluster.spec.nodes)))
        self._deaths.start()
        self._watcher.start()
        self._clients.start()
        self._probes.start()
        try:
            self._carry_out()
            self._mend()
            ran = self._wind_up()
        finally:
            self._clients.stop()
            self._probes.stop()
            self._watcher.stop()
            self._deaths.stop()
            self._steps.close()
            for file in (history, raft, probed):
                file.close()
        return ran

    # -- time --------------------------------------------------------------------------------------
    def _now_us(self) -> int:
        return (time.monotonic_ns() - self._began_ns) // 1000

    # -- steps -------------------------------------------------------------------------------------
    def _carry_out(self) -> None:
        duration_us = self._scenario.duration_us
        while (now_us := self._now_us()) < duration_us:
            if self._nobody_listens is not None:
                raise self._nobody_listens
            self._steps.carry_out(now_us)
            self._steps.wait(self._now_us())
            self._check()
            self._steps.look_now_and_then()
            self._tell_second()

    def _check(self) -> None:
        """Raises CliError when something that the run rests on has failed."""
        self._arena.lines.check()
        for part in (self._clients, self._probes, self._watcher, self._deaths):
            part.threads.check()

    def _led(self, node_id: int, term: int) -> None:
        self._steps.leader_changed()
        self._tell(ChaosLeader(self._now_ms(), f"n{node_id}", term))

    # -- the end -----------------------------------------------------------------------------------
    def _mend(self) -> None:
        """End every fault, and start what was stopped; of a cluster that was lent, what this run
        did to it.
        """
        self._steps.settle()
        self._steps.end_all()
        if self._arena.is_own:
            for line in (["heal"], ["resume", "all"], ["start", "all"]):
                self._arena.lines.do(line)
        self._tell_phase("faults-ended", "all faults end")

    def _wind_up(self) -> Ran:
        """Clients go on until the cluster has come together, and only then rest."""
        within_us = self._scenario.expect.converge_within_us
        seconds = CONVERGE_SECONDS if within_us is None else within_us / 1e6
        began = time.monotonic_ns()
        cluster, steps = self._arena.cluster, self._steps.done
        without = lost(steps, running(cluster))
        not_ready = late(cluster, "ready", without, seconds)
        self._clients.stop()
        self._probes.stop()
        self._check()
        left = max(seconds - (time.monotonic_ns() - began) / 1e9, 1)
        why_not = not_ready or late(cluster, "converged", without, left)
        took = time.monotonic_ns() - began
        phase: Phase = "not-converged" if why_not else "converged"
        self._tell_phase(phase, why_not or "converged")
        for injected in steps:
            judge(injected, steps)
        return Ran(
            scenario=self._scenario,
            steps=steps,
            seen=self._clients.seen,
            probes=self._probes.sent,
            told=self._told,
            leaders=self._watcher.leaders,
            ended_ns=self._scenario.duration_us * 1000,
            nodes=len(cluster.spec.nodes),
            members=self._members,
            committed=committed_in(cluster, self._arena.mark),
            began_mono_ns=self._began_ns,
            began_wall_ns=time.time_ns() - (time.monotonic_ns() - self._began_ns),
            converged_ns=None if why_not else took,
            lost=without,
            dead=unexplained(self._deaths.stop(), steps),
            logs=compared(self._arena.lines, cluster, steps),
        )

    # -- telling -----------------------------------------------------------------------------------
    def _now_ms(self) -> float:
        return round(self._now_us() / 1e3, 1)

    def _tell(self, document: ChaosProgress) -> None:
        """Threads and what tidies up go on when whoever listened is gone; the run does not."""
        try:
            self._listener(document)
        except OSError as error:
            self._nobody_listens = error

    def _tell_step(self, injected: Injected, state: StepState) -> None:
        step, action = injected.step, injected.action
        if state == "begun" and isinstance(action, Wipe):
            for node_id in injected.nodes:
                self._told.wiped(node_id)
        self._tell(
            ChaosStep(
                at_ms=self._now_ms(),
                step=injected.place + 1,
                state=state,
                line=str(step.action),
                resolved=None if action is None else str(action),
                lasts=ending(step.action) is not None,
                why_not=injected.why_not,
                refused=injected.refused,
            )
        )

    def _tell_phase(self, phase: Phase, text: str) -> None:
        self._tell(ChaosPhase(self._now_ms(), phase, text))

    def _tell_second(self) -> None:
        now_ns = self._now_us() * 1000
        end_ns = self._seconds.due(self._probes.sent, now_ns)
        if end_ns is None:
            return
        write, read = (
            ChaosUse(lane.share(end_ns - NS, end_ns, now_ns), lane.longest_ms(now_ns))
            for lane in (self._seconds.lanes[kind] for kind in ("write", "read"))
        )
        held = [each for each in self._steps.in_force if each.number]
        self._tell(
            ChaosSecond(
                at_ms=end_ns / 1e6,
                write=write,
                read=read,
                **self._clients.seen.counts,
                terms=self._told.terms,
                committed=self._told.committed,
                broken=[ChaosBroken(each.rule, each.text) for each in self._told.broken],
                hits=[ChaosHits(each.place + 1, each.hits) for each in held],
            )
        )
