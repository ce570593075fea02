"""What a chaos run costs its cluster: puts a second beside its probes and recording, or without."""

import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager

from node.verify.told import Told
from raftctl.chaos.probes import Probes
from raftctl.chaos.watcher import Watcher
from raftctl.chaos.writing import LineFile
from raftctl.cluster.directory import find_cluster
from raftctl.settings import make_settings
from tests.measure.commands import Raftctl, fresh_home

LIMIT = 0.10
"""Of the throughput."""


def chaos(rounds: int, seconds: int) -> int:
    """`rounds` pairs of `seconds` each, in turn begun with and without. 1 over the limit."""
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3", "--set", "raft.election_timeout_ms=2000")
        raftctl.run("wait", "ready")
        _puts_a_second(raftctl, seconds)  # what start-up left to do is not what is measured
        costs = []
        for number in range(rounds):
            rates: dict[bool, float] = {}
            for is_probed in (False, True) if number % 2 else (True, False):
                if is_probed:
                    with _probed(raftctl):
                        rates[is_probed] = _puts_a_second(raftctl, seconds)
                else:
                    rates[is_probed] = _puts_a_second(raftctl, seconds)
            costs.append(1 - rates[True] / rates[False])
            print(
                f"round {number + 1:2}: {rates[False]:,.0f} puts a second, "
                f"{rates[True]:,.0f} beside probes and recording: {costs[-1]:.1%} less"
            )
    cost = statistics.median(costs)
    print(f"median of {rounds} pairs: {cost:.1%} of the throughput (limit {LIMIT:.0%})")
    return 0 if cost <= LIMIT else 1


def _puts_a_second(raftctl: Raftctl, seconds: int) -> float:
    options = ["--inflight", "256", "--duration", f"{seconds}s"]
    found: float = raftctl.document("bench", "put", *options)["ops_per_s"]
    return found


@contextmanager
def _probed(raftctl: Raftctl) -> Iterator[None]:
    """All of a run but its clients and faults."""
    settings = make_settings(
        None, None, None, raftctl.home, quiet=True, verbose=False, no_color=True, ascii_only=False,
        yes=False,
    )  # fmt: skip
    cluster = find_cluster(settings)
    began_ns = time.monotonic_ns()
    raft = LineFile(raftctl.home / "raft.jsonl", began_ns)
    probed = LineFile(raftctl.home / "probes.jsonl", began_ns)
    watcher = Watcher(cluster, raft.write, Told(), began_ns, lambda node_id, term: None)
    probes = Probes(cluster.address, probed, began_ns)
    watcher.start()
    probes.start()
    try:
        yield
    finally:
        probes.stop()
        watcher.stop()
        for file in (raft, probed):
            file.close()
