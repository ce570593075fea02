"""The ports of a cluster: chosen once, saved, and free when a node is to start."""

import errno
import socket
from collections.abc import Collection, Iterable, Mapping
from itertools import chain, islice

from raftctl.cluster.directory import Cluster
from raftctl.errors import CliError
from raftctl.exit_codes import Exit

HOST = "127.0.0.1"
PORT_BASE = 8100
PORT_MAX = 65_536
CONNECT_SECONDS_MAX = 0.5
ANY_PORTS = range(10_000, 32_768)
"""Below those that systems lend to outgoing connections, so none is lent while its node is down."""


def choose_ports(
    size: int, base: int | None, any_port: bool, saved: Mapping[int, str]
) -> list[int]:
    """A port for each of `size` nodes: from `base` + 1, or any, or the first free block.

    `saved`: the ports that other clusters will want again, and whose they are. Raises CliError for
    a pinned one that is in use, naming its owner.
    """
    if any_port:
        return any_ports(size, saved)
    if base is not None:
        ports = [base + n for n in range(1, size + 1)]
        for port in ports:
            if port in saved:
                raise _port_busy(port, f"saved for {saved[port]}")
            check_port(port)
        return ports
    base = PORT_BASE
    while base + size < PORT_MAX:
        ports = [base + n for n in range(1, size + 1)]
        if not saved.keys() & ports and all(map(is_free, ports)):
            return ports
        base += 10
    raise _no_port("--any-port")


def choose_port(wanted: int, saved: Mapping[int, str]) -> int:
    """A free port that no node will want again: `wanted`, or one above it, or any."""
    for port in range(wanted, PORT_MAX):
        if port not in saved and is_free(port):
            return port
    return any_ports(1, saved)[0]


def check_port(port: int, host: str = HOST) -> None:
    """Raise CliError, naming the owner, when somebody listens there."""
    if not is_free(port, host):
        raise _port_busy(port, f"taken by {owner_of(port)}")


def _port_busy(port: int, why: str) -> CliError:
    return CliError(
        "E_PORT_BUSY",
        f"port {port} is {why}",
        Exit.PRECONDITION,
        hint="end that, or take other ports for a new cluster: --port-base",
        details={"port": port},
    )


def _no_port(hint: str) -> CliError:
    return CliError("E_PORT_BUSY", "no free block of ports", Exit.PRECONDITION, hint=hint)


def is_free(port: int, host: str = HOST) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return error.errno != errno.EADDRINUSE
    return True


def is_open(port: int, host: str) -> bool:
    """Whether somebody listens there, by connecting once."""
    try:
        socket.create_connection((host, port), timeout=CONNECT_SECONDS_MAX).close()
    except OSError:
        return False
    return True


def any_ports(size: int, saved: Collection[int] = ()) -> list[int]:
    """Free ports of `ANY_PORTS` that are not `saved`. Raises CliError when there are too few."""
    import random

    # Two who look at once start at different places.
    start = random.choice(ANY_PORTS)
    in_turn = chain(range(start, ANY_PORTS.stop), range(ANY_PORTS.start, start))
    free = (port for port in in_turn if port not in saved and is_free(port))
    if len(found := list(islice(free, size))) < size:
        raise _no_port("end something that listens")
    return found


def owner_of(port: int) -> str:
    import psutil

    for connection in psutil.net_connections("tcp"):
        if connection.laddr and connection.laddr.port == port and connection.pid:
            return f"{psutil.Process(connection.pid).name()} (pid {connection.pid})"
    return "another process"


def saved_ports(clusters: Iterable[Cluster]) -> dict[int, str]:
    """Ports that clusters will want again, and whose they are."""
    return {
        node.port: f"{node.name} of {cluster.name}"
        for cluster in clusters
        if cluster.damage is None
        for node in cluster.spec.nodes
    }
