"""The node's log: one line for each thing that happened, on stderr.

2026-11-24T12:00:00.123Z info  leader elected term=3 votes=n1,n2
"""

import sys
import time
from collections import Counter

import trio

from node.wire.words import Level

FOLD_SECONDS = 10.0
FOLD_LINES_MAX = 5
"""Of one code in that time."""


def log(level: Level, text: str, **fields: object) -> None:
    """Write a line. A lost log is no reason to stop a node."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    parts = [f"{stamp}.{int(now * 1000) % 1000:03}Z {level:5} {text}"]
    parts += [f"{name}={value}" for name, value in fields.items()]
    try:
        sys.stderr.write(" ".join(parts) + "\n")
        sys.stderr.flush()
    except OSError:
        return


class Folded:
    """Lines that whoever reaches the port can cause: a few of each code, then their number."""

    def __init__(self) -> None:
        self._seen: Counter[str] = Counter()
        self._ends_at = 0.0
        self._too_many = trio.Event()

    def log(self, now: float, level: Level, text: str, code: str, **fields: object) -> None:
        """Write a line, or count it. `now` in seconds."""
        if now >= self._ends_at:
            self.report()
            self._ends_at = now + FOLD_SECONDS
        self._seen[code] += 1
        if self._seen[code] <= FOLD_LINES_MAX:
            log(level, text, code=code, **fields)
        else:
            self._too_many.set()

    def report(self) -> None:
        """Write how many lines were left out, and begin anew."""
        for code, count in self._seen.items():
            if count > FOLD_LINES_MAX:
                log("warn", "left out", code=code, lines=count - FOLD_LINES_MAX)
        self._seen.clear()

    async def report_in_time(self) -> None:
        """Report also when nothing more comes, for ever."""
        while True:
            await self._too_many.wait()
            await trio.sleep(FOLD_SECONDS)
            self._too_many = trio.Event()
            self.report()
