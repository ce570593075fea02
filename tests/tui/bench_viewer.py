"""What the viewer costs: python -m tests.tui.bench_viewer

Five stand-ins for nodes stream to `RaftApp` in a terminal of its own (a pty, 104x40), which is
another process: its CPU, its memory and what it writes are measured from outside.
"""

import asyncio
import contextlib
import json
import random
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

from tests.tui.frames import Script, status_of
from tests.tui.stand_in import StandIn
from tests.tui.terminal import Terminal

NODES = 5
LEADER = 3
CHOSEN = "┏".encode()
"""Is written when another node is chosen, and then only."""
TICK_SECONDS = 0.02


@contextlib.asynccontextmanager
async def viewing(report: Path) -> AsyncIterator[tuple[Terminal, list[StandIn], list[Script]]]:
    """A viewer over five quiet nodes, once it shows them."""
    scripts = [Script(node, at_ns=time.monotonic_ns()) for node in range(1, NODES + 1)]
    nodes = []
    for script in scripts:
        script.keyframe(status_of(script.node, NODES, LEADER))
        nodes.append(StandIn(script.node, script.frames[-1:]))
        nodes[-1].log = log_end(104_317)
        await nodes[-1].start()
    ports = json.dumps({node.node_id: node.port for node in nodes})
    terminal = Terminal("-m", "tests.tui.viewing", ports, str(report))
    try:
        yield terminal, nodes, scripts
    finally:
        await terminal.quit()
        for node in nodes:
            await node.stop()


def log_end(last: int) -> dict[str, Any]:
    """What a node answers that is asked for the end of its log."""
    rows = [
        {"index": index, "term": 7, "kind": "command", "bytes": 43, "preview": "put k v"}
        for index in range(last - 30, last + 1)
    ]
    ends = dict.fromkeys(("last_index", "commit_index", "last_applied"), last)
    return {"first_index": 9_001, **ends, "entries": rows}


def what_time_changes(node: int) -> dict[str, Any]:
    """What a node that rests tells once a second."""
    timer = None if node == LEADER else 180 + random.randrange(50)
    peers = {
        str(peer): {"rtt_ms": random.random(), "out_per_s": 20.0}
        for peer in range(1, NODES + 1)
        if peer != node
    }
    return {
        **{"up_ms": time.monotonic_ns() // 1_000_000, "age_ms": random.randrange(50)},
        **{"election_in_ms": timer, "election_timeout_ms": timer and 230, "peers": peers},
        "process": {"cpu_percent": random.random(), "rss_bytes": 31_000_000, "files": 24},
    }


def next_frames(script: Script, count: int) -> Iterable[object]:
    """Events of now; of the script only the last frame is kept."""
    script.at_ns = time.monotonic_ns()
    for number in range(count):
        script.happened("vote", term=7, after_ms=0.001, candidate=f"n{number % NODES + 1}")
    frames = script.frames[-count:] if count else []
    script.frames = script.frames[-1:]
    return frames


async def stream(nodes: list[StandIn], scripts: list[Script], rate: float, seconds: float) -> int:
    """Events from all nodes at `rate` a second, and each second that they live. Gives how many."""
    begin = time.monotonic()
    sent, ticked = 0, begin
    while (elapsed := time.monotonic() - begin) < seconds:
        due = int(elapsed * rate) - sent
        for place, (node, script) in enumerate(zip(nodes, scripts, strict=True)):
            share = due // NODES + (place < due % NODES)
            frames = list(next_frames(script, share))
            sent += share
            if time.monotonic() - ticked >= 1:
                frames += script.changed(0.001, **what_time_changes(script.node)).frames[-1:]
            node.send(frames)  # type: ignore[arg-type]
        if time.monotonic() - ticked >= 1:
            ticked = time.monotonic()
        await asyncio.gather(*(node.drain() for node in nodes))
        await asyncio.sleep(TICK_SECONDS)
    return sent


async def at_rate(rate: float, seconds: float, report: Path) -> None:
    async with viewing(report) as (terminal, nodes, scripts):
        painted = await terminal.wrote(b"demo")
        known = await terminal.wrote(b"LEADER")
        if not rate:
            print(f"first paint {painted - terminal.started:.2f} s (<= 0.6), ", end="")
            print(f"nodes on it after {known - terminal.started:.2f} s")
        await stream(nodes, scripts, 0, 2)
        before = terminal.cpu_seconds()
        begin = time.monotonic()
        streaming = asyncio.create_task(stream(nodes, scripts, rate, seconds))
        keys = await terminal.echoes(int(seconds / 0.3)) if rate else []
        sent = await streaming
        share = (terminal.cpu_seconds() - before) / (time.monotonic() - begin)
        await asyncio.sleep(0.5)
        resident = terminal.process.memory_info().rss / 1e6
    seen = json.loads(await asyncio.to_thread(report.read_text))
    line = f"{rate:>6,.0f} events/s: {share:6.1%} of a core, {resident:.0f} MB resident"
    if rate:
        quantiles = statistics.quantiles(keys, n=100, method="inclusive")
        line += f", key to echo p50 {statistics.median(keys):.0f} p99 {quantiles[98]:.0f} ms"
        line += f", {sent:,} events sent, {seen['lost']} lost, {seen['events']:,} kept"
    print(line, flush=True)


async def leader_change(report: Path) -> None:
    """From the moment that a node leads until the screen says so."""
    took = []
    async with viewing(report) as (terminal, nodes, scripts):
        await terminal.wrote(b"LEADER")
        term = 8
        for number in range(20):
            await stream(nodes, scripts, 0, 0.3)
            leader = scripts[number % 2]
            terminal.forget()
            leader.at_ns = time.monotonic_ns()
            begin = time.perf_counter()
            status = {"role": "leader", "term": term, "leader": leader.node}
            nodes[leader.node - 1].send(leader.changed(0.001, **status).frames[-1:])
            await terminal.wrote(b"n%d " % leader.node + "★".encode())
            took.append((time.perf_counter() - begin) * 1000)
            term += 1
    print(f"leader's change on screen: median {statistics.median(took):.0f} ms, ", end="")
    print(f"most {max(took):.0f} ms (<= 250)", flush=True)


async def measure() -> None:
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        await at_rate(0, 20, report)
        await at_rate(60, 15, report)
        await at_rate(10_000, 21.6, report)
        await leader_change(report)


if __name__ == "__main__":
    asyncio.run(measure())
