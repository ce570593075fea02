"""From what happened to a verdict, and to the files of the run."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from node.scenario.pruning import without_orphans
from node.scenario.scenario import Scenario, Step
from node.scenario.when import At
from node.scenario.writing import write
from raftctl.chaos.committed import write_committed
from raftctl.chaos.folders import RunFolder
from raftctl.chaos.histories import check_history
from raftctl.chaos.judging import Judgement, verdict_of
from raftctl.chaos.metrics import write_metrics
from raftctl.chaos.report.page import write_report
from raftctl.chaos.results import versions, write_result
from raftctl.chaos.running import Ran
from raftctl.chaosdocs import ChaosCheck, ChaosRun


def concluded(
    ran: Ran,
    folder: RunFolder,
    mode: Literal["live", "sim"],
    again: str,
    began: datetime,
    more: Sequence[ChaosCheck] = (),
) -> ChaosRun:
    """The run's document, which is written down with its other files. `more`: what was checked
    elsewhere. Raises OSError.
    """
    judgement, scenario = Judgement(ran), ran.scenario
    write_committed(folder, ran.committed)
    checks = [*more, check_history(folder, scenario, ran.committed), *judgement.checks()]
    verdict, text = verdict_of(checks)
    run = ChaosRun(
        verdict=verdict,
        text=text,
        name=scenario.name,
        seed=scenario.seed,
        mode=mode,
        run=folder.name,
        folder=str(folder.path),
        nodes=ran.nodes,
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
    write_report(folder)
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
    return without_orphans(replace(ran.scenario, steps=tuple(steps)))
