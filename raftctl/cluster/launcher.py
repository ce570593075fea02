"""Making a cluster, and starting its nodes until somebody leads."""

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from node.config import (
    ClusterSpec,
    Limits,
    NodeAddress,
    RaftSettings,
    save_cluster,
    write_private,
)
from raftctl.cluster.directory import Cluster
from raftctl.cluster.observation import is_ready, observe
from raftctl.documents import Status
from raftctl.errors import CliError
from raftctl.exit_codes import Exit

HOST = "127.0.0.1"
PORT_BASE = 8100
NODES_MAX = 99
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Plan:
    """A cluster to be made. `port_base` None: the first free block."""

    name: str
    folder: Path
    size: int
    machine: str
    raft: RaftSettings
    limits: Limits
    port_base: int | None = None
    any_port: bool = False
    ephemeral: bool = False


def choose_ports(plan: Plan, taken: set[int]) -> list[int]:
    """A port for each node. Raises CliError for a pinned one that is in use, naming its owner."""
    if plan.any_port:
        return _any_ports(plan.size)
    if plan.port_base is not None:
        ports = [plan.port_base + n for n in range(1, plan.size + 1)]
        for port in ports:
            if not is_free(port):
                raise CliError(
                    "E_PORT_BUSY",
                    f"port {port} is taken by {owner_of(port)}",
                    Exit.PRECONDITION,
                    hint="another --port-base, or leave it out",
                )
        return ports
    base = PORT_BASE
    while base + plan.size < 65_536:
        ports = [base + n for n in range(1, plan.size + 1)]
        if not taken.intersection(ports) and all(map(is_free, ports)):
            return ports
        base += 10
    raise CliError("E_PORT_BUSY", "no free block of ports", Exit.PRECONDITION, hint="--any-port")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _any_ports(size: int) -> list[int]:
    probes = [socket.socket() for _ in range(size)]
    try:
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()


def owner_of(port: int) -> str:
    import psutil

    for connection in psutil.net_connections("tcp"):
        if connection.laddr and connection.laddr.port == port and connection.pid:
            return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return "another process"


def make_cluster(plan: Plan, ports: Iterable[int]) -> Cluster:
    """Write the folder of a new cluster: its settings, its secret, and a database for each node."""
    from node.storage.sqlite import SqliteStorage

    spec = ClusterSpec(
        name=plan.name,
        cluster_id=secrets.token_hex(8),
        nodes=tuple(NodeAddress(n, HOST, port) for n, port in enumerate(ports, 1)),
        machine=plan.machine,
        machine_path="" if plan.machine == "kv" else os.getcwd(),
        raft=plan.raft,
        limits=plan.limits,
    )
    try:
        plan.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(plan.folder / "token", secrets.token_hex(32) + "\n")
        for node in spec.nodes:
            folder = plan.folder / node.name
            folder.mkdir(mode=0o700)
            SqliteStorage.create(folder / "raft.db", spec.cluster_id, node.id)
        if plan.ephemeral:
            (plan.folder / "ephemeral").touch()
        save_cluster(plan.folder, spec)  # last: the folder is a cluster from here on
    except OSError as error:
        raise CliError(
            "E_HOME",
            f"cannot make {plan.folder}: {error.strerror or error}",
            Exit.USAGE,
            hint="another --home or --data-dir",
        ) from error
    return Cluster(plan.name, plan.folder)


def start_nodes(cluster: Cluster, node_ids: Iterable[int]) -> list[int]:
    """Start those that do not run; returns which."""
    started = []
    for node_id in node_ids:
        process = cluster.processes[node_id]
        if process.find() is None:
            process.start()
            started.append(node_id)
    return started


def wait_for(
    cluster: Cluster,
    condition: Callable[[Status], bool],
    what: str,
    timeout: float,
    must_live: Iterable[int] = (),
) -> Status:
    """Look until `condition` holds. `must_live`: nodes whose end is an error at once.

    Raises CliError after `timeout` seconds.
    """
    deadline = time.monotonic() + timeout
    watched = [cluster.processes[node_id] for node_id in must_live]
    while True:
        status = observe(cluster, timeout=0.5)
        if condition(status):
            return status
        for process in watched:
            if process.find() is None:
                raise _ended(process.name, process.last_log_lines(5))
        if time.monotonic() >= deadline:
            raise CliError(
                "E_TIMEOUT",
                f"{cluster.name}: not {what} within {timeout:g}s",
                Exit.NO_QUORUM if status.leader is None else Exit.TIMED_OUT,
                hint="raftctl status -o wide",
            )
        time.sleep(POLL_SECONDS)


def _ended(name: str, lines: list[str]) -> CliError:
    last = "\n".join(f"  {name} | {line}" for line in lines)
    return CliError(
        "E_NODE_ENDED",
        f"{name} ended while starting; its last lines:\n{last}",
        Exit.UNEXPECTED,
        hint=f"raftctl logs {name}",
        details={"node": name, "log": lines},
    )


def has_leader(status: Status) -> bool:
    return status.leader is not None


def ready_of(cluster: Cluster) -> Callable[[Status], bool]:
    return lambda status: is_ready(cluster, status)


def ports_of(clusters: Iterable[Cluster]) -> set[int]:
    """Ports that saved clusters will want again."""
    return {node.port for cluster in clusters for node in cluster.spec.nodes}


def link_folder(target: Path, link: Path) -> None:
    """Make a cluster whose data lies elsewhere known under its name."""
    link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not link.is_symlink():
        os.symlink(target.resolve(), link)
