"""How many requests a cluster of three bears, and what each costs every process that has to do with
it: the machine is shared by all of them, so their processor time together is what limits it.
"""

import resource
from typing import NamedTuple

import psutil

from node.client.admin import Admin
from tests.measure.commands import Raftctl, fresh_home


class Spent(NamedTuple):
    """What a node has used so far: seconds of processor time, and flushes of its disk."""

    cpu: float
    syncs: int


def throughput(mode: str, inflights: list[int], seconds: int) -> None:
    """Puts of 100 bytes, each on the disk of a majority before it counts, or linearizable gets."""
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        raftctl.run("bench", "put", "--ops", "10000")
        idle = _cpu_of_client(raftctl, mode, "--ops", "1")[1]
        for inflight in inflights:
            _measure(raftctl, mode, inflight, seconds, idle)


def _measure(raftctl: Raftctl, mode: str, inflight: int, seconds: int, idle: float) -> None:
    """`idle`: the processor time of a client that does nothing but start."""
    options = ["--inflight", str(inflight), "--duration", f"{seconds}s", "--size", "100"]
    before = _spent(raftctl)
    report, client = _cpu_of_client(raftctl, mode, *options)
    after = _spent(raftctl)
    ops = report["ops"]
    print(
        f"{mode}, {inflight:4} in flight: {report['ops_per_s']:8.0f}/s  "
        f"p50 {report['p50_ms']:.2f} ms  p99 {report['p99_ms']:.2f} ms  "
        f"errors {report['errors']}  unknown {report['unknown']}"
    )
    cpus = {"client": client - idle, **{n: after[n].cpu - before[n].cpu for n in before}}
    parts = [f"{name} {cpu / ops * 1e6:.1f}" for name, cpu in cpus.items()]
    flushes = [f"{(after[n].syncs - before[n].syncs) / ops:.4f}" for n in before]
    total = sum(cpus.values()) / ops * 1e6
    print(f"     us of cpu for each: {', '.join(parts)}: {total:.1f}; flushes {', '.join(flushes)}")


def _cpu_of_client(raftctl: Raftctl, mode: str, *options: str) -> tuple[dict[str, float], float]:
    """What a load came to, and the seconds of processor time of the process that made it."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    report = raftctl.document("bench", mode, *options)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return report, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _spent(raftctl: Raftctl) -> dict[str, Spent]:
    """By role and name, the leader first."""
    status = raftctl.document("status")
    spent: dict[str, Spent] = {}
    for node in sorted(status["nodes"], key=lambda node: node["id"] != status["leader"]):
        role = "leader" if node["id"] == status["leader"] else "follower"
        with Admin(raftctl.address("demo"), int(node["id"][1:])) as admin:
            syncs = admin.status()["disk"]["syncs"]
        cpu = sum(psutil.Process(node["pid"]).cpu_times()[:2])
        spent[f"{role} {node['id']}"] = Spent(cpu, syncs)
    return spent
