"""Documents about what the nodes tell of themselves, and recordings; the others in `documents`."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

RunKind = Annotated[str, Literal["live", "saved", "chaos"]]


@dataclass
class Event:
    """A frame of a node's stream."""

    node: str
    """-: a simulated cluster as a whole."""
    boot: str
    seq: int
    mono_ns: int
    time: str
    kind: str
    """What happened, or gap; with --all also applied, changed and status."""
    term: int
    data: dict[str, Any]
    late: bool = False
    """What is newer was shown before it."""


@dataclass
class RunRow:
    name: str
    kind: RunKind
    """live: it lies with its cluster, and goes on while that runs. chaos: in a run's folder."""
    nodes: list[str]
    """Empty when it cannot be read."""
    started: str | None
    """Null where it is simulated, too."""
    ended: str
    """When it was last written."""
    size_bytes: int
    path: str
    damage: str | None
    """Why it cannot be read; null when its beginning can be."""
    simulated: bool = False
    """It happened in a simulation's own time, which begins at 0."""


@dataclass
class Runs:
    """The answer of runs ls; the newest one is `latest`."""

    runs: list[RunRow]


@dataclass
class RunNode:
    node: str
    boots: int
    """How often it was started in this time."""
    frames: int
    events: int
    gaps: int
    """Frames that were lost, and are told as gaps."""
    first: str
    last: str
    term: int
    applied: int


@dataclass
class RunShow:
    run: str
    cluster: str
    started: str | None
    ended: str | None
    duration_ms: int
    frames: int
    size_bytes: int
    nodes: list[RunNode]
    damages: list[str]
    """Which files could not be read to their end, where, and why."""
    simulated: bool = False
    """It happened in a simulation's own time, which begins at 0: started and ended are null."""


@dataclass
class RunExport:
    run: str
    file: str
    started: str | None
    ended: str | None
    frames: int
    nodes: list[str]
    size_bytes: int
    damages: list[str]


@dataclass
class RunRm:
    run: str
    removed: int
    """Files."""
    freed_bytes: int
    kept: list[str]
    """Files that a running node is writing."""
