"""`raftctl up`: from a wish to a cluster with a leader, or to an error and nothing left behind."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from node.config import NODES_MAX
from raftctl.cluster.configfile import ClusterConfig, load_config
from raftctl.cluster.directory import (
    Cluster,
    all_clusters,
    changing,
    cluster_name,
    clusters_folder,
    find_cluster,
)
from raftctl.cluster.making import Plan, link_folder, make_cluster
from raftctl.cluster.ports import choose_ports, saved_ports
from raftctl.cluster.starting import start_nodes
from raftctl.errors import CliError
from raftctl.exit_codes import Exit, exit_of
from raftctl.settings import Settings
from raftctl.values import check_name, usage


class Request(NamedTuple):
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
    _check_request(request)
    name = _name(settings, request, config)
    existing = _existing(settings, name)
    if request.dry_run:
        return _dry_run(settings, name, existing, request, config)
    settings.output.note(f"starting {name}")
    with changing(settings, name):
        existing = _existing(settings, name)  # another command may have made it meanwhile
        if existing is not None:
            _check_same(existing, request, config)
        cluster = existing or _make(settings, name, request, config)
        starting = [n for n, process in cluster.processes.items() if process.find() is None]
        is_new = existing is None
        with _rolling_back(settings, cluster, starting, is_new, request.retain):
            start_nodes(cluster, starting)
    with _rolling_back(settings, cluster, starting, is_new, request.retain):
        settings.output.done(_started_line(cluster, starting))
        from raftctl.cluster import comingup

        status = comingup.wait_until(request.until, settings, cluster, starting)
    comingup.show_up(settings, cluster, status, is_new)
    return _stay(settings, cluster) if request.foreground else Exit.OK


def name_of(settings: Settings, request: Request) -> str:
    """The cluster that is meant. Raises CliError."""
    return _name(settings, request, load_config(request.config, request.overrides))


def _name(settings: Settings, request: Request, config: ClusterConfig) -> str:
    return check_name(
        request.name or settings.cluster or config.cluster.name or cluster_name(settings)
    )


def _existing(settings: Settings, name: str) -> Cluster | None:
    is_there = (clusters_folder(settings) / name / "cluster.json").exists()
    return find_cluster(settings, name) if is_there else None


def _check_request(request: Request) -> None:
    if request.any_port and request.port_base is not None:
        raise usage("--any-port and --port-base", "one of the two")
    if request.data_dir is not None and not str(request.data_dir).strip("."):
        raise usage("--data-dir needs a folder of its own", "--data-dir data")


def _check_same(cluster: Cluster, request: Request, config: ClusterConfig) -> None:
    """A saved cluster keeps its shape: whatever was asked for has to be what it is."""
    spec = cluster.spec
    is_from_file = request.config is not None or bool(request.overrides)
    size = request.size if request.size is not None else config.cluster.nodes
    # A file says how a cluster is made; members that came and went since are no contradiction.
    size_matters = request.size is not None or (is_from_file and not spec.next_id)
    data_dir = request.data_dir
    asked = {
        f"{size} nodes": not size_matters or size == len(spec.nodes),
        "--machine": request.machine in (None, spec.machine),
        "--port-base": request.port_base in (None, spec.nodes[0].port - spec.nodes[0].id),
        "--ephemeral": not request.ephemeral or cluster.is_ephemeral,
        "--data-dir": data_dir is None or data_dir.resolve() == cluster.folder.resolve(),
        "these raft settings": not is_from_file or config.raft == spec.raft,
        "these limits": not is_from_file or config.limits == spec.limits,
        "these snapshot settings": "snapshots" not in config.given
        or config.snapshots == spec.snapshots,
        "these recording settings": "recording" not in config.given
        or config.recording == spec.recording,
        "these priorities": "priority" not in config.given or config.has_priorities_of(spec.nodes),
    }
    other = [what for what, is_same in asked.items() if not is_same]
    if other:
        raise CliError(
            "E_EXISTS",
            f"{spec.name} exists with {len(spec.nodes)} nodes, and not with {', '.join(other)}",
            Exit.PRECONDITION,
            hint=_how_to_differ(cluster, other, f"{size} nodes"),
        )


def _how_to_differ(cluster: Cluster, other: list[str], size: str) -> str:
    line, name = cluster.line, cluster.spec.name
    if other == [size]:
        return f"{line} members add and {line} members remove change that"
    if other == ["these snapshot settings"]:
        return f"{line} snapshot auto changes them"
    return f"{line} up {name} as it is, or down {name} --purge first"


def _plan(settings: Settings, name: str, request: Request, config: ClusterConfig) -> Plan:
    size = request.size if request.size is not None else config.cluster.nodes
    if not 1 <= size <= NODES_MAX:
        raise usage(f"{size} nodes", f"1 to {NODES_MAX}")
    base = request.port_base if request.port_base is not None else config.cluster.port_base or None
    if base is not None and not 0 < base <= 65_535 - size:
        raise usage(f"ports from {base}", f"--port-base 1 to {65_535 - size}")
    saved = saved_ports(each for each in all_clusters(settings) if each.name != name)
    return Plan(
        name=name,
        folder=request.data_dir or clusters_folder(settings) / name,
        ports=choose_ports(size, base, request.any_port, saved),
        machine=request.machine or config.cluster.machine,
        raft=config.raft,
        limits=config.limits,
        snapshots=config.snapshots,
        recording=config.recording,
        priorities=config.priority,
        is_ephemeral=request.ephemeral,
        is_data_dir=request.data_dir is not None,
    )


def _make(settings: Settings, name: str, request: Request, config: ClusterConfig) -> Cluster:
    plan = _plan(settings, name, request, config)
    make_cluster(plan)
    if plan.is_data_dir:
        link_folder(plan.folder, clusters_folder(settings) / name)
    return find_cluster(settings, name)


def _dry_run(
    settings: Settings,
    name: str,
    existing: Cluster | None,
    request: Request,
    config: ClusterConfig,
) -> int:
    from raftctl.clusterdocs import UpPlan

    if existing is not None:
        _check_same(existing, request, config)
        down = [p.name for p in existing.processes.values() if p.find() is None]
        document = UpPlan(name, False, down, [node.port for node in existing.spec.nodes])
        line = f"would start of {name}: {' '.join(down) or 'nothing, all run'}"
    else:
        ports = list(_plan(settings, name, request, config).ports)
        names = [f"n{number}" for number in range(1, len(ports) + 1)]
        document = UpPlan(name, True, names, ports)
        line = f"would make {name}: {' '.join(names)} on ports {ports[0]}-{ports[-1]}"
    settings.output.show(document, lambda: [line])
    return Exit.OK


@contextmanager
def _rolling_back(
    settings: Settings, cluster: Cluster, starting: list[int], is_new: bool, retain: bool
) -> Iterator[None]:
    """Whatever fails in here is undone: an interrupted `up` is one that never was."""
    try:
        yield
    except BaseException as error:
        if not retain and (starting or is_new):
            with not_to_be_interrupted():
                for node_id in starting:
                    cluster.processes[node_id].end(signal.SIGKILL, "rolled back", timeout=10)
                # A node that nobody can find keeps its folder, by which it may be found later.
                if is_new and not any(each.is_running for each in cluster.processes.values()):
                    cluster.purge()
            settings.output.note("rolled back: what this command started is stopped")
        if isinstance(error, KeyboardInterrupt | SystemExit):
            hint = "the same command again" if is_new else f"{cluster.line} up"
            raise CliError("E_INTERRUPTED", "interrupted", exit_of(error), hint=hint) from error
        raise


@contextmanager
def not_to_be_interrupted() -> Iterator[None]:
    """Half a way back would leave nodes that nobody asked for: it is short, and goes to its end."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, signal.SIG_IGN) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def _started_line(cluster: Cluster, started: list[int]) -> str:
    nodes = cluster.spec.nodes
    if not started:
        return f"all {len(nodes)} nodes run already"
    names = " ".join(f"n{node_id}" for node_id in started)
    ports = sorted(node.port for node in nodes)
    return f"{names} started, ports {ports[0]}-{ports[-1]}"


def _stay(settings: Settings, cluster: Cluster) -> int:
    """Show the logs until Ctrl-C, which takes the cluster down."""
    from raftctl.cluster.comingup import UP_SECONDS
    from raftctl.cluster.logs import follow
    from raftctl.cluster.shutdown import take_down

    settings.output.note("in the foreground; Ctrl-C takes it down")

    def all_ended() -> bool:
        return not any(process.is_running for process in cluster.processes_now())

    try:
        for name, line in follow(cluster.processes_now, lambda line: True, until=all_ended):
            settings.output.note(f"{name} | {line}")
    except (KeyboardInterrupt, SystemExit):
        settings.output.note("stopping")
        with changing(settings, cluster.name):
            take_down(cluster, UP_SECONDS)
            if cluster.is_ephemeral:
                cluster.purge()
    return Exit.OK
