"""Link faults, pure: what becomes of one message on one directed link.

A rule names a source and a destination and takes effect inside the nodes, on whole messages, so a
cut is a cut whichever side dialled. The sending side decides everything; the receiving side applies
cuts once more, for what was under way when the cut came. Every rule may carry its own expiry, so a
fault heals by itself even if the command that made it died.
"""

import random
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar

DELAY_MS_MAX = 60_000
RATE_BYTES_S_MAX = 100_000_000_000
NAME_LENGTH_MAX = 64
KINDS_MAX = 32
"""More than there are types of messages."""
REORDER_MS = 20.0
"""A reordered message is held back this long, so that later ones overtake it."""

LinkState = Literal["up", "cut", "slow"]


class FaultError(Exception):
    """A rule that makes no sense; the message names the field."""


class Rule(Protocol):
    """What faults of links and of nodes have in common: a number, and an end in Unix seconds."""

    @property
    def fault(self) -> int: ...

    @property
    def expires_at(self) -> float | None: ...


AnyRule = TypeVar("AnyRule", bound=Rule)


class RulesInForce(Generic[AnyRule]):
    """The rules in force, and how often each fault took effect."""

    def __init__(self) -> None:
        self._rules: tuple[AnyRule, ...] = ()
        self.hits: Counter[int] = Counter()

    @property
    def rules(self) -> tuple[AnyRule, ...]:
        return self._rules

    def replace(self, rules: Iterable[AnyRule]) -> None:
        """These and no others. Faults that stay keep their count."""
        self._rules = tuple(rules)
        kept = {rule.fault for rule in self._rules}
        self.hits = Counter({fault: n for fault, n in self.hits.items() if fault in kept})

    def expire(self, wall: float) -> list[int]:
        """Drop the rules whose time (Unix seconds) is over, and give their faults' numbers."""
        over = {rule.fault for rule in self._rules if is_over(rule, wall)}
        if over:
            self.replace([rule for rule in self._rules if not is_over(rule, wall)])
        return sorted(over - {rule.fault for rule in self._rules})

    @property
    def next_expiry(self) -> float | None:
        """When `expire` has something to do next, in Unix seconds."""
        return min((r.expires_at for r in self._rules if r.expires_at is not None), default=None)


def is_over(rule: Rule, wall: float) -> bool:
    return rule.expires_at is not None and rule.expires_at <= wall


def check_number(name: str, value: float, most: float, least: float = 0) -> None:
    """Whether a field is a number within its limits. Raises FaultError."""
    if type(value) not in (int, float) or not least <= value <= most:
        raise FaultError(f"{name} has to be a number from {least} to {most}, not {value!r}")


def check_whole_number(name: str, value: object) -> None:
    """Raises FaultError."""
    if type(value) is not int or value < 0:
        raise FaultError(f"{name} has to be a whole number, not {value!r}")


def check_fields(kind: Any, values: Mapping[str, Any]) -> None:  # noqa: ANN401 - a tuple with names
    """Whether `values`, from outside, is a map of fields that `kind` has. Raises FaultError."""
    if not isinstance(values, Mapping):
        raise FaultError(f"a rule has to be a map, not {values!r}")
    if unknown := set(values).difference(kind._fields):
        raise FaultError(f"unknown fields: {', '.join(sorted(unknown))}")


