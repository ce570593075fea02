"""What a cluster is made of: the settings that every node and every command agrees on."""

import ipaddress
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from node.raft.configuration import Configuration

T = TypeVar("T")

_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"

CLUSTER_SCHEMA = "raftctl.cluster/v1"
NODES_MAX = 99
TIMING_MS_MAX = 10 * 60_000
VALUE_BYTES_MAX = 8 * 1024 * 1024
FRAME_BYTES_MAX = 4 * VALUE_BYTES_MAX
"""Half of what a link holds back: over larger frames a follower that lags would lose its link."""
FRAME_OVERHEAD_BYTES = (8 + 64) * 1024
"""What a frame holds beside a value: a command's key and header, or a status without values."""
NODE_ID_MAX = 10_000
CLUSTER_ID_MAX = 256
FORMER_IDS_MAX = 100
HOST_MAX = 253
PORT_MAX = 65_535
SNAPSHOT_ENTRIES_MAX = 100_000_000
SNAPSHOT_BYTES_MAX = 64 * 1024 * 1024 * 1024
RECORDING_BYTES_MIN = 1024 * 1024
RECORDING_BYTES_MAX = 64 * 1024 * 1024 * 1024
ERROR_TEXT_MAX = 500


class ConfigError(Exception):
    """A setting that cannot be; `hint` says what to do.

    `key` names it, as a dotted path; `also` the other one, when two do not fit together.
    """

    def __init__(self, message: str, hint: str = "", key: str = "", also: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.key = key
        self.also = also


class NodeAddress(NamedTuple):
    id: int
    host: str
    port: int

    priority: int = 100
    """From 0 to 100. Below 100 others are elected first, as long as they can be."""

    @property
    def name(self) -> str:
        return f"n{self.id}"

    @property
    def text(self) -> str:
        """host:port, with brackets around an IPv6 address."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(node_id: int, text: str) -> NodeAddress | None:
    """The inverse of `NodeAddress.text`; None for what is no address."""
    host, _, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) <= PORT_MAX and _is_host(host)):
        return None
    return NodeAddress(node_id, host, int(port))


class SnapshotSettings(NamedTuple):
    """A snapshot every `entries` entries or `bytes_max` bytes of commands, whichever comes first
    (`entries` 0: only on demand). Of what it stands for, the last `tail` entries stay in the log.
    """

    entries: int = 25_000
    bytes_max: int = 64 * 1024 * 1024
    tail: int = 10_000

    def check(self) -> None:
        """Raises ConfigError."""
        check_range("snapshots.entries", self.entries, 0, SNAPSHOT_ENTRIES_MAX)
        check_range("snapshots.bytes_max", self.bytes_max, 1024, SNAPSHOT_BYTES_MAX)
        check_range("snapshots.tail", self.tail, 0, SNAPSHOT_ENTRIES_MAX)


class RecordingSettings(NamedTuple):
    """Each node keeps what happened on it, of which the last `bytes_max` bytes stay; 0: nothing."""

    bytes_max: int = 64 * 1024 * 1024

    def check(self) -> None:
        """Raises ConfigError."""
        if self.bytes_max and not RECORDING_BYTES_MIN <= self.bytes_max <= RECORDING_BYTES_MAX:
            raise ConfigError(
                f"recording.bytes_max is {self.bytes_max}",
                f"it has to be 0, or from {RECORDING_BYTES_MIN} to {RECORDING_BYTES_MAX}",
                "recording.bytes_max",
            )


class RaftSettings(NamedTuple):
    """Timing in milliseconds. A node draws its election timeout from [T, 2T). While a majority
    answers, a leader sends the others what is new every `spare_ms`; 0: at once, as it does them.
    """

    heartbeat_ms: int = 50
    election_timeout_ms: int = 150
    pre_vote: bool = True
    check_quorum: bool = True
    spare_ms: int = 20

    def check(self) -> None:
        """Raises ConfigError."""
        check_range("raft.heartbeat_ms", self.heartbeat_ms, 1, TIMING_MS_MAX)
        check_range("raft.spare_ms", self.spare_ms, 0, TIMING_MS_MAX)
        check_range("raft.election_timeout_ms", self.election_timeout_ms, 1, TIMING_MS_MAX)
        if self.heartbeat_ms >= self.election_timeout_ms:
            raise ConfigError(
                f"a heartbeat every {self.heartbeat_ms} ms does not fit an election timeout of "
                f"{self.election_timeout_ms} ms",
                "make the timeout at least three heartbeats",
                "raft.election_timeout_ms",
                "raft.heartbeat_ms",
            )


class Limits(NamedTuple):
    """Sizes in bytes."""

    value_bytes_max: int = 1024 * 1024
    frame_bytes_max: int = 8 * 1024 * 1024

    def check(self) -> None:
        """Raises ConfigError."""
        check_range("limits.value_bytes_max", self.value_bytes_max, 1, VALUE_BYTES_MAX)
        check_range("limits.frame_bytes_max", self.frame_bytes_max, 1, FRAME_BYTES_MAX)
        least = max(4 * self.value_bytes_max, self.value_bytes_max + FRAME_OVERHEAD_BYTES)
        if self.frame_bytes_max < least:
            raise ConfigError(
                f"frames of {self.frame_bytes_max} bytes do not hold values of "
                f"{self.value_bytes_max} bytes",
                f"make frame_bytes_max at least {least}",
                "limits.frame_bytes_max",
                "limits.value_bytes_max",
            )


class ClusterSpec(NamedTuple):
    """One cluster, as its `cluster.json` holds it. The token lies beside it, in its own file.

    `machine_path` is the folder that a machine of the user's own is imported from.
    """

    name: str
    cluster_id: str
    nodes: tuple[NodeAddress, ...]
    machine: str = "kv"
    machine_path: str = ""
    raft: RaftSettings = RaftSettings()
    snapshots: SnapshotSettings = SnapshotSettings()
    limits: Limits = Limits()
    recording: RecordingSettings = RecordingSettings()
    next_id: int = 0
    """The id that the next new node gets: no id is given twice. 0: the one after the highest."""
    former_ids: tuple[str, ...] = ()
    """The ids that it had before it was made anew out of what was left, the oldest first."""

    @property
    def free_id(self) -> int:
        return max(self.next_id, *(node.id + 1 for node in self.nodes))

    def address_of(self, node_id: int) -> NodeAddress:
        """Raises KeyError when the cluster has no such node."""
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)


def first_configuration(nodes: Sequence[NodeAddress]) -> Configuration:
    """What a cluster of these nodes begins with: all of them vote."""
    addresses = tuple(sorted((node.id, node.text) for node in nodes))
    return Configuration(frozenset(node.id for node in nodes), addresses=addresses)


def check_range(key: str, value: int, least: int, most: int) -> None:
    """Raises ConfigError for a setting outside of its bounds."""
    if not least <= value <= most:
        raise ConfigError(f"{key} is {value}", f"it has to be from {least} to {most}", key)


def check_machine(key: str, text: str) -> None:
    """Raises ConfigError for a text that names no state machine: neither kv nor pkg.mod:Class."""
    module, _, name = text.partition(":")
    if text != "kv" and not all(part.isidentifier() for part in (*module.split("."), name)):
        raise ConfigError(f"{key} is {text!r}", "it has to be kv or pkg.mod:Class", key)


def settings_from_map(kind: type[T], values: Mapping[str, Any], where: str) -> T:
    """A class of plain settings from parsed TOML or JSON.

    Raises ConfigError for an unknown key, with the nearest right one, and for a wrong type. `where`
    is the dotted path of the table, for the message.
    """
    known: dict[str, type] = kind.__annotations__
    for key, value in values.items():
        path = f"{where}.{key}" if where else key
        if key not in known:
            raise unknown_key(path, key, known)
        expected = known[key]
        if type(value) is not expected:
            raise ConfigError(f"{path} has to be {_TYPE_NAMES[expected]}, not {value!r}", key=path)
    return kind(**values)


def unknown_key(path: str, key: str, known: Mapping[str, object]) -> ConfigError:
    """The error for a key that does not exist, with the nearest one that does."""
    import difflib

    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"the keys here are: {', '.join(known)}"
    return ConfigError(f"unknown key {path}", hint, path)


_TYPE_NAMES = {int: "a whole number", str: "a text", bool: "true or false"}


def load_cluster(folder: Path) -> ClusterSpec:
    """Read `cluster.json`. Raises ConfigError."""
    path = folder / "cluster.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
        schema = values.pop("schema")
        if schema != CLUSTER_SCHEMA:
            raise ConfigError(f"it is of another version: {schema!r}")
        spec = ClusterSpec(
            name=_text(values, "name"),
            cluster_id=_text(values, "cluster_id"),
            nodes=tuple(settings_from_map(NodeAddress, n, "nodes") for n in values["nodes"]),
            machine=_text(values, "machine"),
            machine_path=_text({"machine_path": "", **values}, "machine_path"),
            raft=settings_from_map(RaftSettings, values["raft"], "raft"),
            snapshots=settings_from_map(SnapshotSettings, values.get("snapshots", {}), "snapshots"),
            limits=settings_from_map(Limits, values["limits"], "limits"),
            recording=settings_from_map(
                RecordingSettings, values.get("recording", {}), "recording"
            ),
            next_id=_number(values, "next_id"),
            former_ids=tuple(_texts(values, "former_ids")),
        )
        _check_nodes(spec)
        spec.raft.check()
        spec.snapshots.check()
        spec.limits.check()
        spec.recording.check()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ConfigError(f"{path} is damaged: {error}"[:ERROR_TEXT_MAX]) from error
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}", error.hint, error.key, error.also) from error
    return spec


def _text(values: Mapping[str, Any], key: str) -> str:
    value = values[key]
    if type(value) is not str:
        raise ConfigError(f"{key} has to be a text, not {type(value).__name__}", key=key)
    return value


def _texts(values: Mapping[str, Any], key: str) -> list[str]:
    found = values.get(key, [])
    if type(found) is not list or not all(type(each) is str for each in found):
        raise ConfigError(f"{key} has to be a list of texts", key=key)
    return found


def _number(values: Mapping[str, Any], key: str) -> int:
    value = values.get(key, 0)
    if type(value) is not int or not 0 <= value <= NODE_ID_MAX + 1:
        raise ConfigError(f"{key} is {value!r}", f"it has to be at most {NODE_ID_MAX + 1}", key)
    return value


def _check_nodes(spec: ClusterSpec) -> None:
    """Whether these nodes can find each other. Raises ConfigError."""
    check_range("cluster_id (its length)", len(spec.cluster_id), 1, CLUSTER_ID_MAX)
    check_range("nodes (their number)", len(spec.nodes), 1, NODES_MAX)
    for node in spec.nodes:
        check_range("nodes.id", node.id, 1, NODE_ID_MAX)
        check_range("nodes.port", node.port, 1, PORT_MAX)
        check_range("nodes.priority", node.priority, 0, 100)
        if not _is_host(node.host):
            hint = "it has to be a host's name or an IP address"
            raise ConfigError(f"nodes.host is {node.host[:HOST_MAX]!r}", hint, "nodes.host")
    if len({node.id for node in spec.nodes}) < len(spec.nodes):
        raise ConfigError("two nodes have the same id", key="nodes.id")
    if len({(node.host.lower(), node.port) for node in spec.nodes}) < len(spec.nodes):
        raise ConfigError("two nodes have the same host and port", key="nodes.port")


def _is_host(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        labels = text.removesuffix(".").split(".")
        return len(text) <= HOST_MAX and all(re.fullmatch(_LABEL, label) for label in labels)
    return True


def save_cluster(folder: Path, spec: ClusterSpec) -> None:
    """Write `cluster.json`, all of it or nothing. Raises OSError."""
    document = {
        "schema": CLUSTER_SCHEMA,
        **spec._asdict(),
        "nodes": [node._asdict() for node in spec.nodes],
        "raft": spec.raft._asdict(),
        "snapshots": spec.snapshots._asdict(),
        "limits": spec.limits._asdict(),
        "recording": spec.recording._asdict(),
    }
    write_private(folder / "cluster.json", json.dumps(document, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Replace a file that only its owner may read, at once and durably. Raises OSError."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(aside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except BaseException:
        aside.unlink(missing_ok=True)
        raise
    flush_folder(path.parent)


def flush_folder(path: Path) -> None:
    """Make the names in a folder durable. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_token(folder: Path) -> bytes:
    """The cluster's secret. Raises ConfigError."""
    path = folder / "token"
    try:
        token = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{path} is damaged: it is not hexadecimal") from error
    if len(token) < 16:
        raise ConfigError(f"{path} is too short for a secret")
    return token
