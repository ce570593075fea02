"""The documents of the verbs for a cluster as a whole."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from raftctl.statusdocs import Node

Severity = Annotated[str, Literal["ok", "info", "warning", "error"]]


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
    damage: str | None
    """Why its settings cannot be read; null when they can."""


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
    """Whether it is no error."""
    message: str
    hint: str
    """What to type next; empty when nothing needs to be done."""
    code: str = ""
    """What it is, for programs."""
    severity: Severity = "ok"
    cluster: str | None = None
    node: str | None = None


@dataclass
class Doctor:
    ok: bool
    findings: list[Finding]


@dataclass
class Prune:
    removed: list[str]
    """Clusters, by name."""
    dry_run: bool
    folders: list[str] = field(default_factory=list)
    """Folders of nodes that are no longer members of a cluster that stays: demo/n4."""
