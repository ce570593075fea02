"""What was done to a cluster, by whom, and what came of it: `actions.jsonl` in its folder.

Each command appends one line when it ends. A file that is full is put aside, in the place of the
one before: nobody has to clear up.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

SCHEMA = "raftctl.done/v1"
NAME = "actions.jsonl"
ASIDE = f"{NAME}.1"
BYTES_MAX = 512 * 1024
"""Of one of the two files."""


class Entry(NamedTuple):
    """A command line that changes a cluster, and how it ended. Nodes are ids."""

    at: float
    """When it began, in Unix seconds."""
    line: tuple[str, ...]
    """Its words, without `raftctl` and what every verb knows, as in the `do` of a scenario."""
    by: str
    """cli, tui or chaos."""
    exit: int
    resolved: tuple[str, ...] = ()
    """The same with names of nodes for selectors; empty where no scenario does it, or it failed."""
    changed: bool = False
    """Whether anything is other than before."""
    nodes: tuple[int, ...] = ()
    """To which something was done."""
    fault: int | None = None
    """The number of the fault that it made."""
    healed: tuple[int, ...] = ()
    eased: tuple[int, ...] = ()
    """Faults that lost a link and went on."""
    members: tuple[int, ...] = ()
    """The nodes that the cluster had before."""


def append(folder: Path, entry: Entry) -> None:
    """Write it down in a cluster's folder. Raises OSError."""
    text = json.dumps({"schema": SCHEMA, **entry._asdict()}, ensure_ascii=False)
    path = folder / NAME
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with os.fdopen(descriptor, "ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(text.encode("utf-8", "backslashreplace") + b"\n")
        file.flush()
        # Another command may have put it aside while this one waited.
        is_current = os.path.samestat(os.fstat(file.fileno()), path.stat())
        if file.tell() > BYTES_MAX and is_current:
            path.replace(folder / ASIDE)


def read(folder: Path) -> list[Entry]:
    """What was written down, the oldest first. What is damaged, or of another version, is passed
    over. Raises OSError.
    """
    found = [entry for name in (ASIDE, NAME) for entry in _entries(folder / name)]
    return sorted(found, key=lambda entry: entry.at)


def _entries(path: Path) -> Iterator[Entry]:
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        try:
            saved = json.loads(line)
            if saved.pop("schema") == SCHEMA:
                yield Entry(**{name: _frozen(value) for name, value in saved.items()})
        except (ValueError, KeyError, TypeError, AttributeError):
            continue


def _frozen(value: Any) -> Any:  # noqa: ANN401 - what JSON has
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
