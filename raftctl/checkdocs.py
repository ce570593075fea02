"""Documents about checked histories; the others are in `documents`."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

CheckVerdict = Annotated[str, Literal["ok", "failed", "inconclusive"]]
CheckStage = Annotated[str, Literal["refuter", "zones", "witness", "search", "budget", "skipped"]]


@dataclass
class CheckedKey:
    key: Any
    verdict: CheckVerdict
    stage: CheckStage
    """Who decided; budget: nobody in time; skipped: another key had failed."""
    operations: int
    resolved: int
    """Outcomes that clients did not know and the log did."""
    text: str


@dataclass
class CheckedOperation:
    """An operation; `op` counts from 1 in the order of invokes."""

    op: int
    text: str
    process: int
    line: int
    end_line: int | None
    from_ns: int | None
    to_ns: int | None


@dataclass
class CheckExplanation:
    """The shortest prefix that no order explains."""

    text: str
    possible: list[str]
    """What the state could have been instead."""
    operations: list[CheckedOperation]
    """Those of it that show that, the culprit at the end."""
    left_out: int = 0
    """So many more, of before, it would take to show it."""


@dataclass
class Check:
    """The answer of check."""

    history: str
    model: str
    verdict: CheckVerdict
    text: str
    operations: int
    unknown: int
    """Of unknown outcome."""
    keys: list[CheckedKey]
    failed_key: CheckedKey | None
    explanation: CheckExplanation | None
    wall_s: float
