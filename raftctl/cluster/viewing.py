"""A cluster as the viewer wants it: where its nodes listen, and what their processes do.

The viewer stays while a cluster is made, taken down and made anew, so this looks each time.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from raftctl.cluster.directory import Cluster, all_clusters, cluster_name, find_cluster
from raftctl.cluster.observation import failing_disk, last_words
from raftctl.cluster.processes import NodeProcess, is_paused
from raftctl.cluster.recordings import find_run, find_runs
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings

if TYPE_CHECKING:
    from node.client.address import ClusterAddress
    from raftctl.cluster.recordings import Run
    from tui.actions import Verb
    from tui.chaos import Preset
    from tui.loading import Loading
    from tui.nodes import Process
    from tui.replay import Film
    from tui.replaying import Recorded

OUTPUT_LINES_MAX = 1000
OUTPUT_BYTES_MAX = 128 * 1024
"""Of a log file, once a second."""


class ViewedCluster:
    """The cluster that the settings mean, which may not exist yet, or not any more. Where none was
    named and there is none, it is the first one to come up: the only one, as for any command.
    """

    def __init__(self, settings: Settings, given: str | None = None) -> None:
        """Raises CliError when there are several, and none of them was named."""
        self.name = ""
        """Empty as long as that may be any."""
        self.unclear = ""
        try:
            self.name = find_cluster(settings, given).name
        except CliError as error:
            if error.code != "E_NO_CLUSTER":
                raise
            if given is not None or settings.cluster is not None:
                self.name = cluster_name(settings, given)
        self._settings = settings
        self._cluster: Cluster | None = None
        self._id = ""
        self._find()

    def _find(self) -> Cluster | None:
        """The same object for as long as the cluster is the same: it remembers what it read."""
        try:
            found = find_cluster(self._settings, self.name or None)
            if self._cluster is None or found.spec.cluster_id != self._id:
                self._cluster, self._id = found, found.spec.cluster_id
            self.name, self.unclear = found.name, ""
        except CliError as error:
            if error.code not in ("E_NO_CLUSTER", "E_CONFIG", "E_USAGE"):
                raise
            self._cluster = None
            # Several came up at once, and none was named.
            self.unclear = f"{error}: {error.hint}" if error.code == "E_USAGE" else ""
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
                found[process.node_id] = self._ended(process)
        return found

    def _ended(self, process: NodeProcess) -> "Process":
        """One that is gone; of what ended by itself what it said, and what to mend."""
        from tui.nodes import Process

        ended = process.ended()
        if ended is not None:
            return Process("exited", None, ended.how, ended.at)
        cluster = self._cluster
        fault = None if cluster is None else failing_disk(cluster, process.node_id)
        return Process("exited", last_words=last_words(process), fault=fault)

    def output(self, node_id: int) -> list[str]:
        """The last lines of its log file."""
        for process in [] if self._cluster is None else self._cluster.processes_now():
            if process.node_id == node_id:
                return process.last_log_lines(OUTPUT_LINES_MAX, OUTPUT_BYTES_MAX)
        return []


def cluster_of(settings: Settings, run: "Run") -> str | None:
    """The cluster that a recording is of, by its name, if it is here."""
    if run.cluster is not None:
        return run.cluster.name
    recorded = {head.cluster for _, head in run.heads()}
    here = [cluster.name for cluster in all_clusters(settings) if cluster.name in recorded]
    return here[0] if here else None


def words_for(settings: Settings, run: "Run") -> str:
    """What a command line calls the recording."""
    is_known = any(each.path == run.path for each in find_runs(settings))
    return run.name if is_known else str(run.path)


def film_of(run: "Run") -> "tuple[Film, Loading]":
    """How a recording begins, and what reads the rest. Raises CliError when nothing is in it."""
    from tui.footage import chunks_of
    from tui.loading import Loading
    from tui.replay import Film

    film = Film((), run.name, began_ns=run.heads()[0][1].mono_ns)
    chunks = chunks_of(run.frames())
    first = next(chunks, None)
    if first is None:
        why = run.problem or f"{run.path}: nothing is in it yet"
        raise CliError("E_RECORDING", why, Exit.CHECK_FAILED, hint="raftctl runs ls has others")
    film.extend(first)
    return film, Loading(film, chunks, lambda: run.read_share, lambda: run.problem)


def recorded(settings: Settings, run: str) -> "Recorded":
    """A recording that the viewer may open later."""
    from tui.replay import FilmError
    from tui.replaying import Recorded

    def load() -> "tuple[Film, Loading]":
        try:
            return film_of(find_run(settings, run))
        except (CliError, OSError) as error:
            raise FilmError(str(error)) from error

    return Recorded(run, load)


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


def presets() -> "list[Preset]":
    """The chaos scenarios that ship."""
    from raftctl.chaos.presets import find_scenario, preset_names
    from tui.chaos import Preset

    found = map(find_scenario, preset_names())
    return [Preset(each.name, each.about, each.nodes, each.duration_us / 1e6) for each in found]


def keys_path(config: Path) -> Path:
    """Where other keys are looked for: beside the user's settings."""
    return config.with_name("keys.toml")
