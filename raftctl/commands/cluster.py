"""up, down, ls, status, wait, env, doctor, prune: the cluster as a whole."""

import time
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from raftctl import completion
from raftctl.exit_codes import Exit
from raftctl.settings import Settings, confirm
from raftctl.values import usage
from raftctl.verbs import section

if TYPE_CHECKING:
    from raftctl.cluster.directory import Cluster

WAIT_SECONDS = 30.0
Name = Annotated[
    str | None,
    typer.Argument(
        help="The cluster's name.", show_default=False, autocompletion=completion.clusters
    ),
]


def add_to(app: typer.Typer) -> None:
    add = section(app, "Cluster")
    add(up, "up -n 5", "up -n 5 --tui", "up demo --config local3 --set raft.heartbeat_ms=20")
    add(down, "down", "down demo --purge -y")
    add(ls, "ls -o json")
    add(status, "status -o wide", "status leader n2", "status -w")
    add(wait, "wait ready", "wait applied=100 --timeout 10s")
    add(env, "env", "env --shell fish")
    add(doctor, "doctor", "doctor --fix")
    add(prune, "prune --dry-run", "prune -y")


def up(
    context: typer.Context,
    name: Name = None,
    size: Annotated[int | None, typer.Option("-n", "--nodes", help="How many nodes.")] = None,
    foreground: Annotated[
        bool, typer.Option("-f", "--foreground", help="Stay, show the logs, Ctrl-C is down.")
    ] = False,
    tui: Annotated[bool, typer.Option("--tui", help="Then open the viewer.")] = False,
    ephemeral: Annotated[
        bool, typer.Option("--ephemeral", help="Forget the data on down.")
    ] = False,
    data_dir: Annotated[Path | None, typer.Option(help="Keep the data there.")] = None,
    port_base: Annotated[int | None, typer.Option(help="n1 listens on this + 1.")] = None,
    any_port: Annotated[bool, typer.Option("--any-port", help="Whatever ports are free.")] = False,
    config: Annotated[str | None, typer.Option(help="A cluster file, or local3, local5.")] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", help="raft.heartbeat_ms=20; may be repeated.")
    ] = None,
    until: Annotated[str, typer.Option("--wait", help="leader, ready or none.")] = "leader",
    machine: Annotated[str | None, typer.Option(help="pkg.mod:Class, your machine.")] = None,
    retain: Annotated[bool, typer.Option("--retain", help="Keep a failed start's rests.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False,
) -> int:
    """Make a cluster, or start what of it does not run. Idempotent."""
    from raftctl.cluster import bringup
    from raftctl.cluster.directory import cluster_name

    if until not in ("leader", "ready", "none"):
        raise usage(f"--wait {until}", "leader, ready or none")
    if tui:
        _check_viewable(foreground, dry_run)
    request = bringup.Request(
        name, size, ephemeral, data_dir, port_base, any_port, config, override or [], until,
        machine, retain, dry_run, foreground,
    )  # fmt: skip
    settings = _settings(context)
    code = bringup.up(settings, request)
    if not tui or code != Exit.OK:
        return code
    from raftctl.commands import tui as viewer

    name = bringup.name_of(settings, request)
    viewed = settings if cluster_name(settings) == name else replace(settings, cluster=name)
    return viewer.view(viewed, context.find_root().command)


def _check_viewable(foreground: bool, dry_run: bool) -> None:
    """Before anything is started: what asks for the viewer cannot have it otherwise."""
    from raftctl.commands import tui as viewer

    if foreground or dry_run:
        raise usage("--tui and --foreground or --dry-run", "one of them")
    viewer.need_terminal()


def _settings(context: typer.Context) -> Settings:
    settings: Settings = context.obj
    return settings


def down(
    context: typer.Context,
    name: Name = None,
    everything: Annotated[bool, typer.Option("--all", help="Every cluster.")] = False,
    purge: Annotated[bool, typer.Option("--purge", help="Remove the data too.")] = False,
) -> None:
    """Stop a cluster. What does not run is down already."""
    from raftctl.cluster.directory import all_clusters, cluster_name, find_cluster
    from raftctl.clusterdocs import Down

    settings = _settings(context)
    output = settings.output
    if everything and name is not None:
        raise usage(f"down {name} --all", "one of the two")
    known = all_clusters(settings)
    if everything:
        clusters = known
    elif name is not None and cluster_name(settings, name) not in [each.name for each in known]:
        clusters = []  # whoever takes down what is not there has what was wanted
    else:
        clusters = [find_cluster(settings, name)] if known or settings.cluster else []
    if purge and clusters:
        confirm(settings, f"remove all data of {', '.join(each.name for each in clusters)}")
    for each in clusters:
        output.note(f"stopping {each.name}")
        _down_one(settings, each, purge)
    if not clusters:
        wanted = name or cluster_name(settings)
        line = f"there is no cluster {wanted}: nothing is up"
        output.show(Down(wanted, [], False), lambda: [line])


def _down_one(settings: Settings, cluster: "Cluster", purge: bool) -> None:
    from raftctl.cluster.directory import changing
    from raftctl.cluster.shutdown import take_down
    from raftctl.clusterdocs import Down

    with changing(settings, cluster.name):
        stopped = take_down(cluster, settings.timeout or WAIT_SECONDS)
        gone = purge or cluster.is_ephemeral
        left = cluster.purge() if gone else []
    kept = "data removed" if gone else f"data kept: {cluster.line} up brings it back"
    if left:
        kept += f"; {cluster.folder} keeps what is not raftctl's: {', '.join(left)}"
    line = f"{cluster.name} is down ({' '.join(stopped) or 'nothing was running'}); {kept}"
    settings.output.show(Down(cluster.name, stopped, gone), partial(list, [line]))


def ls(context: typer.Context) -> None:
    """List the clusters."""
    from raftctl.cluster.directory import all_clusters
    from raftctl.clusterdocs import ClusterRow, Ls
    from raftctl.output import table

    rows = []
    for each in all_clusters(_settings(context)):
        running = sum(process.is_running for process in each.processes.values())
        rows.append(
            ClusterRow(each.name, len(each.processes), running, str(each.folder), each.damage)
        )
    cells = [(row.name, row.nodes, row.running, row.folder) for row in rows]
    header = ("CLUSTER", "NODES", "RUNNING", "FOLDER")
    damages = [f"damaged: {row.damage}" for row in rows if row.damage is not None]
    empty = ["no clusters yet: raftctl up -n 3"]
    _settings(context).output.show(
        Ls(rows), lambda: [*table(header, cells), *damages] if rows else empty
    )


def status(
    context: typer.Context,
    selectors: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SEL...]", help="Only these; none: all.", autocompletion=completion.nodes
        ),
    ] = None,
    watch: Annotated[bool, typer.Option("-w", "--watch", help="Again each second.")] = False,
) -> int:
    """Show every node, dead ones with the reason. Reading changes nothing."""
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.observation import observe
    from raftctl.cluster.show import status_lines
    from raftctl.selectors import resolve

    settings = _settings(context)
    output = settings.output
    cluster = find_cluster(settings)
    while True:
        with output.patience("asking the nodes"):
            seen = observe(cluster, settings.timeout or 1.0)
        chosen = [f"n{node_id}" for node_id in resolve(selectors or ["all"], seen)]
        if watch:
            output.clear_screen()
        only = replace(seen, nodes=[row for row in seen.nodes if row.id in chosen])
        output.show(only, partial(status_lines, seen, output, chosen))
        if not watch:
            return Exit.NOT_RUNNING if seen.health == "down" else Exit.OK
        time.sleep(1)


