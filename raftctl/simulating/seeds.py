"""Many seeds, side by side in processes."""

import gc
import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from multiprocessing import active_children, get_context

from node.sim.coverage import MARKS, total
from node.sim.simulation import Result, simulate_seed
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.simdocs import SimRun, SimSeed
from raftctl.simulating.collector import ease_collector
from raftctl.values import usage
from raftctl.workers import begin_worker

SEEDS_MAX = 1_000_000
SEED_MAX = 2**63 - 1
AHEAD = 4
"""Runs that are handed out to each process."""


def read_seeds(text: str) -> range:
    """1..200, or one alone. Raises CliError."""
    found = re.fullmatch(r"([0-9]{1,19})(?:\.\.([0-9]{1,19}))?", text)
    if found is None:
        raise usage(f"--seeds {text}", "like 1..200")
    first, last = found[1], found[2] or found[1]
    seeds = range(int(first), int(last) + 1)
    if not seeds or seeds.stop - 1 > SEED_MAX:
        raise usage(f"--seeds {text}", "from a lower to a higher one, like 1..200")
    if len(seeds) > SEEDS_MAX:
        raise usage(f"--seeds {text}", f"at most {SEEDS_MAX:,} in one go")
    return seeds


def result_of(seed: int) -> Result:
    """The run of a seed. Nothing else of it stays in memory."""
    result = simulate_seed(seed)
    gc.collect()
    return result


def results_of(seeds: range, jobs: int) -> Iterator[Result]:
    """The runs of the seeds, in the order in which they end."""
    ease_collector()
    if jobs == 1:
        yield from map(result_of, seeds)
        return
    # Forked, since what each process needs is here already, and takes a while to import.
    pool = ProcessPoolExecutor(jobs, get_context("fork"), begin_worker, (os.getpid(),))
    left = iter(seeds)
    running: set[Future[Result]] = set()
    try:
        while True:
            for seed in islice(left, jobs * AHEAD - len(running)):
                running.add(pool.submit(result_of, seed))
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (each.result() for each in done)
    except BrokenProcessPool as error:
        message = "a process that simulated was killed, and with it the runs that it had"
        hint = "is there enough memory? sim run --jobs 1 has one process"
        raise CliError("E_WORKER_LOST", message, Exit.UNEXPECTED, hint=hint) from error
    finally:
        # Whoever does not want the rest does not want to wait for it either.
        for worker in active_children() if running else ():
            worker.terminate()
        pool.shutdown(cancel_futures=True)


def run_seeds(
    seeds: range, jobs: int, tell: Callable[[int, Result], None], stops_at_failure: bool
) -> SimRun:
    """All of them, or up to the first that fails. `tell` hears how many are through, of each."""
    began = time.monotonic()
    results: list[Result] = []
    verdicts: Counter[str] = Counter()
    for result in results_of(seeds, jobs):
        results.append(result)
        verdicts[result.verdict] += 1
        tell(len(results), result)
        if stops_at_failure and result.verdict == "failed":
            break
    wall_s = time.monotonic() - began
    events = sum(result.events for result in results)
    coverage = total(result.coverage for result in results)
    problems = sorted(
        (each for each in results if each.verdict != "ok"), key=lambda result: result.seed
    )
    return SimRun(
        first=seeds.start,
        last=seeds.stop - 1,
        seeds=len(results),
        ok=verdicts["ok"],
        failed=verdicts["failed"],
        inconclusive=verdicts["inconclusive"],
        events=events,
        wall_s=round(wall_s, 3),
        events_per_s=round(events / wall_s, 1),
        operations=dict(sorted(total(result.operations for result in results).items())),
        faults=dict(sorted(total(result.faults for result in results).items())),
        coverage={mark: coverage[mark] for mark in MARKS},
        problems=[document_of(result) for result in problems],
    )


def document_of(result: Result) -> SimSeed:
    return SimSeed(
        result.seed,
        result.verdict,
        result.digest,
        result.events,
        round(result.at_us / 1e6, 6),
        result.invariant or None,
        result.text or result.why or None,
    )
