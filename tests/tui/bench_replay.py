"""What it costs to open a long recording: python -m tests.tui.bench_replay [MiB]

The recording of a cluster of five nodes is made up, 64 MiB each unless said otherwise. `raftctl tui
--replay` opens it in a terminal of its own: when it shows the first picture, how long a key takes
while it reads, when it has read all of it, how long going anywhere takes then, and its memory.
"""

import asyncio
import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from node.wire.codec import encode
from node.wire.messages import Frame, Recording
from node.wire.recording import FORMAT, checked_frame
from tests.raftctl.folders import make
from tests.tui.frames import START, WALL, Script, progress_of, status_of
from tests.tui.terminal import Terminal

NODES = 5
MIB = 1024 * 1024
READ_SECONDS_MAX = 900
WHOLE = rb"frames(?!  reading)"


def frames_of(node: int) -> Iterator[Frame]:
    """A node under load: each second ten changes, ten runs of entries and a status, now and then an
    election.
    """
    script = Script(node)
    index = second = 0
    while True:
        second += 1
        peers = [peer for peer in range(1, NODES + 1) if peer != node]
        progress = {str(peer): progress_of(index) for peer in peers} if node == 1 else {}
        ends = {"last_index": index, "commit_index": index, "last_applied": index}
        script.keyframe(status_of(node, NODES, 1, progress=progress, **ends))
        if second % 30 == node:
            script.happened("leader" if node == 1 else "follow", 7, leader="n1")
        for _ in range(10):
            index += 70
            ends = {"last_index": index, "commit_index": index, "last_applied": index}
            script.changed(50, age_ms=12, **ends)
            script.bulk(index - 69, index, after_ms=49, told=4)
        yield from script.frames
        script.frames = script.frames[-1:]


def write(folder: Path, node: int, size_bytes: int) -> None:
    """A node's recording, of about that size."""
    flight = folder / f"n{node}" / "flight"
    flight.mkdir(parents=True)
    with (flight / "1-1.frames").open("wb") as file:
        file.write(checked_frame(encode(Recording(FORMAT, "demo", node, 1, WALL, START))))
        seq = 0
        for frame in frames_of(node):
            if frame.seq > seq:
                file.write(checked_frame(encode(frame)))
                seq = frame.seq
            if file.tell() >= size_bytes:
                return


async def read(terminal: Terminal) -> float:
    """How many seconds it took until all of it was read: keys that change the title show that."""
    for key in itertools.cycle("><"):
        terminal.forget()
        terminal.press(key)
        try:
            return await terminal.wrote_like(WHOLE, 0.5) - terminal.started
        except TimeoutError:
            if time.perf_counter() - terminal.started > READ_SECONDS_MAX:
                raise
    raise AssertionError("there are always more keys")


async def measure(home: Path) -> None:
    terminal = Terminal("-m", "raftctl", "--home", str(home), "tui", "--replay", "demo")
    try:
        first = await terminal.wrote(b"LEADER")
        print(f"first picture {first - terminal.started:.2f} s (<= 1)", flush=True)
        keys = await terminal.echoes(40)
        print(f"a key while it reads: median {statistics.median(keys):.0f} ms, ", end="")
        print(f"most {max(keys):.0f} ms", flush=True)
        seconds = await read(terminal)
        resident = terminal.process.memory_info().rss / MIB
        print(f"all of it after {seconds:.1f} s, {resident:.0f} MiB resident", flush=True)
        for key, what in (("\x1b[F", "end"), ("\x1b[H", "beginning")):
            terminal.forget()
            pressed = time.perf_counter()
            terminal.press(key)
            await terminal.wrote(b"PAUSED")
            print(f"to its {what} {(time.perf_counter() - pressed) * 1000:.0f} ms", flush=True)
    finally:
        await terminal.quit()


if __name__ == "__main__":
    size_bytes = int(sys.argv[1] if len(sys.argv) > 1 else 64) * MIB
    os.environ.pop("NO_COLOR", None)
    with tempfile.TemporaryDirectory() as folder:
        clusters = make(Path(folder), NODES)
        for node in range(1, NODES + 1):
            write(clusters, node, size_bytes)
        asyncio.run(measure(Path(folder)))
