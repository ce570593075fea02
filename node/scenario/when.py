"""When a step is due: at a time, some time after another step, or once something has happened."""

import re
from dataclasses import dataclass

from node.scenario.errors import ScenarioError
from node.scenario.names import check_fault_name
from node.scenario.quantities import duration_text, microseconds

LEADER_CHANGE = "leader-change"
_HEALED = ".healed"
_HINT = "5s, cut + 2s, cut.healed + 2s, leader-change, or leader-change after cut"


@dataclass(frozen=True, slots=True)
class Mark:
    """The moment when the step `name` is carried out, or when its fault ends."""

    name: str
    healed: bool = False

    def __str__(self) -> str:
        return f"{self.name}{_HEALED}" if self.healed else self.name


@dataclass(frozen=True, slots=True)
class At:
    """So many microseconds from the begin."""

    at_us: int

    def __str__(self) -> str:
        return duration_text(self.at_us)


@dataclass(frozen=True, slots=True)
class After:
    """So many microseconds from a mark."""

    mark: Mark
    plus_us: int = 0

    def __str__(self) -> str:
        return f"{self.mark} + {duration_text(self.plus_us)}"


@dataclass(frozen=True, slots=True)
class LeaderChange:
    """So many microseconds from the first new leader, from the begin or from a mark on."""

    after: Mark | None = None
    plus_us: int = 0

    def __str__(self) -> str:
        after = f" after {self.after}" if self.after else ""
        plus = f" + {duration_text(self.plus_us)}" if self.plus_us else ""
        return f"{LEADER_CHANGE}{after}{plus}"


When = At | After | LeaderChange


def parse_when(text: str) -> When:
    """`5s`, `NAME + 2s`, `NAME.healed`, `leader-change [after NAME] [+ 2s]`.

    Raises ScenarioError.
    """
    event, plus, delay = text.partition("+")
    event = event.strip()
    if re.match(r"[0-9.]", event) and not plus:
        return At(microseconds(event))
    plus_us = microseconds(delay) if plus else 0
    if found := re.fullmatch(rf"{LEADER_CHANGE}(?:\s+after\s+(\S+))?", event):
        return LeaderChange(parse_mark(found[1]) if found[1] else None, plus_us)
    try:
        return After(parse_mark(event), plus_us)
    except ScenarioError as error:
        raise ScenarioError(f"{text!r} is no moment", _HINT) from error


def parse_mark(text: str) -> Mark:
    """`NAME` or `NAME.healed`. Raises ScenarioError."""
    name = text.removesuffix(_HEALED)
    check_fault_name(name)
    return Mark(name, name != text)


def mark_of(when: When) -> Mark | None:
    """What has to happen in the scenario before, if anything."""
    match when:
        case At():
            return None
        case After():
            return when.mark
        case LeaderChange():
            return when.after
