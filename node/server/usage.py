"""What a node needs of its machine: processor, memory, files; looked at once a second at most."""

import os
import resource
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from node.transport.peers import PeerLink

LOOK_US = 1_000_000


class Usage:
    """Of this process and its files. What a system does not tell is None."""

    def __init__(self, home: Path, links: Mapping[int, PeerLink]) -> None:
        """`home` is the node's own folder."""
        self._database = home / "raft.db"
        self._links = links
        self._looked_at: int | None = None
        self._cpu_seconds = 0.0
        self._sent: dict[int, int] = {}
        self._process: dict[str, Any] = {}
        self._files: dict[str, int | None] = {}
        self._out_per_s: dict[int, float] = {}

    def look(self, now: int) -> None:
        """Bring it up to date, if it is older than a second; `now` in microseconds."""
        before = self._looked_at
        if before is not None and now - before < LOOK_US:
            return
        seconds = None if before is None else (now - before) / 1e6
        self._looked_at = now
        self._look_at_process(seconds)
        self._look_at_links(seconds)
        log_path = self._database.with_name(f"{self._database.name}-wal")
        self._files = {"bytes": _size(self._database), "wal_bytes": _size(log_path)}

    def _look_at_process(self, seconds: float | None) -> None:
        cpu = resource.getrusage(resource.RUSAGE_SELF)
        used = cpu.ru_utime + cpu.ru_stime
        share = None if seconds is None else round(100 * (used - self._cpu_seconds) / seconds, 1)
        self._cpu_seconds = used
        self._process = {"cpu_percent": share, "rss_bytes": _resident(), "files": _open_files()}

    def _look_at_links(self, seconds: float | None) -> None:
        sent = {peer: link.sent for peer, link in self._links.items()}
        if seconds is not None:
            self._out_per_s = {
                peer: round((count - self._sent[peer]) / seconds, 1)
                for peer, count in sent.items()
                if count >= self._sent.get(peer, count + 1)
            }
        self._sent = sent

    @property
    def process(self) -> dict[str, Any]:
        return dict(self._process)

    @property
    def files(self) -> dict[str, int | None]:
        """How large the database is, and the log in front of it."""
        return dict(self._files)

    def out_per_s(self, peer: int) -> float | None:
        """Messages to that peer, a second; what a fault took away counts too."""
        return self._out_per_s.get(peer)


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
