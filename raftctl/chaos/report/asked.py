"""What clients asked, from the lines of a history: each operation from its call to its end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NS = 1_000_000_000
OUTCOMES = ("ok", "fail", "info")


@dataclass(frozen=True, slots=True)
class Asked:
    """An operation. Times in seconds since the run began."""

    process: int
    f: str
    key: str
    value: Any
    """What it was called with."""
    answer: Any
    outcome: str
    """One of OUTCOMES; info: nobody knows."""
    result: bool | None
    """False: a compare and set that found another value."""
    index: int | None
    error: str
    from_s: float
    to_s: float

    @property
    def took_ms(self) -> float:
        return (self.to_s - self.from_s) * 1000


class History:
    """The lines of a history, one after the other."""

    def __init__(self) -> None:
        self._ended: list[Asked] = []
        self._open: dict[int, Mapping[str, Any]] = {}
        self._last_ns = 0

    def take(self, line: Mapping[str, Any]) -> None:
        """Raises KeyError, TypeError, ValueError for what is no line of a history."""
        if "schema" in line:
            return
        self._last_ns = line["time"]
        if line["type"] == "invoke":
            self._open[line["process"]] = line
        elif line["type"] in OUTCOMES:
            self._ended.append(_operation(self._open.pop(line["process"]), line))
        else:
            raise ValueError(f"{line['type']!r} is no outcome")

    def operations(self) -> list[Asked]:
        """In the order in which they ended; what has no end is unknown, until the history's."""
        end = {"type": "info", "time": self._last_ns, "error": "no answer"}
        return [*self._ended, *(_operation(begin, end) for begin in self._open.values())]


def _operation(begin: Mapping[str, Any], end: Mapping[str, Any]) -> Asked:
    return Asked(
        process=begin["process"],
        f=str(begin["f"]),
        key=str(begin["key"]),
        value=begin.get("value"),
        answer=end.get("value"),
        outcome=end["type"],
        result=end.get("result"),
        index=end.get("index"),
        error=str(end.get("error", "")),
        from_s=begin["time"] / NS,
        to_s=end["time"] / NS,
    )
