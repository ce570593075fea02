"""docs/reference/mutants.md: which invariant caught which bug, after how many seeds."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from tests.mutants.catalogue import MUTANTS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "mutants.md"
INTRODUCTION = """\
# Bugs that the simulator finds

A check that never fails proves nothing. So the tests hold bugs, most of which other implementations
of Raft have had, and `make mutants` plants them one at a time, in memory, and runs `sim run` over
seeds from 1 on until one fails. Each has to be caught within 200 seeds, by an invariant that says
what is wrong. This page is made by `python -m tests.mutants.gate --rewrite`.

`python -m tests.mutants` lists the bugs, and `python -m tests.mutants NAME sim replay SEED` shows
one at work; `sim run` and `sim shrink` work in the same way.

*seed* is the first that fails, *after* how long in virtual seconds.
"""
TITLES = {
    "elections": "Elections",
    "log": "Replication",
    "commit": "The commit index",
    "durability": "Durability",
    "reads": "Reads",
    "snapshots": "Snapshots",
    "sessions": "Sessions",
    "membership": "Members and leadership transfer",
}


class Row(NamedTuple):
    name: str
    seed: int
    invariant: str
    at_us: int


def page(rows: Iterable[Row]) -> str:
    """The whole page."""
    lines = [INTRODUCTION]
    theme = ""
    for row in rows:
        mutant = MUTANTS[row.name]
        if mutant.theme != theme:
            theme = mutant.theme
            lines += [] if lines == [INTRODUCTION] else [""]
            lines += [f"## {TITLES[theme]}", ""]
            lines += ["| bug | seen in | caught by | seed | after |", "|---|---|---|---|---|"]
        lines.append(
            f"| `{row.name}`: {mutant.about} | {mutant.seen_in} | `{row.invariant}` "
            f"| {row.seed} | {row.at_us / 1e6:.3f} |"
        )
    return "\n".join(lines) + "\n"


def rows_of(text: str) -> list[Row]:
    """What a page says."""
    found = re.findall(r"^\| `(\w+)`: .* \| `(\w+)` \| (\d+) \| ([\d.]+) \|$", text, re.M)
    return [
        Row(name, int(seed), invariant, round(float(after) * 1e6))
        for name, invariant, seed, after in found
    ]
