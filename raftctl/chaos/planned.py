"""What a run is about to do, as a document."""

from typing import Literal

from node.scenario.scenario import Scenario
from node.verify.told import RULES
from raftctl.chaos.folders import RunFolder
from raftctl.progressdocs import ChaosPlan, PlannedStep


def plan_of(
    scenario: Scenario, mode: Literal["live", "sim"], folder: RunFolder, nodes: int
) -> ChaosPlan:
    """`scenario`: with its background faults as steps. `nodes`: how many there are."""
    load, expect = scenario.workload, scenario.expect
    wanted = {"all": RULES, "none": ()}.get(str(expect.invariants), expect.invariants)
    budgets = [f"budget {step.name}" for step in scenario.steps if step.name in expect.steps]
    return ChaosPlan(
        name=scenario.name,
        about=scenario.about,
        seed=scenario.seed,
        mode=mode,
        run=folder.name,
        folder=str(folder.path),
        report=str(folder.report),
        nodes=nodes,
        duration_ms=scenario.duration_us / 1000,
        load=f"{load.kind} {load.rate_per_s}/s, {load.clients} clients, {load.keys} keys",
        steps=[
            PlannedStep(
                step=place,
                name=step.name,
                when=str(step.when),
                line=str(step.action),
                lasts_ms=None if step.lasts_us is None else step.lasts_us / 1000,
            )
            for place, step in enumerate(scenario.steps, 1)
        ],
        rules=[rule for rule in RULES if rule in wanted],
        at_end=[
            *(["linearizable"] if expect.linearizable else []),
            *(["logs"] if mode == "live" else []),
            "converged",
            *budgets,
        ],
    )
