"""chaos run, random, replay, shrink, ls, show, report: scenarios, and a verdict on each run.

`record` has a file of its own.
"""

import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from raftctl.commands.record import record
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.output import table
from raftctl.places import check_new_place, check_place
from raftctl.settings import Settings
from raftctl.values import seconds, usage
from raftctl.verbs import group, section

if TYPE_CHECKING:
    from node.scenario.scenario import Scenario
    from raftctl.chaos.folders import RunFolder
    from raftctl.chaos.running import Tell
    from raftctl.chaosdocs import ChaosFault, ChaosRow, ChaosRun

What = Annotated[
    str, typer.Argument(metavar="FILE|PRESET", help="A scenario; chaos ls has those that ship.")
]
Change = Annotated[
    list[str] | None, typer.Option("--set", help="workload.rate=200/s; may be repeated.")
]
WHAT_LENGTH_MAX = 60
SIGNS = {
    "ok": ("✓", "ok"),
    "failed": ("✗", "FAILED"),
    "inconclusive": ("?", "unclear"),
    "unasked": ("–", "-"),
}


def add_to(app: typer.Typer) -> None:
    verbs = group(app, "chaos", "Chaos", "Scenarios of faults on real processes, and a verdict.")
    add = section(verbs, "Chaos")
    add(run, "chaos run leader-in-minority", "chaos run plan.toml --set nodes=3 --junit out.xml")
    add(random, "chaos random --seed 42 --duration 60s --save plan.toml")
    add(record, "chaos record mine.toml", "chaos record mine.toml --since 10m --resolved")
    add(replay, "chaos replay latest", "chaos replay kill-leader-loop")
    add(shrink, "chaos shrink latest --save small.toml")
    add(ls, "chaos ls")
    add(show, "chaos show leader-in-minority")
    add(report, "chaos report latest --open", "chaos report latest -o json")


def run(
    context: typer.Context,
    what: What,
    seed: Annotated[int | None, typer.Option(min=0, help="Another than the file has.")] = None,
    changes: Change = None,
    simulated: Annotated[
        bool, typer.Option("--sim/--live", help="In virtual time, or on real processes.")
    ] = False,
    junit: Annotated[Path | None, typer.Option(help="Write the checks there, for CI.")] = None,
) -> int:
    """Carry a scenario out on a cluster of its own, or on -c NAME, and say what held.

    With -o jsonl what happens meanwhile is a document each, and the verdict the last one. Exit 7
    when something was found to be wrong, 10 when it cannot be told.
    """
    settings: Settings = context.obj
    if junit is not None:
        check_place(junit)
    with settings.output.patience(f"reading {what}"):
        from raftctl.chaos.junit import write_junit
        from raftctl.chaos.presets import find_scenario

        changed = [*(changes or []), *([] if seed is None else [f"seed={seed}"])]
        scenario = find_scenario(what, changed)
    from raftctl.chaos.telling import Documents, Lines

    words = ["raftctl", "chaos", "run", what]
    words += [] if seed is None else ["--seed", str(seed)]
    words += [word for change in changes or [] for word in ("--set", change)]
    if simulated:
        words.append("--sim")
        if settings.cluster is not None:
            settings.output.warn(f"a simulation has its own nodes, not those of {settings.cluster}")
    elif settings.cluster is not None:
        words += ["-c", settings.cluster]
    again = shlex.join(words)
    tell = Documents(settings.output) if settings.output.mode == "jsonl" else Lines(settings.output)
    found = _carried_out(settings, scenario, again, simulated, tell)
    settings.output.show(found, lambda: _told(settings, found))
    if junit is not None:
        write_junit(found, junit)
    return _exit_of(found)


def random(
    context: typer.Context,
    seed: Annotated[int, typer.Option(min=0, help="The same scenario for the same seed.")] = 1,
    duration: Annotated[str, typer.Option(help="How long it takes.")] = "60s",
    nodes: Annotated[int, typer.Option("-n", "--nodes", min=3, max=9, help="How many.")] = 5,
    save: Annotated[Path | None, typer.Option(help="Write it there, else show it.")] = None,
) -> int:
    """Draw a scenario from a seed: its faults never cost the quorum."""
    from node.scenario.drawing import DURATION_US_MIN, draw_scenario
    from node.scenario.quantities import duration_text
    from node.scenario.scenario import DURATION_US_MAX
    from node.scenario.writing import write
    from raftctl.chaosdocs import ChaosScenario
    from raftctl.scenariofile import save_scenario

    settings: Settings = context.obj
    duration_us = round(seconds(duration) * 1e6)
    if not DURATION_US_MIN <= duration_us <= DURATION_US_MAX:
        raise usage(f"--duration {duration}", f"from {duration_text(DURATION_US_MIN)} to 24h")
    if save is not None:
        check_new_place(save)
    drawn = draw_scenario(seed, duration_us, nodes)
    text = write(drawn)
    if save is not None:
        save_scenario(save, text)
    document = ChaosScenario(drawn.name, drawn.about, drawn.nodes, text)
    settings.output.show(document, lambda: [] if save else text.splitlines())
    count = len(drawn.steps)
    settings.output.note(
        f"{count} step{'s' * (count != 1)}. Next: raftctl chaos run {save or 'FILE'}"
    )
    return Exit.OK


