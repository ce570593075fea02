"""Quantities as people write them, and back: 10s, 200ms, 5%, 64kB/s."""

import re

from node.scenario.errors import ScenarioError

SECONDS_MAX = 10 * 365 * 86_400.0
"""Ten years: what is longer is a slip, and no clock counts so far."""

_NUMBER = r"(?:[0-9]{1,18}(?:\.[0-9]{1,18})?|\.[0-9]{1,18})"
_UNITS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = "".join(f"(?:({_NUMBER}){unit})?" for unit in _UNITS)
_BYTES = {
    "": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2,
    "gib": 1024**3,
}  # fmt: skip


def seconds(text: str) -> float:
    """`10s`, `200ms`, `5m`, `1h30m`, `1d`; a bare number is seconds. At most ten years.

    Raises ScenarioError, as all of these do.
    """
    written = text.strip()
    if is_bare(written):
        value = float(written)
    elif written and (found := re.fullmatch(_DURATION, written)):
        parts = zip(found.groups(), _UNITS.values(), strict=True)
        value = sum(float(number) * unit for number, unit in parts if number)
    else:
        raise ScenarioError(f"{text!r} is not a duration", "write it like 10s, 200ms or 1h30m")
    if value > SECONDS_MAX:
        raise ScenarioError(f"{text} is too long", "at most ten years")
    return value


def microseconds(text: str) -> int:
    """The same duration, in whole microseconds."""
    return round(seconds(text) * 1_000_000)


def duration_text(duration_us: int) -> str:
    """A duration in microseconds that `microseconds` reads back: 12s, 1500ms, 0.25ms, 5m, 2h."""
    for unit, name in ((3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s")):
        if duration_us % unit == 0 and (duration_us or name == "s"):
            return f"{duration_us // unit}{name}"
    return f"{_plain(duration_us / 1000, 3)}ms"


def is_bare(text: str) -> bool:
    """Whether it is a number without a unit."""
    return re.fullmatch(_NUMBER, text) is not None


def number(text: str) -> float:
    """A decimal number that is not below 0."""
    if not is_bare(text.strip()):
        raise ScenarioError(f"{text!r} is not a number", "write it like 1.05")
    return float(text)


def probability(text: str) -> float:
    """`5%`, `.5%` or `0.05`, from 0 to 1; what is finer than 1e-12 is rounded."""
    found = re.fullmatch(rf"({_NUMBER})(%?)", text.strip())
    value = float(found[1]) / (100 if found[2] else 1) if found else -1
    if not 0 <= value <= 1:
        raise ScenarioError(f"{text!r} is not a share", "write it like 5% or 0.05")
    return round(value, 12)


def share_text(share: float) -> str:
    """A share from 0 to 1 that `probability` reads back: 5%, or 0.05 where that is exact."""
    percent = f"{_plain(share * 100, 10)}%"
    return percent if probability(percent) == share else number_text(share)


def number_text(value: float) -> str:
    """A number without an exponent, and with at most twelve decimals."""
    return _plain(value, 12)


def latency(text: str) -> tuple[float, float]:
    """`100ms` or `100ms+-20ms`: the delay and its jitter, in milliseconds."""
    delay, sign, jitter = text.partition("+-")
    return microseconds(delay) / 1000, microseconds(jitter) / 1000 if sign else 0.0


def bytes_per_second(text: str) -> int:
    """`64kB/s`, `1.5MB/s`, `1GB`, or a number of bytes."""
    found = re.fullmatch(rf"({_NUMBER})\s*([a-z]*)(?:/s)?", text.strip().lower())
    if not found or found[2] not in _BYTES:
        raise ScenarioError(f"{text!r} is not a rate", "write it like 64kB/s")
    rate = round(float(found[1]) * _BYTES[found[2]])
    if rate < 1:
        hint = "that is a cut: partition --one-way n1:n2"
        raise ScenarioError(f"{text!r} lets nothing through", hint)
    return rate


def bytes_per_second_text(rate: int) -> str:
    """A rate in bytes per second that `bytes_per_second` reads back: 64kB/s, 1500B/s."""
    for unit, name in ((1000**3, "GB"), (1000**2, "MB"), (1000, "kB")):
        if rate % unit == 0:
            return f"{rate // unit}{name}/s"
    return f"{rate}B/s"


def size_bytes(text: str) -> int:
    """`64MiB`, `1.5MB`, `4096`."""
    found = re.fullmatch(rf"({_NUMBER})\s*([a-z]*)", text.strip().lower())
    if not found or found[2] not in _BYTES:
        raise ScenarioError(f"{text!r} is not a size", "write it like 64MiB")
    return round(float(found[1]) * _BYTES[found[2]])


def _plain(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".")