class LinkRule(NamedTuple):
    """What to do to messages from node `src` to node `dst`.

    `fault` is the number that the operator knows it by, `name` an optional name. Delays are in
    milliseconds, drop, duplicate, reorder and corrupt probabilities from 0 to 1, `rate_bytes_s` 0
    for no limit; `only` names message types, empty for all; `expires_at` in Unix seconds, None for
    never.
    """

    fault: int
    src: int
    dst: int
    name: str = ""
    cut: bool = False
    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    drop: float = 0.0
    duplicate: float = 0.0
    reorder: float = 0.0
    corrupt: float = 0.0
    rate_bytes_s: int = 0
    only: tuple[str, ...] = ()
    expires_at: float | None = None

    def to_map(self) -> dict[str, Any]:
        """As it travels and lies in faults.json."""
        return {**self._asdict(), "only": list(self.only)}

    @classmethod
    def from_map(cls, values: Mapping[str, Any]) -> "LinkRule":
        """The inverse of `to_map`, for values from outside. Raises FaultError."""
        check_fields(cls, values)
        only = values.get("only", [])
        if not isinstance(only, list | tuple):
            raise FaultError(f"only has to be a list of message types, not {only!r}")
        try:
            rule = cls(**{**values, "only": tuple(only)})
        except TypeError as error:
            raise FaultError(str(error)) from error
        rule.check()
        return rule

    def check(self) -> None:
        """Whether a node takes these values. Raises FaultError."""
        for name in ("fault", "src", "dst", "rate_bytes_s"):
            check_whole_number(name, getattr(self, name))
        if self.rate_bytes_s > RATE_BYTES_S_MAX:
            raise FaultError(f"rate_bytes_s is at most {RATE_BYTES_S_MAX}, not {self.rate_bytes_s}")
        for name in ("drop", "duplicate", "reorder", "corrupt"):
            check_number(name, getattr(self, name), 1)
        for name in ("latency_ms", "jitter_ms"):
            check_number(name, getattr(self, name), DELAY_MS_MAX)
        if self.expires_at is not None:
            check_number("expires_at", self.expires_at, 1e12)
        values: dict[str, Any] = {"cut": self.cut, "name": self.name, "only": self.only}
        if type(values["cut"]) is not bool or type(values["name"]) is not str:
            raise FaultError("cut has to be true or false, and name a text")
        if any(type(kind) is not str for kind in values["only"]):
            raise FaultError("only has to be a list of message types")
        if len(self.name) > NAME_LENGTH_MAX or any(
            len(kind) > NAME_LENGTH_MAX for kind in self.only
        ):
            raise FaultError(f"names have at most {NAME_LENGTH_MAX} characters")
        if len(self.only) > KINDS_MAX:
            raise FaultError(f"only has at most {KINDS_MAX} message types")

    def applies(self, src: int, dst: int, kind: str) -> bool:
        return self.src == src and self.dst == dst and (not self.only or kind in self.only)


class Verdict(NamedTuple):
    """`delays_us`: one delivery after each; none: the message is lost. `corrupt`: damage it."""

    delays_us: tuple[int, ...]
    corrupt: bool = False


DELIVER = Verdict((0,))
LOSE = Verdict(())


class LinkPolicy(RulesInForce[LinkRule]):
    """The rules of links, and the verdict that they come to for each message."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng
        self._busy_until_us: dict[LinkRule, float] = {}

    def replace(self, rules: Iterable[LinkRule]) -> None:
        super().replace(rules)
        busy = self._busy_until_us
        self._busy_until_us = {rule: busy[rule] for rule in self._rules if rule in busy}

    def on_send(
        self, src: int, dst: int, kind: str, size: int, now_us: int, wall: float
    ) -> Verdict:
        """The fate of a message of `size` bytes and type `kind`, about to be sent."""
        if not self._rules:
            return DELIVER
        delay_us, copies, corrupt = 0.0, 1, False
        for rule in self._rules:
            if not rule.applies(src, dst, kind) or is_over(rule, wall):
                continue
            if rule.cut or (rule.drop > 0 and self._happens(rule.drop)):
                self.hits[rule.fault] += 1
                return LOSE
            extra_us = self._delay_us(rule, size, now_us)
            doubled = rule.duplicate > 0 and self._happens(rule.duplicate)
            damaged = rule.corrupt > 0 and self._happens(rule.corrupt)
            if extra_us or doubled or damaged:
                self.hits[rule.fault] += 1
            delay_us += extra_us
            copies += doubled
            corrupt = corrupt or damaged
        return Verdict((round(delay_us),) * copies, corrupt)

    def _happens(self, probability: float) -> bool:
        return self._rng.random() < probability

    def _delay_us(self, rule: LinkRule, size: int, now_us: int) -> float:
        delay_ms = rule.latency_ms
        if rule.jitter_ms:
            delay_ms += rule.jitter_ms * (2 * self._rng.random() - 1)
            delay_ms = max(0.0, delay_ms)
        if rule.reorder > 0 and self._happens(rule.reorder):
            delay_ms += REORDER_MS
        delay_us = delay_ms * 1000
        if rule.rate_bytes_s:
            start = max(self._busy_until_us.get(rule, 0.0), float(now_us))
            done = start + size / rule.rate_bytes_s * 1e6
            self._busy_until_us[rule] = done
            delay_us += done - now_us
        return delay_us

    def on_receive(self, src: int, dst: int, kind: str, wall: float) -> bool:
        """Whether a message that arrived may be taken: cuts hold at this end too."""
        for rule in self._rules:
            if rule.cut and rule.applies(src, dst, kind) and not is_over(rule, wall):
                self.hits[rule.fault] += 1
                return False
        return True

    def state_of(self, src: int, dst: int) -> LinkState:
        """One word for what the rules do to a link."""
        state: LinkState = "up"
        for rule in self._rules:
            if rule.src == src and rule.dst == dst:
                if rule.cut and not rule.only:
                    return "cut"
                state = "slow"
        return state