def replay(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="RUN", help="A run, or latest.")],
    junit: Annotated[Path | None, typer.Option(help="Write the checks there, for CI.")] = None,
) -> int:
    """Run again what a run did: the same steps on the same nodes, at the same times.

    What the processes make of it is theirs: only simulations are the same again, event by event.
    """
    from raftctl.chaos.folders import find_run_folder
    from raftctl.chaos.results import read_result

    settings: Settings = context.obj
    folder = find_run_folder(settings, what)
    if not folder.plan.is_file():
        hint = "raftctl chaos ls has others"
        raise CliError("E_RUN", f"{what} broke off before it had a plan", Exit.NOT_FOUND, hint=hint)
    simulated = read_result(folder).mode == "sim"
    return run(context, str(folder.plan), simulated=simulated, junit=junit)


def shrink(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="RUN", help="One that failed, or latest.")],
    save: Annotated[Path | None, typer.Option(help="Write the smaller scenario there.")] = None,
    runs: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
) -> int:
    """Leave out what a failed run does not need: as few steps as still fail the same check.

    Each try is a run of its own, live or simulated as the first one was. Exit 6 when it does not
    fail again.
    """
    from dataclasses import replace

    from node.scenario.writing import write
    from raftctl.chaos.folders import find_run_folder
    from raftctl.chaos.results import read_result
    from raftctl.chaos.shrinking import shrunk
    from raftctl.chaos.telling import Lines
    from raftctl.chaosdocs import ChaosShrink
    from raftctl.scenariofile import read_scenario, save_scenario

    settings: Settings = context.obj
    if save is not None:
        check_new_place(save)
    folder = find_run_folder(settings, what)
    first, scenario = read_result(folder), read_scenario(folder.plan)
    quiet = replace(settings, output=settings.output.quieter())

    def again(smaller: "Scenario") -> "ChaosRun":
        is_simulated = first.mode == "sim"
        return _carried_out(quiet, smaller, first.again, is_simulated, Lines(quiet.output))

    if first.verdict != "failed":
        raise _no_failure(f"{first.run} did not fail: it is {first.verdict}", "raftctl chaos ls")
    count = len(scenario.steps)
    settings.output.note(f"running {first.run}, {count} step{'s' * (count != 1)}")
    found = shrunk(scenario, again, settings.output.note, runs)
    if found is None:
        hint = "real processes do not do the same twice: try again"
        if first.mode == "sim":
            hint = "what it runs is another one than then"
        raise _no_failure(f"{first.run} did not fail when it was run again", hint)
    text = write(found.scenario)
    if save is not None:
        save_scenario(save, text)
    document = ChaosShrink(
        check=found.check.name,
        text=found.check.text,
        steps_before=len(scenario.steps),
        steps=len(found.scenario.steps),
        runs=found.runs,
        plan=text,
    )
    settings.output.show(document, lambda: [] if save else text.splitlines())
    settings.output.note(
        f"{document.check}: {document.text}: {document.steps} of {document.steps_before} steps, in "
        f"{document.runs} runs"
    )
    settings.output.note(f"Next: raftctl chaos run {save or 'FILE'}")
    return Exit.OK


def _no_failure(message: str, hint: str) -> CliError:
    return CliError("E_NO_FAILURE", message, Exit.PRECONDITION, hint=hint)


def _carried_out(
    settings: Settings, scenario: "Scenario", again: str, is_simulated: bool, tell: "Tell"
) -> "ChaosRun":
    if is_simulated:
        from raftctl.chaos.simulated import run_sim

        return run_sim(settings, scenario, again, tell)
    from raftctl.chaos.live import run_live

    return run_live(settings, scenario, again, settings.cluster, tell)


def _exit_of(found: "ChaosRun") -> int:
    if found.verdict == "failed":
        hint = f"raftctl chaos report {found.run}"
        raise CliError("E_CHAOS", found.text, Exit.CHECK_FAILED, hint=hint)
    if found.verdict == "inconclusive":
        raise CliError("E_VACUOUS", found.text, Exit.INCONCLUSIVE, hint=found.again)
    return Exit.OK


