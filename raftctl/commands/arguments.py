"""What verbs take from the command line: nodes, a cluster, a key, a value."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

from raftctl import completion
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import node_id, usage

if TYPE_CHECKING:
    from node.client.blocking import Client
    from raftctl.cluster.directory import Cluster

DATA_SECONDS = 5.0


def selection(text: str, metavar: str = "[SEL...]") -> Any:  # noqa: ANN401 - as of typer.Argument
    """An argument that says which nodes; `text` is its help."""
    return typer.Argument(metavar=metavar, help=text, autocompletion=completion.nodes)


def kv_cluster(settings: Settings) -> "Cluster":
    """The cluster, when its machine has keys and values, and at least one of its nodes runs."""
    from raftctl.cluster.directory import find_cluster

    cluster = find_cluster(settings)
    if cluster.spec.machine != "kv":
        raise usage(
            f"{cluster.name} runs the machine {cluster.spec.machine}, which has no keys and values",
            "raftctl propose gives it a command",
        )
    return running(cluster)


def running(cluster: "Cluster") -> "Cluster":
    """The cluster, when at least one of its nodes runs."""
    if all(process.find() is None for process in cluster.processes.values()):
        raise CliError(
            "E_NOT_RUNNING",
            f"no node of {cluster.name} runs",
            Exit.NOT_RUNNING,
            hint=f"raftctl up {cluster.name}",
            retryable=True,
        )
    return cluster


@contextmanager
def client_of(settings: Settings, cluster: "Cluster") -> "Iterator[Client]":
    """A client, and a word to whoever waits when the cluster takes its time."""
    from node.client.blocking import Client

    timeout = settings.timeout or DATA_SECONDS
    waiting = settings.output.patience(f"waiting for {cluster.name}, up to {timeout:g}s")
    with waiting, Client(cluster.address, timeout=timeout) as client:
        yield client


def checked_key(key: str) -> str:
    from node.machines.kv import KEY_BYTES_MAX

    if not 0 < len(checked_text(key)) <= KEY_BYTES_MAX:
        raise usage(f"a key of {len(key)} characters", f"1 to {KEY_BYTES_MAX} bytes")
    return key


def checked_text(text: str) -> bytes:
    """A key's bytes. Exit 2 for an argument that is not UTF-8: values are bytes, keys are text."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise usage(f"the key {text!r} is not UTF-8", "type it in UTF-8") from None


def value_bytes(cluster: "Cluster", text: str) -> bytes:
    """The bytes of an argument, or of stdin. Exit 2 when they are too many."""
    limit = cluster.spec.limits.value_bytes_max
    if text == "-":
        value = sys.stdin.buffer.read(limit + 1)
    else:
        value = text.encode("utf-8", "surrogateescape")
    if len(value) > limit:
        raise CliError(
            "E_TOO_LARGE",
            f"a value of more than {limit} bytes",
            Exit.USAGE,
            hint="limits.value_bytes_max of the cluster decides",
        )
    return value


def node_at(cluster: "Cluster", text: str) -> int:
    from raftctl.cluster.observation import observe
    from raftctl.selectors import resolve

    number = text.removeprefix("n")
    if number.isdigit() and node_id(text) in cluster.processes:
        return node_id(text)
    chosen = resolve([text], observe(cluster))
    if len(chosen) != 1:
        raise usage(f"--at {text} means {len(chosen)} nodes", "name one")
    return chosen[0]
