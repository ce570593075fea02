"""A load that never was, with the figures that a test is about."""

from dataclasses import replace
from typing import Any

from raftctl.benchdocs import Bench, BenchClient, BenchLatency

NO_LATENCY = BenchLatency(0, *([None] * 6))


def bench(ops: int = 0, errors: int = 0, unknown: int = 0, **values: Any) -> Bench:
    made = Bench(
        mode="put",
        clients=1,
        inflight=1,
        ops=ops,
        errors=errors,
        unknown=unknown,
        ops_per_s=float(ops),
        p50_ms=None,
        p95_ms=None,
        p99_ms=None,
        max_ms=None,
        p90_ms=None,
        p999_ms=None,
        elapsed_ms=2000.0,
        rate_per_s=None,
        unsent=0,
        size_bytes=100,
        keys=10,
        distribution="sequential",
        read="linearizable",
        client=BenchClient(100.0, 0.05, 2, 0.025),
        put=replace(NO_LATENCY, ops=ops),
    )
    return replace(made, **values)
