"""Making the folder of a new cluster."""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from node.config import (
    ClusterSpec,
    Limits,
    NodeAddress,
    RaftSettings,
    RecordingSettings,
    SnapshotSettings,
    first_configuration,
    save_cluster,
    write_private,
)
from node.storage.base import StorageError
from raftctl.cluster.directory import Cluster
from raftctl.cluster.ports import HOST
from raftctl.errors import CliError
from raftctl.exit_codes import Exit


class Plan(NamedTuple):
    """A cluster to be made, a node for each of `ports`.

    `is_data_dir`: the folder is one that the user named, so it may hold things that are not ours.
    """

    name: str
    folder: Path
    ports: Sequence[int]
    machine: str
    raft: RaftSettings
    limits: Limits
    snapshots: SnapshotSettings = SnapshotSettings()
    recording: RecordingSettings = RecordingSettings()
    priorities: Mapping[str, int] = {}
    is_ephemeral: bool = False
    is_data_dir: bool = False


def make_cluster(plan: Plan) -> None:
    """Write the folder of a new cluster: its settings, its secret, and a database for each node.

    Raises CliError, and leaves nothing behind then.
    """
    from node.storage.sqlite import SqliteStorage

    spec = ClusterSpec(
        name=plan.name,
        cluster_id=secrets.token_hex(8),
        nodes=tuple(_nodes(plan)),
        machine=plan.machine,
        machine_path="" if plan.machine == "kv" else os.getcwd(),
        raft=plan.raft,
        limits=plan.limits,
        snapshots=plan.snapshots,
        recording=plan.recording,
    )
    first = first_configuration(spec.nodes)
    _check_is_ours(plan)
    try:
        plan.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(plan.folder / "token", secrets.token_hex(32) + "\n")
        for node in spec.nodes:
            folder = plan.folder / node.name
            folder.mkdir(mode=0o700)
            SqliteStorage.create(folder / "raft.db", spec.cluster_id, node.id, first)
        if plan.is_ephemeral:
            (plan.folder / "ephemeral").touch()
        save_cluster(plan.folder, spec)  # last: the folder is a cluster from here on
    except (OSError, StorageError) as error:
        Cluster(plan.name, plan.folder).purge()
        raise CliError(
            "E_HOME",
            f"cannot make {plan.folder}: {getattr(error, 'strerror', None) or error}",
            Exit.USAGE,
            hint="another --home or --data-dir",
        ) from error
    except BaseException:
        Cluster(plan.name, plan.folder).purge()
        raise


def _nodes(plan: Plan) -> Iterator[NodeAddress]:
    for node_id, port in enumerate(plan.ports, 1):
        node = NodeAddress(node_id, HOST, port)
        yield node._replace(priority=plan.priorities.get(node.name, node.priority))


def _check_is_ours(plan: Plan) -> None:
    """Only an empty folder becomes a cluster: removing the cluster must not take anything else."""
    if not plan.folder.exists():
        return
    if not plan.is_data_dir:
        Cluster(plan.name, plan.folder).purge()  # what an interrupted command left
        return
    if not plan.folder.is_dir() or any(plan.folder.iterdir()):
        raise CliError(
            "E_EXISTS",
            f"{plan.folder} is not an empty folder",
            Exit.PRECONDITION,
            hint=f"--data-dir {plan.folder / plan.name}",
        )


def link_folder(target: Path, link: Path) -> None:
    """Make a cluster whose data lies elsewhere known under its name."""
    link.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    link.unlink(missing_ok=True)  # a link to a folder that is gone
    link.symlink_to(target.resolve())
