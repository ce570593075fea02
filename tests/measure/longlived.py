"""What a cluster that lives long costs: space, memory, and the time of who has to catch up."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil

from node.client.admin import Admin
from node.client.errors import UnreachableError
from node.client.pipeline import Load, Pipeline, no_reads
from node.machines import kv
from tests.measure.commands import Raftctl, fresh_home

MIB = 1024 * 1024
KEYS = 10_000
RATE = 1000
LAG_MAX = 100
"""Entries that a node may be behind and yet count as caught up: a tenth of a second of the load."""
CALL_SECONDS = 60


def put(number: int) -> bytes:
    return kv.put(f"key-{number % KEYS}", b"x" * 100)


class Background(threading.Thread):
    """Puts at a steady rate, open loop: each is due at its time, whatever became of the last."""

    def __init__(self, raftctl: Raftctl, rate: float = RATE) -> None:
        super().__init__(daemon=True)
        load = Load(put, no_reads, 4096, 1, None, 24 * 3600.0, rate)
        self.pipeline = Pipeline(raftctl.address("demo"), load, CALL_SECONDS)
        self._is_over = threading.Event()

    def run(self) -> None:
        with closing(self.pipeline.run()) as progress:
            for _ in progress:
                if self._is_over.is_set():
                    return

    @property
    def done(self) -> int:
        return len(self.pipeline.tally.latencies)

    def stop(self) -> None:
        self._is_over.set()
        self.join()


@contextmanager
def background(raftctl: Raftctl) -> Iterator[Background]:
    load = Background(raftctl)
    load.start()
    try:
        yield load
    finally:
        load.stop()
        tally = load.pipeline.tally
        print(
            f"     meanwhile {load.done} puts at {RATE}/s: {tally.errors} failed, "
            f"{tally.unknown} unknown, p99 {percentile(tally.latencies, 0.99) * 1000:.1f} ms"
        )


def percentile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


def folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def bench(raftctl: Raftctl, ops: int, inflight: int = 256) -> float:
    """Put `ops` values of 100 bytes. Gives the rate."""
    return run_load(raftctl, Load(put, no_reads, inflight, 16, ops, None))


def run_load(raftctl: Raftctl, load: Load) -> float:
    """To its end. Gives the rate."""
    pipeline = Pipeline(raftctl.address("demo"), load, CALL_SECONDS)
    with closing(pipeline.run()) as progress:
        for _ in progress:
            pass
    tally = pipeline.tally
    if tally.errors or tally.unknown:
        print(f"     {tally.errors} puts failed, {tally.unknown} have an unknown outcome")
    return len(tally.latencies) / tally.elapsed


def space(ops: int) -> None:
    """The size of each node's folder and its memory, after `ops` puts and at its highest."""
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        rate = bench(raftctl, ops)
        print(f"{ops} puts of 100 bytes over {KEYS} keys, {rate:.0f}/s")
        for node in raftctl.document("status")["nodes"]:
            process = psutil.Process(node["pid"])
            size = folder_bytes(raftctl.home / "clusters" / "demo" / node["id"])
            highest = _high_water(node["pid"])
            print(
                f"{node['id']}  folder {size / MIB:.1f} MiB  resident "
                f"{process.memory_info().rss / MIB:.1f} MiB, at its highest {highest / MIB:.1f} MiB"
            )


def _high_water(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no high-water mark in /proc")


def snapshots(rounds: int) -> None:
    """How long puts take while every node takes a snapshot, and while none does."""
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        bench(raftctl, 2 * KEYS)
        address = raftctl.address("demo")
        inside: list[float] = []
        outside: list[float] = []
        with background(raftctl) as load, closing_all(address, (1, 2, 3)) as admins:
            time.sleep(2)
            for _ in range(rounds):
                begin = load.done
                asking = [threading.Thread(target=admin.take_snapshot) for admin in admins]
                started = time.monotonic()
                for thread in asking:
                    thread.start()
                for thread in asking:
                    thread.join()
                took = time.monotonic() - started
                end = load.done
                time.sleep(max(0.3, 2 * took))
                latencies = load.pipeline.tally.latencies
                inside += latencies[begin:end]
                outside += latencies[end : load.done]
        within, without = percentile(inside, 0.99) * 1000, percentile(outside, 0.99) * 1000
        print(
            f"put p99 during {rounds} snapshots on all nodes {within:.2f} ms ({len(inside)} puts)"
        )
        print(
            f"put p99 outside {without:.2f} ms ({len(outside)} puts): {within / without:.2f} times"
        )


@contextmanager
def closing_all(address: object, node_ids: tuple[int, ...]) -> Iterator[list[Admin]]:
    admins = [Admin(address, node_id, CALL_SECONDS) for node_id in node_ids]  # type: ignore[arg-type]
    try:
        yield admins
    finally:
        for admin in admins:
            admin.__exit__()


def catchup(ops: int) -> None:
    """A node that missed `ops` entries comes back under load, and is then started once more."""
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        bench(raftctl, 1000)
        late = next(n for n in (1, 2, 3) if f"n{n}" != raftctl.document("status")["leader"])
        raftctl.run("kill", f"n{late}")
        print(f"n{late} is away while {ops} puts go on, {bench(raftctl, ops):.0f}/s")
        with background(raftctl):
            time.sleep(1)
            started = time.monotonic()
            raftctl.run("start", f"n{late}")
            seconds = until_caught_up(raftctl, late, started)
            print(f"caught up {seconds:.2f} s after the start, which took part of that")
        raftctl.run("kill", f"n{late}")
        started = time.monotonic()
        raftctl.run("start", f"n{late}")
        raftctl.run("get", "key-1", "--at", f"n{late}", "--timeout", "30s")
        print(
            f"killed and started again it answers a read after {time.monotonic() - started:.2f} s"
        )


def until_caught_up(raftctl: Raftctl, node_id: int, started: float) -> float:
    """Seconds from `started` until the node has applied what its leader has committed."""
    address = raftctl.address("demo")
    while time.monotonic() - started < CALL_SECONDS:
        status = raftctl.document("status")
        leader = int(status["leader"][1:])
        try:
            with Admin(address, leader) as of_leader, Admin(address, node_id) as of_node:
                committed = of_leader.status()["commit_index"]
                if of_node.status()["last_applied"] >= committed - LAG_MAX:
                    return time.monotonic() - started
        except UnreachableError:
            continue
    raise RuntimeError(f"n{node_id} did not catch up in {CALL_SECONDS} s")
