"""What was done from the viewer, as a script that does it again. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from tui.runner import Outcome, as_typed
from tui.undo import FAULT_NUMBER

LINES_MAX = 10_000
MAKING = frozenset({"partition", "net", "disk", "clock"})
"""Verbs that make a fault, and say its number."""


class Ran(NamedTuple):
    """A command line: how it begins and its arguments, when it began (Unix seconds), how it ended,
    and the number of the fault that it made, if any.
    """

    line: str
    arguments: tuple[str, ...]
    at: float
    code: int
    fault: str = ""


def fault_made(arguments: Sequence[str], outcome: Outcome) -> str:
    """The number of the fault that a command line made; empty: it made none."""
    if outcome.code or arguments[0] not in MAKING:
        return ""
    found = FAULT_NUMBER.search(outcome.printed)
    return "" if found is None else found[1]


def script_of(ran: Sequence[Ran], name: str) -> str:
    """A shell script; what failed is a comment in it."""
    lines = [
        "#!/bin/sh",
        f"# What was done from the viewer of {name}; times of {datetime.now(UTC):%Y-%m-%d} in UTC.",
        "set -e",
    ]
    for each, arguments in zip(ran, _by_name(ran), strict=True):
        time = f"{datetime.fromtimestamp(each.at, UTC):%H:%M:%S}"
        line = as_typed(each.line, arguments)
        if each.code:
            commented = line.replace("\n", "\n# ")
            lines += [f"# {time}, exit {each.code}:", f"# {commented}"]
        else:
            lines += [f"# {time}", line]
    return "\n".join(lines) + "\n"


def _by_name(ran: Sequence[Ran]) -> list[tuple[str, ...]]:
    """The arguments, with a name for each fault: the next time it has another number."""
    names: dict[str, str] = {}
    found = []
    for each in ran:
        arguments = each.arguments
        if each.fault and "--as" in arguments[:-1]:
            names[each.fault] = arguments[arguments.index("--as") + 1]
        elif each.fault:
            names[each.fault] = f"viewer-{each.fault}"
            arguments = (*arguments, "--as", names[each.fault])
        elif arguments[:1] == ("heal",):
            arguments = ("heal", *(names.get(word, word) for word in arguments[1:]))
        found.append(arguments)
    return found
