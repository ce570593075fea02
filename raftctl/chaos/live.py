"""A live run from its scenario to its folder: the cluster, what is done to it, and the verdict."""

import shutil
from datetime import UTC, datetime

from node.scenario.quantities import duration_text
from node.scenario.scenario import Scenario
from raftctl.chaos.arena import Arena
from raftctl.chaos.concluding import concluded
from raftctl.chaos.folders import make_run_folder
from raftctl.chaos.recording import write_recording
from raftctl.chaos.running import LiveRun, Tell
from raftctl.chaosdocs import ChaosRun
from raftctl.settings import Settings


def run_live(
    settings: Settings, scenario: Scenario, again: str, lent: str | None, tell: Tell
) -> ChaosRun:
    """Run it, and write its folder. `again`: the line that runs it again. `lent`: a cluster to use.
    `tell` gets what happens meanwhile.

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
        with Arena(settings, folder, scenario.nodes, lent) as arena:
            ran = LiveRun(scenario, arena, folder, tell).run()
            arena.keep_logs()
    except BaseException:
        if not any(folder.path.glob("*.jsonl")):
            shutil.rmtree(folder.path, ignore_errors=True)  # it did not even begin
        raise
    run = concluded(ran, folder, "live", again, began)
    name = scenario.name if lent is None else lent
    write_recording(folder, ran, name, arena.recorded())
    output.note(f"report: {folder.report}")
    if run.verdict == "ok":
        arena.forget_data()
    return run
