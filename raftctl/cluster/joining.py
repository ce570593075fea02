"""A new node of a cluster: its folder, its row, its process, and then its membership.

The order is such that whatever an interrupt leaves behind can be told apart. A folder alone is
nobody: it is made anew, or pruned. The row comes before the process, since a node starts only with
a row, and before the membership, since a member has to be found. Who has a row and is no member is
shown as such; a file in its folder says that it never was one, so that the same command may go on
with it. Who was a member, and is none any more, has no way back: it may have forgotten promises.
"""

import shutil
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from node.config import NODE_ID_MAX, NODES_MAX, NodeAddress, save_cluster
from node.raft.configuration import AddLearner, Configuration
from node.storage.base import StorageError
from raftctl.cluster.acting import wait_until_up
from raftctl.cluster.bringup import not_to_be_interrupted
from raftctl.cluster.changing import POLL_SECONDS, change_members, look, wait_for_leader
from raftctl.cluster.directory import Cluster, all_clusters
from raftctl.cluster.members import View
from raftctl.cluster.ports import HOST, choose_port, saved_ports
from raftctl.cluster.processes import NodeProcess
from raftctl.cluster.starting import start_nodes
from raftctl.cluster.waiting import ended_early
from raftctl.errors import CliError
from raftctl.exit_codes import Exit, exit_of
from raftctl.output import Output
from raftctl.settings import Settings
from raftctl.values import usage

