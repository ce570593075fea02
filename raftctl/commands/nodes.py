"""start, stop, kill, restart, pause, resume, wipe, logs, serve: single nodes."""

import os
import shutil
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from raftctl.commands.arguments import selection
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import node_id as parse_node_id
from raftctl.values import seconds, usage
from raftctl.verbs import section

if TYPE_CHECKING:
    from raftctl.cluster.acting import Done
    from raftctl.cluster.directory import Cluster
    from raftctl.cluster.processes import NodeProcess

Selectors = Annotated[list[str], selection("n1, leader, followers, all", "SEL...")]


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
    from raftctl.cluster.acting import Deed, Done, act_on_each
    from raftctl.cluster.faultsfile import failing_disk
    from raftctl.cluster.starting import start_nodes

    def act(cluster: "Cluster", process: "NodeProcess") -> "Done":
        if process.find() is not None:
            return Done("runs already", changed=False)
        start_nodes(cluster, [process.node_id])
        fault = failing_disk(cluster, process.node_id)
        return Done("started" if fault is None else f"started; fault #{fault} ends it with a flush")

    return act_on_each(context.obj, selectors, Deed("start", act, undo="stop", comes_up=True))


def stop(context: typer.Context, selectors: Selectors) -> int:
    """Stop nodes cleanly (SIGTERM); a leader hands over first."""
    return _end(context.obj, "stop", selectors, signal.SIGTERM, "stopped", "stopped")


def kill(
    context: typer.Context,
    selectors: Selectors,
    name: Annotated[str, typer.Option("--signal", help="KILL, TERM, ABRT, ...")] = "KILL",
) -> int:
    """Kill nodes with a signal, as a crash would."""
    number = _deadly_signal(name)
    how = f"killed -{number.value}"
    return _end(context.obj, "kill", selectors, number, how, f"killed with {number.name}")


def _deadly_signal(name: str) -> signal.Signals:
    deadly = ("KILL", "TERM", "INT", "QUIT", "ABRT", "SEGV", "BUS", "FPE", "ILL")
    numbers = {f"SIG{each}": signal.Signals[f"SIG{each}"] for each in deadly}
    numbers |= {str(number.value): number for number in numbers.values()}
    for text in (name.upper(), f"SIG{name.upper()}"):
        if text in numbers:
            return numbers[text]
    raise usage(f"{name} ends no node", f"{', '.join(deadly)}; to freeze one: raftctl pause")


def _end(
    settings: Settings, verb: str, selectors: list[str], number: signal.Signals, how: str, says: str
) -> int:
    from raftctl.cluster.acting import STOP_SECONDS, Deed, Done, act_on_each

    def act(cluster: "Cluster", process: "NodeProcess") -> "Done":
        if not process.end(number, how, settings.timeout or STOP_SECONDS):
            return Done("does not run", changed=False)
        return Done(says)

    return act_on_each(settings, selectors, Deed(verb, act, undo="start", loses=True))


def restart(
    context: typer.Context,
    selectors: Selectors,
    stagger: Annotated[str, typer.Option(help="Wait between nodes.")] = "0s",
) -> int:
    """Stop and start nodes, each once the one before it is up again."""
    from raftctl.cluster.acting import STOP_SECONDS, Deed, Done, act_on_each, wait_until_up
    from raftctl.cluster.conditions import follows_a_leader
    from raftctl.cluster.observation import observe
    from raftctl.cluster.starting import start_nodes
    from raftctl.cluster.waiting import wait_for

    settings: Settings = context.obj
    pause_seconds = seconds(stagger)
    timeout = settings.timeout or STOP_SECONDS
    is_first = True

    def act(cluster: "Cluster", process: "NodeProcess") -> "Done":
        nonlocal is_first
        if not is_first:
            time.sleep(pause_seconds)
        is_first = False
        had_leader = observe(cluster).leader is not None
        process.end(signal.SIGTERM, "stopped", timeout)
        start_nodes(cluster, [process.node_id])
        for error in wait_until_up(cluster, [process.node_id], timeout).values():
            raise error
        if had_leader:  # the next one may be needed for the quorum
            wait_for(cluster, follows_a_leader(process.node_id), "with a leader again", timeout)
        return Done("restarted")

    return act_on_each(settings, selectors, Deed("restart", act))


