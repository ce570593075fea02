"""The gate: each mutant is caught within SEEDS_MAX seeds, for the right reason, or this fails.

python -m tests.mutants.gate [--jobs N] [--rewrite] [NAME ...]
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context

from node.sim.planning import plan
from node.sim.simulation import simulate
from tests.mutants.catalogue import MUTANTS
from tests.mutants.page import PAGE, Row, page, rows_of
from tests.mutants.planting import planted

SEEDS_MAX = 200


@dataclass(frozen=True, slots=True)
class Hunt:
    """What came of one. `seed` is the first that failed, None when none did."""

    name: str
    seed: int | None
    invariant: str = ""
    text: str = ""
    at_us: int = 0
    cpu_s: float = 0.0

    @property
    def is_right(self) -> bool:
        """Whether it was caught, by an invariant that says what is wrong."""
        return self.invariant in MUTANTS[self.name].caught_by

    @property
    def line(self) -> str:
        if self.seed is None:
            return f"{self.name:36} MISSED  {self.cpu_s:.0f} s"
        right = "" if self.is_right else "  WRONG REASON"
        return f"{self.name:36} {self.seed:4}  {self.invariant:32} {self.at_us / 1e6:8.3f} s{right}"


def hunt(name: str, seeds: Sequence[int] = range(1, SEEDS_MAX + 1)) -> Hunt:
    """Seeds in order, until one fails."""
    began = time.process_time()
    with planted(name) as mutant:
        for seed in seeds:
            scenario = plan(seed)
            if not mutant.shows_in(scenario):
                continue
            result = simulate(scenario)
            if result.verdict == "failed":
                cpu_s = time.process_time() - began
                return Hunt(name, seed, result.invariant, result.text, result.at_us, cpu_s)
    return Hunt(name, None, cpu_s=time.process_time() - began)


def hunts(names: Sequence[str], jobs: int, seeds_max: int = SEEDS_MAX) -> Iterator[Hunt]:
    """Each in a process of its own, as they end."""
    seeds = range(1, seeds_max + 1)
    with get_context("fork").Pool(jobs, maxtasksperchild=1) as pool:
        yield from pool.imap_unordered(partial(hunt, seeds=seeds), names, chunksize=1)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants.gate", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="which; else all of them")
    parser.add_argument("--jobs", type=int, default=1, help="mutants at a time")
    parser.add_argument("--seeds", type=int, default=SEEDS_MAX, help="at most, for each")
    parser.add_argument("--rewrite", action="store_true", help=f"note them in {PAGE.name}")
    parser.add_argument("--verbose", action="store_true", help="say what was violated")
    options = parser.parse_args(arguments)
    names = options.names or list(MUTANTS)
    unknown = [name for name in names if name not in MUTANTS]
    if unknown:
        parser.error(f"there is no mutant {', '.join(unknown)}")
    found = {}
    for each in hunts(names, options.jobs, options.seeds):
        found[each.name] = each
        print(each.line, flush=True)
        if each.seed is not None and (options.verbose or not each.is_right):
            print(f"    {each.text}", flush=True)
        if options.rewrite and each.is_right:
            _note(each)
    bad = [each.name for each in found.values() if not each.is_right]
    print(f"{len(found) - len(bad)} of {len(found)} caught")
    return 1 if bad else 0


def _note(found: Hunt) -> None:
    """Its line in the page is made anew, at once: a gate takes long, and may be stopped."""
    assert found.seed is not None, "it was caught"
    rows = {row.name: row for row in rows_of(PAGE.read_text(encoding="utf-8"))}
    rows[found.name] = Row(found.name, found.seed, found.invariant, found.at_us)
    PAGE.write_text(page(rows[name] for name in MUTANTS if name in rows), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
