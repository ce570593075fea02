"""How a load says how far it is: to people as a line, to machines as documents."""

from raftctl.benchdocs import Bench, BenchLatency, BenchSecond
from raftctl.output import Output, table


class Tell:
    """Called at the end of each second."""

    def __init__(self, output: Output, seconds: float | None, ops: int | None) -> None:
        """`seconds` and `ops`: when the load ends."""
        self._output = output
        self._of_seconds = "" if seconds is None else f" of {seconds:g}"
        self._of_ops = "" if ops is None else f" of {ops:,}"
        self.seconds = 0
        """So many were told."""

    def __call__(self, second: BenchSecond, done: int) -> None:
        """`done`: requests that have succeeded by now."""
        self.seconds += 1
        if self._output.mode == "jsonl":
            self._output.show(second, list)
            return
        p99 = "-" if second.p99_ms is None else f"{second.p99_ms:g} ms"
        lost = f"  {second.errors} errors  {second.unknown} unknown"
        self._output.progress(
            f"{self.seconds}{self._of_seconds}s  {done:,}{self._of_ops} done  "
            f"{second.ops:,}/s  p99 {p99}"
            f"{lost if second.errors or second.unknown else ''}"
        )


def lines(document: Bench) -> list[str]:
    """A load for people."""
    client = document.client
    head = (
        f"{document.mode}  {document.ops_per_s:.0f} ops/s  {document.ops} ok  "
        f"{document.errors} errors  {document.unknown} unknown"
    )
    load = (
        f"the load itself: {client.core_share:.0%} of a core, "
        f"{client.machine_share:.0%} of all {client.cores}"
    )
    rows = [
        (kind, each.ops, *_figures(each))
        for kind, each in (("put", document.put), ("get", document.get))
        if each is not None
    ]
    header = ("", "OK", "P50 ms", "P90 ms", "P99 ms", "P99.9 ms", "MAX ms")
    faults = [
        (fault.line, _at(fault.began_ms), _at(fault.ended_ms), fault.hits)
        for fault in document.faults
    ]
    told = table(("FAULT", "BEGAN", "ENDED", "HITS"), faults) if faults else []
    return [head, *table(header, rows), load, *told]


def _figures(of: BenchLatency) -> list[str | None]:
    values = (of.p50_ms, of.p90_ms, of.p99_ms, of.p999_ms, of.max_ms)
    return [None if value is None else f"{value:.3f}" for value in values]


def _at(ms: float | None) -> str | None:
    return None if ms is None else f"{ms / 1000:.2f} s"
