"""Running a load and summing up what came of it."""

from typing import TYPE_CHECKING

from node.client.pipeline import Load, Pipeline, Tally
from node.machines import kv
from raftctl.cluster.directory import Cluster
from raftctl.documents import Bench

if TYPE_CHECKING:
    from raftctl.output import Output

KEYS = 10_000


def run_load(
    output: "Output",
    cluster: Cluster,
    mode: str,
    clients: int,
    inflight: int,
    rate: float | None,
    duration: float | None,
    ops: int | None,
    size: int,
) -> Bench:
    """Puts of `size` bytes, or linearizable gets, over 10,000 keys."""
    value = b"x" * size

    def make(number: int) -> bytes:
        key = f"key-{number % KEYS}"
        return kv.get(key) if mode == "get" else kv.put(key, value)

    output.note(f"bench {mode}: {inflight} in flight")
    spread = min(clients, inflight)
    load = Load(make, mode == "get", inflight, spread, ops, duration, rate)
    tally = Tally()
    shown = 0.0
    for tally in Pipeline(cluster.address, load).run():
        if tally.elapsed - shown >= 1:
            shown = tally.elapsed
            done = len(tally.latencies)
            output.note(f"  {tally.elapsed:4.0f}s  {done} done, {done / tally.elapsed:.0f}/s")
    return _document(tally, mode, spread, inflight)


def _document(tally: Tally, mode: str, clients: int, inflight: int) -> Bench:
    ordered = sorted(tally.latencies)

    def at(share: float) -> float | None:
        if not ordered:
            return None
        return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)] * 1000, 3)

    return Bench(
        mode=mode,
        clients=clients,
        inflight=inflight,
        ops=len(ordered),
        errors=tally.errors,
        unknown=tally.unknown,
        ops_per_s=round(len(ordered) / tally.elapsed, 1) if tally.elapsed else 0.0,
        p50_ms=at(0.5),
        p95_ms=at(0.95),
        p99_ms=at(0.99),
        max_ms=at(1.0),
    )
