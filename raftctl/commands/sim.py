"""sim run, replay, shrink, bench: clusters in virtual time, every fault, and a verdict."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from raftctl.errors import CliError, from_os_error
from raftctl.exit_codes import Exit
from raftctl.output import table
from raftctl.places import check_place
from raftctl.settings import Settings
from raftctl.verbs import group, section

if TYPE_CHECKING:
    from node.sim.simulation import Result
    from node.sim.trace import Line
    from raftctl.simdocs import SimBench, SimReplay, SimRun, SimSeed

INCONCLUSIVE_PERCENT_MAX = 5
"""More runs without a verdict than that say too little."""
BENCH_SECONDS = 60
SHOWN_MAX = 10
"""Of the runs that failed, or have no verdict, each."""


def add_to(app: typer.Typer) -> None:
    verbs = group(app, "sim", "Simulator", "Clusters in virtual time, under every fault.")
    add = section(verbs, "Simulator")
    add(run, "sim run --seeds 1..200", "sim run --seeds 1..10000 --jobs 2 -o json")
    add(replay, "sim replay 7", "sim replay plan.toml -o jsonl", "sim replay 7 --record 7.frames")
    add(shrink, "sim shrink 7 --save plan.toml")
    add(bench, "sim bench", "sim bench -o json")


def run(
    context: typer.Context,
    seeds: Annotated[str, typer.Option(help="Which: 1..500, or one.")] = "1..100",
    jobs: Annotated[
        int | None, typer.Option(min=1, max=256, help="Processes; as many as processors.")
    ] = None,
    first: Annotated[bool, typer.Option("--first", help="Stop at the first that fails.")] = False,
    meet_all: Annotated[
        bool, typer.Option("--meet-all", help="Exit 10 when a situation was never met.")
    ] = False,
) -> int:
    """Run seeds: each is a cluster of its own, with its faults, and a verdict.

    Exit 7 when one failed, 10 when none did and more than 5 % have no verdict. With --meet-all also
    10 when none of the runs met one of the situations that are worth meeting.
    """
    settings: Settings = context.obj
    output = settings.output
    with output.patience("loading the simulator"):
        from raftctl.simulating.seeds import read_seeds, run_seeds
        from raftctl.workers import default_jobs

    chosen = read_seeds(seeds)
    count = min(jobs or default_jobs(), len(chosen))
    output.note(f"simulating seeds {chosen.start}..{chosen.stop - 1} in {_processes(count)}")
    counts = {"failed": 0, "inconclusive": 0, "ok": 0}
    began = time.monotonic()

    def tell(done: int, result: "Result") -> None:
        counts[result.verdict] += 1
        if result.verdict == "failed" and not output.is_json:
            output.note(f"seed {result.seed} FAILED: {result.invariant}")
        left = (len(chosen) - done) * (time.monotonic() - began) / done
        bar = _bar(done / len(chosen), output.ascii_only)
        output.progress(
            f"{bar} {done} of {len(chosen)}, {counts['failed']} failed, {left:.0f}s left"
        )

    document = run_seeds(chosen, count, tell, first)
    output.show(document, lambda: _summary(document))
    return _verdict(document, meet_all)


def _processes(count: int) -> str:
    return "one process" if count == 1 else f"{count} processes"


def _bar(share: float, is_plain: bool) -> str:
    full = round(20 * share)
    return ("#" if is_plain else "█") * full + ("." if is_plain else "░") * (20 - full)


def _verdict(document: "SimRun", meet_all: bool) -> int:
    if document.failed:
        worst = next(each for each in document.problems if each.verdict == "failed")
        asked = document.last - document.first + 1
        message = f"{document.failed} of {document.seeds} seeds failed"
        if document.seeds < asked:
            message = f"a seed failed, after {document.seeds} of {asked} seeds"
        raise CliError(
            "E_INVARIANT",
            f"{message}; seed {worst.seed}: {worst.invariant}",
            Exit.CHECK_FAILED,
            hint=f"raftctl sim replay {worst.seed}, raftctl sim shrink {worst.seed}",
            details={"seed": worst.seed, "invariant": worst.invariant},
        )
    if document.inconclusive * 100 > document.seeds * INCONCLUSIVE_PERCENT_MAX:
        vague = document.problems[0]
        raise CliError(
            "E_VACUOUS",
            f"{document.inconclusive} of {document.seeds} seeds have no verdict; seed "
            f"{vague.seed}: {vague.text}",
            Exit.INCONCLUSIVE,
            hint=f"raftctl sim replay {vague.seed}",
        )
    never = [mark for mark, times in document.coverage.items() if not times]
    if meet_all and never:
        raise CliError(
            "E_VACUOUS",
            f"{document.seeds} seeds never met: {', '.join(never)}",
            Exit.INCONCLUSIVE,
            hint="more --seeds",
        )
    return Exit.OK


def _summary(document: "SimRun") -> Iterator[str]:
    for verdict in ("failed", "inconclusive"):
        chosen = [each for each in document.problems if each.verdict == verdict]
        yield from (_problem(each) for each in chosen[:SHOWN_MAX])
        if len(chosen) > SHOWN_MAX:
            yield f"... {len(chosen) - SHOWN_MAX} more are {verdict}"
    if document.problems:
        yield ""
    met = [(mark, times) for mark, times in document.coverage.items() if times]
    for name, rows in (("MET", met), ("DONE", list(document.faults.items()))):
        if rows:
            yield from _columns((name, "TIMES"), rows)
            yield ""
    never = [mark for mark, times in document.coverage.items() if not times]
    if never and not document.failed:
        yield f"never met: {', '.join(never)}"
    operations = "  ".join(f"{count:,} {name}" for name, count in document.operations.items())
    yield f"operations  {operations}"
    yield (
        f"seeds       {document.ok:,} ok  {document.failed:,} failed  "
        f"{document.inconclusive:,} inconclusive"
    )
    yield (
        f"events      {document.events:,} in {document.wall_s:.1f}s, "
        f"{document.events_per_s:,.0f} a second"
    )


def _columns(header: tuple[str, str], rows: list[tuple[str, int]]) -> list[str]:
    """Two of them side by side, since there are many."""
    half = (len(rows) + 1) // 2
    left = table(header, rows[:half])
    right = table(header, rows[half:]) if rows[half:] else []
    width = max(map(len, left))
    pairs = zip(left, right + [""] * (len(left) - len(right)), strict=True)
    return [f"{one:{width}}    {other}".rstrip() for one, other in pairs]


def _problem(problem: "SimSeed") -> str:
    return f"seed {problem.seed:6}  {problem.verdict:12}  {problem.text}"


def replay(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="FILE|SEED", help="A seed, or a plan.")],
    record: Annotated[
        Path | None, typer.Option(help="Write a recording there: raftctl runs show reads it.")
    ] = None,
) -> int:
    """Run one seed again, or a plan, and show all that happens, a line each.

    With -o jsonl two replays are the same, byte for byte. Exit 7 when it fails, 10 when it has no
    verdict.
    """
    settings: Settings = context.obj
    output = settings.output
    if record is not None:
        check_place(record)
    with output.patience("loading the simulator"):
        from raftctl.simdocs import SimReplay
        from raftctl.simulating.plans import read_plan, unheeded
        from raftctl.simulating.replaying import replayed
        from raftctl.simulating.seeds import document_of

    scenario = read_plan(what)

    def take(line: "Line") -> None:
        if output.mode == "jsonl":
            print(line.json)
        elif not output.is_json:
            print(line.text)

    try:
        result = replayed(scenario, take, record)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise from_os_error(error) from error
    found = document_of(result)
    document = SimReplay(
        found.seed,
        scenario.name,
        found.verdict,
        found.digest,
        found.events,
        found.virtual_s,
        found.invariant,
        found.text,
        is_same_run=found.digest == scenario.sim.get("digest", found.digest),
        unheeded=unheeded(scenario),
    )
    output.show(document, lambda: _replayed(document))
    return _verdict_of(result, f"raftctl sim shrink {what}")


def _verdict_of(result: "Result", hint: str) -> int:
    if result.verdict == "failed":
        raise CliError(
            "E_INVARIANT",
            result.text,
            Exit.CHECK_FAILED,
            hint=hint,
            details={"seed": result.seed, "invariant": result.invariant},
        )
    if result.verdict == "inconclusive":
        raise CliError("E_VACUOUS", result.why, Exit.INCONCLUSIVE, hint="another seed, or plan")
    return Exit.OK


def _replayed(document: "SimReplay") -> Iterator[str]:
    if document.unheeded:
        yield f"not looked at in a simulation: {', '.join(document.unheeded)}"
    if not document.is_same_run:
        yield "another run than where the plan was written: other code ran it, or it was changed"
    what = f": {document.text}" if document.text else ""
    yield f"seed {document.seed}  {document.verdict}{what}"
    yield (
        f"{document.events:,} events in {document.virtual_s:.3f} virtual seconds, digest "
        f"{document.digest}"
    )


def shrink(
    context: typer.Context,
    what: Annotated[str, typer.Argument(metavar="FILE|SEED", help="What fails.")],
    save: Annotated[Path | None, typer.Option(help="Write the smaller plan there.")] = None,
) -> int:
    """Make a failing run small: the fewest faults and nodes that still break the same rule.

    Exit 6 when it does not fail.
    """
    settings: Settings = context.obj
    output = settings.output
    if save is not None:
        check_place(save)
    with output.patience("loading the simulator"):
        from dataclasses import replace

        from node.scenario.writing import write
        from node.sim.shrink import Shrinker
        from node.sim.simulation import simulate
        from raftctl.simdocs import SimShrink
        from raftctl.simulating.plans import read_plan

    scenario = read_plan(what)
    output.note(f"running {scenario.name}")
    shrunk = Shrinker(simulate, output.progress).shrink(scenario)
    if shrunk is None:
        raise CliError(
            "E_NO_FAILURE",
            f"{what} does not fail, so there is nothing to make smaller",
            Exit.PRECONDITION,
            hint="raftctl sim run --seeds 1..500 looks for one that does",
        )
    found = {**shrunk.scenario.sim, "digest": shrunk.result.digest}
    text = write(replace(shrunk.scenario, sim=found))
    lost = None if save is None else _saved(save, text)
    is_there = save is not None and lost is None
    document = SimShrink(
        seed=scenario.seed,
        invariant=shrunk.result.invariant,
        text=shrunk.result.text,
        steps_before=shrunk.steps_before,
        steps=len(shrunk.scenario.steps),
        nodes=shrunk.scenario.nodes,
        virtual_s=round(shrunk.result.at_us / 1e6, 6),
        runs=shrunk.runs,
        plan=text,
        file=str(save) if is_there else None,
    )
    output.show(document, lambda: [] if is_there else text.splitlines())
    output.note(
        f"{document.text}: after {document.virtual_s:.3f} virtual seconds, {document.steps} of "
        f"{document.steps_before} steps and {document.nodes} nodes, in {document.runs} runs"
    )
    if lost is not None:
        raise from_os_error(lost) from lost
    output.note(f"Next: raftctl sim replay {save or 'FILE'}")
    return Exit.OK


def _saved(path: Path, text: str) -> OSError | None:
    """What kept it from being written, if anything: it is shown then."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        return error
    return None


