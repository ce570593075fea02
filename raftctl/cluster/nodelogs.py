"""What a node's database holds, read beside the node: whether it runs, is dead, or never ran here.

Nothing is written, and a node that runs does not notice.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from node.raft.configuration import Configuration
from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.snapshot import Snapshot
from node.storage.base import CorruptionError, FormatVersionError, StorageError, Stored
from node.storage.ondisk import DATABASE
from node.storage.renewal import data_folder, snapshots_folder
from raftctl.cluster.directory import Cluster
from raftctl.errors import CliError, from_os_error
from raftctl.exit_codes import Exit
from raftctl.logdocs import LogEntry as EntryDocument

if TYPE_CHECKING:
    from node.machines.base import StateMachine


@dataclass(frozen=True, slots=True)
class NodeLog:
    """A log, with what its node knew about it. Entry numbers begin at 1.

    `commit_index` is what is known; more may be committed. `last_applied` is None for a node that
    was not asked. `damage`: what keeps the node from starting; the log ends in front of it.
    """

    name: str
    folder: Path
    cluster_id: str
    node_id: int
    stored: Stored
    commit_index: int
    last_applied: int | None = None
    damage: tuple[str, ...] = ()

    @property
    def base(self) -> EntryId:
        return self.stored.base

    @property
    def first_index(self) -> int:
        return self.stored.base.index + 1

    @property
    def last_index(self) -> int:
        return self.stored.base.index + len(self.stored.log)

    @property
    def last_term(self) -> int:
        return self.stored.log[-1].term if self.stored.log else self.stored.base.term

    @property
    def current_term(self) -> int:
        return self.stored.hard_state.current_term

    def term_at(self, index: int) -> int | None:
        """None where the log has nothing to say."""
        if index == self.base.index:
            return self.base.term
        entry = self.entry_at(index)
        return None if entry is None else entry.term

    def entry_at(self, index: int) -> LogEntry | None:
        position = index - self.base.index - 1
        if 0 <= position < len(self.stored.log):
            return self.stored.log[position]
        return None

    def state_of(self, index: int) -> str:
        if self.last_applied is not None and index <= self.last_applied:
            return "applied"
        return "committed" if index <= self.commit_index else "uncommitted"

    @property
    def configuration(self) -> Configuration:
        """The one in force: the last in the log, else what a snapshot or the beginning says."""
        for _, entry in reversed(self.stored.log):
            if isinstance(entry, Configuration):
                return entry
        if self.stored.snapshots:
            return self.stored.snapshots[0].configuration
        return self.stored.first

    @property
    def known_ids(self) -> frozenset[int]:
        """Whose log it is, and all that it knows to have been members: these ids were given."""
        found = [self.stored.first, *(each.configuration for each in self.stored.snapshots)]
        for _, entry in self.stored.log:
            if isinstance(entry, Configuration):
                found.append(entry)
        return frozenset({self.node_id}).union(*(each.members for each in found))

    def snapshot_path(self, index: int, term: int) -> Path:
        return snapshots_folder(self.folder) / f"{index:016}-{term}.snap"


def read_node(cluster: Cluster, node_id: int, answer: object = None) -> NodeLog:
    """A node of a cluster; `answer`: what it said about itself just before, if it runs.

    Raises CliError when nothing can be read.
    """
    process = cluster.processes[node_id]
    found = read_folder(data_folder(process.folder, cluster.spec.cluster_id), process.name)
    if found.cluster_id != cluster.spec.cluster_id or found.node_id != node_id:
        raise CliError(
            "E_WRONG_CLUSTER",
            f"{process.name} holds the data of n{found.node_id} of the cluster {found.cluster_id}, "
            f"not of {cluster.spec.cluster_id}",
            Exit.PRECONDITION,
            hint=f"{cluster.line} wipe {process.name}, {cluster.line} members replace {node_id}",
        )
    if not isinstance(answer, dict):
        return found
    return NodeLog(
        found.name,
        found.folder,
        found.cluster_id,
        found.node_id,
        found.stored,
        # The disk may hold less than the node has in memory.
        max(found.commit_index, min(answer["commit_index"], found.last_index)),
        min(answer["last_applied"], found.last_index),
        found.damage,
    )


def read_folder(folder: Path, name: str) -> NodeLog:
    """What lies in a node's folder, of whatever cluster; a path of a raft.db does as well.

    Raises CliError when nothing can be read.
    """
    from node.storage.inspection import read_database

    if folder.name == DATABASE:
        folder = folder.parent
    try:
        seen = read_database(folder / DATABASE)
    except FileNotFoundError:
        raise CliError(
            "E_NO_DATA",
            f"{name} has no {DATABASE} in {folder}",
            Exit.NOT_FOUND,
            hint="it was wiped, or that is another folder",
        ) from None
    except CorruptionError as error:
        hint = "another node has the log too: raftctl log verify"
        raise CliError("E_DAMAGED", str(error), Exit.CHECK_FAILED, hint=hint) from error
    except (StorageError, FormatVersionError) as error:
        raise CliError("E_IO", str(error), Exit.UNEXPECTED, hint=f"ls -l {folder}") from error
    except OSError as error:
        raise from_os_error(error) from error
    stored = seen.stored
    return NodeLog(
        name,
        folder,
        seen.cluster_id,
        seen.node_id,
        stored,
        min(stored.commit_index, stored.base.index + len(stored.log)),
        damage=seen.damage,
    )


def damage_of(log: NodeLog, snapshot: Snapshot) -> str | None:
    """What is wrong with the file of a snapshot; None when nothing is."""
    from node.storage.snapshots import open_snapshot

    path = log.snapshot_path(snapshot.id.index, snapshot.id.term)
    try:
        with open_snapshot(path) as reader:
            for _ in reader.parts_of(log.cluster_id, snapshot.id):
                pass
    except StorageError as error:
        return str(error)
    return None


def is_path(word: str) -> bool:
    """Whether somebody means a folder, and not a node by its name."""
    return "/" in word or word in (".", "..") or Path(word, DATABASE).exists()


# -- entries for people ----------------------------------------------------------------------------
class Describer:
    """Says what entries do, in the words of a cluster's machine where it has any."""

    def __init__(self, spec: str = "kv", path: str = "") -> None:
        self._machine = _machine(spec, path)

    @classmethod
    def of(cls, cluster: Cluster) -> "Describer":
        return cls(cluster.spec.machine, cluster.spec.machine_path)

    def document(self, log: NodeLog, index: int) -> EntryDocument | None:
        """None where the log has no such entry."""
        from node.replica.describing import entry_document

        entry = log.entry_at(index)
        if entry is None:
            return None
        return to_document(entry_document(index, entry, self._machine), log.state_of(index))


def to_document(values: dict[str, Any], state: str) -> EntryDocument:
    """An entry as a node, or `entry_document`, describes it."""
    return EntryDocument(
        values["index"],
        values["term"],
        values["kind"],
        state,
        values["bytes"],
        values.get("client"),
        values.get("sequence"),
        values.get("preview"),
    )


def describer_of(folder: Path) -> Describer:
    """For a node's folder: its cluster's file may lie beside it, and else it is taken for kv."""
    from node.config import ConfigError, load_cluster

    home = (folder.parent if folder.name == DATABASE else folder).resolve()
    try:
        spec = load_cluster(home.parent)
    except ConfigError:
        return Describer()
    return Describer(spec.machine, spec.machine_path)


def _machine(spec: str, path: str) -> "StateMachine | None":
    """None for one that cannot be made here."""
    from node.machines.loading import MachineError, load_machine

    try:
        return load_machine(spec, path)
    except MachineError:
        return None