def _told(settings: Settings, found: "ChaosRun") -> Iterator[str]:
    rows = [_row_of(fault) for fault in found.faults]
    if rows:
        header = ("STEP", "WHAT", "FROM", "TO", "LEADER", "NO WRITE", "NO READ", "OK")
        yield from table(header, rows)
        yield ""
    for check in found.checks:
        sign = settings.output.sign(*SIGNS[check.verdict])
        yield f"{sign} {check.name:16} {check.text}"
    yield ""
    latency = found.latency
    counted = "  ".join(f"{count:,} {name}" for name, count in found.operations.items())
    yield f"operations  {counted}"
    if latency.p50_ms is not None:
        yield (
            f"latency     p50 {latency.p50_ms} ms  p95 {latency.p95_ms} ms  "
            f"p99 {latency.p99_ms} ms  max {latency.max_ms} ms"
        )
    if found.write_share is not None and found.read_share is not None:
        yield f"available   writes {found.write_share:.1%}  reads {found.read_share:.1%}"
    yield f"verdict     {found.verdict}: {found.text}"
    yield f"again       {found.again}"


def _row_of(fault: "ChaosFault") -> tuple[object, ...]:
    what = fault.resolved or fault.line
    if len(what) > WHAT_LENGTH_MAX:  # many links
        what = fault.line
    name = f"{fault.name}: " if fault.name else ""
    return (
        fault.step,
        f"{name}{what}",
        _seconds(fault.began_ms),
        _seconds(fault.ended_ms),
        _milliseconds(fault.new_leader_ms),
        _milliseconds(fault.write_gap_ms),
        _milliseconds(fault.read_gap_ms),
        fault.ok,
    )


def _seconds(milliseconds: float | None) -> str | None:
    return None if milliseconds is None else f"{milliseconds / 1000:.1f}s"


def _milliseconds(milliseconds: float | None) -> str | None:
    return None if milliseconds is None else f"{milliseconds:.0f}ms"


def ls(context: typer.Context) -> int:
    """The scenarios that ship, and the runs that there were, the newest first."""
    from raftctl.chaos.folders import all_runs
    from raftctl.chaos.presets import preset_names
    from raftctl.chaosdocs import ChaosRuns

    settings: Settings = context.obj
    document = ChaosRuns([_run_row(run) for run in all_runs(settings)], preset_names())
    settings.output.show(document, lambda: _listed(document.presets, document.runs))
    return Exit.OK


def _run_row(folder: "RunFolder") -> "ChaosRow":
    from raftctl.chaosdocs import ChaosRow

    try:
        found = folder.document()
    except CliError as error:
        why = error.message.removeprefix(f"{folder.name} ")
        return ChaosRow(folder.name, "", 0, "", None, why, "")
    keys = ("name", "seed", "mode", "verdict", "text", "began")
    return ChaosRow(folder.name, *(found.get(key, "") for key in keys))


def _listed(presets: list[str], runs: "list[ChaosRow]") -> Iterator[str]:
    from raftctl.chaos.presets import preset_about

    yield from table(("SCENARIO", "WHAT"), [(name, preset_about(name)) for name in presets])
    if runs:
        yield ""
        yield from table(
            ("RUN", "VERDICT", "WHY"), [(run.run, run.verdict or "-", run.text) for run in runs]
        )


def show(context: typer.Context, what: What) -> int:
    """Print the scenario's text."""
    from raftctl.chaos.presets import find_scenario, scenario_text
    from raftctl.chaosdocs import ChaosScenario

    settings: Settings = context.obj
    scenario = find_scenario(what)
    text = scenario_text(what)
    document = ChaosScenario(scenario.name, scenario.about, scenario.nodes, text)
    settings.output.show(document, text.splitlines)
    return Exit.OK


def report(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="RUN", help="A run, or latest.")] = "latest",
    opens: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
) -> int:
    """What a run came to, again, and where its report is, a page that needs no network.

    It is made from the other files of the run's folder: again, once the verdict is newer than it.
    """
    from raftctl.chaos.folders import find_run_folder
    from raftctl.chaos.results import read_result

    settings: Settings = context.obj
    folder = find_run_folder(settings, what)
    found = read_result(folder)
    settings.output.show(found, lambda: _told(settings, found))
    if _is_out_of_date(folder):
        from raftctl.chaos.report.page import write_report

        with settings.output.patience("making the report"):
            write_report(folder)
    settings.output.note(f"report: {folder.report}")
    if opens:
        import webbrowser

        if not webbrowser.open(folder.report.resolve().as_uri()):
            settings.output.warn("there is no browser here")
    return _exit_of(found)


def _is_out_of_date(folder: "RunFolder") -> bool:
    """A run whose history was checked later has another verdict."""
    made = folder.report
    return not made.exists() or made.stat().st_mtime < folder.result.stat().st_mtime
