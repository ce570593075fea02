"""What a load has to reach: `p99<50ms,ops>10000`, read and held against its figures."""

import re
from dataclasses import dataclass

from raftctl.benchdocs import Bench, BenchLatency
from raftctl.values import usage

SECONDS = ("ms", "s", "us")
PERCENT = ("%",)
COUNT = ("",)
FACTORS = {"us": 1e-3, "s": 1e3}
"""To milliseconds."""
UNITS = {
    "ops": COUNT,
    "ops_per_s": COUNT,
    "p50": SECONDS,
    "p90": SECONDS,
    "p95": SECONDS,
    "p99": SECONDS,
    "p99.9": SECONDS,
    "max": SECONDS,
    "err": PERCENT,
    "unknown": PERCENT,
    "unsent": PERCENT,
}
"""What can be asserted, and in which units."""
SIGNS = ("<=", ">=", "<", ">")
_BOUND = re.compile(r"(?:(put|get)\.)?([a-z_]+[0-9.]*)\s*(<=|>=|<|>)\s*([0-9]+(?:\.[0-9]+)?)(\D*)")


@dataclass(frozen=True, slots=True)
class Bound:
    """`kind`: of puts or gets alone; `value` in milliseconds, per cent, or requests."""

    text: str
    kind: str
    metric: str
    sign: str
    value: float

    def broken_by(self, document: Bench) -> str:
        """What the figure is instead, and by how much; empty where the bound holds."""
        found = figure(document, self.kind, self.metric)
        if found is None:
            return f"{self.text} does not hold: there is no figure"
        is_held = {
            "<": found < self.value,
            "<=": found <= self.value,
            ">": found > self.value,
            ">=": found >= self.value,
        }
        if is_held[self.sign]:
            return ""
        unit = UNITS[self.metric][0]
        off = f"{abs(found - self.value):g}{unit} {'over' if '<' in self.sign else 'under'}"
        return f"{self.text} does not hold: {found:g}{unit}, {off}"


def read_bounds(text: str | None, mode: str) -> list[Bound]:
    """The bounds in a text, with commas between them. Raises CliError (exit 2)."""
    bounds = []
    for part in map(str.strip, (text or "").split(",")):
        if not part:
            continue
        found = _BOUND.fullmatch(part)
        if not found or found[2] not in UNITS:
            raise usage(f"--assert {part}", f"like p99<50ms; one of {', '.join(UNITS)}")
        kind, metric, sign, number, unit = found.groups(default="")
        if kind and (mode != "mixed" or UNITS[metric] is PERCENT or metric == "ops_per_s"):
            message = "put. and get. stand before ops, percentiles and max of a mixed load"
            raise usage(f"--assert {part}", message)
        if unit.strip() not in UNITS[metric]:
            units = " or ".join(UNITS[metric]) or "no unit"
            raise usage(f"--assert {part}", f"{metric} has {units}, like {_like(metric)}")
        value = round(float(number) * FACTORS.get(unit.strip(), 1), 9)
        bounds.append(Bound(part, kind, metric, sign, value))
    return bounds


def figure(document: Bench, kind: str, metric: str) -> float | None:
    """A figure of a load, in the unit of its bounds."""
    total = document.ops + document.errors + document.unknown
    of: Bench | BenchLatency | None = document
    if kind:
        of = document.put if kind == "put" else document.get
    if of is None:
        return None
    match metric:
        case "ops":
            return of.ops
        case "ops_per_s":
            return document.ops_per_s
        case "err":
            return document.errors / total * 100
        case "unknown":
            return document.unknown / total * 100
        case "unsent":
            return document.unsent / (total + document.unsent) * 100
        case _:
            found: float | None = getattr(of, f"{metric.replace('.', '')}_ms")
            return found


def _like(metric: str) -> str:
    sign = ">" if UNITS[metric] is COUNT else "<"
    return f"{metric}{sign}50{UNITS[metric][0]}"
