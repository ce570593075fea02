"""Values as people write them: 10s, 200ms, 5%, 64kB, n3."""

import re
from collections.abc import Callable
from typing import TypeVar

from node.scenario import quantities
from node.scenario.errors import ScenarioError
from raftctl.errors import CliError
from raftctl.exit_codes import Exit

T = TypeVar("T")

NAME_LENGTH_MAX = 64

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


def _read(reader: Callable[[str], T], text: str) -> T:
    """A quantity of the grammar that scenarios have too. Raises CliError (exit 2)."""
    try:
        return reader(text)
    except ScenarioError as error:
        raise usage(error.message, error.hint) from error


def seconds(text: str) -> float:
    """`10s`, `200ms`, `5m`, `1h30m`, `1d`; a bare number is seconds. At most ten years."""
    return _read(quantities.seconds, text)


def seconds_above_0(text: str, option: str) -> float:
    """A duration that has to take some time; `option` is what it was given for."""
    value = seconds(text)
    if not value:
        raise usage(f"{option} {text}: has to be more than 0", f"{option} 10s")
    return value


def size_bytes(text: str) -> int:
    """`64MiB`, `1.5MB`, `4096`."""
    return _read(quantities.size_bytes, text)


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
