"""Histories: what clients asked of a cluster, when, and what they were told.

A history is JSON Lines, one event a line, in the shape of Jepsen's: an `invoke`, and later its end:

    {"process": 0, "type": "invoke", "f": "cas", "key": "k", "value": [3, 5], "time": 1200}
    {"process": 0, "type": "ok", "f": "cas", "key": "k", "value": [3, 5], "time": 1950, "index": 17}

`ok`: it took effect, or was answered. What a `read` or `get` saw is the value of its `ok`; what
else there is to answer is its `result`, such as false for a cas that saw another value. `fail`: it
surely did not take effect, and is left out. `info`: nobody knows; so is an invoke without an end.
`time` is in nanoseconds and never falls; in a history without times the order of the lines is the
time. `index` is the log entry that served it, `client` and `sequence` are what the log calls it;
all three may be left out. A process has one operation at a time; what has a name for its process,
as Jepsen's nemesis has, is no operation but a mark in time.

The first line may be a header: {"schema": "raftctl.history/v1", "model": "cas", "nodes": 5, ...}.

An operation takes 60 bytes and its values, in columns: histories of a million have to fit.
"""

from array import array
from dataclasses import dataclass, field
from typing import Any, NamedTuple

SCHEMA = "raftctl.history/v1"
READS = frozenset({"read", "get"})
NEVER = (1 << 63) - 1
"""The end of an operation that has none."""
MARKS_MAX = 10_000
TYPES = ("invoke", "ok", "fail", "info")

Key = str | int | None
CommandId = tuple[int, int]
"""A client's id, and the number that it gave the command."""


class HistoryError(ValueError):
    """What is wrong with a history, and in which line, counted from 1; 0: in all of it."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}" if line else message)
        self.line = line
        self.message = message


class Mark(NamedTuple):
    """Something that was done to the cluster meanwhile."""

    time: int
    name: str
    text: str


@dataclass(slots=True)
class History:
    """Operations by number, in the order of their invokes, without those that surely failed.

    `completed` is NEVER where the outcome is unknown. `values` are what was asked, `results` what
    was answered; `commands` are what the log calls those of unknown outcome.
    """

    model: str | None = None
    name: str | None = None
    nodes: int | None = None
    shaped_for: str | None = None
    """The model whose shape values and results have."""
    initial: Any = None
    is_timed: bool = True
    keys: list[Key] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    commands: dict[int, CommandId] = field(default_factory=dict)
    key_codes: "array[int]" = field(default_factory=lambda: array("I"))
    name_codes: "array[int]" = field(default_factory=lambda: array("B"))
    processes: "array[int]" = field(default_factory=lambda: array("q"))
    invoked: "array[int]" = field(default_factory=lambda: array("q"))
    completed: "array[int]" = field(default_factory=lambda: array("q"))
    lines: "array[int]" = field(default_factory=lambda: array("I"))
    end_lines: "array[int]" = field(default_factory=lambda: array("I"))
    """0: it has no end."""
    indices: "array[int]" = field(default_factory=lambda: array("q"))
    """0: not known."""
    values: list[Any] = field(default_factory=list)
    results: list[Any] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.values)

    def name_of(self, operation: int) -> str:
        return self.names[self.name_codes[operation]]

    def by_key(self) -> "list[array[int]]":
        """The operations of each key, as `keys` has them."""
        found = [array("I") for _ in self.keys]
        for operation, code in enumerate(self.key_codes):
            found[code].append(operation)
        return found
