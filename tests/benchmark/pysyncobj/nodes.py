"""Three PySyncObj nodes with a dictionary, run by the Python that has it; the leader keeps puts in
flight, a step after the other, and the figures are printed as JSON. It has no client of its own,
and nothing is flushed to a disk.

python nodes.py PORTS STEPS SIZE KEYS, with STEPS like 1:4,64:4: in flight, and seconds.
"""

import json
import multiprocessing
import resource
import sys
import threading
import time
from typing import Any

from pysyncobj import SyncObj, SyncObjConf, replicated  # type: ignore[import-not-found]

LEADER_SECONDS = 60
KIB = 1024


class Dictionary(SyncObj):  # type: ignore[misc]
    def __init__(self, own: str, others: "list[str]", conf: Any) -> None:
        super().__init__(own, others, conf)
        self.values: dict[str, str] = {}

    @replicated  # type: ignore[untyped-decorator]
    def put(self, key: str, value: str) -> None:
        self.values[key] = value


class Load:
    """One step: whoever is answered asks again, until the time is over."""

    def __init__(self, on: Dictionary, inflight: int, seconds: float, size: int, keys: int) -> None:
        self._on = on
        self._inflight = inflight
        self._seconds = seconds
        self._value = "x" * size
        self._keys = keys
        self._started = 0
        self._answered = 0
        self._end = 0.0
        self._is_over = threading.Event()
        self.latencies: list[float] = []

    def run(self) -> "dict[str, float]":
        begin = time.perf_counter()
        self._end = begin + self._seconds
        for _ in range(self._inflight):
            self._ask()
        self._is_over.wait(self._seconds + LEADER_SECONDS)
        elapsed = time.perf_counter() - begin
        found = sorted(self.latencies)
        return {
            "ops_per_s": len(found) / elapsed,
            "p50_ms": found[len(found) // 2] * 1000,
            "p99_ms": found[int(len(found) * 0.99)] * 1000,
        }

    def _ask(self) -> None:
        key = f"key-{self._started % self._keys}"
        self._started += 1
        sent = time.perf_counter()

        def answered(result: object, error: int) -> None:
            now = time.perf_counter()
            self._answered += 1
            if not error:
                self.latencies.append(now - sent)
            if now < self._end:
                self._ask()
            elif self._answered == self._started:
                self._is_over.set()

        self._on.put(key, self._value, callback=answered)


def node(number: int, addresses: "list[str]", steps: str, size: int, keys: int, found: Any) -> None:
    others = [address for address in addresses if address != addresses[number]]
    conf = SyncObjConf(dynamicMembershipChange=False, commandsQueueSize=1_000_000)
    own = Dictionary(addresses[number], others, conf)
    while not (own.isReady() and own._getLeader()):
        time.sleep(0.05)
    if str(own._getLeader()) != addresses[number]:
        time.sleep(3600)
    figures = []
    for step in steps.split(","):
        inflight, seconds = step.split(":")
        figures.append(Load(own, int(inflight), float(seconds), size, keys).run())
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIB
    found.put({"steps": figures, "rss_mib": rss})


def main() -> None:
    ports, steps, size, keys = sys.argv[1:]
    addresses = [f"127.0.0.1:{port}" for port in ports.split(",")]
    found: Any = multiprocessing.Queue()
    nodes = [
        multiprocessing.Process(
            target=node, args=(number, addresses, steps, int(size), int(keys), found)
        )
        for number in range(len(addresses))
    ]
    seconds = sum(float(step.split(":")[1]) for step in steps.split(","))
    for each in nodes:
        each.start()
    try:
        print(json.dumps(found.get(timeout=seconds + 2 * LEADER_SECONDS)))
    finally:
        for each in nodes:
            each.kill()


if __name__ == "__main__":
    main()