def bench(context: typer.Context) -> int:
    """How fast it is: five nodes, 50 operations a second, 60 virtual seconds, all invariants."""
    settings: Settings = context.obj
    output = settings.output
    with output.patience("loading the simulator"):
        from node.scenario.scenario import Scenario, Workload
        from node.sim.simulation import simulate
        from raftctl.simdocs import SimBench
        from raftctl.simulating.collector import ease_collector

    scenario = Scenario(
        "bench",
        nodes=5,
        seed=1,
        duration_us=BENCH_SECONDS * 1_000_000,
        workload=Workload(clients=8, rate_per_s=50),
    )
    output.note(f"simulating {BENCH_SECONDS} seconds of 5 nodes")
    ease_collector()
    began = time.perf_counter()
    result = simulate(scenario)
    wall_s = time.perf_counter() - began
    document = SimBench(
        result.events,
        round(wall_s, 3),
        round(result.events / wall_s, 1),
        round(result.at_us / 1e6, 3),
        sum(result.operations.values()),
        result.digest,
    )
    output.show(document, lambda: [_benched(document)])
    return _verdict_of(result, "raftctl sim run --seeds 1..100 looks for more")


def _benched(document: "SimBench") -> str:
    return (
        f"{document.events:,} events in {document.wall_s:.2f}s: {document.events_per_s:,.0f} a "
        f"second; {document.virtual_s:.1f} virtual seconds, {document.operations:,} operations"
    )
