"""Figures as tables: for a terminal, and for a page."""

from collections.abc import Sequence

from raftctl.output import table
from tests.benchmark.targets import OWN, TARGETS, Metrics

Rows = list[list[str]]
OTHERS = ("etcd", "PySyncObj")


def compared(metrics: Metrics) -> tuple[list[str], Rows]:
    """Each metric of all systems, with the ratio to each other one and whether targets are met."""
    header = ["", OWN]
    for other in OTHERS:
        header += [other, "ratio", "target"]
    rows = []
    for name, found in metrics.items():
        row = [name, _number(found.get(OWN)) + _mark(metrics, name, "")]
        for other in OTHERS:
            value = found.get(other)
            is_ratio = bool(value) and OWN in found
            row += [
                _number(value),
                f"{found[OWN] / value:.2f}x" if value and is_ratio else "",
                _mark(metrics, name, other).strip(),
            ]
        rows.append(row)
    return header, rows


def _mark(metrics: Metrics, name: str, against: str) -> str:
    for target in TARGETS:
        if (target.metric, target.against) == (name, against):
            value = target.of(metrics)
            if value is None:
                return ""
            return f" {'✓' if target.is_met(value) else '✗'} {target}"
    return ""


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def printed(header: Sequence[str], rows: Rows) -> None:
    """For a terminal."""
    print("\n".join(table(header, rows)), flush=True)


def markdown(header: Sequence[str], rows: Rows) -> list[str]:
    """For a page: the first column is what the others are of."""
    lines = [header, ["---", *("---:" for _ in header[1:])], *rows]
    return ["| " + " | ".join(row) + " |" for row in lines]
