"""The snapshots that nodes keep, from their files, and when they take one by themselves."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from node.config import ConfigError, SnapshotSettings, save_cluster
from raftctl.cluster.directory import Cluster, changing
from raftctl.cluster.members import names
from raftctl.cluster.observation import survey
from raftctl.cluster.processes import is_paused
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.memberdocs import (
    Compaction,
    SnapshotAuto,
    SnapshotFile,
    SnapshotInspect,
    SnapshotTaken,
)
from raftctl.settings import Settings
from raftctl.values import size_text

if TYPE_CHECKING:
    from node.raft.snapshot import Snapshot

SEND_SECONDS_MAX = 2.0


def files_of(cluster: Cluster, node_id: int) -> list[SnapshotFile]:
    """What a node keeps, the newest first, whether it runs or not; nothing of a wiped one.

    Raises CliError for a database that cannot be read.
    """
    from node.storage.base import StorageError
    from node.storage.inspection import read_database

    folder = cluster.folder / f"n{node_id}"
    try:
        found = read_database(folder / "raft.db").stored.snapshots
    except FileNotFoundError:
        return []
    except StorageError as error:
        hint = f"{cluster.line} logs n{node_id}"
        raise CliError("E_DAMAGED", str(error), Exit.CHECK_FAILED, hint=hint) from error
    ordered = sorted(found, key=lambda each: each.id.index, reverse=True)
    files = [_file(folder, snapshot, n == 0) for n, snapshot in enumerate(ordered)]
    # An older one that is gone is no loss: nobody goes back to it.
    return [each for each in files if each.current or each.age_ms is not None]


def _file(folder: Path, snapshot: "Snapshot", is_newest: bool) -> SnapshotFile:
    which = snapshot.id
    path = folder / "snapshots" / f"{which.index:016}-{which.term}.snap"
    age_ms, damage = None, None
    try:
        found = path.stat()
        age_ms = max(round((time.time() - found.st_mtime) * 1000), 0)
        if found.st_size != which.size:
            damage = f"it has {found.st_size} bytes"
    except OSError as error:
        damage = error.strerror or str(error)
    return SnapshotFile(
        folder.name,
        which.index,
        which.term,
        which.size,
        which.digest.hex(),
        age_ms,
        is_newest,
        str(path),
        damage,
    )


def take(cluster: Cluster, node_id: int, timeout: float) -> SnapshotTaken | CliError:
    """Have one node take a snapshot now; `timeout` in seconds."""
    from node.client.admin import Admin
    from node.client.errors import ClientError
    from raftctl.errors import from_client_error

    name = f"n{node_id}"
    try:
        with Admin(cluster.address, node_id, timeout) as admin:
            done = admin.take_snapshot()
    except ClientError as error:
        if error.code == "bad_request":
            hint = f"{cluster.line} status"
            return CliError("E_REJECTED", f"{name}: {error.message}", Exit.PRECONDITION, hint=hint)
        return from_client_error(error)
    index, term, size = done["index"], done["term"], done["bytes"]
    text = f"snapshot of entry {index}, term {term}, {size_text(size)}"
    return SnapshotTaken(name, True, text, index, term, size, done["digest"])


def inspect_file(path: Path) -> SnapshotInspect:
    """Read all of a snapshot, whoever made it. Raises CliError where there is none (exit 9)."""
    from node.storage.base import StorageError
    from node.storage.snapshots import describe_snapshot

    if not path.is_file():
        hint = "raftctl snapshot ls -o wide shows where they are"
        raise CliError("E_NO_FILE", f"there is no file {path}", Exit.NOT_FOUND, hint=hint)
    try:
        found = describe_snapshot(path)
    except StorageError as error:
        hint = f"ls -l {path}"
        raise CliError("E_IO", str(error), Exit.UNEXPECTED, hint=hint) from error
    header = found.header
    configuration = None if header is None else header.configuration
    return SnapshotInspect(
        path=str(path),
        ok=found.damage is None,
        damage=found.damage,
        cluster_id=None if header is None else header.cluster_id,
        index=None if header is None else header.index,
        term=None if header is None else header.term,
        voters=[] if configuration is None else names(configuration.voters),
        learners=[] if configuration is None else names(configuration.learners),
        parts=found.part_count,
        bytes=found.size,
        digest=found.digest.hex(),
    )


# -- when they are taken ---------------------------------------------------------------------------
def changed_settings(
    before: SnapshotSettings, entries: int | None, bytes_max: int | None, tail: int | None
) -> SnapshotSettings:
    """`before` with what is given. Raises CliError (exit 2)."""
    settings = SnapshotSettings(
        before.entries if entries is None else entries,
        before.bytes_max if bytes_max is None else bytes_max,
        before.tail if tail is None else tail,
    )
    try:
        settings.check()
    except ConfigError as error:
        message = str(error).removeprefix("snapshots.").replace("bytes_max", "bytes")
        raise CliError("E_USAGE", f"--{message}", Exit.USAGE, hint=error.hint) from error
    return settings


def set_auto(settings: Settings, cluster: Cluster, wanted: SnapshotSettings) -> None:
    """Write it down: what a node that starts obeys."""
    with changing(settings, cluster.name):
        cluster.refresh()
        save_cluster(cluster.folder, cluster.spec._replace(snapshots=wanted))
        cluster.refresh()


def tell_nodes(cluster: Cluster, wanted: SnapshotSettings) -> dict[str, str]:
    """Have all running nodes obey it; who could not be told, and why."""
    from node.client.admin import Admin
    from node.client.errors import ClientError

    untold: dict[str, str] = {}
    for node_id in _running(cluster):
        if is_paused(cluster.processes[node_id].find()):
            untold[f"n{node_id}"] = "it is paused"
            continue
        try:
            with Admin(cluster.address, node_id, SEND_SECONDS_MAX) as admin:
                admin.set_compaction(wanted.entries, wanted.bytes_max, wanted.tail)
        except ClientError as error:
            untold[f"n{node_id}"] = error.message
    return untold


def _running(cluster: Cluster) -> Iterable[int]:
    return [n for n, process in cluster.processes.items() if process.find() is not None]


def auto_document(cluster: Cluster, changed: bool) -> SnapshotAuto:
    """What the file says, and what the running nodes obey."""
    nodes: dict[str, Compaction] = {}
    for node_id, answer in survey(cluster).items():
        if isinstance(answer, dict):
            nodes[f"n{node_id}"] = Compaction(**answer["compaction"])
    untold = [f"n{n}" for n in _running(cluster) if f"n{n}" not in nodes]
    settings = Compaction(*cluster.spec.snapshots)
    return SnapshotAuto(cluster.name, settings, changed, nodes, untold)
