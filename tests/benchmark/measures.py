"""What is measured of a system, and how all of them are asked."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from tests.measure.commands import PROJECT

BUILD = PROJECT / "build" / "bench"
MIB = 1024 * 1024
VALUE_BYTES = 100
KEYS = 10_000
NODES = 3


@dataclass(frozen=True, slots=True)
class Step:
    """So many requests in flight, for so long."""

    kind: Literal["put", "get"]
    inflight: int
    seconds: float

    @property
    def name(self) -> str:
        return f"{self.kind} {self.inflight}"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a step came to. `client_share`: of one core, where the load is a process of its own."""

    ops_per_s: float
    p50_ms: float
    p99_ms: float
    client_share: float | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """The figures of each step, and the median memory of a node behind them."""

    steps: list[Figures]
    rss_mib: float


class System(Protocol):
    """One of those that are compared. Values have VALUE_BYTES, keys are KEYS."""

    name: str

    def version(self) -> str: ...

    def missing(self) -> str:
        """What has to be installed first; empty: nothing."""

    def steps(self, steps: Sequence[Step]) -> list[Step]:
        """Those that it can do."""

    def round(self, work: Path, steps: Sequence[Step]) -> Round:
        """Three new nodes with their data in `work`: each step in turn, then their end."""


def machine() -> dict[str, Any]:
    """What it ran on."""
    return {
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "processor": _processor(),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def save(name: str, document: dict[str, Any]) -> None:
    """Keep it as build/bench/NAME.json."""
    BUILD.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=2, default=asdict)
    (BUILD / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def load(name: str) -> dict[str, Any] | None:
    """What the last run kept; None: there was none."""
    path = BUILD / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None
