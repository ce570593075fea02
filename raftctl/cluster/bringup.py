"""`raftctl up`: from a wish to a cluster with a leader, or to an error and nothing left behind."""

import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from node.config import ClusterSpec
from raftctl.cluster.configfile import ClusterConfig, load_config
from raftctl.cluster.directory import Cluster, all_clusters, cluster_name, clusters_folder
from raftctl.cluster.launcher import (
    NODES_MAX,
    Plan,
    choose_ports,
    has_leader,
    link_folder,
    make_cluster,
    ports_of,
    ready_of,
    wait_for,
)
from raftctl.cluster.observation import observe
from raftctl.cluster.show import node_table
from raftctl.cluster.shutdown import take_down
from raftctl.documents import Status, Up, UpPlan
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import usage

UP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Request:
    """The options of `up`."""

    name: str | None
    size: int | None
    ephemeral: bool
    data_dir: Path | None
    port_base: int | None
    any_port: bool
    config: str | None
    overrides: list[str]
    until: str
    machine: str | None
    retain: bool
    dry_run: bool
    foreground: bool


def up(settings: Settings, request: Request) -> int:
    """Returns the exit code."""
    config = load_config(request.config, request.overrides)
    name = request.name or settings.cluster or config.cluster.name or cluster_name(settings)
    if not name.replace("-", "").replace("_", "").isalnum():
        raise usage(f"{name!r} is no name for a cluster", "letters, digits, - and _")
    folder = clusters_folder(settings) / name
    existing = Cluster(name, folder) if (folder / "cluster.json").exists() else None
    if existing is not None:
        _check_same(existing.spec, request, config)
    if request.dry_run:
        return _dry_run(settings, name, existing, request, config)
    settings.output.note(f"starting {name}")
    cluster = existing or _make(settings, name, folder, request, config)
    return _start(settings, cluster, existing is None, request)


def _check_same(spec: ClusterSpec, request: Request, config: ClusterConfig) -> None:
    """A saved cluster keeps its shape: what was asked must fit it."""
    wanted = request.size or (config.cluster.nodes if request.config else None)
    if wanted is not None and wanted != len(spec.nodes):
        raise CliError(
            "E_EXISTS",
            f"{spec.name} exists with {len(spec.nodes)} nodes, not {wanted}",
            Exit.PRECONDITION,
            hint=f"raftctl up {spec.name}, or raftctl down {spec.name} --purge first",
        )


def _plan(name: str, folder: Path, request: Request, config: ClusterConfig) -> Plan:
    size = request.size or config.cluster.nodes
    if not 1 <= size <= NODES_MAX:
        raise usage(f"{size} nodes", f"1 to {NODES_MAX}")
    return Plan(
        name=name,
        folder=folder,
        size=size,
        machine=request.machine or config.cluster.machine,
        raft=config.raft,
        limits=config.limits,
        port_base=request.port_base or config.cluster.port_base or None,
        any_port=request.any_port,
        ephemeral=request.ephemeral,
    )


def _make(
    settings: Settings, name: str, link: Path, request: Request, config: ClusterConfig
) -> Cluster:
    if request.data_dir is None:
        folder = link
    else:
        folder = request.data_dir
        link_folder(folder, link)
    plan = _plan(name, folder, request, config)
    try:
        ports = choose_ports(plan, ports_of(all_clusters(settings)))
        make_cluster(plan, ports)
    except CliError:
        if link.is_symlink():
            link.unlink()
        raise
    return Cluster(name, link)


def _dry_run(
    settings: Settings,
    name: str,
    existing: Cluster | None,
    request: Request,
    config: ClusterConfig,
) -> int:
    if existing is not None:
        down = [p.name for p in existing.processes.values() if p.find() is None]
        document = UpPlan(name, False, down, [node.port for node in existing.spec.nodes])
        line = f"would start of {name}: {' '.join(down) or 'nothing, all run'}"
    else:
        plan = _plan(name, clusters_folder(settings) / name, request, config)
        ports = choose_ports(plan, ports_of(all_clusters(settings)))
        names = [f"n{number}" for number in range(1, plan.size + 1)]
        document = UpPlan(name, True, names, ports)
        line = f"would make {name}: {' '.join(names)} on ports {ports[0]}-{ports[-1]}"
    settings.output.show(document, lambda: [line])
    return Exit.OK


def _start(settings: Settings, cluster: Cluster, is_new: bool, request: Request) -> int:
    output = settings.output
    begin = time.monotonic()
    started: list[int] = []
    children: list[subprocess.Popen[bytes]] = []
    try:
        for node_id, process in cluster.processes.items():
            if process.find() is None:
                children.append(process.start())
                started.append(node_id)
        output.done(_started_line(cluster, started))
        status = _wait(settings, cluster, request.until, started)
    except (CliError, KeyboardInterrupt):
        if not request.retain:
            _roll_back(cluster, started, is_new)
            output.note("rolled back: what this command started is stopped")
        raise
    if status.leader is not None:
        output.done(f"leader {status.leader} term {status.term}")
    took = round((time.monotonic() - begin) * 1000)
    document = Up(cluster.name, status.leader, status.term, is_new, took, status.nodes)
    output.show(document, lambda: node_table(status, status.nodes, output))
    output.note("Next: raftctl status, raftctl put k v, raftctl get k, raftctl down")
    if request.foreground:
        return _stay(settings, cluster)
    return Exit.OK


def _started_line(cluster: Cluster, started: list[int]) -> str:
    ports = [node.port for node in cluster.spec.nodes]
    if not started:
        return f"all {len(ports)} nodes run already"
    names = " ".join(f"n{node_id}" for node_id in started)
    return f"{names} started, ports {ports[0]}-{ports[-1]}"


def _wait(settings: Settings, cluster: Cluster, until: str, started: list[int]) -> Status:
    if until == "none":
        return observe(cluster, timeout=0.2)
    condition = has_leader if until == "leader" else ready_of(cluster)
    what = "with a leader" if until == "leader" else "ready"
    return wait_for(cluster, condition, what, settings.timeout or UP_SECONDS, must_live=started)


def _roll_back(cluster: Cluster, started: list[int], is_new: bool) -> None:
    for node_id in started:
        cluster.processes[node_id].end(signal.SIGKILL, "rolled back", timeout=10)
    if is_new:
        cluster.purge()


def _stay(settings: Settings, cluster: Cluster) -> int:
    """Show the logs until Ctrl-C, which takes the cluster down."""
    from raftctl.cluster.logs import follow

    settings.output.note("in the foreground; Ctrl-C takes it down")
    try:
        for name, line in follow(list(cluster.processes.values()), lambda line: True):
            settings.output.note(f"{name} | {line}")
    except (KeyboardInterrupt, SystemExit):
        settings.output.note("stopping")
        take_down(cluster, UP_SECONDS)
        if cluster.is_ephemeral:
            cluster.purge()
    return Exit.OK
