"""The recording that a live run leaves: what was done to the cluster, and what nodes told then."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from node.wire.codec import encode
from node.wire.messages import Frame, Happened, Keyframe, Recording
from node.wire.recording import FORMAT, checked_frame, read_recording
from raftctl.chaos import recording
from raftctl.chaos.folders import RunFolder
from raftctl.chaos.recording import write_recording
from raftctl.chaos.running import Ran
from tests.chaos.runs import S, injected, ran

MONO, WALL = 5_000 * S, 1_764_000_000 * S


def begun(run: Ran) -> Ran:
    return replace(run, began_mono_ns=MONO, began_wall_ns=WALL)


def recorded_by(node: int, folder: Path, first: int, last: int) -> Path:
    """A file of a node, a status each second of the run; before it, where that is negative."""
    times = [(MONO + at * S + node, WALL + at * S + node) for at in range(first, last)]
    mono_ns, wall_ns = times[0]
    frames: list[Recording | Frame] = [Recording(FORMAT, "chaos", node, 1, wall_ns, mono_ns)]
    frames += [Keyframe(node, 1, 0, *each, {"term": number}) for number, each in enumerate(times)]
    path = folder / f"n{node}-{first}.frames"
    path.write_bytes(b"".join(checked_frame(encode(frame)) for frame in frames))
    os.utime(path, (last + 100, last + 100))
    return path


def frames_in(folder: RunFolder) -> list[Recording | Frame]:
    with folder.recording.open("rb") as file:
        return list(read_recording(file))


def test_deeds_stand_among_what_the_nodes_told_from_the_begin_of_the_run_on(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    files = [recorded_by(node, tmp_path, -3, 12) for node in (1, 2)]
    write_recording(folder, begun(ran()), "cut", files)
    head, *frames = frames_in(folder)
    assert isinstance(head, Recording)
    assert (head.cluster, head.node_id) == ("cut", 0)
    told = [each for each in frames if isinstance(each, Happened)]
    assert [(each.kind, each.id, each.data["fault"]) for each in told] == [
        ("partition", 0, "#1"),
        ("heal", 0, "#1"),
    ]
    assert told[0].data["what"] == "leader / rest"
    assert [(each.mono_ns - MONO) // S for each in told] == [5, 9]
    monos = [each.mono_ns for each in frames if isinstance(each, Frame)]
    assert monos == sorted(monos)
    assert {each.id for each in frames if isinstance(each, Keyframe)} == {1, 2}
    earlier = [each for each in frames if isinstance(each, Frame) and each.wall_ns < WALL]
    assert len(earlier) == 2  # the status of each node as the run began
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        [*(path.name for path in files), "recording.frames"]
    )


def test_step_that_did_nothing_is_no_deed(tmp_path: Path) -> None:
    run = begun(ran())
    (step,) = run.scenario.steps
    failed = injected(step)
    failed.why_not = "it means nobody now"
    write_recording(
        RunFolder(tmp_path),
        replace(run, steps=[failed]),
        "cut",
        [recorded_by(1, tmp_path, 0, 3)],
    )
    assert not [each for each in frames_in(RunFolder(tmp_path)) if isinstance(each, Happened)]


def test_of_too_much_the_newest_files_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = [recorded_by(1, tmp_path, first, first + 10) for first in (0, 10, 20)]
    monkeypatch.setattr(recording, "FRAMES_BYTES_MAX", files[1].stat().st_size * 2)
    write_recording(RunFolder(tmp_path), begun(ran(steps=[])), "long", files)
    times = [each.mono_ns for each in frames_in(RunFolder(tmp_path)) if isinstance(each, Frame)]
    assert [(times[0] - MONO) // S, (times[-1] - MONO) // S] == [10, 29]
