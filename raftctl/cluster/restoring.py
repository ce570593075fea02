"""`raftctl snapshot restore`: the whole cluster goes back to the state in a snapshot."""

from dataclasses import dataclass, field
from pathlib import Path

from node.config import ClusterSpec
from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.snapshot import Snapshot, SnapshotId
from node.storage.base import CorruptionError, StorageError
from node.storage.renewal import Beginning, SnapshotSource, before_folder
from node.storage.snapshot_format import Header
from node.storage.snapshots import describe_snapshot, open_snapshot
from raftctl.cluster.comparing import counted
from raftctl.cluster.directory import Cluster, changing, find_cluster
from raftctl.cluster.nodelogs import NodeLog, read_node
from raftctl.cluster.observation import survey
from raftctl.cluster.renewing import (
    check_space,
    configuration_of,
    new_id,
    next_life,
    renew,
)
from raftctl.cluster.shutdown import take_down
from raftctl.cluster.survivors import names
from raftctl.errors import CliError, from_os_error
from raftctl.exit_codes import Exit
from raftctl.repairdocs import Restore
from raftctl.settings import Settings, confirm_by_name
from raftctl.values import size_text

STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Source:
    """The file, and what it is."""

    path: Path
    header: Header
    id: SnapshotId
    is_former: bool
    """It was taken before the cluster was made anew."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What the nodes hold now. `newest` is None when nothing can be read."""

    newest: NodeLog | None
    term: int
    learners: frozenset[int]
    warnings: list[str] = field(default_factory=list)


def restore(settings: Settings, file: Path) -> int:
    """Look, tell, ask, and do it. Gives the exit code."""
    output = settings.output
    cluster = find_cluster(settings)
    with output.patience(f"reading {file}"):
        source = read_file(file, cluster.spec)
        check_machine(source, cluster.spec)
    with output.patience("reading the nodes' data"):
        seen = look(cluster, source)
        check_space(cluster, _beginning(cluster, source, seen, ""), len(cluster.spec.nodes))
    for line in report(cluster, source, seen):
        output.note(line)
    for warning in seen.warnings:
        output.warn(warning)
    index = source.id.index
    confirm_by_name(settings, f"take all of {cluster.name} back to entry {index:,}", cluster.name)
    with changing(settings, cluster.name):
        cluster = find_cluster(settings, cluster.name)
        output.note(f"stopping {cluster.name}")
        take_down(cluster, settings.timeout or STOP_SECONDS)
        source = read_file(file, cluster.spec)  # a node may have removed it since
        document = _do(settings, cluster, source, look(cluster, source))
    names_of = " ".join(document.nodes)
    output.done(f"{names_of}: entry {document.last_index:,} makes them the members")
    text = f"{cluster.name} is at entry {index:,} again, as cluster {document.cluster_id}"
    output.show(document, lambda: [f"{text}; it is stopped"])
    kept = before_folder(cluster.folder / document.nodes[0], document.cluster_id)
    output.note(f"what they held before lies in {kept} and the like")
    output.note(f"Next: {cluster.line} up")
    return Exit.OK


def read_file(file: Path, spec: ClusterSpec) -> Source:
    """What it is, read to its end. Raises CliError for one that cannot be gone back to."""
    if not file.is_file():
        raise CliError(
            "E_NO_FILE",
            f"there is no file {file}",
            Exit.NOT_FOUND,
            hint="raftctl snapshot ls lists those that the nodes keep",
        )
    try:
        found = describe_snapshot(file)
    except StorageError as error:
        raise CliError("E_IO", str(error), Exit.UNEXPECTED, hint=f"ls -l {file}") from error
    except OSError as error:
        raise from_os_error(error) from error
    header = found.header
    if header is None or found.damage is not None:
        raise CliError(
            "E_DAMAGED",
            f"{file} cannot be gone back to: {found.damage}",
            Exit.CHECK_FAILED,
            hint="another node's file of the same entry, or an older one",
        )
    is_former = header.cluster_id in spec.former_ids
    if header.cluster_id != spec.cluster_id and not is_former:
        raise CliError(
            "E_WRONG_CLUSTER",
            f"{file} is of the cluster {header.cluster_id}; {spec.name} is {spec.cluster_id}"
            + (f", and was {' '.join(spec.former_ids)}" if spec.former_ids else ""),
            Exit.PRECONDITION,
            hint="-c names the cluster that it is of",
        )
    which = SnapshotId(header.index, header.term, found.size, found.digest)
    return Source(file, header, which, is_former)


