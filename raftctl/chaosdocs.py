"""The documents of chaos runs, which also lie in their folders as result.json."""

from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["ok", "failed", "inconclusive"]
Finding = Verdict | Literal["unasked"]


@dataclass
class ChaosCheck:
    """One thing that a run was to prove."""

    name: str
    """linearizable, invariants, converged, faults, cut: the name of a step with a budget."""
    verdict: Finding
    """unasked: the scenario does not expect it, and nobody looked."""
    text: str
    """What was found, in words."""


@dataclass
class ChaosFault:
    """A step as it was carried out. Times in milliseconds since the run began."""

    step: int
    """Its place in the scenario, from 1; steps that were drawn come after all others."""
    name: str
    line: str
    """As the scenario has it."""
    resolved: str | None
    """With names of nodes; null: it meant nobody."""
    nodes: list[str]
    """Whom it was done to. Of a partition the groups that it cuts off from the largest one; of
    other links who is at an end of them.
    """
    began_ms: float
    """When it was in force."""
    ended_ms: float | None
    """When it was over; null for what is over at once, or for good."""
    why_not: str
    """Why it proves nothing; empty: it did what it was to do."""
    new_leader_ms: float | None
    """From its begin to the election of the next leader."""
    write_gap_ms: float | None
    """The longest time without a successful write, in which it plays a part."""
    read_gap_ms: float | None
    ok: int
    """Operations that succeeded while it held."""
    write_budget_ms: float | None
    read_budget_ms: float | None
    refused: str = ""
    """Which nodes would not start on data that a step damaged, as is right, and what they said."""


@dataclass
class ChaosLatency:
    """Of the operations that succeeded."""

    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None


@dataclass
class ChaosRun:
    """The answer of chaos run and chaos report."""

    verdict: Verdict
    text: str
    """Why."""
    name: str
    seed: int
    mode: Literal["live", "sim"]
    run: str
    """The name of its folder."""
    folder: str
    nodes: int
    began: str
    duration_s: float
    again: str
    """The line that runs it again."""
    versions: dict[str, str]
    checks: list[ChaosCheck]
    faults: list[ChaosFault]
    operations: dict[str, int]
    """How many came to ok, fail and info; missed: not begun, since all clients waited."""
    latency: ChaosLatency
    write_share: float | None
    """Which part of the time it could be written to, from 0 to 1."""
    read_share: float | None
    leaders: list[dict[str, float]] = field(default_factory=list)
    """Elections that were won: at_ms, node, term."""


@dataclass
class ChaosRow:
    """A run, in the list of them."""

    run: str
    name: str
    seed: int
    mode: str
    verdict: Verdict | None
    """Null: it broke off."""
    text: str
    began: str


@dataclass
class ChaosRuns:
    """The answer of chaos ls."""

    runs: list[ChaosRow]
    presets: list[str]


@dataclass
class ChaosScenario:
    """The answer of chaos show."""

    name: str
    about: str
    nodes: int
    text: str
    """As TOML."""


@dataclass
class ChaosShrink:
    """The answer of chaos shrink."""

    check: str
    """The one that fails."""
    text: str
    steps_before: int
    steps: int
    runs: int
    plan: str
    """The smaller scenario, as TOML."""


@dataclass
class ChaosLeftOut:
    """A line that no scenario has, or that did nothing."""

    line: str
    why: str


@dataclass
class ChaosRecord:
    """The answer of chaos record."""

    name: str
    nodes: int
    steps: int
    duration_ms: float
    left_out: list[ChaosLeftOut]
    text: str
    """As TOML."""
