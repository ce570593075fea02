"""The documents that a chaos run prints while it goes on. Times are since the run began."""

from dataclasses import dataclass
from typing import Literal

StepState = Literal["begun", "ended"]
Phase = Literal["faults-ended", "converged", "not-converged"]


@dataclass
class PlannedStep:
    step: int
    """Its place in the scenario, from 1."""
    name: str
    when: str
    line: str
    """As the scenario has it."""
    lasts_ms: float | None
    """Null: nothing but the end of the run ends it."""


@dataclass
class ChaosPlan:
    """What a run is about to do, its background faults drawn."""

    name: str
    about: str
    seed: int
    mode: Literal["live", "sim"]
    run: str
    """The name of its folder."""
    folder: str
    report: str
    """Where its page will be."""
    nodes: int
    duration_ms: float
    load: str
    steps: list[PlannedStep]
    rules: list[str]
    """Of Raft, that are looked at while it runs."""
    at_end: list[str]
    """Checks that can be made only then."""


@dataclass
class ChaosStep:
    """A step was carried out, or its fault is over."""

    at_ms: float
    step: int
    state: StepState
    line: str
    resolved: str | None
    """With names of nodes; null: it meant nobody."""
    lasts: bool
    """Whether there is something that will end."""
    why_not: str
    """Why it proves nothing; empty: it did what it was to do."""
    refused: str = ""
    """Which nodes would not start on data that a step damaged, as is right, and what they said."""


@dataclass
class ChaosLeader:
    """An election was won."""

    at_ms: float
    node: str
    term: int


@dataclass
class ChaosHits:
    """A fault that the nodes hold, and how often it took effect so far."""

    step: int
    hits: int


@dataclass
class ChaosUse:
    """Whether the cluster could be used, seen by probes sent twenty times a second."""

    share: float
    """Which part of the second, from 0 to 1."""
    gap_ms: float
    """The longest time without a success until now."""


@dataclass
class ChaosBroken:
    rule: str
    text: str


@dataclass
class ChaosSecond:
    """How a second was, and what is known by now."""

    at_ms: float
    """Its end."""
    write: ChaosUse
    read: ChaosUse
    ok: int
    """Operations of clients so far, by what they came to."""
    fail: int
    info: int
    terms: int
    """So many had a leader."""
    committed: int
    broken: list[ChaosBroken]
    """Rules that did not hold."""
    hits: list[ChaosHits]


@dataclass
class ChaosPhase:
    """The scenario is over, and what comes behind it is this far."""

    at_ms: float
    phase: Phase
    text: str


ChaosProgress = ChaosPlan | ChaosStep | ChaosLeader | ChaosSecond | ChaosPhase
