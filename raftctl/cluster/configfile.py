"""A cluster file (TOML): what `up --config` makes a cluster of. Errors name the line."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from node.config import ConfigError, Limits, RaftSettings, settings_from_map, unknown_key
from raftctl.errors import CliError
from raftctl.exit_codes import Exit


@dataclass(frozen=True, slots=True)
class ClusterTable:
    """The table [cluster]. `name` empty: as the command line says; `port_base` 0: a free block."""

    name: str = ""
    nodes: int = 3
    port_base: int = 0
    machine: str = "kv"


@dataclass(frozen=True, slots=True)
class ClusterConfig:
    source: str = "defaults"
    cluster: ClusterTable = field(default_factory=ClusterTable)
    raft: RaftSettings = field(default_factory=RaftSettings)
    limits: Limits = field(default_factory=Limits)


TABLES = {"cluster": ClusterTable, "raft": RaftSettings, "limits": Limits}


def load_config(name: str | None, overrides: list[str]) -> ClusterConfig:
    """A file, or a preset by its name (local3), with `table.key=value` over it.

    Raises CliError naming the file and line of what is wrong, and the nearest right key.
    """
    source, text = ("defaults", "") if name is None else _read(name)
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CliError("E_CONFIG", f"{source}: {error}", Exit.USAGE) from error
    given = {
        key: dict(table) if isinstance(table, dict) else table for key, table in values.items()
    }
    for override in overrides:
        _override(given, override)
    try:
        return _parse(source, given)
    except ConfigError as error:
        line = _line_of(text, error.key)
        where = f"{source}:{line}" if line else source
        raise CliError("E_CONFIG", f"{where}: {error}", Exit.USAGE, hint=error.hint) from error


def _read(name: str) -> tuple[str, str]:
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


def _override(values: dict[str, Any], text: str) -> None:
    path, equals, value = text.partition("=")
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
    except tomllib.TOMLDecodeError:
        parsed = value  # a text needs no quotes here
    values.setdefault(table, {})[key] = parsed


def _parse(source: str, values: Mapping[str, Any]) -> ClusterConfig:
    for key, table in values.items():
        if key not in TABLES:
            raise unknown_key(key, key, TABLES)
        if not isinstance(table, dict):
            raise ConfigError(f"{key} has to be a table", f"[{key}]", key)
    raft = settings_from_map(RaftSettings, values.get("raft", {}), "raft")
    limits = settings_from_map(Limits, values.get("limits", {}), "limits")
    raft.check()
    limits.check()
    cluster = settings_from_map(ClusterTable, values.get("cluster", {}), "cluster")
    return ClusterConfig(source, cluster, raft, limits)


def _line_of(text: str, key: str) -> int | None:
    """The line of a dotted key, found the way a reader would."""
    table, _, name = key.rpartition(".")
    current = ""
    for number, line in enumerate(text.splitlines(), 1):
        if header := re.match(r"\s*\[([^\]]+)\]", line):
            current = header[1].strip()
            if not table and current == name:
                return number
        elif current == table and re.match(rf"\s*{re.escape(name)}\s*=", line):
            return number
    return None
