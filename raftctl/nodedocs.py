"""The documents of the verbs for nodes."""

from dataclasses import dataclass


@dataclass
class Target:
    node: str
    ok: bool
    message: str
    changed: bool
    """Whether anything was done to it: who was stopped already was not stopped."""


@dataclass
class Action:
    """The answer of start, stop, kill, restart, pause, resume and wipe; of disk and clock too, for
    what is over at once or for good.
    """

    action: str
    targets: list[Target]
    warning: str | None
    undo: str | None


@dataclass
class Line:
    """One line of a node's own log file; `time` and `level` are null for what it did not write."""

    node: str
    time: str | None
    level: str | None
    text: str
