"""Every JSON document that raftctl prints, as a dataclass; its schema follows from it.

Unknown is null, durations end in `_ms`, sizes in `_bytes`, times are RFC 3339 in UTC. A field with
a fixed set of values is a Literal; an annotated one is a text to whoever fills it in.
"""

import dataclasses
import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from raftctl.benchdocs import Bench, BenchSecond
from raftctl.chaosdocs import ChaosRecord, ChaosRun, ChaosRuns, ChaosScenario, ChaosShrink
from raftctl.checkdocs import Check
from raftctl.eventdocs import Event, RunExport, RunRm, Runs, RunShow
from raftctl.logdocs import Log, LogDiff, LogEntry, LogVerify
from raftctl.measuredocs import Measured
from raftctl.memberdocs import (
    Configuration,
    MemberChange,
    Members,
    Membership,
    SnapshotAuto,
    SnapshotInspect,
    Snapshots,
    SnapshotTake,
)
from raftctl.progressdocs import ChaosLeader, ChaosPhase, ChaosPlan, ChaosSecond, ChaosStep
from raftctl.repairdocs import Recover, Restore
from raftctl.simdocs import SimBench, SimReplay, SimRun, SimShrink

Proc = Literal["running", "paused", "exited", "stopped", "unreachable"]
Role = Literal["follower", "precandidate", "candidate", "leader", "learner"]
Health = Annotated[str, Literal["ok", "degraded", "no leader", "down"]]
ReadMode = Annotated[str, Literal["linearizable", "lease", "stale"]]
Severity = Annotated[str, Literal["ok", "info", "warning", "error"]]
Outcome = Literal["none", "unknown"]


@dataclass
class Node:
    id: str
    address: str
    pid: int | None
    proc: Proc
    note: str
    """Why it is not running, for people."""
    remedy: str
    """What to type to get it back; empty when nothing is needed."""
    role: Role | None = None
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
    member: Membership | None = None
    """Null when no node could be asked who belongs to the cluster."""
    in_touch: list[str] = field(default_factory=list)
    """Of a leader: itself, and who answered it within an election timeout."""
    measured: Measured = field(default_factory=Measured)


@dataclass
class Quorum:
    """Of a change of the voters that is under way: the half that has fewer to spare."""

    have: int
    """Voters that run, and have a disk."""
    need: int
    voters: int = 0


@dataclass
class Status:
    cluster: str
    leader: str | None
    term: int | None
    health: Health
    quorum: Quorum
    faults: int
    nodes: list[Node]
    configuration: Configuration | None = None
    """Null when no node could be asked."""


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


@dataclass
class Target:
    node: str
    ok: bool
    message: str
    changed: bool
    """Whether anything was done to it: who was stopped already was not stopped."""


@dataclass
class Action:
    """The answer of start, stop, kill, restart, pause, resume and wipe; of disk and clock too, for
    what is over at once or for good.
    """

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
    """The answer of partition and net, and of what lasts of disk and clock."""

    fault: Fault
    effect: str
    applied_to: list[str]


@dataclass
class Heal:
    healed: list[int]
    eased: list[int]
    """Faults that lost a link and go on."""
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
    read: ReadMode
    node: str
    """Who answered."""
    age_ms: int | None = None
    """So long ago it was in touch with the leader; 0: this is current; null: it hears no leader."""


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
class Line:
    """One line of a node's own log file; `time` and `level` are null for what it did not write."""

    node: str
    time: str | None
    level: str | None
    text: str


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
    hint: str | None
    cause: str | None
    retryable: bool
    outcome: Outcome
    details: dict[str, Any]


def kind_of(document_type: type[Any]) -> str:
    """How a document is called in its schema: UpPlan is up-plan."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", document_type.__name__).lower()


KINDS: dict[str, type[Any]] = {
    kind_of(kind): kind
    for kind in (
        Status, Up, UpPlan, Down, Ls, Wait, Env, Doctor, Prune, Action, Line, Faults, Injected,
        Heal, Put, Get, Del, Cas, Scan, Change, Propose, Transfer, Event, Log, LogEntry, Bench,
        BenchSecond, Config, Written, Kinds, Version, Members, MemberChange, Snapshots,
        SnapshotTake, SnapshotInspect, SnapshotAuto, LogDiff, LogVerify, Recover, Restore, SimRun,
        SimReplay, SimShrink, SimBench, ChaosRun, ChaosPlan, ChaosStep, ChaosLeader, ChaosSecond,
        ChaosPhase, ChaosRuns, ChaosScenario, ChaosShrink, ChaosRecord, Check, Runs, RunShow,
        RunExport, RunRm, Error,
    )
}  # fmt: skip


def to_json(document: Any) -> dict[str, Any]:  # noqa: ANN401 - any of KINDS
    """The document as it is printed, its schema's name first."""
    return {"schema": f"raftctl.{kind_of(type(document))}/v1", **dataclasses.asdict(document)}
