"""The recording of a live run: what was done, and what the nodes told meanwhile, in one file."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from node.scenario.actions import OnNodes, ending, verb_of
from node.wire.codec import encode
from node.wire.messages import Happened, Recording
from node.wire.recording import CLUSTER, FORMAT, checked_frame
from node.wire.words import node_name
from raftctl.chaos.folders import RunFolder
from raftctl.chaos.injecting import Injected
from raftctl.chaos.running import Ran
from raftctl.cluster.recordings import Run
from raftctl.cluster.runsaving import FOREVER_NS, save

FRAMES_BYTES_MAX = 64 * 1024 * 1024
"""Of what the nodes recorded the newest files are taken, of this size together."""


def write_recording(folder: RunFolder, ran: Ran, name: str, files: Iterable[Path]) -> None:
    """Write it. `files`: what the nodes recorded, also before the run. Raises CliError, OSError."""
    deeds = folder.path / ".deeds.frames"
    try:
        deeds.write_bytes(b"".join(map(checked_frame, map(encode, _deeds(ran, name)))))
        run = Run(name, "live", folder.path, [*_newest(files), deeds])
        save(run, folder.recording, ran.began_wall_ns, FOREVER_NS, name)
    finally:
        deeds.unlink(missing_ok=True)


def _newest(files: Iterable[Path]) -> Sequence[Path]:
    sized = [(stat.st_mtime_ns, stat.st_size, path) for path in files for stat in [path.stat()]]
    chosen: list[Path] = []
    left = FRAMES_BYTES_MAX
    for _, size, path in sorted(sized, reverse=True):
        left -= size
        if left < 0:
            break
        chosen.append(path)
    return chosen


def _deeds(ran: Ran, name: str) -> Iterator[Recording | Happened]:
    """What was done to the cluster, as a simulation tells it."""
    yield Recording(FORMAT, name, CLUSTER, 1, ran.began_wall_ns, ran.began_mono_ns)
    done = sorted((each for step in ran.steps for each in _of_step(step)), key=lambda each: each[0])
    for seq, (at_ns, kind, data) in enumerate(done, 1):
        times = (ran.began_mono_ns + at_ns, ran.began_wall_ns + at_ns)
        yield Happened(CLUSTER, 1, seq, *times, kind, 0, data)


def _of_step(step: Injected) -> Iterator[tuple[int, str, dict[str, Any]]]:
    action = step.action
    if action is None or step.why_not:
        return
    line = str(action)
    data: dict[str, Any] = {"what": line.removeprefix(f"{verb_of(action)} ")}
    if isinstance(action, OnNodes):
        data = {"nodes": " ".join(map(node_name, step.nodes)), "line": str(step.step.action)}
    end = ending(action)
    fault = {"fault": f"step {step.place + 1}" if step.number is None else f"#{step.number}"}
    kind = action.verb if isinstance(action, OnNodes) else verb_of(action)
    yield step.began_ns, kind, data if end is None else {**data, **fault}
    if end is not None and step.ended_ns is not None:
        yield step.ended_ns, end, {"what": line, **fault}
