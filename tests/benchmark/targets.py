"""What is aimed at, by the metric: a ratio to another system, or a figure of raftctl's own."""

from collections.abc import Mapping
from dataclasses import dataclass

Metrics = Mapping[str, Mapping[str, float]]
"""By name, and by system."""

OWN = "raftctl"


def throughput(kind: str, inflight: int) -> str:
    return f"{kind}s/s, {inflight:,} in flight"


PUT_P50 = "put p50, 1 in flight, ms"
PUT_P99 = "put p99, 256 in flight, ms"
MEMORY = "memory of a node after the load, MiB"
KILL = "kill -9 of the leader to the next accepted put, ms"
STOP = "SIGSTOP of the leader to the next accepted put, ms"
FLUSH = "put p50, 1 in flight, by a raw append and flush"
UP_3 = "up -n 3, s"
UP_9 = "up -n 9, s"
STATUS = "status, s"


@dataclass(frozen=True, slots=True)
class Target:
    """`against`: the system that a ratio is to; empty: the figure itself is bounded."""

    metric: str
    against: str
    sign: str
    bound: float

    def of(self, metrics: Metrics) -> float | None:
        """What is bounded; None: it was not measured."""
        found = metrics.get(self.metric, {})
        if OWN not in found or (self.against and not found.get(self.against)):
            return None
        return found[OWN] / found[self.against] if self.against else found[OWN]

    def is_met(self, value: float) -> bool:
        return value >= self.bound if self.sign == "≥" else value <= self.bound

    def __str__(self) -> str:
        inverse = round(1 / self.bound)
        if self.against and inverse > 2:
            return f"{self.sign} 1/{inverse}x"
        return f"{self.sign} {self.bound:g}" + ("x" if self.against else "")


TARGETS = (
    Target(throughput("put", 1), "etcd", "≥", 1.0),
    Target(throughput("put", 16), "etcd", "≥", 2.0),
    *(Target(throughput("put", inflight), "etcd", "≥", 4.0) for inflight in (64, 256, 1000)),
    Target(throughput("put", 1), "PySyncObj", "≥", 50.0),
    *(Target(throughput("put", n), "PySyncObj", "≥", 5.0) for n in (16, 64, 256, 1000)),
    Target(throughput("get", 1), "etcd", "≥", 1.5),
    *(Target(throughput("get", inflight), "etcd", "≥", 5.0) for inflight in (64, 256)),
    Target(PUT_P99, "etcd", "≤", 0.4),
    Target(MEMORY, "etcd", "≤", 0.5),
    Target(FLUSH, "", "≤", 5.0),
    Target(UP_3, "", "≤", 0.7),
    Target(UP_9, "", "≤", 2.5),
    Target(STATUS, "", "≤", 0.15),
    Target(KILL, "etcd", "≤", 1 / 30),
    Target(KILL, "", "≤", 50.0),
    Target(STOP, "etcd", "≤", 1 / 3),
    Target(STOP, "", "≤", 500.0),
)
