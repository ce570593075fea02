"""What a survey would have found, without a cluster; and somebody who types at one."""

import os
import pty
import subprocess

from raftctl.statusdocs import Node, Quorum, Status
from tests.measure.commands import RAFTCTL, Raftctl


def status(size: int = 5, leader: int | None = 2, down: tuple[int, ...] = ()) -> Status:
    """Nodes 1 to `size`, of which n4 lags."""
    nodes = [
        Node(f"n{n}", f"127.0.0.1:{8100 + n}", n, "exited" if n in down else "running", "", "")
        for n in range(1, size + 1)
    ]
    for node in nodes:
        node.lag = 7 if node.id == "n4" else 0
    name = None if leader is None else f"n{leader}"
    return Status("demo", name, 1, "ok", Quorum(size - len(down), size // 2 + 1), 0, nodes)


def typed(raftctl: Raftctl, answer: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command at a terminal, on which `answer` is typed."""
    master, slave = pty.openpty()
    try:
        os.write(master, f"{answer}\n".encode())
        return subprocess.run(
            [str(RAFTCTL), *words],
            stdin=slave,
            env=raftctl.env,
            capture_output=True,
            text=True,
            timeout=120,
        )
    finally:
        os.close(master)
        os.close(slave)
