"""Faults of a node itself, pure: a disk that is slow, full or failing, a clock that runs wrong.

As with links, a rule names the node and takes effect inside it, and carries its own expiry. Where
several hold at once, of delays and of rates the one that came last counts.
"""

from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from node.faults import (
    NAME_LENGTH_MAX,
    FaultError,
    RulesInForce,
    check_fields,
    check_number,
    check_whole_number,
    is_over,
)

DELAY_US_MAX = 3_600_000_000
CLOCK_RATE_MAX = 100.0

Kind = Literal["slow", "full", "fail", "rate"]
KINDS: tuple[Kind, ...] = ("slow", "full", "fail", "rate")


class NodeRule(NamedTuple):
    """What is wrong with node `node`.

    slow: each flush of its disk takes `delay_us` microseconds longer. full: its disk takes nothing.
    fail: each flush fails. rate: its clock runs so many times as fast as it should. `fault` is the
    number that the operator knows it by, `name` an optional name; `expires_at` in Unix seconds,
    None for never.
    """

    fault: int
    node: int
    kind: Kind
    name: str = ""
    delay_us: int = 0
    rate: float = 1.0
    expires_at: float | None = None

    def __str__(self) -> str:
        """In few words, for a list."""
        if self.kind == "rate":
            return f"clock rate {self.rate:g}"
        return f"disk {self.kind}" + (f" {self.delay_us / 1000:g}ms" if self.delay_us else "")

    def to_map(self) -> dict[str, Any]:
        """As it travels and lies in faults.json."""
        return self._asdict()

    @classmethod
    def from_map(cls, values: Mapping[str, Any]) -> "NodeRule":
        """The inverse of `to_map`, for values from outside. Raises FaultError."""
        check_fields(cls, values)
        try:
            rule = cls(**values)
        except TypeError as error:
            raise FaultError(str(error)) from error
        rule.check()
        return rule

    def check(self) -> None:
        """Whether a node takes these values. Raises FaultError."""
        for name in ("fault", "node", "delay_us"):
            check_whole_number(name, getattr(self, name))
        check_number("delay_us", self.delay_us, DELAY_US_MAX)
        check_number("rate", self.rate, CLOCK_RATE_MAX, least=1 / CLOCK_RATE_MAX)
        if self.expires_at is not None:
            check_number("expires_at", self.expires_at, 1e12)
        if self.kind not in KINDS:
            raise FaultError(f"kind has to be one of {', '.join(KINDS)}, not {self.kind!r}")
        if type(self.name) is not str or len(self.name) > NAME_LENGTH_MAX:
            raise FaultError(f"name has to be a text of at most {NAME_LENGTH_MAX} characters")


class NodePolicy(RulesInForce[NodeRule]):
    """The rules of one node, and what they come to."""

    def delay_us(self, wall: float) -> int:
        """How much longer a flush takes."""
        slow = self._held("slow", wall)
        return slow[-1].delay_us if slow else 0

    def slows(self, wall: float) -> None:
        """A flush took longer."""
        for rule in self._held("slow", wall)[-1:]:
            self.hits[rule.fault] += 1

    def is_full(self, wall: float) -> bool:
        """Something is to be written: whether the disk has no room for it."""
        return self._bites("full", wall)

    def fails(self, wall: float) -> bool:
        """Something is to be flushed: whether that fails."""
        return self._bites("fail", wall)

    def clock_rate(self, wall: float) -> float:
        """How fast the clock is to run; 1 is right."""
        rates = self._held("rate", wall)
        return rates[-1].rate if rates else 1.0

    def clock_changes(self, wall: float) -> None:
        """It runs at another rate than before."""
        for rule in self._held("rate", wall)[-1:]:
            self.hits[rule.fault] += 1

    def _bites(self, kind: Kind, wall: float) -> bool:
        held = self._held(kind, wall)
        for rule in held:
            self.hits[rule.fault] += 1
        return bool(held)

    def _held(self, kind: Kind, wall: float) -> list[NodeRule]:
        return [rule for rule in self._rules if rule.kind == kind and not is_over(rule, wall)]
