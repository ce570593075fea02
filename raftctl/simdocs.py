"""Documents about simulated runs; the others are in `documents`."""

from dataclasses import dataclass
from typing import Annotated, Literal

Verdict = Annotated[str, Literal["ok", "failed", "inconclusive"]]


@dataclass
class SimSeed:
    """One run."""

    seed: int
    verdict: Verdict
    digest: str
    """Of all that happened: two runs with the same one were the same."""
    events: int
    virtual_s: float
    invariant: str | None
    """What was violated."""
    text: str | None
    """How it was violated, or why there is no verdict."""


@dataclass
class SimRun:
    """The answer of sim run: many seeds."""

    first: int
    last: int
    seeds: int
    ok: int
    failed: int
    inconclusive: int
    events: int
    wall_s: float
    events_per_s: float
    operations: dict[str, int]
    """What clients asked, by outcome: ok, fail, unknown."""
    faults: dict[str, int]
    """What was done to the clusters, by verb."""
    coverage: dict[str, int]
    """How often each situation that is worth meeting was met; 0: never."""
    problems: list[SimSeed]
    """The runs that failed or have no verdict."""


@dataclass
class SimReplay:
    """The answer of sim replay, after the lines of its trace."""

    seed: int
    name: str
    verdict: Verdict
    digest: str
    events: int
    virtual_s: float
    invariant: str | None
    text: str | None
    is_same_run: bool
    """False: the plan has the digest of another run, which other code made of it."""
    unheeded: list[str]
    """What the plan asks for and no simulated run looks at."""


@dataclass
class SimShrink:
    """The answer of sim shrink."""

    seed: int
    invariant: str
    text: str
    steps_before: int
    steps: int
    nodes: int
    virtual_s: float
    runs: int
    plan: str
    """The smaller scenario, as TOML."""
    file: str | None
    """Where it was written."""


@dataclass
class SimBench:
    """The answer of sim bench."""

    events: int
    wall_s: float
    events_per_s: float
    virtual_s: float
    operations: int
    digest: str
