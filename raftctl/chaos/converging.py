"""Whether the nodes come together once all faults are over."""

from collections.abc import Collection
from dataclasses import replace
from typing import Literal

from raftctl.cluster.directory import Cluster
from raftctl.cluster.observation import is_converged, is_ready
from raftctl.cluster.waiting import wait_for
from raftctl.errors import CliError
from raftctl.statusdocs import Status


def late(
    cluster: Cluster, what: Literal["ready", "converged"], without: Collection[str], seconds: float
) -> str:
    """Wait until it is so of all nodes but those. Gives why it is not within that time; empty: it
    is.
    """

    def holds(status: Status) -> bool:
        others = replace(status, nodes=[row for row in status.nodes if row.id not in without])
        return is_ready(cluster, others) if what == "ready" else is_converged(others)

    try:
        wait_for(cluster, holds, what, seconds)
    except CliError as error:
        return f"{error.message}{f' ({error.cause})' if error.cause else ''}"
    return ""
