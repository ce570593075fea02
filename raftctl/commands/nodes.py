"""start, stop, kill, restart, pause, resume, wipe, logs, serve: single nodes."""

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from raftctl import completion
from raftctl.exit_codes import Exit
from raftctl.settings import Settings, confirm
from raftctl.values import node_id as parse_node_id
from raftctl.values import seconds, usage
from raftctl.verbs import section

if TYPE_CHECKING:
    from raftctl.cluster.directory import Cluster
    from raftctl.cluster.processes import NodeProcess

STOP_SECONDS = 30.0
Selectors = Annotated[
    list[str],
    typer.Argument(
        metavar="SEL...", help="n1, leader, followers, all", autocompletion=completion.nodes
    ),
]


def add_to(app: typer.Typer) -> None:
    add = section(app, "Nodes")
    add(start, "start n2", "start all")
    add(stop, "stop n2", "stop followers")
    add(kill, "kill leader", "kill n1 n2 --signal TERM")
    add(restart, "restart all --stagger 2s")
    add(pause, "pause leader")
    add(resume, "resume all")
    add(wipe, "wipe n3 -y")
    add(logs, "logs -f", "logs n1 --level warn --since 5m")
    add(serve, "serve --config /srv/demo/cluster.json --id n1")


def start(context: typer.Context, selectors: Selectors) -> int:
    """Start nodes with the data that they have."""

    def act(process: "NodeProcess") -> str:
        if process.find() is not None:
            return "runs already"
        process.start()
        return "started"

    return _each(context.obj, "start", selectors, act, undo="raftctl stop", comes_up=True)


def stop(context: typer.Context, selectors: Selectors) -> int:
    """Stop nodes cleanly (SIGTERM); a leader hands over first."""
    settings: Settings = context.obj

    def act(process: "NodeProcess") -> str:
        if process.find() is None:
            return "does not run"
        process.end(signal.SIGTERM, "stopped", settings.timeout or STOP_SECONDS)
        return "stopped"

    return _each(settings, "stop", selectors, act, undo="raftctl start", loses=True)


def kill(
    context: typer.Context,
    selectors: Selectors,
    name: Annotated[str, typer.Option("--signal", help="KILL, TERM, ABRT, ...")] = "KILL",
) -> int:
    """Kill nodes with a signal, as a crash would."""
    settings: Settings = context.obj
    number = getattr(signal, f"SIG{name.upper().removeprefix('SIG')}", None)
    if not isinstance(number, signal.Signals):
        raise usage(f"{name} is no signal", "KILL, TERM, INT, ABRT, SEGV")

    def act(process: "NodeProcess") -> str:
        if process.find() is None:
            return "does not run"
        process.end(number, f"killed -{number.value}", settings.timeout or STOP_SECONDS)
        return f"killed with {number.name}"

    return _each(settings, "kill", selectors, act, undo="raftctl start", loses=True)


def restart(
    context: typer.Context,
    selectors: Selectors,
    stagger: Annotated[str, typer.Option(help="Wait between nodes.")] = "0s",
) -> int:
    """Stop and start nodes, one after the other."""
    settings: Settings = context.obj
    pause_seconds = seconds(stagger)
    first = True

    def act(process: "NodeProcess") -> str:
        nonlocal first
        if not first:
            time.sleep(pause_seconds)
        first = False
        process.end(signal.SIGTERM, "stopped", settings.timeout or STOP_SECONDS)
        process.start()
        return "restarted"

    return _each(settings, "restart", selectors, act, comes_up=True)


def pause(context: typer.Context, selectors: Selectors) -> int:
    """Freeze nodes (SIGSTOP).

    They keep their connections and answer nothing.
    """

    def act(process: "NodeProcess") -> str:
        return "paused" if process.signal(signal.SIGSTOP) else "does not run"

    return _each(context.obj, "pause", selectors, act, undo="raftctl resume", loses=True)


def resume(context: typer.Context, selectors: Selectors) -> int:
    """Let paused nodes go on (SIGCONT)."""

    def act(process: "NodeProcess") -> str:
        return "resumed" if process.signal(signal.SIGCONT) else "does not run"

    return _each(context.obj, "resume", selectors, act)


def wipe(context: typer.Context, selectors: Selectors) -> int:
    """Stop nodes and remove their databases. They come back without a vote."""
    settings: Settings = context.obj

    def act(process: "NodeProcess") -> str:
        process.end(signal.SIGKILL, "wiped", settings.timeout or STOP_SECONDS)
        for suffix in ("", "-wal", "-shm"):
            (process.folder / f"raft.db{suffix}").unlink(missing_ok=True)
        process.note_end("wiped")
        return "wiped"

    question = f"remove the data of {' '.join(selectors)}"
    return _each(settings, "wipe", selectors, act, question=question, loses=True)


