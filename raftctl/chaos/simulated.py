"""A scenario in virtual time: the simulator's nodes, the same clients, probes, files and checks."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from node.scenario.errors import ScenarioError
from node.scenario.lines import parse_action
from node.scenario.scenario import Scenario
from node.scenario.workloads import Chooser, Get, Put, Request
from node.sim.client import Client
from node.sim.options import OptionError
from node.sim.planning import expanded
from node.sim.recording import SimRecorder
from node.sim.scripts import ProbeScript, WorkloadScript
from node.sim.simulation import Result, Simulation, options_of, rules_of
from node.verify.invariants import BY_NAME, every
from node.verify.observation import Observers, Operation
from node.verify.told import Told
from node.wire.messages import Frame, Keyframe, Recording
from raftctl.chaos.clients import Seen
from raftctl.chaos.committed import Committed, Effects
from raftctl.chaos.concluding import concluded
from raftctl.chaos.folders import RunFolder, make_run_folder
from raftctl.chaos.injecting import Injected
from raftctl.chaos.planned import plan_of
from raftctl.chaos.probes import KINDS, LANES, PROBES_PER_S, Kind, Probe, key_of
from raftctl.chaos.rafttold import RaftRecords
from raftctl.chaos.running import Ran, Tell, history_head
from raftctl.chaosdocs import ChaosCheck, ChaosRun
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.simulating.plans import unheeded_options
from raftctl.simulating.replaying import recording_to, write_frame

PROBE_CLIENT = 1_000
"""Numbers of clients from here on are those of probes."""
TURN_US = 1_000_000 // PROBES_PER_S


def run_sim(settings: Settings, scenario: Scenario, again: str, tell: Tell) -> ChaosRun:
    """Run it, and write its folder; `tell` gets what it is about to do. Raises CliError for what a
    simulation cannot do, OSError.
    """
    began = datetime.now(UTC)
    settings.output.note(f"{scenario.name}: simulated, seed {scenario.seed}")
    try:
        options_of(scenario)
        rules_of(scenario)
    except OptionError as error:
        raise CliError("E_CONFIG", str(error), Exit.USAGE, hint="run it --live") from error
    if options := unheeded_options(scenario):
        settings.output.note(f"not looked at in a simulation: {', '.join(options)}")
    folder = make_run_folder(settings, scenario.name, scenario.seed)
    settings.output.note(f"files: {folder.path}")
    with recording_to(folder.recording) as file:
        run = _SimRun(scenario, partial(write_frame, file))
        tell(plan_of(run.scenario, "sim", folder, scenario.nodes))
        result = run.run()
    run.write_files(folder)
    found = concluded(run.ran(result), folder, "sim", again, began, [_simulated(result)])
    settings.output.note(f"report: {folder.report}")
    return found


def _simulated(result: Result) -> ChaosCheck:
    """What the simulator itself says, which looks at everything at each event."""
    if result.verdict == "failed":
        return ChaosCheck("simulation", "failed", result.text)
    if result.verdict == "inconclusive":
        return ChaosCheck("simulation", "inconclusive", result.why)
    text = f"{result.events:,} events, and all invariants held at each"
    return ChaosCheck("simulation", "ok", text)


class _SimRun:
    """One run, and what is seen of it."""

    def __init__(self, scenario: Scenario, record: Callable[[Recording | Frame], object]) -> None:
        """`record` is given what makes a recording. Raises OptionError."""
        self.scenario = expanded(scenario)
        """With its background faults as steps."""
        self._record = record
        recorder = SimRecorder(self._tell, scenario.name)
        self._effects = Effects()
        rules = partial(every, rules=rules_of(scenario))
        watching = recorder.watching(
            lambda hosts: Observers([*rules(hosts).invariants, self._effects])
        )
        self._simulation = Simulation(scenario, recorder.take, watching)
        self._kernel = self._simulation.world.kernel
        recorder.now = lambda: self._kernel.now
        self._lines: list[str] = []
        self._raft: list[dict[str, Any]] = []
        self._lives: dict[int, int] = {}
        self._probes: list[Probe] = []
        self._told = Told()
        self._records = RaftRecords(self._raft.append, self._told, 0, _nobody_waits)
        self._under_way: dict[int, tuple[int, str]] = {}
        self._seen = Seen()
        world = self._simulation.world
        workload = scenario.workload
        chooser = Chooser(workload, random.Random(f"{scenario.seed} operations"))
        for number, client in enumerate(world.clients):
            client.script = WorkloadScript(number, workload.clients, chooser, self._write)
        for place, kind in enumerate(KINDS):
            for lane in range(LANES):
                client = world.make_client(PROBE_CLIENT + place * LANES + lane)
                client.is_done = True  # it asks when it is told to
                at = lane * TURN_US + place * TURN_US // 2
                self._kernel.at(at + 1, "client", self._probe, client, kind, lane)

    def run(self) -> Result:
        return self._simulation.run()

    # -- what is seen ------------------------------------------------------------------------------
    def _write(self, line: dict[str, Any]) -> None:
        now = self._kernel.now * 1000
        line["time"] = now
        self._lines.append(json.dumps(line, separators=(",", ":")))
        process, how = line["process"], line["type"]
        if how == "invoke":
            self._under_way[process] = (now, line["f"])
            return
        began, f = self._under_way.pop(process)
        self._seen.counts[how] += 1
        self._seen.refused += how == "fail" and "index" in line
        self._seen.done.append((now, now - began, f, how))

    def _tell(self, frame: Recording | Frame) -> None:
        """What a node tells here may not be on its disk yet when it dies, so it counts for one life
        of it; what has to outlive that, the simulator itself looks at.
        """
        self._record(frame)
        if isinstance(frame, Recording) or not frame.id:
            return
        if isinstance(frame, Keyframe) and self._lives.get(frame.id) != frame.boot:
            self._lives[frame.id] = frame.boot
            self._told.wiped(frame.id)
        self._records.take(frame.id, frame)

    def _probe(self, client: Client, kind: Kind, lane: int) -> None:
        """One probe, and the next one of this lane."""
        if self._kernel.now >= self.scenario.duration_us:
            return
        if client.is_idle:
            key = key_of(lane)
            request: Request = (
                Get(key) if kind == "read" else Put(key, f"probe {len(self._probes)} {lane}")
            )
            client.script = ProbeScript(request, lambda asked: self._answered(kind, asked))
            client.is_done = False
            client.begin()
            client.is_done = True
        self._kernel.after(LANES * TURN_US, "client", self._probe, client, kind, lane)

    def _answered(self, kind: Kind, asked: Operation) -> None:
        ended = asked.ended_at or self._kernel.now
        ok = asked.outcome == "ok"
        self._probes.append(Probe(kind, asked.invoked_at * 1000, ended * 1000, ok))

    # -- what came of it ---------------------------------------------------------------------------
    def write_files(self, folder: RunFolder) -> None:
        """The history, the probes, and what the nodes told. Raises OSError."""
        head = history_head(self.scenario, self.scenario.nodes)
        lines = [json.dumps(head, separators=(",", ":")), *self._lines]
        folder.history.write_text("\n".join(lines) + "\n", encoding="utf-8")
        probes = [
            {"probe": each.kind, "sent": each.sent, "ok": each.ok, "time": each.ended}
            for each in self._probes
        ]
        folder.probes.write_text(_as_lines(probes), encoding="utf-8")
        records = [{**each, "time": each["at"]} for each in self._raft]
        folder.raft.write_text(_as_lines(records), encoding="utf-8")

    def ran(self, result: Result) -> Ran:
        hosts = self._simulation.world.hosts.values()
        return Ran(
            scenario=self.scenario,
            steps=[self._injected(place) for place in sorted(self._simulation.outcomes)],
            seen=self._seen,
            probes=self._probes,
            told=self._told,
            leaders=self._records.leaders,
            ended_ns=min(result.at_us, self.scenario.duration_us) * 1000,
            nodes=self.scenario.nodes,
            members=range(1, self.scenario.nodes + 1),
            rules=BY_NAME,
            committed=Committed(self._effects.commands()),
            lost=[
                f"n{each.id}" for each in hosts if each.lives and (each.is_wiped or each.is_broken)
            ],
            converged_ns=max(result.at_us - self.scenario.duration_us, 0) * 1000,
        )

    def _injected(self, place: int) -> Injected:
        outcome, step = self._simulation.outcomes[place], self.scenario.steps[place]
        try:
            action = parse_action(outcome.resolved) if outcome.resolved else None
        except ScenarioError:  # it meant nobody
            action = None
        ended_us = outcome.ended_us
        return Injected(
            place,
            step,
            action=action,
            nodes=list(outcome.nodes),
            began_ns=outcome.began_us * 1000,
            ended_ns=None if ended_us is None else ended_us * 1000,
            why_not=(outcome.reason or "it never took effect") if outcome.is_vain else "",
            refused=outcome.refused,
        )


def _as_lines(documents: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(each, separators=(",", ":")) + "\n" for each in documents)


def _nobody_waits(node_id: int, term: int) -> None:
    """Steps that wait for a leader are the simulation's own."""
