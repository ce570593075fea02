"""The next life of a cluster: new data for its nodes, under a new id, all of it or nothing."""

import contextlib
import errno
import secrets
import shutil
from collections.abc import Callable, Iterable, Sequence

from node.config import (
    FORMER_IDS_MAX,
    NODE_ID_MAX,
    ClusterSpec,
    ConfigError,
    NodeAddress,
    load_cluster,
    save_cluster,
)
from node.raft.configuration import Configuration
from node.storage.base import CorruptionError, DiskFullError, StorageError
from node.storage.renewal import Beginning, adopt, discard, prepare
from raftctl.cluster.directory import Cluster, changing, find_cluster
from raftctl.cluster.settling import unsettled
from raftctl.cluster.shutdown import as_cli_error
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import size_text

ENTRY_OVERHEAD_BYTES = 64
"""What an entry takes in a database beside its own bytes."""
NODE_OVERHEAD_BYTES = 256 * 1024
MARGIN_PERCENT = 20


def new_id() -> str:
    return secrets.token_hex(8)


def settled_cluster(settings: Settings) -> Cluster:
    """The cluster, with what a command that was killed had begun brought to its end: its data is
    on its way, or takes the room that this command needs. Raises CliError.
    """
    cluster = find_cluster(settings)
    if unsettled(cluster.folder):
        with changing(settings, cluster.name):
            pass  # whoever comes to hold the lock settles it
        cluster = find_cluster(settings, cluster.name)
    return cluster


def next_life(
    spec: ClusterSpec, cluster_id: str, nodes: Iterable[NodeAddress], known_ids: Iterable[int]
) -> ClusterSpec:
    """The cluster as it is afterwards. Ids that were given once are not given again; `known_ids`
    are those that the logs know, also of members that had no row here.
    """
    former = (*spec.former_ids, spec.cluster_id)[-FORMER_IDS_MAX:]
    return spec._replace(
        cluster_id=cluster_id,
        nodes=tuple(nodes),
        next_id=max([spec.free_id, *(min(known, NODE_ID_MAX) + 1 for known in known_ids)]),
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
        _hold_all(cluster, after, held)
        try:
            for node in after.nodes:
                say(f"writing the new data of {node.name}")
                prepare(cluster.processes[node.id].folder, node.id, beginning)
            save_cluster(cluster.folder, after)  # from here on it is the cluster
            for node in after.nodes:
                adopt(cluster.processes[node.id].folder, after.cluster_id)
        except BaseException as error:
            is_old = _id_of(cluster) == cluster.spec.cluster_id
            if is_old:
                _discard(cluster, after)
            if isinstance(error, OSError | StorageError | KeyboardInterrupt | SystemExit):
                told = _not_renewed if is_old else _half_done
                raise told(cluster, error) from error
            raise


def _hold_all(cluster: Cluster, after: ClusterSpec, held: contextlib.ExitStack) -> None:
    """Also those that go: two of them might be a majority of what they remember. Raises CliError
    for one that runs.
    """
    staying = {node.id for node in after.nodes}
    for node_id, process in cluster.processes.items():
        if node_id in staying:
            held.enter_context(process.hold())
            continue
        with contextlib.suppress(OSError):  # its disk is gone too, and it cannot start
            if process.folder.exists():
                held.enter_context(process.hold())


def _id_of(cluster: Cluster) -> str | None:
    """The id that the file names now; None when it cannot be read, and may name either."""
    with contextlib.suppress(ConfigError):
        return load_cluster(cluster.folder).cluster_id
    return None


def _discard(cluster: Cluster, after: ClusterSpec) -> None:
    for node in after.nodes:
        with contextlib.suppress(StorageError):  # the next command tries again
            discard(cluster.processes[node.id].folder, cluster.spec.cluster_id)


EndedBy = OSError | StorageError | KeyboardInterrupt | SystemExit


def _half_done(cluster: Cluster, error: EndedBy) -> CliError:
    """There is no way back any more."""
    what = f"{cluster.name} is made anew, and not all of its data is in its place yet"
    hint = f"{cluster.line} up does the rest"
    if isinstance(error, StorageError):
        message = f"{what}: {error}"
        return CliError("E_IO", message, Exit.UNEXPECTED, hint=f"mend that; {hint}")
    known = as_cli_error(error)
    return CliError(known.code, f"{known.message}: {what}", known.exit_code, hint=hint)


def _not_renewed(cluster: Cluster, error: EndedBy) -> CliError:
    what = f"{cluster.name} is as it was"
    is_full = isinstance(error, DiskFullError)
    if isinstance(error, OSError):
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    elif isinstance(error, StorageError) and not isinstance(error, CorruptionError):
        # SQLite has other errors too for a disk without room.
        is_full |= shutil.disk_usage(cluster.folder).free < NODE_OVERHEAD_BYTES
    if is_full:
        hint = f"df -h {cluster.folder}"
        return CliError("E_NO_SPACE", f"{what}: {error}", Exit.PRECONDITION, hint=hint)
    if isinstance(error, CorruptionError):
        hint = f"{cluster.line} log verify"
        return CliError("E_DAMAGED", f"{what}: {error}", Exit.CHECK_FAILED, hint=hint)
    if isinstance(error, StorageError):
        hint = f"ls -l {cluster.folder}"
        return CliError("E_IO", f"{what}: {error}", Exit.UNEXPECTED, hint=hint)
    known = as_cli_error(error)
    return CliError(known.code, f"{known.message}: {what}", known.exit_code, hint=known.hint)
