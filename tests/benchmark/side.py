"""Throughput, latency and memory of all systems, in turns."""

import statistics
import tempfile
import time
from pathlib import Path

from tests.benchmark import targets
from tests.benchmark.disk import flush_p50_ms
from tests.benchmark.etcd.system import EtcdSystem
from tests.benchmark.measures import BUILD, Round, Step, System, machine, save
from tests.benchmark.pysyncobj.system import PySyncObjSystem
from tests.benchmark.raftctl import RaftctlSystem
from tests.benchmark.tables import compared, printed
from tests.measure.commands import fresh_home

PUTS = (1, 16, 64, 256, 1000)
GETS = (1, 64, 256)
STARTS = 5


def side(rounds: int, seconds: float) -> None:
    """`rounds` of all steps, each of `seconds`; what counts is the median of the rounds."""
    steps = [Step("put", n, seconds) for n in PUTS] + [Step("get", n, seconds) for n in GETS]
    systems = present()
    found: dict[str, list[Round]] = {system.name: [] for system in systems}
    flushes: dict[str, list[float]] = {system.name: [] for system in systems}
    BUILD.mkdir(parents=True, exist_ok=True)
    for number in range(rounds):
        turn = number % len(systems)
        for system in systems[turn:] + systems[:turn]:
            print(f"round {number + 1} of {rounds}: {system.name}", flush=True)
            with tempfile.TemporaryDirectory(dir=BUILD) as work:
                before = flush_p50_ms(Path(work))
                round_ = system.round(Path(work), system.steps(steps))
                flushes[system.name].append((before + flush_p50_ms(Path(work))) / 2)
            found[system.name].append(round_)
            for step, figures in zip(system.steps(steps), round_.steps, strict=True):
                share = figures.client_share
                load = "" if share is None else f"  load {share:.0%} of a core"
                print(
                    f"   {step.name:9} {figures.ops_per_s:8,.0f}/s  p50 {figures.p50_ms:.2f} ms  "
                    f"p99 {figures.p99_ms:.2f} ms{load}",
                    flush=True,
                )
    metrics: dict[str, dict[str, float]] = {}
    for system in systems:
        _add(metrics, system.name, system.steps(steps), found[system.name])
    flush = statistics.median(each for of_system in flushes.values() for each in of_system)
    by_flush = [
        round_.steps[0].p50_ms / flush_ms
        for round_, flush_ms in zip(found[targets.OWN], flushes[targets.OWN], strict=True)
    ]
    metrics[targets.FLUSH] = {targets.OWN: statistics.median(by_flush)}
    metrics |= _starts()
    save(
        "side",
        {
            "machine": machine(),
            "versions": {system.name: system.version() for system in systems},
            "rounds": rounds,
            "seconds": seconds,
            "flush_p50_ms": flush,
            "flushes": flushes,
            "metrics": metrics,
            "all": found,
        },
    )
    print(f"a raw append and flush: p50 {flush:.3f} ms")
    printed(*compared(metrics))


def present() -> list[System]:
    """Those that are installed; what others lack is said."""
    systems: list[System] = []
    every: list[System] = [RaftctlSystem(), EtcdSystem(), PySyncObjSystem()]
    for system in every:
        if why := system.missing():
            print(f"left out: {why}", flush=True)
        else:
            systems.append(system)
    return systems


def _add(
    metrics: dict[str, dict[str, float]], system: str, steps: list[Step], rounds: list[Round]
) -> None:
    """The medians of a system."""
    for place, step in enumerate(steps):
        of_step = [round_.steps[place] for round_ in rounds]
        rate = statistics.median(figures.ops_per_s for figures in of_step)
        metrics.setdefault(targets.throughput(step.kind, step.inflight), {})[system] = rate
        if step.name == "put 1":
            p50 = statistics.median(figures.p50_ms for figures in of_step)
            metrics.setdefault(targets.PUT_P50, {})[system] = p50
        if step.name == "put 256":
            p99 = statistics.median(figures.p99_ms for figures in of_step)
            metrics.setdefault(targets.PUT_P99, {})[system] = p99
    rss = statistics.median(round_.rss_mib for round_ in rounds)
    metrics.setdefault(targets.MEMORY, {})[system] = rss


def _starts() -> dict[str, dict[str, float]]:
    """How soon clusters are up, and how soon their status is there."""
    print(f"starting clusters, {STARTS} times each", flush=True)
    found: dict[str, list[float]] = {targets.UP_3: [], targets.UP_9: [], targets.STATUS: []}
    for size, name in ((3, targets.UP_3), (9, targets.UP_9)):
        for _ in range(STARTS):
            with fresh_home(BUILD) as raftctl:
                found[name].append(raftctl.timed("up", "-n", str(size), "--any-port"))
                time.sleep(0.5)
                if size == 3:
                    found[targets.STATUS].append(raftctl.timed("status"))
    return {name: {targets.OWN: statistics.median(times)} for name, times in found.items()}
