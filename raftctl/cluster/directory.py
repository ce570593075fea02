"""The folder of a cluster, and how a command finds it."""

import shutil
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from node.config import ClusterSpec, ConfigError, load_cluster, read_token
from raftctl.cluster.processes import NodeProcess
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings

if TYPE_CHECKING:
    from node.client.address import ClusterAddress

DEFAULT_NAME = "demo"


@dataclass
class Cluster:
    """An existing cluster."""

    name: str
    folder: Path

    @cached_property
    def spec(self) -> ClusterSpec:
        try:
            return load_cluster(self.folder)
        except ConfigError as error:
            hint = error.hint or f"raftctl down {self.name} --purge removes it"
            raise CliError("E_CONFIG", str(error), Exit.USAGE, hint=hint) from error

    @cached_property
    def address(self) -> "ClusterAddress":
        """Where its nodes listen, with the token."""
        from node.client.address import ClusterAddress

        try:
            return ClusterAddress.of(self.spec, read_token(self.folder))
        except ConfigError as error:
            raise CliError("E_CONFIG", str(error), Exit.USAGE) from error

    @cached_property
    def processes(self) -> dict[int, NodeProcess]:
        return {node.id: NodeProcess(self.folder, node.id) for node in self.spec.nodes}

    @property
    def is_ephemeral(self) -> bool:
        return (self.folder / "ephemeral").exists()

    def purge(self) -> None:
        """Remove everything, wherever the data lies."""
        shutil.rmtree(self.folder.resolve(), ignore_errors=True)
        if self.folder.is_symlink():
            self.folder.unlink()


def clusters_folder(settings: Settings) -> Path:
    return settings.home / "clusters"


def all_clusters(settings: Settings) -> list[Cluster]:
    """Every cluster in this home, by name."""
    try:
        folders = sorted(clusters_folder(settings).iterdir())
    except FileNotFoundError:
        return []
    except OSError as error:
        raise CliError(
            "E_HOME", f"cannot read {clusters_folder(settings)}: {error.strerror}", Exit.USAGE
        ) from error
    return [Cluster(each.name, each) for each in folders if (each / "cluster.json").exists()]


def cluster_name(settings: Settings, given: str | None = None) -> str:
    """The one named, else the only one there is, else demo."""
    if given or settings.cluster:
        return given or settings.cluster or ""
    found = all_clusters(settings)
    return found[0].name if len(found) == 1 else DEFAULT_NAME


def find_cluster(settings: Settings, given: str | None = None) -> Cluster:
    """Raises CliError when there is no such cluster."""
    name = cluster_name(settings, given)
    folder = clusters_folder(settings) / name
    if not (folder / "cluster.json").exists():
        names = [each.name for each in all_clusters(settings)]
        hint = f"there are: {', '.join(names)}" if names else "raftctl up -n 3"
        raise CliError("E_NO_CLUSTER", f"there is no cluster {name!r}", Exit.NOT_RUNNING, hint=hint)
    return Cluster(name, folder)
