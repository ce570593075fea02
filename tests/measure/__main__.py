"""See the package: python -m tests.measure startup, and the other names there."""

import argparse
import statistics
import sys
import time

import psutil

from tests.measure.chaos import chaos
from tests.measure.checking import checker
from tests.measure.commands import fresh_home
from tests.measure.durability import durability
from tests.measure.failover import failover
from tests.measure.firstline import firstline
from tests.measure.longlived import catchup, snapshots, space
from tests.measure.membership import membership
from tests.measure.observers import observers
from tests.measure.pauses import pauses
from tests.measure.simulating import simulator
from tests.measure.throughput import throughput
from tests.measure.transfer import transfer
from tests.measure.verdict import verdict

MIB = 1024 * 1024


def startup(rounds: int) -> None:
    """Seconds, as a shell sees them: process start included."""
    for size in (3, 5):
        times = []
        for _ in range(rounds):
            with fresh_home() as raftctl:
                times.append(raftctl.timed("up", "-n", str(size)))
        print(f"up -n {size} to an elected leader: {_spread(times)} s")
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        print(f"status: {_spread([raftctl.timed('status') for _ in range(rounds)])} s")
        print(f"--help: {_spread([raftctl.timed('--help') for _ in range(rounds)])} s")


def idle(seconds: int) -> None:
    """Resident memory and share of one core, over `seconds` without any request."""
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        time.sleep(2)  # start-up work is not what is measured
        status = raftctl.document("status")
        nodes = {node["id"]: psutil.Process(node["pid"]) for node in status["nodes"]}
        before = {name: sum(process.cpu_times()[:2]) for name, process in nodes.items()}
        started = time.monotonic()
        time.sleep(seconds)
        elapsed = time.monotonic() - started
        for name, process in nodes.items():
            share = (sum(process.cpu_times()[:2]) - before[name]) / elapsed
            role = "leader" if name == status["leader"] else "follower"
            rss = process.memory_info().rss / MIB
            print(f"{name} {role:8} {share:6.2%} of a core  {rss:5.1f} MiB resident")


def _spread(values: list[float]) -> str:
    return f"median {statistics.median(values):.3f}  max {max(values):.3f}  of {len(values)}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.measure", description=__doc__)
    what = parser.add_subparsers(dest="what", required=True)
    what.add_parser("startup").add_argument("--rounds", type=int, default=5)
    what.add_parser("firstline")
    what.add_parser("idle").add_argument("--seconds", type=int, default=10)
    what.add_parser("failover").add_argument("--rounds", type=int, default=20)
    what.add_parser("durability").add_argument("--rounds", type=int, default=10)
    loaded = what.add_parser("throughput")
    loaded.add_argument("mode", choices=("put", "get"), nargs="?", default="put")
    loaded.add_argument("--seconds", type=int, default=5)
    loaded.add_argument("--inflight", type=int, nargs="+", default=[1, 16, 64, 256, 1000])
    what.add_parser("space").add_argument("--ops", type=int, default=1_000_000)
    what.add_parser("snapshots").add_argument("--rounds", type=int, default=30)
    what.add_parser("catchup").add_argument("--ops", type=int, default=500_000)
    holding = what.add_parser("pauses")
    holding.add_argument("--keys", type=int, default=1_000_000)
    holding.add_argument("--rounds", type=int, default=5)
    watched = what.add_parser("observers")
    watched.add_argument("--rounds", type=int, default=10)
    watched.add_argument("--seconds", type=int, default=5)
    shaken = what.add_parser("chaos")
    shaken.add_argument("--rounds", type=int, default=6)
    shaken.add_argument("--seconds", type=int, default=3)
    what.add_parser("verdict").add_argument("--rounds", type=int, default=3)
    simulated = what.add_parser("simulator")
    simulated.add_argument("--rounds", type=int, default=5)
    simulated.add_argument("--seconds", type=int, default=600)
    what.add_parser("checker")
    what.add_parser("membership").add_argument("--ops", type=int, default=120_000)
    sending = what.add_parser("transfer")
    sending.add_argument("--size-mib", type=int, default=200)
    sending.add_argument("--cuts", type=int, default=3)
    options = parser.parse_args()
    match options.what:
        case "startup":
            startup(options.rounds)
        case "firstline":
            return firstline()
        case "idle":
            idle(options.seconds)
        case "failover":
            return failover(options.rounds)
        case "durability":
            return durability(options.rounds)
        case "simulator":
            return simulator(options.rounds, options.seconds)
        case "checker":
            return checker()
        case "throughput":
            throughput(options.mode, options.inflight, options.seconds)
        case "space":
            space(options.ops)
        case "snapshots":
            snapshots(options.rounds)
        case "catchup":
            catchup(options.ops)
        case "pauses":
            return pauses(options.keys, options.rounds)
        case "observers":
            return observers(options.rounds, options.seconds)
        case "chaos":
            return chaos(options.rounds, options.seconds)
        case "verdict":
            return verdict(options.rounds)
        case "membership":
            return membership(options.ops)
        case "transfer":
            return transfer(options.size_mib, options.cuts)
    return 0


if __name__ == "__main__":
    sys.exit(main())
