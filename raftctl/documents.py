"""Every JSON document that raftctl prints, by its kind: a dataclass, from which its schema follows.

Unknown is null, durations end in `_ms`, sizes in `_bytes`, times are RFC 3339 in UTC. A field with
a fixed set of values is a Literal; an annotated one is a text to whoever fills it in.

Whoever prints one imports it from where it is defined: all of them are for schemas and pages.
"""

from typing import Any

from raftctl.benchdocs import Bench, BenchSecond
from raftctl.chaosdocs import ChaosRecord, ChaosRun, ChaosRuns, ChaosScenario, ChaosShrink
from raftctl.checkdocs import Check
from raftctl.clusterdocs import Doctor, Down, Env, Ls, Prune, Up, UpPlan, Wait
from raftctl.datadocs import Cas, Change, Del, Get, Propose, Put, Scan
from raftctl.eventdocs import Event, RunExport, RunRm, Runs, RunShow
from raftctl.faultdocs import Faults, Heal, Injected
from raftctl.jsonform import kind_of
from raftctl.logdocs import Log, LogDiff, LogEntry, LogVerify
from raftctl.memberdocs import (
    MemberChange,
    Members,
    SnapshotAuto,
    SnapshotInspect,
    Snapshots,
    SnapshotTake,
    Transfer,
)
from raftctl.metadocs import Config, Error, Kinds, Version, Written
from raftctl.nodedocs import Action, Line
from raftctl.progressdocs import ChaosLeader, ChaosPhase, ChaosPlan, ChaosSecond, ChaosStep
from raftctl.repairdocs import Recover, Restore
from raftctl.simdocs import SimBench, SimReplay, SimRun, SimShrink
from raftctl.statusdocs import Status

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
