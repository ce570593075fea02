"""Values as people write them: 10s, 200ms, 5%, 64kB, n3."""

import re

from raftctl.errors import CliError
from raftctl.exit_codes import Exit

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "": 1.0}
_BYTES = {"": 1, "b": 1, "kb": 1000, "mb": 1_000_000, "kib": 1024, "mib": 1024**2}


def usage(message: str, hint: str = "") -> CliError:
    """A value that cannot be meant."""
    return CliError("E_USAGE", message, Exit.USAGE, hint=hint)


def seconds(text: str) -> float:
    """`10s`, `200ms`, `5m`, `1h`; a bare number is seconds."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|)", text.strip())
    if not found:
        raise usage(f"{text!r} is not a duration", "write it like 10s, 200ms or 5m")
    return float(found[1]) * _SECONDS[found[2]]


def probability(text: str) -> float:
    """`5%` or `0.05`, from 0 to 1."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", text.strip())
    value = float(found[1]) / (100 if found[2] else 1) if found else -1
    if not 0 <= value <= 1:
        raise usage(f"{text!r} is not a share", "write it like 5% or 0.05")
    return value


def latency(text: str) -> tuple[float, float]:
    """`100ms` or `100ms+-20ms`: the delay and its jitter, in milliseconds."""
    delay, _, jitter = text.partition("+-")
    return seconds(delay) * 1000, seconds(jitter) * 1000 if jitter else 0.0


def bytes_per_second(text: str) -> int:
    """`64kB/s`, `1MB/s`, or a number of bytes."""
    found = re.fullmatch(r"(\d+)\s*([a-z]*)(?:/s)?", text.strip().lower())
    if not found or found[2] not in _BYTES:
        raise usage(f"{text!r} is not a rate", "write it like 64kB/s")
    return int(found[1]) * _BYTES[found[2]]


def node_id(text: str) -> int:
    """`n3` or `3`."""
    found = re.fullmatch(r"n?(\d+)", text.strip())
    if not found:
        raise usage(f"{text!r} is not a node", "write it like n3")
    return int(found[1])


def ago(elapsed_seconds: float) -> str:
    """A short age: 41s, 2m14s, 3h05m."""
    whole = int(elapsed_seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02}m"