def check_machine(source: Source, spec: ClusterSpec) -> None:
    """Raises CliError when the cluster's machine cannot be made of it: no node would start."""
    from node.machines.loading import MachineError, load_machine
    from node.replica.state import restore as make_state

    try:
        with open_snapshot(source.path) as reader:
            make_state(
                Snapshot(source.id, source.header.configuration),
                reader.parts_of(source.header.cluster_id, source.id),
                lambda: load_machine(spec.machine, spec.machine_path),
            )
    except (CorruptionError, MachineError) as error:
        raise CliError(
            "E_DAMAGED",
            f"{source.path} makes no {spec.machine}: {error}",
            Exit.CHECK_FAILED,
            hint="another file, or the machine's code as it was then",
        ) from error
    except StorageError as error:
        raise CliError("E_IO", str(error), Exit.UNEXPECTED) from error


def look(cluster: Cluster, source: Source) -> Situation:
    """Read what the nodes hold. What cannot be read is no obstacle: this is how to get over it."""
    answers = survey(cluster)
    logs: list[NodeLog] = []
    warnings: list[str] = []
    for node_id, process in cluster.processes.items():
        try:
            log = read_node(cluster, node_id, answers[node_id])
        except CliError as error:
            warnings.append(f"{process.name} cannot be read: {error.message}")
            continue
        logs.append(log)
        if log.damage:
            warnings.append(f"{process.name} is damaged: {log.damage[0]}")
    term = max([source.id.term, *(log.current_term for log in logs)]) + 1
    if not logs:
        return Situation(None, term, frozenset(), warnings)
    newest = max(logs, key=lambda log: (log.last_term, log.last_index))
    configuration = newest.configuration
    learners = configuration.learners - configuration.promotable
    if not {node.id for node in cluster.spec.nodes} - learners:
        learners = frozenset()  # somebody has to vote
    return Situation(newest, term, learners, warnings)


def report(cluster: Cluster, source: Source, seen: Situation) -> list[str]:
    """What is about to be done, and what it costs."""
    when = ", taken before the cluster was made anew" if source.is_former else ""
    voters = {node.id for node in cluster.spec.nodes} - seen.learners
    lines = [
        f"{source.path}: {size_text(source.id.size)}, entry {source.id.index:,} of term "
        f"{source.id.term}{when}"
    ]
    if seen.newest is not None:
        newest = seen.newest
        lines.append(
            f"now: {newest.name} ends with entry {newest.last_index:,} of term {newest.last_term}, "
            f"{newest.commit_index:,} known to be committed"
        )
        undone = _undone(source, seen)
        if undone:
            verb = "is" if undone == 1 else "are"
            lines.append(f"{counted(undone)} {verb} undone, whatever clients were told")
    learners = f", learners {names(seen.learners)}" if seen.learners else ""
    lines.append(f"afterwards: voters {names(voters)}{learners}, under a new cluster id")
    return lines


def _undone(source: Source, seen: Situation) -> int | None:
    """Of another life the indices may mean other entries."""
    if seen.newest is None:
        return None
    return max(seen.newest.last_index - source.id.index, 0)


def _beginning(cluster: Cluster, source: Source, seen: Situation, cluster_id: str) -> Beginning:
    members = configuration_of(cluster.spec.nodes, seen.learners)
    return Beginning(
        cluster_id,
        members,
        seen.term,
        EntryId(source.id.term, source.id.index),
        [LogEntry(seen.term, members)],
        SnapshotSource(source.path, source.header.cluster_id, source.id),
    )


def _do(settings: Settings, cluster: Cluster, source: Source, seen: Situation) -> Restore:
    before = cluster.spec
    after = next_life(before, new_id(), before.nodes)
    beginning = _beginning(cluster, source, seen, after.cluster_id)
    check_space(cluster, beginning, len(after.nodes))
    renew(cluster, after, beginning, settings.output.note)
    return Restore(
        cluster=cluster.name,
        cluster_id=after.cluster_id,
        former_id=before.cluster_id,
        file=str(source.path),
        snapshot_index=source.id.index,
        snapshot_term=source.id.term,
        of_former_life=source.is_former,
        nodes=[node.name for node in after.nodes],
        learners=[f"n{node_id}" for node_id in sorted(seen.learners)],
        term=seen.term,
        last_index=beginning.last_index,
        undone=_undone(source, seen),
        warnings=seen.warnings,
    )