def _each(
    settings: Settings,
    action: str,
    selectors: list[str],
    act: "Callable[[NodeProcess], str]",
    *,
    undo: str = "",
    loses: bool = False,
    question: str = "",
    comes_up: bool = False,
) -> int:
    """Do it to each node; rows say what came of it. Exit 8 when it failed for some."""
    from raftctl.cluster.conditions import all_answer
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.launcher import wait_for
    from raftctl.cluster.observation import observe
    from raftctl.documents import Action, Target
    from raftctl.errors import CliError
    from raftctl.selectors import resolve

    cluster = find_cluster(settings)
    chosen = resolve(selectors, observe(cluster))
    if question:
        confirm(settings, question)
    targets = []
    with settings.output.patience(f"{action} {' '.join(selectors)}: under way"):
        for node_id in chosen:
            process = cluster.processes[node_id]
            try:
                targets.append(Target(process.name, True, act(process)))
            except (CliError, OSError) as error:
                targets.append(Target(process.name, False, str(error)))
        if comes_up:
            wait_for(cluster, all_answer(chosen), "up", settings.timeout or STOP_SECONDS, chosen)
    names = " ".join(target.node for target in targets)
    undo_line = f"{undo} {names}" if undo else None
    warning = _quorum_warning(cluster) if loses else None
    if warning:
        settings.output.warn(warning)
    document = Action(action, targets, warning, undo_line)
    settings.output.show(document, lambda: [f"{t.node}  {t.message}" for t in targets])
    if undo_line:
        settings.output.note(f"undo: {undo_line}")
    failed = [target for target in targets if not target.ok]
    if not failed:
        return Exit.OK
    return Exit.PARTIAL if len(failed) < len(targets) else Exit.UNEXPECTED


def _quorum_warning(cluster: "Cluster") -> str | None:
    from raftctl.cluster.processes import is_paused

    found = [process.find() for process in cluster.processes.values()]
    running = sum(1 for each in found if each is not None and not is_paused(each))
    need = len(cluster.processes) // 2 + 1
    if running >= need:
        return None
    return f"{running} of {len(cluster.processes)} nodes left, {need} are needed: no quorum"


def logs(
    context: typer.Context,
    selectors: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SEL...]", help="Whose; none: all.", autocompletion=completion.nodes
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="New lines as they come.")] = False,
    count: Annotated[int, typer.Option("-n", "--lines", help="How many.")] = 100,
    since: Annotated[str | None, typer.Option(help="Not older than: 5m.")] = None,
    level: Annotated[str, typer.Option(help="info, warn or error.")] = "info",
    grep: Annotated[str | None, typer.Option(help="Only lines with this pattern.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Without the node's name.")] = False,
) -> None:
    """Show the nodes' logs, merged by time. Without a selector: all nodes."""
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.logs import LEVELS, last_lines, make_filter, read_line
    from raftctl.cluster.logs import follow as follow_logs
    from raftctl.cluster.observation import observe
    from raftctl.selectors import resolve

    settings: Settings = context.obj
    if level not in LEVELS:
        raise usage(f"--level {level}", ", ".join(LEVELS))
    cluster = find_cluster(settings)
    chosen = resolve(selectors, observe(cluster)) if selectors else list(cluster.processes)
    processes = [cluster.processes[node_id] for node_id in chosen]
    accept = make_filter(level, grep, None if since is None else seconds(since))

    def show(name: str, line: str) -> None:
        shown = line if raw else f"{name} | {line}"
        settings.output.show(read_line(name, line), lambda: [shown])

    for name, line in last_lines(processes, count, accept):
        show(name, line)
    if follow:
        for name, line in follow_logs(processes, accept):
            show(name, line)


def serve(
    context: typer.Context,
    folder: Annotated[Path, typer.Option("--config", help="A cluster.json, or its folder.")],
    node: Annotated[str, typer.Option("--id", help="Which node of it: n1.")],
) -> int:
    """Run one node in the foreground.

    For systemd, containers and other hosts.
    """
    from node.server.run import run_node

    if folder.is_file():
        folder = folder.parent  # cluster.json itself was named
    sys.stderr.write(f"serving {node} of {folder}; Ctrl-C stops it\n")
    return run_node(folder, parse_node_id(node))
