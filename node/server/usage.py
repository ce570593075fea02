"""What a node needs of its machine: processor, memory, files; looked at once a second at most."""

import os
import resource
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from node.storage.ondisk import DATABASE, REDO
from node.storage.sqlite import write_ahead_log

LOOK_US = 1_000_000


class Link(Protocol):
    @property
    def sent(self) -> int:
        """Messages, those that did not leave included."""
        ...


class Usage:
    """Of this process and its files. What a system does not tell is None."""

    def __init__(self, home: Path, links: Mapping[int, Link], now: int) -> None:
        """`home` is the node's own folder; `now` in microseconds."""
        self._database = home / DATABASE
        self._logs = (write_ahead_log(self._database), home / REDO)
        self._links = links
        self._looked_at = now
        self._cpu_seconds = _cpu_seconds()
        self._sent: dict[int, int] = {}
        self._process: dict[str, Any] = {}
        self._files: dict[str, int | None] = {}
        self._out_per_s: dict[int, float] = {}

    def look(self, now: int) -> None:
        """Bring it up to date, if it is older than a second; `now` in microseconds."""
        if self._process and now - self._looked_at < LOOK_US:
            return
        seconds = max(now - self._looked_at, 1) / 1e6
        self._looked_at = now
        self._look_at_process(seconds)
        self._look_at_links(seconds)
        sizes = [size for path in self._logs if (size := _size(path)) is not None]
        self._files = {"bytes": _size(self._database), "wal_bytes": sum(sizes) if sizes else None}

    def _look_at_process(self, seconds: float) -> None:
        before, self._cpu_seconds = self._cpu_seconds, _cpu_seconds()
        share = round(100 * (self._cpu_seconds - before) / seconds, 1)
        self._process = {"cpu_percent": share, "rss_bytes": _resident(), "files": _open_files()}

    def _look_at_links(self, seconds: float) -> None:
        before, self._sent = self._sent, {peer: link.sent for peer, link in self._links.items()}
        self._out_per_s = {
            peer: round((count - since) / seconds, 1)
            for peer, count in self._sent.items()
            if (since := before.get(peer, 0)) <= count  # else it is a new link
        }

    @property
    def process(self) -> dict[str, Any]:
        return dict(self._process)

    @property
    def files(self) -> dict[str, int | None]:
        """How large the database is, and the logs in front of it: SQLite's and the redo log."""
        return dict(self._files)

    def out_per_s(self, peer: int) -> float | None:
        """Messages to that peer, a second; what a fault took away counts too."""
        return self._out_per_s.get(peer)


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None


def _resident() -> int | None:
    with suppress(OSError, ValueError, IndexError):
        pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
        return int(pages) * resource.getpagesize()
    return None


def _open_files() -> int | None:
    with suppress(OSError):
        return len(os.listdir("/dev/fd")) - 1  # without the one that looks
    return None