def pause(context: typer.Context, selectors: Selectors) -> int:
    """Freeze nodes (SIGSTOP).

    They keep their connections and answer nothing.
    """
    from raftctl.cluster.acting import Deed, Done, act_on_each, not_running

    def act(cluster: "Cluster", process: "NodeProcess") -> "Done":
        if not process.signal(signal.SIGSTOP):
            raise not_running(cluster, process)
        return Done("paused")

    return act_on_each(context.obj, selectors, Deed("pause", act, undo="resume", loses=True))


def resume(context: typer.Context, selectors: Selectors) -> int:
    """Let paused nodes go on (SIGCONT)."""
    from raftctl.cluster.acting import Deed, Done, act_on_each, not_running
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.faultsfile import tell_again
    from raftctl.cluster.processes import is_paused
    from raftctl.errors import CliError

    def act(cluster: "Cluster", process: "NodeProcess") -> "Done":
        was_paused = is_paused(process.find())
        if not process.signal(signal.SIGCONT):
            raise not_running(cluster, process)
        return Done("resumed") if was_paused else Done("was not paused", changed=False)

    settings: Settings = context.obj
    code = act_on_each(settings, selectors, Deed("resume", act))
    try:
        tell_again(find_cluster(settings))  # faults may have changed while it was frozen
    except CliError as error:
        settings.output.warn(f"the nodes were not told which faults hold: {error.message}")
    return code


def wipe(context: typer.Context, selectors: Selectors) -> int:
    """Stop nodes and remove their databases, for good.

    They come back without a vote, and take no entries: whatever they had promised is forgotten. The
    way back is a new node in their place: raftctl members replace.
    """
    from node.storage.ondisk import FILES
    from raftctl.cluster.acting import STOP_SECONDS, Deed, Done, act_on_each

    settings: Settings = context.obj

    def act(cluster: "Cluster", process: "NodeProcess") -> "Done":
        process.end(signal.SIGKILL, "wiped", settings.timeout or STOP_SECONDS)
        with process.hold():  # who starts it from outside must not write into what is removed
            for name in FILES:
                (process.folder / name).unlink(missing_ok=True)
            shutil.rmtree(process.folder / "snapshots", ignore_errors=True)
        process.note_end("wiped")
        instead = f"{cluster.line} members replace {process.name}"
        return Done(f"wiped for good: it has no vote any more; a new one instead: {instead}")

    question = f"remove the data of {' '.join(selectors)}"
    return act_on_each(settings, selectors, Deed("wipe", act, question=question, loses=True))


def logs(
    context: typer.Context,
    selectors: Annotated[list[str] | None, selection("Whose; none: all.")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="New lines as they come.")] = False,
    count: Annotated[int, typer.Option("-n", "--lines", help="How many.")] = 100,
    since: Annotated[str | None, typer.Option(help="Not older than: 5m.")] = None,
    level: Annotated[str, typer.Option(help="info, warn or error.")] = "info",
    grep: Annotated[str | None, typer.Option(help="Only lines with this pattern.")] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Without the node's name.")] = False,
) -> None:
    """Show the nodes' logs, merged by time.

    Without a selector: all nodes; -f then follows those that come later too.
    """
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
        now = (lambda: processes) if selectors else cluster.processes_now
        for name, line in follow_logs(now, accept):
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
    from raftctl.cluster.directory import Cluster
    from raftctl.cluster.ports import check_port
    from raftctl.errors import CliError

    settings: Settings = context.obj
    folder = (folder.parent if folder.is_file() else folder).resolve()
    cluster = Cluster(folder.name, folder)
    node_id = parse_node_id(node)
    if node_id not in {each.id for each in cluster.spec.nodes}:
        names = ", ".join(each.name for each in cluster.spec.nodes)
        message = f"{cluster.spec.name} has no node n{node_id}"
        raise CliError("E_NO_NODE", message, Exit.NOT_FOUND, hint=f"it has {names}")
    with cluster.processes[node_id].claim() as lock:
        address = cluster.spec.address_of(node_id)
        check_port(address.port, address.host)
        settings.output.note(f"serving n{node_id} of {folder}; Ctrl-C stops it")
        return run_node(folder, node_id, os.dup(lock))  # whoever closes last gives it back
