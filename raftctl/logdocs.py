"""Documents about nodes' logs; the others are in `documents`."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

EntryKind = Literal["noop", "command", "config"]
EntryState = Annotated[str, Literal["applied", "committed", "uncommitted"]]
LogSource = Annotated[str, Literal["node", "database"]]
"""Whether the node itself said it, or its database was read."""
Verdict = Annotated[str, Literal["same", "behind", "legal", "undecided", "illegal", "apart"]]
"""same: one log. behind: one is the beginning of the other. legal: one side's entries were never
committed. undecided: nobody knows yet which side's will be. illegal: an entry that is committed
differs. apart: the logs have no entry in common, since one begins where the other has ended.
"""


@dataclass
class LogEntry:
    index: int
    term: int
    kind: EntryKind
    state: EntryState
    bytes: int
    client: str | None = None
    sequence: int | None = None
    preview: str | None = None


@dataclass
class Log:
    node: str
    first_index: int
    last_index: int
    commit_index: int
    entries: list[LogEntry]
    source: LogSource = "node"


@dataclass
class LogSide:
    """One of two logs that are compared."""

    node: str
    source: LogSource
    first_index: int
    last_index: int
    last_term: int
    commit_index: int
    damage: list[str]


@dataclass
class LogPair:
    """What both logs have at an index; null where one of them has nothing."""

    index: int
    same: bool
    left: LogEntry | None
    right: LogEntry | None


@dataclass
class LogDiff:
    left: LogSide
    right: LogSide
    compared_from: int | None
    """The first index that both have; null when there is none."""
    parts_at: int | None
    """The first index at which they differ, or only one of them goes on; null when none is."""
    verdict: Verdict
    text: str
    """The verdict for people."""
    rows: list[LogPair]
    """Around the place where they part."""
    more: int
    """How many rows that differ follow these."""


@dataclass
class CheckedSnapshot:
    index: int
    term: int
    bytes: int
    damage: str | None


@dataclass
class CheckedLog:
    node: str
    path: str
    ok: bool
    damage: list[str]
    """All that is wrong, a line each; a node with damage does not start."""
    first_index: int | None = None
    last_index: int | None = None
    last_term: int | None = None
    commit_index: int | None = None
    term: int | None = None
    snapshots: list[CheckedSnapshot] = field(default_factory=list)


@dataclass
class LogVerify:
    ok: bool
    logs: list[CheckedLog]
