"""How fast the simulator is, and whether its memory stays what it is over seed after seed."""

import statistics
import time
from itertools import count

import psutil

from raftctl.simulating.collector import ease_collector
from raftctl.simulating.seeds import result_of
from tests.measure.commands import fresh_home

EVENTS_A_SECOND = 25_000
GROWTH_MAX = 1.1
"""Times the memory after the first tenth of the time, at the end of it."""
LOOKS = 10
MIB = 1024 * 1024


def simulator(rounds: int, seconds: int) -> int:
    """`raftctl sim bench`, `rounds` times; then seeds, one after the other, for `seconds`. 1 when
    the median is too low, memory grew, or a seed failed.
    """
    with fresh_home() as raftctl:
        rates = []
        for _ in range(rounds):
            report = raftctl.document("sim", "bench")
            rates.append(report["events_per_s"])
            print(f"{report['events']:,} events in {report['wall_s']:.2f} s: {rates[-1]:,.0f}/s")
    median = statistics.median(rates)
    print(f"median {median:,.0f}/s, from {min(rates):,.0f} to {max(rates):,.0f}")
    growth, failed = _memory(seconds)
    print(f"memory at the end: {growth:.2f} times that after a tenth of the time")
    return 0 if median >= EVENTS_A_SECOND and growth <= GROWTH_MAX and not failed else 1


def _memory(seconds: int) -> tuple[float, list[int]]:
    """How much it grew, and the seeds that failed, which are none."""
    ease_collector()
    process = psutil.Process()
    began = time.monotonic()
    resident: list[int] = []
    failed: list[int] = []
    events = 0
    for seed in count(1):
        result = result_of(seed)
        events += result.events
        if result.verdict == "failed":
            failed.append(seed)
        if time.monotonic() - began >= seconds * (len(resident) + 1) / LOOKS:
            resident.append(process.memory_info().rss)
            spent = time.monotonic() - began
            print(
                f"{spent:4.0f} s, seed {seed}, {events:,} events: {resident[-1] / MIB:.1f} MiB",
                flush=True,
            )
        if len(resident) == LOOKS:
            break
    return resident[-1] / resident[0], failed
