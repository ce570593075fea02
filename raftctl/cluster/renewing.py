"""The next life of a cluster: new data for its nodes, under a new id, all of it or nothing."""

import contextlib
import errno
import secrets
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from node.config import (
    FORMER_IDS_MAX,
    ClusterSpec,
    ConfigError,
    NodeAddress,
    load_cluster,
    save_cluster,
)
from node.raft.configuration import Configuration
from node.storage.base import CorruptionError, DiskFullError, StorageError
from node.storage.renewal import Beginning, adopt, discard, prepare
from raftctl.cluster.directory import Cluster
from raftctl.errors import CliError, from_os_error
from raftctl.exit_codes import Exit
from raftctl.values import size_text

ENTRY_OVERHEAD_BYTES = 64
"""What an entry takes in a database beside its own bytes."""
NODE_OVERHEAD_BYTES = 256 * 1024
MARGIN_PERCENT = 20


def new_id() -> str:
    return secrets.token_hex(8)


def next_life(spec: ClusterSpec, cluster_id: str, nodes: Iterable[NodeAddress]) -> ClusterSpec:
    """The cluster as it is afterwards. Ids that were given once are not given again."""
    former = (*spec.former_ids, spec.cluster_id)[-FORMER_IDS_MAX:]
    return replace(
        spec,
        cluster_id=cluster_id,
        nodes=tuple(nodes),
        next_id=spec.free_id,
        former_ids=former,
    )


def configuration_of(nodes: Sequence[NodeAddress], learners: Iterable[int] = ()) -> Configuration:
    """These nodes at their addresses, all with a vote but for `learners`."""
    ids = frozenset(node.id for node in nodes)
    without = ids.intersection(learners)
    addresses = tuple(sorted((node.id, node.text) for node in nodes))
    return Configuration(ids - without, without, addresses=addresses)


def bytes_of(beginning: Beginning) -> int:
    """What the data of one node takes, about."""
    commands = [len(entry.entry) for entry in beginning.entries if type(entry.entry) is bytes]
    log = sum(commands) + ENTRY_OVERHEAD_BYTES * len(beginning.entries)
    snapshot = 0 if beginning.snapshot is None else beginning.snapshot.id.size
    return NODE_OVERHEAD_BYTES + (log + snapshot) * (100 + MARGIN_PERCENT) // 100


def check_space(cluster: Cluster, beginning: Beginning, node_count: int) -> None:
    """Raises CliError when the disk cannot hold the new data beside what is there."""
    needed = node_count * bytes_of(beginning)
    free = shutil.disk_usage(cluster.folder).free
    if needed > free:
        raise CliError(
            "E_NO_SPACE",
            f"{size_text(needed)} are needed in {cluster.folder}, beside what is there; "
            f"{size_text(free)} are free",
            Exit.PRECONDITION,
            hint=f"make room: df -h {cluster.folder}",
        )


def renew(
    cluster: Cluster, after: ClusterSpec, beginning: Beginning, say: Callable[[str], None]
) -> None:
    """Give the nodes of `after` what they begin with, and make it the cluster. All are stopped.

    Raises CliError, and the cluster is what it was then; or, if it was too late for that, the next
    command completes it.
    """
    with contextlib.ExitStack() as held:
        for node in after.nodes:
            held.enter_context(cluster.processes[node.id].hold())
        try:
            for node in after.nodes:
                say(f"writing the new data of {node.name}")
                prepare(cluster.processes[node.id].folder, node.id, beginning)
            save_cluster(cluster.folder, after)  # from here on it is the cluster
        except BaseException as error:
            if not _is(cluster, after.cluster_id):
                _discard(cluster, after)
                if isinstance(error, OSError | StorageError):
                    raise _not_renewed(cluster, error) from error
            raise
        try:
            for node in after.nodes:
                adopt(cluster.processes[node.id].folder, after.cluster_id)
        except StorageError as error:
            raise CliError(
                "E_IO",
                f"{cluster.name} is made anew, and its data not yet in its place: {error}",
                Exit.UNEXPECTED,
                hint=f"mend that; {cluster.line} up does the rest",
            ) from error


def _is(cluster: Cluster, cluster_id: str) -> bool:
    with contextlib.suppress(ConfigError):
        return load_cluster(cluster.folder).cluster_id == cluster_id
    return False


def _discard(cluster: Cluster, after: ClusterSpec) -> None:
    for node in after.nodes:
        with contextlib.suppress(StorageError):  # the next command tries again
            discard(cluster.processes[node.id].folder, cluster.spec.cluster_id)


def _not_renewed(cluster: Cluster, error: OSError | StorageError) -> CliError:
    text = f"{cluster.name} is as it was: "
    if isinstance(error, OSError) and error.errno != errno.ENOSPC:
        known = from_os_error(error)
        return CliError(known.code, text + known.message, known.exit_code, hint=known.hint)
    if isinstance(error, CorruptionError):
        return CliError(
            "E_DAMAGED", f"{text}{error}", Exit.CHECK_FAILED, hint=f"{cluster.line} log verify"
        )
    hint = f"df -h {cluster.folder}"
    # SQLite has other errors too for a disk without room.
    is_full = shutil.disk_usage(cluster.folder).free < NODE_OVERHEAD_BYTES
    if isinstance(error, DiskFullError) or is_full:
        return CliError("E_NO_SPACE", f"{text}{error}", Exit.PRECONDITION, hint=hint)
    return CliError("E_IO", f"{text}{error}", Exit.UNEXPECTED, hint=hint)
