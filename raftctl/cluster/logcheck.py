"""`raftctl log verify`: whether what nodes have on their disks is what they wrote."""

from pathlib import Path

from raftctl.cluster.directory import Cluster
from raftctl.cluster.nodelogs import NodeLog, damage_of, read_folder, read_node
from raftctl.errors import CliError
from raftctl.logdocs import CheckedLog, CheckedSnapshot, LogVerify
from raftctl.output import Output, escaped

SPEAKING_BYTES = 64 * 1024 * 1024
"""A larger snapshot is announced before it is read."""
TRIES_MAX = 3


def check_node(cluster: Cluster, node_id: int, output: Output) -> CheckedLog:
    """A node of a cluster. While it runs it may remove a snapshot that was to be read next."""
    process = cluster.processes[node_id]
    checked = CheckedLog(process.name, str(process.folder), False, [])
    for _ in range(TRIES_MAX):
        try:
            checked = _check(read_node(cluster, node_id), output)
        except CliError as error:
            return CheckedLog(process.name, str(process.folder), False, [error.message])
        is_gone = any("is missing" in (each.damage or "") for each in checked.snapshots)
        if not is_gone or not process.is_running:
            break
    return checked


def check_folder(folder: Path, output: Output) -> CheckedLog:
    """A node's folder of anywhere. Raises CliError where there is none."""
    try:
        return _check(read_folder(folder, str(folder)), output)
    except CliError as error:
        if error.code != "E_DAMAGED":
            raise
        return CheckedLog(str(folder), str(folder), False, [error.message])


def _check(log: NodeLog, output: Output) -> CheckedLog:
    snapshots = []
    for snapshot in log.stored.snapshots:
        which = snapshot.id
        if which.size >= SPEAKING_BYTES:
            size = which.size >> 20
            output.note(f"{log.name}: reading the snapshot of entry {which.index:,}, {size:,} MiB")
        found = damage_of(log, snapshot)
        snapshots.append(CheckedSnapshot(which.index, which.term, which.size, found))
    damage = [*log.damage, *(each.damage for each in snapshots if each.damage is not None)]
    return CheckedLog(
        node=log.name,
        path=str(log.folder),
        ok=not damage,
        damage=damage,
        first_index=log.first_index,
        last_index=log.last_index,
        last_term=log.last_term,
        commit_index=log.commit_index,
        term=log.current_term,
        snapshots=snapshots,
    )


def lines_of(document: LogVerify, output: Output) -> list[str]:
    """A line for each log, and below it what is wrong."""
    lines = []
    for log in document.logs:
        mark = output.sign("✓", "ok") if log.ok else output.sign("✗", "no")
        lines.append(f"{mark} {log.node}  {_summary(log)}")
        lines += [f"{'':{len(mark) + 1}}{escaped(each)}" for each in log.damage]
    return lines


def _summary(log: CheckedLog) -> str:
    if log.last_index is None or log.first_index is None:
        return "cannot be read"
    count = log.last_index - log.first_index + 1
    parts = [f"{count:,} entries up to {log.last_index:,}", f"term {log.term}"]
    if log.snapshots:
        which = ", ".join(f"{each.index:,}" for each in log.snapshots)
        parts.append(f"snapshot{'s' * (len(log.snapshots) > 1)} of {which}")
    if not log.ok:
        parts.append("DAMAGED")
    return ", ".join(parts)
