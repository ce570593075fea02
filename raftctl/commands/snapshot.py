"""snapshot take, ls, inspect, auto: the state as files, and a log that stays short."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from raftctl.commands.arguments import selection
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import ago, size_bytes, size_text
from raftctl.verbs import group, section

if TYPE_CHECKING:
    from raftctl.memberdocs import Compaction, SnapshotAuto, SnapshotFile, SnapshotInspect

TAKE_SECONDS = 60.0
DIGEST_SHOWN = 12


def add_to(app: typer.Typer) -> None:
    about = "Snapshots of the state, which let the log stay short."
    add = section(group(app, "snapshot", "Raft", about), "Raft")
    add(snapshot_take, "snapshot take", "snapshot take followers", name="take")
    add(snapshot_ls, "snapshot ls", "snapshot ls leader -o wide", name="ls")
    add(snapshot_inspect, "snapshot inspect 0000000000000042-1.snap", name="inspect")
    add(snapshot_auto, "snapshot auto", "snapshot auto --entries 1000 --tail 100", name="auto")


def snapshot_take(
    context: typer.Context,
    selectors: Annotated[list[str] | None, selection("Whose; none: the leader's.")] = None,
) -> int:
    """Take a snapshot now, and shorten the log of the node that took it.

    Without a selector the leader takes it: its state is the newest, and a follower that is far
    behind is sent its snapshot. Nobody waits for it: the node goes on meanwhile.
    """
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.observation import observe
    from raftctl.cluster.snapshots import take
    from raftctl.commands.arguments import running
    from raftctl.memberdocs import SnapshotTake, SnapshotTaken
    from raftctl.selectors import resolve

    settings: Settings = context.obj
    output = settings.output
    cluster = running(find_cluster(settings))
    timeout = settings.timeout or TAKE_SECONDS
    with output.patience("asking the nodes"):
        chosen = resolve(selectors or ["leader"], observe(cluster))
    with output.patience("writing the snapshot"):
        results = {node_id: take(cluster, node_id, timeout) for node_id in chosen}
    failures = [result for result in results.values() if isinstance(result, CliError)]
    if failures and len(failures) == len(results):
        raise failures[0]
    targets = [
        SnapshotTaken(f"n{node_id}", False, result.message)
        if isinstance(result, CliError)
        else result
        for node_id, result in results.items()
    ]
    lines = [f"{each.node}  {each.message}" for each in targets]
    nobody = ["there is no such node now"]
    output.show(SnapshotTake(cluster.name, targets), lambda: lines or nobody)
    return Exit.PARTIAL if failures else Exit.OK


def snapshot_ls(
    context: typer.Context,
    selectors: Annotated[list[str] | None, selection("Whose; none: all.")] = None,
) -> int:
    """List the snapshots that the nodes keep, of stopped nodes too."""
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.observation import observe
    from raftctl.cluster.snapshots import files_of
    from raftctl.memberdocs import Snapshots
    from raftctl.output import table
    from raftctl.selectors import resolve

    settings: Settings = context.obj
    output = settings.output
    cluster = find_cluster(settings)
    files: list[SnapshotFile] = []
    failures: list[CliError] = []
    with output.patience("reading the nodes' databases"):
        chosen = resolve(selectors, observe(cluster)) if selectors else list(cluster.processes)
        for node_id in chosen:
            try:
                files += files_of(cluster, node_id)
            except CliError as error:
                failures.append(error)
    for failure in failures:
        output.warn(failure.message)
    header = ["NODE", "INDEX", "TERM", "SIZE", "DIGEST", "AGE", "CURRENT"]
    header += ["PATH"] if output.is_wide else []
    rows = [_cells(each, output.is_wide) for each in files]
    nothing = ["no snapshots yet: raftctl snapshot take"]
    output.show(Snapshots(cluster.name, files), lambda: table(header, rows) if rows else nothing)
    damaged = failures or any(each.damage for each in files)
    return Exit.CHECK_FAILED if damaged else Exit.OK


def _cells(file: "SnapshotFile", is_wide: bool) -> list[object]:
    age = None if file.age_ms is None else ago(file.age_ms / 1000)
    state = file.damage or ("yes" if file.current else "no")
    cells: list[object] = [
        file.node, file.index, file.term, size_text(file.bytes), file.digest[:DIGEST_SHOWN], age,
        state,
    ]  # fmt: skip
    return [*cells, file.path] if is_wide else cells


def snapshot_inspect(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A .snap file, of whatever cluster.")],
) -> int:
    """Read a snapshot file, and say whether it is whole; exit 7 when it is damaged."""
    from raftctl.cluster.snapshots import inspect_file

    settings: Settings = context.obj
    with settings.output.patience(f"reading {file}"):
        document = inspect_file(file)
    settings.output.show(document, lambda: _inspected(document))
    return Exit.OK if document.ok else Exit.CHECK_FAILED


def _inspected(document: "SnapshotInspect") -> list[str]:
    lines = [f"file     {document.path}"]
    if document.index is not None:
        lines += [
            f"cluster  {document.cluster_id}",
            f"entry    {document.index} of term {document.term}",
            f"members  voters {','.join(document.voters)}"
            + (f"  learners {','.join(document.learners)}" if document.learners else ""),
        ]
    lines += [f"parts    {document.parts}", f"size     {size_text(document.bytes)}"]
    if document.digest:
        lines.append(f"digest   {document.digest}")
    return [*lines, f"state    {'whole' if document.ok else f'DAMAGED: {document.damage}'}"]


def snapshot_auto(
    context: typer.Context,
    entries: Annotated[
        int | None, typer.Option(help="A snapshot every so many entries; 0: only on demand.")
    ] = None,
    bytes_max: Annotated[
        str | None, typer.Option("--bytes", help="Or after so many bytes of commands: 64MiB.")
    ] = None,
    tail: Annotated[
        int | None, typer.Option(help="Keep so many entries behind a snapshot.")
    ] = None,
) -> int:
    """Show or set when nodes take snapshots by themselves.

    It holds at once on all running nodes, and after their next start. Exit 8 when a running node
    was not told; it hears of it when it is started anew.
    """
    from raftctl.cluster import snapshots
    from raftctl.cluster.directory import find_cluster

    settings: Settings = context.obj
    output = settings.output
    cluster = find_cluster(settings)
    size = None if bytes_max is None else size_bytes(bytes_max)
    changes = (entries, size, tail) != (None, None, None)
    untold: dict[str, str] = {}
    with output.patience("asking the nodes"):
        if changes:
            before = cluster.spec.snapshots
            wanted = snapshots.changed_settings(before, entries, size, tail)
            snapshots.set_auto(settings, cluster, wanted)
            untold = snapshots.tell_nodes(cluster, wanted)
        document = snapshots.auto_document(cluster, changes)
    for name, why in untold.items():
        output.warn(f"{name} was not told: {why}")
    output.show(document, lambda: _auto_lines(document))
    return Exit.PARTIAL if untold else Exit.OK


def _auto_lines(document: "SnapshotAuto") -> list[str]:
    lines = [_compaction(document.settings)]
    for name, obeyed in document.nodes.items():
        if obeyed != document.settings:
            lines.append(f"{name} has other settings until its next start: {_compaction(obeyed)}")
    lines += [f"{name} could not be asked" for name in document.untold]
    return lines


def _compaction(settings: "Compaction") -> str:
    tail = f"the last {settings.tail} entries stay in the log"
    if settings.entries == 0:
        return f"no snapshots but on demand; {tail}"
    size = size_text(settings.bytes_max)
    return f"a snapshot every {settings.entries} entries, or {size} of commands; {tail}"
