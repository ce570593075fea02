"""etcd, asked as the others are."""

import json
import re
import statistics
import subprocess
from collections.abc import Sequence
from pathlib import Path

import psutil

from tests.benchmark.etcd import building
from tests.benchmark.etcd.members import Members
from tests.benchmark.measures import KEYS, MIB, VALUE_BYTES, Figures, Round, Step


class EtcdSystem:
    """Three members under the load in load.go."""

    name = "etcd"

    def version(self) -> str:
        said = subprocess.run(["etcd", "--version"], capture_output=True, text=True, check=True)
        found = re.search(r"etcd Version: (\S+)", said.stdout)
        return found[1] if found else "unknown"

    def missing(self) -> str:
        return building.missing()

    def steps(self, steps: Sequence[Step]) -> list[Step]:
        return list(steps)

    def round(self, work: Path, steps: Sequence[Step]) -> Round:
        program = building.built()
        with Members(work) as members:
            endpoints = members.endpoints()
            _load(program, endpoints, Step("put", 64, 1))
            figures = [_load(program, endpoints, step) for step in steps]
            sizes = [
                psutil.Process(process.pid).memory_info().rss / MIB
                for process in members.processes.values()
            ]
            return Round(figures, statistics.median(sizes))


def _load(program: Path, endpoints: str, step: Step) -> Figures:
    done = subprocess.run(
        [
            *(str(program), "-endpoints", endpoints, "-kind", step.kind),
            *("-inflight", str(step.inflight), "-seconds", str(step.seconds)),
            *("-size", str(VALUE_BYTES), "-keys", str(KEYS)),
        ],
        stdout=subprocess.PIPE,
        check=True,
        timeout=step.seconds + 60,
    )
    return Figures(**json.loads(done.stdout))