def wait(
    context: typer.Context,
    condition: Annotated[
        str,
        typer.Argument(
            help="leader, ready, healed, converged, applied=N.",
            autocompletion=completion.conditions,
        ),
    ],
) -> None:
    """Wait until the cluster is in a state.

    Exit 4 when it does not come to pass in time, 5 when there is no leader by then, 3 when nothing
    runs.
    """
    from raftctl.cluster.conditions import condition_of
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.waiting import wait_for
    from raftctl.clusterdocs import Wait

    settings = _settings(context)
    cluster = find_cluster(settings)
    begin = time.monotonic()
    test = condition_of(cluster, condition)
    settings.output.note(f"waiting for {cluster.name}: {condition}")
    wait_for(cluster, test, condition, settings.timeout or WAIT_SECONDS)
    took = round((time.monotonic() - begin) * 1000)
    document = Wait(cluster.name, condition, took)
    settings.output.show(document, lambda: [f"{cluster.name}: {condition} after {took} ms"])


def env(
    context: typer.Context,
    shell: Annotated[str, typer.Option(help="bash or fish.")] = "bash",
) -> None:
    """Print the variables that choose this cluster in a shell."""
    from raftctl.cluster.directory import find_cluster
    from raftctl.clusterdocs import Env

    settings = _settings(context)
    variables = {
        "RAFTCTL_HOME": str(settings.home.resolve()),
        "RAFTCTL_CLUSTER": find_cluster(settings).name,
    }
    if shell not in ("bash", "fish"):
        raise usage(f"--shell {shell}", "bash or fish")
    form = "export {}={}" if shell == "bash" else "set -gx {} {}"
    import shlex

    lines = [form.format(key, shlex.quote(value)) for key, value in variables.items()]
    settings.output.show(Env(variables), lambda: lines)


def doctor(
    context: typer.Context,
    fix: Annotated[bool, typer.Option("--fix", help="Mend what can be mended.")] = False,
) -> int:
    """Say what is wrong, why there is no leader, and what to type next.

    Looks at the environment, the clusters' files and ports, and asks every node. Exit 7 for what is
    wrong; what may become so is a warning.
    """
    from raftctl.cluster.checkup import examine
    from raftctl.clusterdocs import Doctor

    settings = _settings(context)
    with settings.output.patience("looking at everything"):
        findings = examine(settings, fix)
    ok = all(finding.ok for finding in findings)
    sign = settings.output.sign
    marks = {
        "ok": sign("✓", "ok"),
        "info": sign("·", "--"),
        "warning": sign("!", "!!"),
        "error": sign("✗", "no"),
    }

    def lines() -> list[str]:
        shown = []
        for finding in findings:
            mark = marks[finding.severity]
            shown.append(f"{mark} {finding.check:10} {finding.message}")
            if finding.hint:
                shown.append(f"{'':{len(mark) + 11}} hint: {finding.hint}")
        return shown

    settings.output.show(Doctor(ok, findings), lines)
    return Exit.OK if ok else Exit.CHECK_FAILED


def prune(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> None:
    """Remove the clusters of which nothing runs, and the folders of removed nodes."""
    from raftctl.cluster.pruning import find_leftovers, remove_idle
    from raftctl.clusterdocs import Prune

    settings = _settings(context)
    idle, folders = find_leftovers(settings)
    names = [each.name for each in idle]
    folder_names = [name for name, _ in folders]
    if (idle or folders) and not dry_run:
        confirm(settings, f"remove all data of {', '.join([*names, *folder_names])}")
        names = [each.name for each in idle if remove_idle(settings, each)]
        for _, remove in folders:
            remove()
    verb = "would remove" if dry_run else "removed"
    settings.output.show(
        Prune(names, dry_run, folder_names),
        lambda: [f"{verb} {name}" for name in [*names, *folder_names]] or ["nothing to remove"],
    )
