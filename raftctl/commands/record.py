"""chaos record: what was done to a cluster by hand, as a scenario."""

import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.places import check_new_place
from raftctl.settings import Settings
from raftctl.values import seconds, usage

if TYPE_CHECKING:
    from raftctl.chaos.handmade import Handmade
    from raftctl.cluster.directory import Cluster
    from raftctl.cluster.journal import Entry

TOLD_MAX = 10
"""Lines that are left out, and said."""
NAME_LENGTH_MAX = 40


def record(
    context: typer.Context,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Write it there, else show it.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(help="Only what was done after: 10m, or 2026-11-24T12:00:00Z.")
    ] = None,
    last: Annotated[int | None, typer.Option(min=1, help="Only so many lines, the last.")] = None,
    resolved: Annotated[
        bool, typer.Option("--resolved", help="Name the nodes that selectors meant.")
    ] = False,
) -> int:
    """Make a scenario of what was done to a cluster: each line that changed or broke something.

    Times are as they were; what was ended again lasts for that time. Lines that no scenario has are
    left out, and told.
    """
    from node.scenario.quantities import duration_text
    from node.scenario.writing import write
    from raftctl.chaosdocs import ChaosLeftOut, ChaosRecord
    from raftctl.cluster.directory import find_cluster
    from raftctl.scenariofile import save_scenario

    settings: Settings = context.obj
    cluster = find_cluster(settings)
    if file is not None:
        check_new_place(file)
    made = _made(cluster, _name(file), since, last, resolved)
    for each in made.left_out[:TOLD_MAX]:
        settings.output.note(f"left out: {each.line}: {each.why}")
    if len(made.left_out) > TOLD_MAX:
        settings.output.note(f"left out: {len(made.left_out) - TOLD_MAX} more lines")
    scenario = made.scenario
    if not scenario.steps:
        raise _nothing(cluster)
    text = write(scenario)
    if file is not None:
        save_scenario(file, text)
    left_out = [ChaosLeftOut(each.line, each.why) for each in made.left_out]
    steps, duration_us = len(scenario.steps), scenario.duration_us
    document = ChaosRecord(scenario.name, scenario.nodes, steps, duration_us / 1000, left_out, text)
    says = f"{file}: {steps} step{'s' * (steps != 1)}, {duration_text(round(duration_us, -6))}"
    settings.output.show(document, lambda: text.splitlines() if file is None else [says])
    settings.output.note(f"Next: raftctl chaos run {file or 'FILE'} --sim")
    return Exit.OK


def _made(
    cluster: "Cluster", name: str, since: str | None, last: int | None, exact: bool
) -> "Handmade":
    """Raises CliError for nothing, and for what is too much."""
    from node.scenario.errors import ScenarioError
    from raftctl.chaos.handmade import scenario_of

    now = time.time()
    today = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M} UTC"
    entries = _entries(cluster, since, last, now)
    try:
        return scenario_of(entries, now, name, f"What was done to {cluster.name}, {today}.", exact)
    except ScenarioError as error:
        raise usage(error.message, error.hint) from error


def _entries(cluster: "Cluster", since: str | None, last: int | None, now: float) -> "list[Entry]":
    """Raises CliError where there are none."""
    from raftctl.cluster.journal import read
    from raftctl.cluster.runsaving import moment

    if since is None:
        after = 0.0
    elif "-" in since:
        after = moment(since, 0, 0) / 1e9
    else:
        after = now - seconds(since)
    found = [entry for entry in read(cluster.folder) if entry.at >= after]
    if not found:
        raise _nothing(cluster)
    return found if last is None else found[-last:]


def _nothing(cluster: "Cluster") -> CliError:
    return CliError(
        "E_NO_ACTIONS",
        f"nothing was done to {cluster.name} that a scenario could do again",
        Exit.NOT_FOUND,
        hint=f"{cluster.line} kill leader, {cluster.line} start all, and then this",
    )


def _name(file: Path | None) -> str:
    """What the scenario is called: as its file, as far as it can be."""
    stem = "" if file is None else file.name.removesuffix(".toml")
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-_")[:NAME_LENGTH_MAX] or "recorded"
