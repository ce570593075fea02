"""A cluster file (TOML): what `up --config` makes a cluster of. Errors name the line."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from node.config import (
    NODES_MAX,
    ConfigError,
    Limits,
    NodeAddress,
    RaftSettings,
    RecordingSettings,
    SnapshotSettings,
    check_machine,
    check_range,
    settings_from_map,
    unknown_key,
)
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.values import NAME_LENGTH_MAX, is_name

PORT_BASE_MAX = 65_000


class ClusterTable(NamedTuple):
    """The table [cluster]. `name` empty: as the command line says; `port_base` 0: a free block."""

    name: str = ""
    nodes: int = 3
    port_base: int = 0
    machine: str = "kv"

    def check(self) -> None:
        """Raises ConfigError."""
        if self.name and not is_name(self.name):
            hint = f"letters, digits, - and _, at most {NAME_LENGTH_MAX}"
            raise ConfigError(f"cluster.name is {self.name!r}", hint, "cluster.name")
        check_range("cluster.nodes", self.nodes, 1, NODES_MAX)
        check_range("cluster.port_base", self.port_base, 0, PORT_BASE_MAX)
        check_machine("cluster.machine", self.machine)


class ClusterConfig(NamedTuple):
    source: str = "defaults"
    cluster: ClusterTable = ClusterTable()
    raft: RaftSettings = RaftSettings()
    limits: Limits = Limits()
    snapshots: SnapshotSettings = SnapshotSettings()
    recording: RecordingSettings = RecordingSettings()
    priority: Mapping[str, int] = {}
    """By node: n3."""
    given: frozenset[str] = frozenset()
    """The tables that were written down, or of which a key was set."""

    @property
    def tables(self) -> dict[str, dict[str, Any]]:
        """All that can be set, as a file would have it."""
        return {
            "cluster": self.cluster._asdict(),
            "raft": self.raft._asdict(),
            "limits": self.limits._asdict(),
            "snapshots": self.snapshots._asdict(),
            "recording": self.recording._asdict(),
            "priority": dict(self.priority),
        }

    def has_priorities_of(self, nodes: Iterable[NodeAddress]) -> bool:
        default = NodeAddress(0, "", 0).priority
        return all(node.priority == self.priority.get(node.name, default) for node in nodes)


TABLES = ("cluster", "raft", "limits", "snapshots", "recording", "priority")


def load_config(name: str | None, overrides: list[str]) -> ClusterConfig:
    """A file, or a preset by its name (local3), with `table.key=value` over it.

    Raises CliError naming the file and line of what is wrong, and the nearest right key.
    """
    source, text = ("defaults", "") if name is None else _read(name)
    given = _tables(source, text)
    overridden = [_override(given, override) for override in overrides]
    try:
        return _parse(source, given)
    except ConfigError as error:
        where = _origin(error, source, text, dict(zip(overridden, overrides, strict=True)))
        raise CliError("E_CONFIG", f"{where}: {error}", Exit.USAGE, hint=error.hint) from error


def _tables(source: str, text: str) -> dict[str, Any]:
    """What the text says. Nothing, of a cluster without a file, needs no parser."""
    if not text:
        return {}
    import tomllib

    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise CliError("E_CONFIG", f"{source}: {error}", Exit.USAGE) from error


def _origin(error: ConfigError, source: str, text: str, overrides: Mapping[str, str]) -> str:
    """What set the wrong value: an override by its key, or a line of the file."""
    from node.scenario.tomllines import line_of

    keys = [key for key in (error.key, error.also) if key]
    for key in keys:
        if key in overrides:
            return f"--set {overrides[key]}"
    for key in keys:
        if line := line_of(text, key):
            return f"{source}:{line}"
    for path, override in overrides.items():
        if any(path.startswith(f"{key}.") for key in keys):
            return f"--set {override}"
    return source


def _read(name: str) -> tuple[str, str]:
    from importlib import resources

    path = Path(name)
    preset = resources.files("configs").joinpath(path.name.removesuffix(".toml") + ".toml")
    try:
        if path.is_file():
            return name, path.read_text(encoding="utf-8")
        if preset.is_file():
            return f"preset {path.name}", preset.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CliError("E_CONFIG", f"cannot read {name}: {error}", Exit.USAGE) from error
    raise CliError(
        "E_CONFIG", f"there is no file {name}", Exit.USAGE, hint="presets: local3, local5"
    )


def _override(values: dict[str, Any], text: str) -> str:
    """Put `table.key=value` over the file's values. Gives the dotted key."""
    import tomllib

    path, equals, value = (part.strip() for part in text.partition("="))
    table, dot, key = path.partition(".")
    if not (equals and dot):
        raise CliError(
            "E_CONFIG",
            f"--set {text}: not of the form table.key=value",
            Exit.USAGE,
            hint="--set raft.heartbeat_ms=20",
        )
    try:
        parsed = tomllib.loads(f"value = {value}")["value"]
    except (ValueError, RecursionError):
        parsed = value  # a text needs no quotes here
    target = values.setdefault(table, {})
    if isinstance(target, dict):  # the file's own mistake is told by its line
        target[key] = parsed
    return path


def _parse(source: str, values: Mapping[str, Any]) -> ClusterConfig:
    for key, table in values.items():
        if key not in TABLES:
            raise unknown_key(key, key, dict.fromkeys(TABLES))
        if not isinstance(table, dict):
            raise ConfigError(f"{key} has to be a table", f"[{key}]", key)
    raft = settings_from_map(RaftSettings, values.get("raft", {}), "raft")
    limits = settings_from_map(Limits, values.get("limits", {}), "limits")
    cluster = settings_from_map(ClusterTable, values.get("cluster", {}), "cluster")
    snapshots = settings_from_map(SnapshotSettings, values.get("snapshots", {}), "snapshots")
    recording = settings_from_map(RecordingSettings, values.get("recording", {}), "recording")
    for table in (cluster, raft, limits, snapshots, recording):
        table.check()
    priority = dict(values.get("priority", {}))
    _check_priority(priority, cluster.nodes)
    return ClusterConfig(
        source, cluster, raft, limits, snapshots, recording, priority, frozenset(values)
    )


def _check_priority(priority: Mapping[str, Any], nodes: int) -> None:
    """Whether each is a node of the cluster, with a priority. Raises ConfigError."""
    names = {f"n{node_id}": None for node_id in range(1, nodes + 1)}
    for name, value in priority.items():
        key = f"priority.{name}"
        if name not in names:
            raise unknown_key(key, name, names)
        if type(value) is not int:
            raise ConfigError(f"{key} has to be a whole number, not {value!r}", key=key)
        check_range(key, value, 0, 100)
