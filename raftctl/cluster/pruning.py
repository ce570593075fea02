"""What is left over and may go: clusters of which nothing runs, folders of removed nodes, and what
nodes held before their cluster was made anew.
"""

import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

from raftctl.cluster.directory import Cluster, all_clusters, changing
from raftctl.cluster.observation import adopt_strays
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings

Folder = tuple[str, Callable[[], None]]
"""How it is called, demo/n4, and what removes it."""


def find_leftovers(settings: Settings) -> tuple[list[Cluster], list[Folder]]:
    """Whole clusters, and folders of clusters that stay."""
    idle: list[Cluster] = []
    folders: list[Folder] = []
    for cluster in all_clusters(settings):
        adopt_strays(cluster)
        if not any(process.is_running for process in cluster.processes.values()):
            idle.append(cluster)
            continue
        for process in cluster.leftovers:
            if not process.is_running:
                name = f"{cluster.name}/{process.name}"
                folders.append((name, partial(_remove, settings, cluster, process.node_id)))
        for before in sorted(cluster.folder.glob("n*/before-*")):
            name = f"{cluster.name}/{before.parent.name}/{before.name}"
            folders.append((name, partial(_remove_folder, before)))
    return idle, folders


def remove_idle(settings: Settings, cluster: Cluster) -> bool:
    """Remove a cluster, unless somebody started a node of it since it was found. Gives whether it
    is gone. Raises CliError.
    """
    with changing(settings, cluster.name):
        if not (cluster.folder / "cluster.json").exists():
            return True  # another command was faster
        try:
            cluster.purge()
        except CliError as error:
            if error.code != "E_RUNNING":
                raise
            settings.output.warn(f"{cluster.name} stays: {error.message}")
            return False
    return True


def _remove(settings: Settings, cluster: Cluster, node_id: int) -> None:
    """Unless another command made a node of it meanwhile. Raises CliError."""
    with changing(settings, cluster.name):
        cluster.refresh()
        for process in cluster.leftovers:
            if process.node_id != node_id or process.is_running:
                continue
            _remove_folder(process.folder)


def _remove_folder(folder: Path) -> None:
    """Raises CliError."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return  # it went with the folder that it was in
    except OSError as error:
        message = f"cannot remove {error.filename}: {error.strerror}"
        hint = f"remove {folder} by hand"
        raise CliError("E_HOME", message, Exit.USAGE, hint=hint) from error
