"""Running a load and summing up what came of it."""

import signal
from contextlib import closing
from types import FrameType
from typing import TYPE_CHECKING

from node.client.address import ClusterAddress
from node.client.errors import ClientError
from node.client.pipeline import Load, Pipeline, Tally
from node.machines import kv
from raftctl.documents import Bench

if TYPE_CHECKING:
    from raftctl.output import Output

KEYS = 10_000
EndedBy = ClientError | KeyboardInterrupt | SystemExit


def make_load(
    mode: str,
    clients: int,
    inflight: int,
    rate: float | None,
    duration: float | None,
    ops: int | None,
    size: int,
) -> Load:
    """Puts of `size` bytes, or linearizable gets, over 10,000 keys; `duration` in seconds."""
    value = b"x" * size

    def make(number: int) -> bytes:
        key = f"key-{number % KEYS}"
        return kv.get(key) if mode == "get" else kv.put(key, value)

    return Load(make, mode == "get", inflight, min(clients, inflight), ops, duration, rate)


def run_load(
    output: "Output", address: ClusterAddress, load: Load, timeout: float
) -> tuple[Bench, EndedBy | None]:
    """What came of it, and what ended it before its time: a signal, or a cluster that was lost.

    `timeout`: seconds to go on without a success.
    """
    mode = "get" if load.is_read else "put"
    output.note(f"bench {mode}: {load.inflight} in flight")
    pipeline = Pipeline(address, load, timeout)
    ended_by: EndedBy | None = None
    shown = 0
    interrupts: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        interrupts.append(number)
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    if before is signal.default_int_handler:
        signal.signal(signal.SIGINT, interrupt)
    with closing(pipeline.run()) as progress:
        try:
            for tally in progress:
                if interrupts:  # it came where the encoder, which is in C, could not hand it on
                    raise KeyboardInterrupt
                if tally.elapsed >= shown + 1:
                    shown += int(tally.elapsed - shown)
                    done = len(tally.latencies)
                    rate = done / tally.elapsed
                    output.note(f"  {shown:4}s  {done} done, {rate:.0f}/s so far")
        except (ClientError, KeyboardInterrupt, SystemExit) as error:
            ended_by = error
        finally:
            signal.signal(signal.SIGINT, before)
    return _document(pipeline.tally, mode, load.clients, load.inflight), ended_by


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
