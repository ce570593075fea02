"""Every JSON document that raftctl prints, as a dataclass; its schema follows from it.

Unknown is null, durations end in `_ms`, sizes in `_bytes`, times are RFC 3339 in UTC.
"""

import dataclasses
import re
import types
import typing
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Node:
    id: str
    address: str
    pid: int | None
    proc: str
    """running, paused, exited, stopped or unreachable."""
    note: str
    """Why it is not running, for people."""
    remedy: str
    """What to type to get it back; empty when nothing is needed."""
    role: str | None = None
    term: int | None = None
    voted_for: str | None = None
    leader: str | None = None
    leading_ms: int | None = None
    """Since when it has led; null for all but leaders."""
    first_index: int | None = None
    last_index: int | None = None
    commit_index: int | None = None
    last_applied: int | None = None
    lag: int | None = None
    voting: bool | None = None
    up_ms: int | None = None
    links: dict[str, str] = field(default_factory=dict)
    last_event: str | None = None


@dataclass
class Quorum:
    have: int
    need: int


@dataclass
class Status:
    cluster: str
    leader: str | None
    term: int | None
    health: str
    """ok, degraded, no leader or down."""
    quorum: Quorum
    faults: int
    nodes: list[Node]


@dataclass
class Up:
    cluster: str
    leader: str | None
    term: int | None
    created: bool
    took_ms: int
    nodes: list[Node]


@dataclass
class UpPlan:
    """The answer of up --dry-run."""

    cluster: str
    creates: bool
    starts: list[str]
    ports: list[int]


@dataclass
class Down:
    cluster: str
    stopped: list[str]
    purged: bool


@dataclass
class ClusterRow:
    name: str
    nodes: int
    running: int
    folder: str


@dataclass
class Ls:
    clusters: list[ClusterRow]


@dataclass
class Wait:
    cluster: str
    condition: str
    took_ms: int


@dataclass
class Env:
    variables: dict[str, str]


@dataclass
class Finding:
    check: str
    ok: bool
    message: str
    hint: str


@dataclass
class Doctor:
    ok: bool
    findings: list[Finding]


@dataclass
class Prune:
    removed: list[str]
    dry_run: bool


@dataclass
class Target:
    node: str
    ok: bool
    message: str


@dataclass
class Action:
    """The answer of start, stop, kill, restart, pause, resume and wipe."""

    action: str
    targets: list[Target]
    warning: str | None
    undo: str | None


@dataclass
class Fault:
    id: int
    name: str
    kind: str
    spec: str
    age_ms: int
    expires_in_ms: int | None
    hits: int | None
    undo: str


@dataclass
class Faults:
    cluster: str
    faults: list[Fault]


@dataclass
class Injected:
    """The answer of partition and net."""

    fault: Fault
    effect: str
    applied_to: list[str]


@dataclass
class Heal:
    healed: list[int]
    remaining: int


@dataclass
class Put:
    key: str
    index: int
    term: int


@dataclass
class Get:
    key: str
    value: str | None
    """The value as text; null when it is not UTF-8."""
    value_base64: str | None
    """The value when it is not UTF-8."""
    index: int
    read: str
    node: str
    """Who answered."""


@dataclass
class Del:
    key: str
    existed: bool
    index: int
    term: int


@dataclass
class Cas:
    key: str
    swapped: bool
    index: int
    term: int


@dataclass
class Scan:
    prefix: str
    items: list[Get]
    more: bool
    """Whether there are keys beyond these; a larger --limit shows them."""


@dataclass
class Change:
    index: int
    key: str
    value: str | None
    value_base64: str | None
    deleted: bool


@dataclass
class Propose:
    index: int
    term: int
    result: str | None
    result_base64: str | None


@dataclass
class Transfer:
    leader: str
    previous: str
    term: int
    took_ms: int


@dataclass
class Event:
    node: str
    boot: str
    seq: int
    mono_ns: int
    time: str
    kind: str
    term: int
    data: dict[str, Any]


@dataclass
class LogEntry:
    index: int
    term: int
    kind: str
    state: str
    """applied, committed or uncommitted."""
    bytes: int
    client: str | None = None
    sequence: int | None = None
    preview: str | None = None


@dataclass
class Log:
    node: str
    first_index: int
    last_index: int
    commit_index: int
    entries: list[LogEntry]


@dataclass
class Line:
    """One line of a node's own log file; `time` and `level` are null for what it did not write."""

    node: str
    time: str | None
    level: str | None
    text: str


@dataclass
class Bench:
    mode: str
    clients: int
    inflight: int
    ops: int
    errors: int
    unknown: int
    ops_per_s: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None


@dataclass
class Config:
    source: str
    settings: dict[str, Any]


@dataclass
class Written:
    """The answer of config init."""

    path: str


@dataclass
class Kinds:
    """The kinds of documents that raftctl prints."""

    kinds: list[str]


@dataclass
class Version:
    version: str
    protocol: int
    python: str


@dataclass
class Error:
    code: str
    exit: int
    message: str
    hint: str
    cause: str
    retryable: bool
    outcome: str
    details: dict[str, Any]


def kind_of(document_type: type[Any]) -> str:
    """How a document is called in its schema: UpPlan is up-plan."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", document_type.__name__).lower()


KINDS: dict[str, type[Any]] = {
    kind_of(kind): kind
    for kind in (
        Status, Up, UpPlan, Down, Ls, Wait, Env, Doctor, Prune, Action, Line, Faults, Injected,
        Heal, Put, Get, Del, Cas, Scan, Change, Propose, Transfer, Event, Log, Bench, Config,
        Written, Kinds, Version, Error,
    )
}  # fmt: skip


def to_json(document: Any) -> dict[str, Any]:  # noqa: ANN401 - any of KINDS
    """The document as it is printed, its schema's name first."""
    return {"schema": f"raftctl.{kind_of(type(document))}/v1", **dataclasses.asdict(document)}


def json_schema(kind: str) -> dict[str, Any]:
    """The JSON Schema of one kind of document."""
    schema = _object_schema(KINDS[kind])
    schema["properties"] = {
        "schema": {"const": f"raftctl.{kind}/v1"},
        **schema["properties"],
    }
    schema["required"] = ["schema", *schema["required"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": kind, **schema}


_SIMPLE: dict[Any, dict[str, Any]] = {
    str: {"type": "string"},
    int: {"type": "integer"},
    float: {"type": "number"},
    bool: {"type": "boolean"},
    types.NoneType: {"type": "null"},
    Any: {},
}


def _object_schema(kind: type[Any]) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    names = [each.name for each in dataclasses.fields(kind)]
    return {
        "type": "object",
        "properties": {name: _schema_of(hints[name]) for name in names},
        "required": names,
        "additionalProperties": True,  # changes only ever add
    }


def _schema_of(annotation: Any) -> dict[str, Any]:  # noqa: ANN401 - a type
    if annotation in _SIMPLE:
        return dict(_SIMPLE[annotation])
    arguments = typing.get_args(annotation)
    match typing.get_origin(annotation):
        case types.UnionType:
            return {"anyOf": [_schema_of(each) for each in arguments]}
        case origin if origin is list:
            return {"type": "array", "items": _schema_of(arguments[0])}
        case origin if origin is dict:
            return {"type": "object", "additionalProperties": _schema_of(arguments[1])}
        case _:
            return _object_schema(annotation)
