"""`metrics.csv`: what clients saw, half second by half second."""

import csv
from collections.abc import Sequence
from pathlib import Path

from raftctl.chaos.running import Ran

BIN_NS = 500_000_000
HEADER = (
    "time_s", "ok", "fail", "info", "p50_ms", "p95_ms", "p99_ms", "max_ms",
    "write_probes_ok", "write_probes", "read_probes_ok", "read_probes",
)  # fmt: skip


def write_metrics(path: Path, ran: Ran) -> None:
    """A line for each half second, by when operations ended. Raises OSError."""
    last_ns = max([0, *(ended for ended, _, _, _ in ran.seen.done)], default=0)
    rows = [_Row() for _ in range(last_ns // BIN_NS + 1)]
    for ended, lasted, _, how in ran.seen.done:
        row = rows[ended // BIN_NS]
        row.counts[how] += 1
        if how == "ok":
            row.took.append(lasted)
    for probe in ran.probes:
        if probe.sent // BIN_NS < len(rows):
            row = rows[probe.sent // BIN_NS]
            row.probes[probe.kind, probe.ok] += 1
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(HEADER)
        for number, row in enumerate(rows):
            table.writerow([f"{number * BIN_NS / 1e9:g}", *row.values()])


class _Row:
    def __init__(self) -> None:
        self.counts = dict.fromkeys(("ok", "fail", "info"), 0)
        self.took: list[int] = []
        self.probes = {(kind, ok): 0 for kind in ("write", "read") for ok in (True, False)}

    def values(self) -> list[object]:
        took = sorted(self.took)
        probes: list[object] = []
        for kind in ("write", "read"):
            answered = self.probes[kind, True]
            probes += [answered, answered + self.probes[kind, False]]
        return [*self.counts.values(), *(_at(took, p) for p in (0.5, 0.95, 0.99, 1.0)), *probes]


def _at(took: Sequence[int], portion: float) -> str:
    if not took:
        return ""
    return f"{took[min(int(len(took) * portion), len(took) - 1)] / 1e6:.2f}"
