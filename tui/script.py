"""What was done from the viewer, as a script that does it again. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

LINES_MAX = 10_000


class Ran(NamedTuple):
    """A command line as typed, when it began (Unix seconds), and how it ended."""

    line: str
    at: float
    code: int


def script_of(ran: Sequence[Ran], name: str) -> str:
    """A shell script; what failed is a comment in it."""
    lines = [
        "#!/bin/sh",
        f"# What was done from the viewer of {name}; times of {datetime.now(UTC):%Y-%m-%d} in UTC.",
        "set -e",
    ]
    for line, at, code in ran:
        time = f"{datetime.fromtimestamp(at, UTC):%H:%M:%S}"
        if code:
            commented = line.replace("\n", "\n# ")
            lines += [f"# {time}, exit {code}:", f"# {commented}"]
        else:
            lines += [f"# {time}", line]
    return "\n".join(lines) + "\n"
