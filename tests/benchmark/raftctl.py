"""raftctl among those that are compared."""

import statistics
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import psutil

from tests.benchmark.measures import MIB, Figures, Round, Step
from tests.measure.commands import Raftctl, fresh_home


class RaftctlSystem:
    """Three nodes as `raftctl up` starts them, under `raftctl bench`."""

    name = "raftctl"

    def version(self) -> str:
        return version("raftctl")

    def missing(self) -> str:
        return ""

    def steps(self, steps: Sequence[Step]) -> list[Step]:
        return list(steps)

    def round(self, work: Path, steps: Sequence[Step]) -> Round:
        with fresh_home(work) as raftctl:
            raftctl.run("up", "-n", "3", "--any-port")
            raftctl.run("wait", "ready")
            bench(raftctl, Step("put", 64, 1))  # what start-up left to do is not what is measured
            return Round([bench(raftctl, step) for step in steps], resident_mib(raftctl))


def bench(raftctl: Raftctl, step: Step, *options: str) -> Figures:
    """One step of load."""
    asked = ["--inflight", str(step.inflight), "--duration", f"{step.seconds:g}s", *options]
    found = raftctl.document("bench", step.kind, *asked)
    return Figures(
        found["ops_per_s"], found["p50_ms"], found["p99_ms"], found["client"]["core_share"]
    )


def resident_mib(raftctl: Raftctl) -> float:
    """The median of the nodes."""
    nodes = raftctl.document("status")["nodes"]
    return statistics.median(psutil.Process(n["pid"]).memory_info().rss / MIB for n in nodes)
