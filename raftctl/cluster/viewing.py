"""A cluster as the viewer wants it: where its nodes listen, and what their processes do.

The viewer stays while a cluster is made, taken down and made anew, so this looks each time.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raftctl.cluster.directory import Cluster, cluster_name, find_cluster
from raftctl.cluster.processes import is_paused
from raftctl.errors import CliError
from raftctl.settings import Settings

if TYPE_CHECKING:
    from node.client.address import ClusterAddress
    from tui.actions import Verb
    from tui.nodes import Process

OUTPUT_LINES_MAX = 1000
OUTPUT_BYTES_MAX = 128 * 1024
"""Of a log file, once a second."""


class ViewedCluster:
    """The cluster that the settings mean, which may not exist yet, or not any more."""

    def __init__(self, settings: Settings) -> None:
        """Raises CliError when there are several, and none of them was named."""
        try:
            self.name = find_cluster(settings).name
        except CliError as error:
            if error.code != "E_NO_CLUSTER":
                raise
            self.name = cluster_name(settings)
        self._settings = settings
        self._cluster: Cluster | None = None
        self._id = ""
        self._find()

    def _find(self) -> Cluster | None:
        """The same object for as long as the cluster is the same: it remembers what it read."""
        try:
            found = find_cluster(self._settings, self.name)
            if self._cluster is None or found.spec.cluster_id != self._id:
                self._cluster, self._id = found, found.spec.cluster_id
        except CliError as error:
            if error.code not in ("E_NO_CLUSTER", "E_CONFIG"):
                raise
            self._cluster = None
        return self._cluster

    @property
    def address(self) -> "ClusterAddress | None":
        """Where its nodes listen; None: there is no such cluster now."""
        cluster = self._find()
        try:
            return None if cluster is None else cluster.address
        except CliError:  # its files are just being written, or removed
            return None

    def processes(self) -> "Mapping[int, Process]":
        """What the processes of its nodes do."""
        from tui.nodes import Process

        cluster = self._cluster
        found: dict[int, Process] = {}
        for process in [] if cluster is None else cluster.processes_now():
            pid = process.find()
            if pid is not None:
                state = "paused" if is_paused(pid) else "running"
                found[process.node_id] = Process(state, pid)
            else:
                ended = process.ended()
                how, at = ("", None) if ended is None else (ended.how, ended.at)
                found[process.node_id] = Process("exited", None, how, at)
        return found

    def output(self, node_id: int) -> list[str]:
        """The last lines of its log file."""
        for process in [] if self._cluster is None else self._cluster.processes_now():
            if process.node_id == node_id:
                return process.last_log_lines(OUTPUT_LINES_MAX, OUTPUT_BYTES_MAX)
        return []


def all_verbs(root: Any) -> "Iterator[Verb]":  # noqa: ANN401 - Typer's own type
    """Every verb of the command line but the viewer itself, as the palette offers them."""
    from tui.actions import Verb

    for name, command in root.commands.items():
        inner = getattr(command, "commands", None)
        if name == "tui":
            continue
        if inner is None:
            yield Verb(name, command.get_short_help_str(limit=72))
            continue
        for below, each in inner.items():
            yield Verb(f"{name} {below}", each.get_short_help_str(limit=72))


def keys_path(config: Path) -> Path:
    """Where other keys are looked for: beside the user's settings."""
    return config.with_name("keys.toml")
