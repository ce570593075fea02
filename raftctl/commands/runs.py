"""runs ls, show, export, rm: what the nodes recorded of themselves."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from raftctl import completion
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.output import escaped, table
from raftctl.settings import Settings, confirm
from raftctl.values import ago, size_text, usage
from raftctl.verbs import group, section

if TYPE_CHECKING:
    from raftctl.cluster.recordings import Run
    from raftctl.eventdocs import RunExport, RunRm, RunRow, RunShow

SIMULATED = "simulated"
RunArgument = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="A cluster, a saved run, a chaos run, a file, or latest.",
        autocompletion=completion.runs,
    ),
]


def add_to(app: typer.Typer) -> None:
    about = "What the nodes recorded of themselves."
    add = section(group(app, "runs", "Observe", about), "Observe")
    add(runs_ls, "runs ls", "runs ls -o json", name="ls")
    add(runs_show, "runs show latest", "runs show demo -o json", name="show")
    add(
        runs_export, "runs export demo", "runs export demo split.frames --from +1m --to +2m",
        name="export",
    )  # fmt: skip
    add(runs_rm, "runs rm demo-20261124-120000 -y", name="rm")


def runs_ls(context: typer.Context) -> None:
    """List the recordings: of clusters and chaos runs, and the saved ones; the newest first."""
    from raftctl.cluster.recordings import find_runs
    from raftctl.cluster.runsummary import row
    from raftctl.eventdocs import Runs

    settings: Settings = context.obj
    with settings.output.patience("looking at the recordings"):
        document = Runs([row(run) for run in find_runs(settings)])
    settings.output.show(document, lambda: _rows(document.runs))


def _rows(rows: "list[RunRow]") -> list[str]:
    if not rows:
        return ["there are no recordings"]
    header = ("RUN", "KIND", "NODES", "STARTED", "LAST WRITTEN", "SIZE", "PROBLEM")
    cells = [
        (
            row.name,
            row.kind,
            " ".join(row.nodes) or None,
            SIMULATED if row.simulated else row.started,
            row.ended,
            size_text(row.size_bytes),
            row.damage,
        )
        for row in rows
    ]
    if all(row.damage is None for row in rows):
        return table(header[:-1], [each[:-1] for each in cells])
    return table(header, cells)


def runs_show(context: typer.Context, run: RunArgument) -> int:
    """Show what a recording holds, by node; `raftctl events --run RUN` shows the events in it.

    Exit 8 when a part of it is damaged.
    """
    from raftctl.cluster.recordings import find_run
    from raftctl.cluster.runsummary import summary

    settings: Settings = context.obj
    found = find_run(settings, run)
    with settings.output.patience(f"reading {found.name}"):
        document = summary(found)
    settings.output.show(document, lambda: _summary(document))
    return tell_damages(settings, found)


def _summary(document: "RunShow") -> list[str]:
    took = ago(document.duration_ms / 1000)
    when = SIMULATED if document.simulated else f"from {document.started}"
    head = f"{document.run}  cluster {document.cluster}  {took} {when}"
    header = ("NODE", "STARTS", "FRAMES", "EVENTS", "LOST", "TERM", "APPLIED", "FIRST", "LAST")
    cells = [
        (
            node.node,
            node.boots,
            node.frames,
            node.events,
            node.gaps,
            node.term,
            node.applied,
            _moment(node.first, document),
            _moment(node.last, document),
        )
        for node in document.nodes
    ]
    size = size_text(document.size_bytes)
    return [escaped(f"{head}  {document.frames:,} frames  {size}"), *table(header, cells)]


def _moment(time: str, document: "RunShow") -> str:
    """Of a simulation without the date, as `raftctl events` shows it."""
    return time.partition("T")[2].rstrip("Z") if document.simulated else time


def tell_damages(settings: Settings, run: "Run") -> int:
    """The exit code: 8 for damage, which what a killed node left unfinished is not."""
    for text, is_cut in run.damages:
        if is_cut:
            settings.output.note(f"{text}, and nobody goes on writing it")
        else:
            settings.output.warn(f"{text}; what comes before was read")
    return Exit.OK if all(damage.is_cut for damage in run.damages) else Exit.PARTIAL


def runs_export(
    context: typer.Context,
    run: RunArgument,
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Where to; none: the home's runs.")
    ] = None,
    begin: Annotated[
        str | None, typer.Option("--from", help="From when on: +1m30s, or a time (UTC).")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="Until when: +2m, or a time.")] = None,
) -> int:
    """Write a recording, or a part of it, as one file: all nodes merged by time.

    It begins with the status of each node. Without FILE it is saved with the others, and
    `raftctl runs ls` has its name. Exit 8 when a part of it is damaged.
    """
    from raftctl.cluster.eventlines import name, time_text
    from raftctl.cluster.recordings import find_run
    from raftctl.cluster.runsaving import FOREVER_NS, default_path, moment, save
    from raftctl.eventdocs import RunExport

    settings: Settings = context.obj
    found = find_run(settings, run)
    began_ns = min(head.wall_ns for _, head in found.heads())
    first_ns = moment(begin, began_ns, 0)
    last_ns = moment(end, began_ns, FOREVER_NS)
    if first_ns > last_ns:
        raise usage(f"--from {begin} comes after --to {end}", "--from +1m --to +2m")
    with settings.output.patience(f"writing the recording {found.name}"):
        saved = save(found, file or default_path(settings, found), first_ns, last_ns)
    document = RunExport(
        found.name,
        str(saved.path),
        None if saved.first_ns is None else time_text(saved.first_ns),
        None if saved.last_ns is None else time_text(saved.last_ns),
        saved.frames,
        [name(node) for node in sorted(saved.nodes)],
        saved.size_bytes,
        [damage.text for damage in found.damages],
    )
    settings.output.show(document, lambda: [_exported(document)])
    return tell_damages(settings, found)


def _exported(document: "RunExport") -> str:
    size = size_text(document.size_bytes)
    nodes = " ".join(document.nodes)
    return escaped(f"{document.file}  {document.frames:,} frames of {nodes}  {size}")


def runs_rm(context: typer.Context, run: RunArgument) -> None:
    """Remove a recording, of a chaos run its whole folder.

    Of a cluster that runs, the files that are being written stay.
    """
    from raftctl.cluster.recordings import find_run, runs_called
    from raftctl.eventdocs import RunRm

    settings: Settings = context.obj
    found = find_run(settings, run)
    others = [each for each in runs_called(settings, run) if each.path != found.path]
    if others:  # to read the newest will do, to remove it will not
        paths = " and ".join(str(each.path) for each in (found, *others))
        raise usage(f"{run} may be {paths}", "give the saved file another name, or remove it by rm")
    if found.kind == "saved" and found.path == Path(run):
        raise usage(f"{run} is a file", "rm removes files; runs rm takes a name of runs ls")
    if found.kind == "chaos":
        gone = _remove_chaos(settings, found)
        settings.output.show(gone, lambda: [removed_text(gone)])
        return
    writing = _being_written(found)
    chosen = [path for path in found.files if path not in writing]
    if not chosen:
        message = f"all of {found.name} is being written by running nodes"
        hint = f"raftctl down {found.name}, or runs export and go on"
        raise CliError("E_BUSY", message, Exit.PRECONDITION, hint=hint)
    confirm(settings, f"remove {_files(len(chosen))} of the recording {found.name}")
    freed = 0
    for path in chosen:
        freed += path.stat().st_size if path.exists() else 0
        path.unlink(missing_ok=True)
    kept = sorted(str(path) for path in writing)
    document = RunRm(found.name, len(chosen), freed, kept)
    settings.output.show(document, lambda: [removed_text(document)])


def _remove_chaos(settings: Settings, run: "Run") -> "RunRm":
    """A chaos run goes with all that it left."""
    from raftctl.chaos.folders import RunFolder, remove_run_folder
    from raftctl.eventdocs import RunRm

    files = [path for path in run.path.rglob("*") if path.is_file()]
    sizes = [path.stat().st_size for path in files]
    confirm(settings, f"remove the chaos run {run.name} with its {_files(len(files))}")
    remove_run_folder(RunFolder(run.path))
    return RunRm(run.name, len(files), sum(sizes), [])


def removed_text(document: "RunRm") -> str:
    """What went, and what did not."""
    size = size_text(document.freed_bytes)
    text = f"removed {_files(document.removed)} of {document.run}, {size}"
    kept = len(document.kept)
    left = f"; {kept} {'is' if kept == 1 else 'are'} being written" if kept else ""
    return escaped(f"{text}{left}")


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{count} files"


def _being_written(run: "Run") -> set[Path]:
    """The newest file of each node that runs."""
    if run.cluster is None:
        return set()
    running = [each for each in run.cluster.processes_now() if each.find() is not None]
    folders = {process.folder for process in running}
    newest: dict[Path, Path] = {}
    for path in sorted(run.files, key=lambda path: path.stat().st_mtime_ns):
        if path.parent.parent in folders:
            newest[path.parent] = path
    return set(newest.values())
