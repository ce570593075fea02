"""Viewers without a screen: one process that follows a node's stream many times, and reads it as
fast as it comes without a look at it. python -m tests.benchmark.watchers HOME NODE COUNT
"""

import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from node.client.link import RECEIVE_BYTES, Link
from node.wire.messages import Subscribe
from tests.measure.commands import PROJECT, Raftctl

OPEN_SECONDS = 10


@contextmanager
def watchers(raftctl: Raftctl, node_id: int, count: int) -> Iterator[None]:
    """So many followers of the node's stream, all of which have its status."""
    command = [sys.executable, "-m", "tests.benchmark.watchers", str(raftctl.home)]
    running = subprocess.Popen(
        [*command, str(node_id), str(count)], cwd=PROJECT, stdout=subprocess.PIPE
    )
    try:
        assert running.stdout is not None, "it is a pipe"
        if not running.stdout.readline():
            raise RuntimeError("the watchers ended instead of following")
        yield
    finally:
        running.kill()
        running.communicate()


def _follow(raftctl: Raftctl, node_id: int, count: int) -> None:
    with selectors.DefaultSelector() as selector:
        until = time.monotonic() + OPEN_SECONDS
        for _ in range(count):
            link = Link(raftctl.address("demo"), node_id, "observer", until)
            link.send(Subscribe(link.new_id(), False))
            link.next_message(until)
            selector.register(link.socket, selectors.EVENT_READ, link)
        print("follows", flush=True)
        while selector.get_map():
            for key, _ in selector.select():
                if not key.data.socket.recv(RECEIVE_BYTES):
                    return


if __name__ == "__main__":
    _follow(Raftctl(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3]))
