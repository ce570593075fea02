"""How throughput and latency change with what grows: nodes, values, the log, keys, observers."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psutil

from node.client.pipeline import Load, no_reads
from node.machines import kv
from tests.benchmark import measures
from tests.benchmark.measures import BUILD, MIB, Figures, Step, machine, save
from tests.benchmark.raftctl import bench, resident_mib
from tests.benchmark.tables import printed
from tests.benchmark.watchers import watchers
from tests.measure.commands import Raftctl, fresh_home
from tests.measure.longlived import run_load

Row = dict[str, Any]

SIZES = (1, 3, 5, 7, 9)
VALUE_BYTES = (16, 100, 1000, 10_000, 100_000, 1_000_000)
LOG_ENTRIES = (10_000, 100_000, 500_000, 1_000_000, 2_000_000, 3_500_000, 5_000_000)
KEY_COUNTS = (100, 1000, 10_000, 100_000, 1_000_000)
OBSERVERS = (0, 1, 3, 10, 30)
INFLIGHT = 256
IN_FLIGHT_BYTES_MAX = 4_000_000
"""Large values are no more at a time than this: what is measured is the cluster, not a queue."""
WARM_OPS = 10_000
FILL_OPS = 100_000
"""A command of raftctl puts so many."""
FILL_SECONDS = 150.0
"""For so long a cluster is given keys."""


def growth(seconds: float, log_seconds: float) -> None:
    """Each step takes `seconds`; the log grows for `log_seconds` at most."""
    BUILD.mkdir(parents=True, exist_ok=True)
    found: dict[str, list[Row]] = {}
    parts: dict[str, Callable[[float], Iterator[Row]]] = {
        "nodes": nodes,
        "value bytes": value_bytes,
        "log entries": partial(log_entries, log_seconds),
        "keys": keys,
        "observers": observers,
    }
    for name, part in parts.items():
        print(f"growth by {name}", flush=True)
        found[name] = []
        for row in part(seconds):
            found[name].append(row)
            print(
                f"   {', '.join(f'{what} {number(each)}' for what, each in row.items())}",
                flush=True,
            )
        header = list(found[name][0])
        printed(header, [[number(row[column]) for column in header] for row in found[name]])
        save("growth", {"machine": machine(), "seconds": seconds, "rows": found})


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def nodes(seconds: float) -> Iterator[Row]:
    for size in SIZES:
        with _cluster(size) as raftctl:
            one = bench(raftctl, Step("put", 1, seconds))
            yield {"nodes": size, **_row(_loaded(raftctl, seconds)), "alone ms": one.p50_ms}


def value_bytes(seconds: float) -> Iterator[Row]:
    for size in VALUE_BYTES:
        inflight = max(min(INFLIGHT, IN_FLIGHT_BYTES_MAX // size), 1)
        with _cluster(3) as raftctl:
            figures = bench(raftctl, Step("put", inflight, seconds), "--size", str(size))
        rate = figures.ops_per_s * size / 1e6
        yield {"value bytes": size, "in flight": inflight, **_row(figures), "MB/s": rate}


def log_entries(growing_seconds: float, seconds: float) -> Iterator[Row]:
    """With snapshots as they come: the log behind them is cut."""
    with _cluster(3) as raftctl:
        until = time.monotonic() + growing_seconds
        for entries in LOG_ENTRIES:
            while (written := _last_index(raftctl)) < entries and time.monotonic() < until:
                print(f"   {written:,} entries", flush=True)
                _put(raftctl, min(FILL_OPS, entries - written))
            figures = _loaded(raftctl, seconds)
            data = sum(f.stat().st_size for f in raftctl.home.rglob("n1/**/*") if f.is_file())
            yield {
                "log entries": written,
                **_row(figures),
                "rss MiB": resident_mib(raftctl),
                "a node's data MiB": data / MIB,
            }
            if time.monotonic() >= until:
                break


def keys(seconds: float) -> Iterator[Row]:
    for count in KEY_COUNTS:
        with _cluster(3) as raftctl:
            there = _fill(raftctl, count)
            options = ["--keys", str(there), "--distribution", "uniform"]
            figures = bench(raftctl, Step("put", INFLIGHT, seconds), *options)
            reads = bench(raftctl, Step("get", INFLIGHT, seconds), *options)
            yield {
                "keys": there,
                **_row(figures),
                "gets/s": reads.ops_per_s,
                "rss MiB": resident_mib(raftctl),
            }


def _fill(raftctl: Raftctl, keys: int) -> int:
    """Put each key once, as far as FILL_SECONDS reach. Gives how many there are."""
    asked = 0

    def put(number: int) -> bytes:
        nonlocal asked
        asked = number + 1
        return kv.put(f"key-{number}", b"x" * measures.VALUE_BYTES)

    run_load(raftctl, Load(put, no_reads, INFLIGHT, 1, keys, FILL_SECONDS))
    return asked


def observers(seconds: float) -> Iterator[Row]:
    """Of the leader: of all nodes it has the most to tell."""
    with _cluster(3) as raftctl:
        status = raftctl.document("status")
        (pid,) = (node["pid"] for node in status["nodes"] if node["id"] == status["leader"])
        leader = psutil.Process(pid)
        for count in OBSERVERS:
            with watchers(raftctl, int(status["leader"][1:]), count):
                before = sum(leader.cpu_times()[:2])
                figures = _loaded(raftctl, seconds)
                spent = sum(leader.cpu_times()[:2]) - before
            a_put = spent / (figures.ops_per_s * seconds) * 1e6
            yield {"observers": count, **_row(figures), "leader us a put": a_put}


@contextmanager
def _cluster(size: int) -> Iterator[Raftctl]:
    """One that has no more to do than what is measured."""
    with fresh_home(BUILD) as raftctl:
        raftctl.run("up", "-n", str(size), "--any-port")
        raftctl.run("wait", "ready")
        _put(raftctl, WARM_OPS)
        yield raftctl


def _put(raftctl: Raftctl, ops: int) -> None:
    raftctl.run("bench", "put", "--ops", str(ops), "--inflight", str(INFLIGHT))


def _loaded(raftctl: Raftctl, seconds: float) -> Figures:
    return bench(raftctl, Step("put", INFLIGHT, seconds))


def _last_index(raftctl: Raftctl) -> int:
    return max(node["last_index"] or 0 for node in raftctl.document("status")["nodes"])


def _row(figures: Figures) -> Row:
    return {"puts/s": figures.ops_per_s, "p50 ms": figures.p50_ms, "p99 ms": figures.p99_ms}
