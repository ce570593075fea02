"""What `net` does to a link: latency, loss and the like, as options and as a rule."""

import difflib
import typing
from collections.abc import Sequence

from node.faults import DELAY_MS_MAX, RATE_BYTES_S_MAX, FaultError, LinkRule
from node.raft.messages import Message
from node.scenario.errors import ScenarioError
from node.scenario.quantities import (
    bytes_per_second,
    bytes_per_second_text,
    duration_text,
    is_bare,
    latency,
    probability,
    share_text,
)

MESSAGES = tuple(kind.__name__ for kind in typing.get_args(Message))

NOTHING = LinkRule(fault=0, src=0, dst=0)
"""A rule for no link yet, which does nothing."""
SHARES = {"--drop": "drop", "--dup": "duplicate", "--reorder": "reorder", "--corrupt": "corrupt"}
"""Options that are a share of the messages, and their fields."""


def link_effects(
    delay: str | None = None,
    drop: str = "0%",
    duplicate: str = "0%",
    reorder: str = "0%",
    corrupt: str = "0%",
    rate: str | None = None,
    only: Sequence[str] = (),
) -> LinkRule:
    """The options of `net` as a rule for no link yet, which every node would take.

    Raises ScenarioError.
    """
    latency_ms, jitter_ms = (0.0, 0.0) if delay is None else latency(delay)
    effects = NOTHING._replace(
        latency_ms=latency_ms,
        jitter_ms=jitter_ms,
        drop=probability(drop),
        duplicate=probability(duplicate),
        reorder=probability(reorder),
        corrupt=probability(corrupt),
        rate_bytes_s=0 if rate is None else bytes_per_second(rate),
        only=tuple(map(_message, only)),
    )
    if delay is not None and max(latency_ms, jitter_ms) > DELAY_MS_MAX:
        raise _too_long(delay)
    if effects.rate_bytes_s > RATE_BYTES_S_MAX:
        hint = f"at most {RATE_BYTES_S_MAX // 10**9} GB/s"
        raise ScenarioError(f"--rate {rate} is no limit", hint)
    check_effects(effects)
    return effects


def check_effects(effects: LinkRule) -> None:
    """Nothing is saved that a node would refuse. Raises ScenarioError."""
    try:
        effects.check()
    except FaultError as error:
        raise ScenarioError(str(error)) from error


def option_words(effects: LinkRule) -> list[str]:
    """The options that `link_effects` makes this rule of."""
    words = []
    if effects.latency_ms or effects.jitter_ms:
        delay = _delay_text(effects.latency_ms)
        jitter = f"+-{_delay_text(effects.jitter_ms)}" if effects.jitter_ms else ""
        words += ["--latency", delay + jitter]
    for option, field in SHARES.items():
        if share := getattr(effects, field):
            words += [option, share_text(share)]
    if effects.rate_bytes_s:
        words += ["--rate", bytes_per_second_text(effects.rate_bytes_s)]
    for kind in effects.only:
        words += ["--only", kind]
    return words


def summary(effects: LinkRule) -> str:
    """What it does, in few words for a list of faults."""
    parts = []
    if effects.latency_ms:
        jitter = f"+-{effects.jitter_ms:g}ms" if effects.jitter_ms else ""
        parts.append(f"+{effects.latency_ms:g}ms{jitter}")
    for option, field in SHARES.items():
        if share := getattr(effects, field):
            parts.append(f"{option.removeprefix('--')} {share * 100:g}%")
    if effects.rate_bytes_s:
        parts.append(f"{effects.rate_bytes_s} B/s")
    if effects.only:
        parts.append(f"only {','.join(effects.only)}")
    return " ".join(parts)


def _delay_text(delay_ms: float) -> str:
    return duration_text(round(delay_ms * 1000))


def _too_long(delay: str) -> ScenarioError:
    """Seconds are meant seldom: a number without a unit was to be milliseconds."""
    parts = delay.split("+-")
    meant = "+-".join(f"{part}ms" if is_bare(part) else part for part in parts)
    limit = f"at most {DELAY_MS_MAX // 1000}s"
    hint = limit if meant == delay else f"did you mean {meant}?"
    return ScenarioError(f"--latency {delay} is more than a node takes: {limit}", hint)


def _message(name: str) -> str:
    if name in MESSAGES:
        return name
    known = {each.lower(): each for each in MESSAGES}
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    hint = f"did you mean {known[near[0]]}?" if near else f"one of {', '.join(MESSAGES)}"
    raise ScenarioError(f"there is no message {name!r}", hint)
