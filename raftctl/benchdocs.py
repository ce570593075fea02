"""The documents of bench."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

BenchMode = Annotated[str, Literal["put", "get", "mixed"]]
BenchRead = Annotated[str, Literal["linearizable", "lease", "stale"]]
BenchDistribution = Annotated[str, Literal["sequential", "uniform", "zipfian"]]


@dataclass
class BenchSecond:
    """How a second of a load was."""

    at_ms: float
    """Its end, since the load began."""
    ops: int
    """Requests that succeeded in it; what is below counts likewise."""
    errors: int
    unknown: int
    p50_ms: float | None
    p99_ms: float | None
    max_ms: float | None


@dataclass
class BenchLatency:
    """Of the requests that succeeded; null without any. Percentiles are within a thousandth."""

    ops: int
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    p999_ms: float | None
    max_ms: float | None


@dataclass
class BenchClient:
    """What the load itself took, to see whether it measured the cluster or itself."""

    cpu_ms: float
    core_share: float
    """Of the time of one core, which is all that it can use: from 0 to 1."""
    cores: int
    machine_share: float
    """Of the time of all cores."""


@dataclass
class BenchFault:
    """A step of --faults, and what came of it. Times are since the load began."""

    line: str
    """With names of nodes, where it meant any."""
    began_ms: float | None
    """Null: it was not due before the load ended."""
    ended_ms: float | None
    hits: int | None
    """How often it took effect; null: nobody counts that."""
    why_not: str
    """Why it did nothing; empty: it did."""


@dataclass
class Bench:
    """What a load came to. Latencies of reads and writes together; `put` and `get` have each."""

    mode: BenchMode
    clients: int
    inflight: int
    ops: int
    errors: int
    """Refused, or lost reads: they had no effect."""
    unknown: int
    """On their way when the leader went: each may have been applied."""
    ops_per_s: float
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    p90_ms: float | None
    p999_ms: float | None
    elapsed_ms: float
    rate_per_s: float | None
    """Asked for; null: as much as goes. With a rate latencies count from when requests were due."""
    unsent: int
    """Due by the rate, and not sent before the end."""
    size_bytes: int
    keys: int
    distribution: BenchDistribution
    read: BenchRead
    """How reads are answered."""
    client: BenchClient
    put: BenchLatency | None = None
    get: BenchLatency | None = None
    faults: list[BenchFault] = field(default_factory=list)
