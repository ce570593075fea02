"""Values as people write them: 10s, 200ms, 5%, 64kB, n3."""

import re

from raftctl.errors import CliError
from raftctl.exit_codes import Exit

SECONDS_MAX = 10 * 365 * 86_400.0
"""Ten years: what is longer is a slip, and no clock counts so far."""
NAME_LENGTH_MAX = 64

_NUMBER = r"(?:[0-9]{1,18}(?:\.[0-9]{1,18})?|\.[0-9]{1,18})"
_UNITS = {"d": 86_400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_DURATION = re.compile("".join(f"(?:({_NUMBER}){unit})?" for unit in _UNITS))
_BYTES = {
    "": 1, "b": 1, "kb": 1000, "mb": 1000**2, "gb": 1000**3, "kib": 1024, "mib": 1024**2,
    "gib": 1024**3,
}  # fmt: skip
_NAME = re.compile(rf"[A-Za-z0-9][A-Za-z0-9_-]{{0,{NAME_LENGTH_MAX - 1}}}")


def usage(message: str, hint: str = "") -> CliError:
    """A value that cannot be meant."""
    return CliError("E_USAGE", message, Exit.USAGE, hint=hint)


def is_name(text: str) -> bool:
    """Whether a cluster may be called so."""
    return _NAME.fullmatch(text) is not None


def check_name(text: str) -> str:
    """`text`, which names a cluster. Raises CliError (exit 2) when it cannot."""
    if not is_name(text):
        raise usage(
            f"{text!r} is no name for a cluster",
            f"letters, digits, - and _, a letter or digit first, at most {NAME_LENGTH_MAX}",
        )
    return text


def seconds(text: str) -> float:
    """`10s`, `200ms`, `5m`, `1h30m`, `1d`; a bare number is seconds. At most ten years."""
    written = text.strip()
    if is_bare(written):
        value = float(written)
    elif written and (found := _DURATION.fullmatch(written)):
        parts = zip(found.groups(), _UNITS.values(), strict=True)
        value = sum(float(number) * unit for number, unit in parts if number)
    else:
        raise usage(f"{text!r} is not a duration", "write it like 10s, 200ms or 1h30m")
    if value > SECONDS_MAX:
        raise usage(f"{text} is too long", "at most ten years")
    return value


def is_bare(text: str) -> bool:
    """Whether it is a number without a unit."""
    return re.fullmatch(_NUMBER, text) is not None


def seconds_above_0(text: str, option: str) -> float:
    """A duration that has to take some time; `option` is what it was given for."""
    value = seconds(text)
    if not value:
        raise usage(f"{option} {text}: has to be more than 0", f"{option} 10s")
    return value


def probability(text: str) -> float:
    """`5%`, `.5%` or `0.05`, from 0 to 1."""
    found = re.fullmatch(rf"({_NUMBER})(%?)", text.strip())
    value = float(found[1]) / (100 if found[2] else 1) if found else -1
    if not 0 <= value <= 1:
        raise usage(f"{text!r} is not a share", "write it like 5% or 0.05")
    return value


def latency(text: str) -> tuple[float, float]:
    """`100ms` or `100ms+-20ms`: the delay and its jitter, in milliseconds."""
    delay, sign, jitter = text.partition("+-")
    return seconds(delay) * 1000, seconds(jitter) * 1000 if sign else 0.0


def bytes_per_second(text: str) -> int:
    """`64kB/s`, `1.5MB/s`, `1GB`, or a number of bytes."""
    found = re.fullmatch(rf"({_NUMBER})\s*([a-z]*)(?:/s)?", text.strip().lower())
    if not found or found[2] not in _BYTES:
        raise usage(f"{text!r} is not a rate", "write it like 64kB/s")
    rate = round(float(found[1]) * _BYTES[found[2]])
    if rate < 1:
        raise usage(f"{text!r} lets nothing through", "that is a cut: partition --one-way n1:n2")
    return rate


def size_bytes(text: str) -> int:
    """`64MiB`, `1.5MB`, `4096`."""
    found = re.fullmatch(rf"({_NUMBER})\s*([a-z]*)", text.strip().lower())
    if not found or found[2] not in _BYTES:
        raise usage(f"{text!r} is not a size", "write it like 64MiB")
    return round(float(found[1]) * _BYTES[found[2]])


def size_text(size: int) -> str:
    """A size for people: 812 B, 12.3 KiB, 64.0 MiB."""
    if size < 1024:
        return f"{size} B"
    for power, unit in enumerate(("KiB", "MiB", "GiB", "TiB"), 1):
        if size < 1024 ** (power + 1) or unit == "TiB":
            return f"{size / 1024**power:.1f} {unit}"
    raise AssertionError("the last unit takes what is left")


def node_id(text: str) -> int:
    """`n3` or `3`."""
    found = re.fullmatch(r"n?([0-9]{1,18})", text.strip())
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
