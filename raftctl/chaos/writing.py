"""The files of a run that grow while it goes on: a line for each thing that happens."""

import json
import threading
import time
from pathlib import Path
from typing import Any


class LineFile:
    """JSON, a line each, from several threads. Each line has the time at which it was written, in
    nanoseconds since the run began, so times rise with the lines.
    """

    def __init__(self, path: Path, began_ns: int, head: dict[str, Any] | None = None) -> None:
        """`began_ns`: on the monotonic clock. Raises OSError."""
        self._file = path.open("w", encoding="utf-8", buffering=1 << 16)
        self._began_ns = began_ns
        self._lock = threading.Lock()
        if head is not None:
            self._file.write(json.dumps(head, separators=(",", ":")) + "\n")

    def write(self, document: dict[str, Any]) -> int:
        """Add a line. Gives its time."""
        with self._lock:
            at_ns = time.monotonic_ns() - self._began_ns
            document["time"] = at_ns
            if not self._file.closed:
                self._file.write(json.dumps(document, separators=(",", ":")) + "\n")
        return at_ns

    def close(self) -> None:
        with self._lock:
            self._file.close()