MIB = 1024 * 1024
MARK = "joining"
"""A file of this name is in the folder of who never was a member."""


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Who joins; `id` None: the next that was never given. `promotes`: it becomes a voter by itself
    as soon as it has caught up.
    """

    id: int | None
    priority: int
    promotes: bool


def join(
    settings: Settings, cluster: Cluster, newcomer: Newcomer, deadline: float
) -> tuple[NodeAddress, View]:
    """Make a node and have it added as a learner. The caller holds the cluster's lock.

    Raises CliError, and leaves nothing behind then, unless the node may become a member yet.
    """
    view = wait_for_leader(cluster, deadline)
    node_id = id_for(cluster, newcomer.id, view)
    _check_nobody_runs(cluster, node_id)
    with _undone_on_error(cluster, node_id) as attempt:
        node = _make(settings, cluster, newcomer, node_id)
        if cluster.processes[node_id].find() is None:
            start_nodes(cluster, [node_id])
        left = max(deadline - time.monotonic(), 0)
        for error in wait_until_up(cluster, [node_id], left).values():
            raise error
        settings.output.done(f"{node.name} started, port {node.port}")
        attempt.was_asked = True
        change = AddLearner(node_id, node.text, newcomer.promotes)
        view = change_members(cluster, [change], deadline)
    mark_of(cluster, node_id).unlink(missing_ok=True)
    return node, view


def mark_of(cluster: Cluster, node_id: int) -> Path:
    return cluster.folder / f"n{node_id}" / MARK


def id_for(cluster: Cluster, wanted: int | None, view: View) -> int:
    """The id of the new node: `wanted`, or the next one. No id is given twice, nor that of a member
    whose row another host has.

    Raises CliError for one that is taken, or that was given before.
    """
    spec, line = cluster.spec, cluster.line
    strangers = [node.id for node in spec.nodes if view.role_of(node.id) == "none"]
    unfinished = [node_id for node_id in strangers if mark_of(cluster, node_id).exists()]
    if wanted is None and unfinished:
        return unfinished[0]
    free_id = max([spec.free_id, *(member + 1 for member in view.configuration.members)])
    node_id = free_id if wanted is None else wanted
    name = f"n{node_id}"
    if node_id in unfinished:
        return node_id
    if node_id in view.configuration.members:
        raise _not_new(name, "is a member already", f"{line} members ls")
    if node_id in strangers:
        raise _not_new(name, "was removed, and no id comes back", f"{line} members remove {name}")
    if 1 <= node_id < free_id:
        hint = f"{line} members add takes n{free_id}"
        raise _not_new(name, "was given before, and no id comes back", hint)
    if not 1 <= node_id <= NODE_ID_MAX or len(spec.nodes) >= NODES_MAX:
        limit = f"ids go from 1 to {NODE_ID_MAX}, and a cluster has at most {NODES_MAX} nodes"
        raise usage(f"{name} cannot be added", limit)
    return node_id


def _not_new(name: str, why: str, hint: str) -> CliError:
    details = {"node": name}
    return CliError("E_EXISTS", f"{name} {why}", Exit.PRECONDITION, hint=hint, details=details)


def _check_nobody_runs(cluster: Cluster, node_id: int) -> None:
    """Raises CliError for a process in a folder without a row: nobody knows whose it is."""
    process = NodeProcess(cluster.folder, node_id)
    if node_id not in cluster.processes and process.is_running:
        why = f"has a process already, in {process.folder}"
        raise _not_new(process.name, why, f"{cluster.line} doctor")


def _make(settings: Settings, cluster: Cluster, newcomer: Newcomer, node_id: int) -> NodeAddress:
    """Its folder with an empty database, and then its row; or what is there of it already."""
    from node.storage.sqlite import SqliteStorage

    spec, output = cluster.spec, settings.output
    if any(node.id == node_id for node in spec.nodes):
        node = spec.address_of(node_id)
        output.note(f"adding {node.name} to {cluster.name}, where an interrupted command left off")
        return node
    first = spec.nodes[0]
    wanted = first.port - first.id + node_id
    port = choose_port(wanted, saved_ports(all_clusters(settings)))
    node = NodeAddress(node_id, HOST, port, newcomer.priority)
    output.note(f"adding {node.name} to {cluster.name}")
    folder = cluster.folder / node.name
    try:
        shutil.rmtree(folder, ignore_errors=True)  # an interrupted command's, and nobody's yet
        folder.mkdir(mode=0o700)
        mark_of(cluster, node_id).touch()
        SqliteStorage.create(folder / "raft.db", spec.cluster_id, node_id, first=Configuration())
        nodes = (*spec.nodes, node)
        save_cluster(cluster.folder, spec._replace(nodes=nodes, next_id=node_id + 1))
    except (OSError, StorageError) as error:
        reason = getattr(error, "strerror", None) or error
        hint = f"{cluster.line} doctor"
        raise CliError(
            "E_HOME", f"cannot make {folder}: {reason}", Exit.USAGE, hint=hint
        ) from error
    cluster.refresh()
    return node


# -- taking it back --------------------------------------------------------------------------------
@dataclass(slots=True)
class _Attempt:
    was_asked: bool = False
    """The leader may have been asked."""


@contextmanager
def _undone_on_error(cluster: Cluster, node_id: int) -> Iterator[_Attempt]:
    """Whoever was refused leaves no trace. Who may become a member yet stays, and is told of."""
    attempt, before = _Attempt(), cluster.spec
    try:
        yield attempt
    except BaseException as error:
        is_refusal = isinstance(error, CliError) and error.outcome == "none"
        if attempt.was_asked and not is_refusal:
            raise _in_doubt(cluster, f"n{node_id}", error) from error
        with not_to_be_interrupted():
            _take_back(cluster, node_id, before.next_id)
        if isinstance(error, KeyboardInterrupt | SystemExit):
            message = f"interrupted: n{node_id} was not added"
            hint = f"{cluster.line} members add"
            raise CliError("E_INTERRUPTED", message, exit_of(error), hint=hint) from error
        raise


def _in_doubt(cluster: Cluster, name: str, error: BaseException) -> CliError:
    if isinstance(error, CliError):
        code, why, exit_code = error.code, error.message, error.exit_code
    else:
        code, why, exit_code = "E_INTERRUPTED", "interrupted", exit_of(error)
    return CliError(
        code,
        f"{why}; {name} may be a member, or become one",
        exit_code,
        hint=f"{cluster.line} members ls; undo: {cluster.line} members remove {name}",
        outcome="unknown",
        details={"node": name},
    )


def _take_back(cluster: Cluster, node_id: int, next_id: int) -> None:
    process = NodeProcess(cluster.folder, node_id, cluster.line)
    process.end(signal.SIGKILL, "not added", timeout=10)
    cluster.refresh()
    nodes = tuple(node for node in cluster.spec.nodes if node.id != node_id)
    save_cluster(cluster.folder, cluster.spec._replace(nodes=nodes, next_id=next_id))
    shutil.rmtree(process.folder, ignore_errors=True)


# -- catching up -----------------------------------------------------------------------------------
def wait_until(
    cluster: Cluster,
    output: Output,
    node_id: int,
    is_done: Callable[[View], bool],
    deadline: float,
) -> View | None:
    """Show how far a member is until `is_done`; None when that is not so by then.

    Raises CliError when its process ends.
    """
    while True:
        view = look(cluster, 0.5)
        if is_done(view):
            return view
        process = cluster.processes.get(node_id)
        has_ended = process is None or process.find() is None
        # Who removes a node stops it first, and drops its row then.
        is_member = view.leader is None or view.role_of(node_id) != "none"
        if process is None or (has_ended and not is_member):
            message = f"n{node_id} was removed meanwhile"
            hint = f"{cluster.line} members ls"
            raise CliError("E_NO_NODE", message, Exit.NOT_FOUND, hint=hint)
        if has_ended:
            raise _ended(cluster, process)
        if time.monotonic() >= deadline:
            return None
        output.progress(_how_far(view, node_id))
        time.sleep(POLL_SECONDS)


def _ended(cluster: Cluster, process: NodeProcess) -> CliError:
    """It is a member by now, and goes on where it stopped."""
    error = ended_early(cluster, process, "while it caught up")
    line, name = cluster.line, process.name
    error.hint = f"{line} start {name} lets it go on; undo: {line} members remove {name}"
    error.outcome = "unknown"
    return error


def _how_far(view: View, node_id: int) -> str:
    name = f"n{node_id}"
    progress = view.progress.get(node_id)
    if view.leader is None:
        return f"{name} waits for a leader"
    if progress is None:
        return f"{name} is not a member yet"
    snapshot = progress.get("snapshot")
    if snapshot is not None:
        done, total = snapshot["acked_bytes"], snapshot["bytes"]
        if done >= total:
            return f"{name} catches up: it reads the snapshot of {total / MIB:.1f} MiB"
        amount = f"{done / MIB:.1f} of {total / MIB:.1f} MiB of a snapshot"
    else:
        done, total = progress["match_index"], view.last_index
        amount = f"{done} of {total} entries"
    return f"{name} catches up: {amount}, {100 * done // max(total, 1)}%"
