"""The node's log: one line for each thing that happened, on stderr.

2026-11-24T12:00:00.123Z info  leader elected term=3 votes=n1,n2
"""

import sys
import time
from typing import Literal

Level = Literal["info", "warn", "error"]


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


def node_name(node_id: int | None) -> str:
    return "-" if node_id is None else f"n{node_id}"
