"""A live run from its scenario to its folder: the cluster, what is done to it, and the verdict."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime

from node.scenario.quantities import duration_text
from node.scenario.scenario import Scenario, Step
from node.scenario.when import At
from node.scenario.writing import write
from raftctl.chaos.arena import Arena
from raftctl.chaos.folders import RunFolder, make_run_folder
from raftctl.chaos.judging import Judgement, verdict_of
from raftctl.chaos.metrics import write_metrics
from raftctl.chaos.results import versions, write_result
from raftctl.chaos.running import LiveRun, Ran
from raftctl.chaosdocs import ChaosRun
from raftctl.settings import Settings


def run_live(settings: Settings, scenario: Scenario, again: str, lent: str | None) -> ChaosRun:
    """Run it, and write its folder. `again`: the line that runs it again. `lent`: a cluster to use.

    Raises CliError, OSError.
    """
    output = settings.output
    folder = make_run_folder(settings, scenario.name, scenario.seed)
    began = datetime.now(UTC)
    took = duration_text(scenario.duration_us)
    where = f"a cluster of {scenario.nodes}" if lent is None else f"cluster {lent}"
    output.note(f"{scenario.name}: {took} on {where}, seed {scenario.seed}")
    output.note(f"files: {folder.path}")
    try:
        arena = Arena(settings, folder, scenario.nodes, lent)
        with arena:
            arena_nodes = len(arena.cluster.spec.nodes)
            ran = LiveRun(scenario, arena, folder, output.note, output.progress).run()
            arena.keep_logs()
    except BaseException:
        if not any(folder.path.glob("*.jsonl")):
            shutil.rmtree(folder.path, ignore_errors=True)  # it did not even begin
        raise
    run = _judged(ran, folder, scenario, again, began, arena_nodes)
    if run.verdict == "ok":
        arena.forget_data()
    return run


def _judged(
    ran: Ran, folder: RunFolder, scenario: Scenario, again: str, began: datetime, nodes: int
) -> ChaosRun:
    judgement = Judgement(ran)
    checks = list(judgement.checks())
    verdict, text = verdict_of(checks)
    run = ChaosRun(
        verdict=verdict,
        text=text,
        name=scenario.name,
        seed=scenario.seed,
        mode="live",
        run=folder.name,
        folder=str(folder.path),
        nodes=nodes,
        began=began.isoformat(timespec="milliseconds"),
        duration_s=scenario.duration_us / 1e6,
        again=again,
        versions=versions(),
        checks=checks,
        faults=judgement.faults(),
        operations={**ran.seen.counts, "missed": ran.seen.missed},
        latency=judgement.latency(),
        write_share=judgement.share("write"),
        read_share=judgement.share("read"),
        leaders=[
            {"at_ms": round(at_ns / 1e6, 1), "node": node_id, "term": term}
            for at_ns, node_id, term in ran.leaders
        ],
    )
    folder.plan.write_text(write(_as_carried_out(ran)), encoding="utf-8")
    write_metrics(folder.metrics, ran)
    write_result(run, folder)
    return run


def _as_carried_out(ran: Ran) -> Scenario:
    """Each step at its time, on the nodes that were meant, for as long as it held."""
    steps: list[Step] = []
    for injected in ran.steps:
        step = injected.step
        lasts_us = step.lasts_us
        if lasts_us is not None and injected.ended_ns is not None:
            lasts_us = max((injected.ended_ns - injected.began_ns) // 1_000_000, 1) * 1000
        at = At(injected.began_ns // 1_000_000 * 1000)
        steps.append(Step(at, injected.action or step.action, step.name, lasts_us))
    return replace(ran.scenario, steps=tuple(steps))
