"""A simulated run as a recording: the same run, the same bytes, and a stream as of real nodes."""

import io
from pathlib import Path

import pytest

from node.sim.planning import plan
from node.sim.recording import SimRecorder
from node.sim.simulation import Simulation, simulate
from node.verify.invariants import every
from node.wire.following import Following
from node.wire.messages import Bulk, Changed, Frame, Gap, Happened, Keyframe, Recording
from node.wire.recording import FORMAT, read_recording
from raftctl.simulating.replaying import replayed

SEED = 7


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sim") / "run.frames"
    replayed(plan(SEED), lambda line: None, path)
    return path.read_bytes()


@pytest.fixture
def frames(recorded: bytes) -> list[Frame]:
    head, *frames = read_recording(io.BytesIO(recorded))
    assert head == Recording(FORMAT, f"seed-{SEED}", 0, 0, 0, 0)
    return [frame for frame in frames if not isinstance(frame, Recording)]


def test_recording_is_the_same_each_time_and_changes_nothing(
    recorded: bytes, tmp_path: Path
) -> None:
    lines: list[str] = []
    again = replayed(plan(SEED), lambda line: lines.append(line.json), tmp_path / "again.frames")
    assert (tmp_path / "again.frames").read_bytes() == recorded
    without: list[str] = []
    plain = simulate(plan(SEED), lambda line: without.append(line.json))
    assert (again.digest, again.events, lines) == (plain.digest, plain.events, without)


def test_stream_of_each_node_has_no_holes(frames: list[Frame]) -> None:
    following: dict[int, Following] = {}
    kinds = set()
    for frame in frames:
        for each in following.setdefault(frame.id, Following()).take(frame):
            assert not isinstance(each, Gap)
            kinds.add(type(each))
    assert kinds == {Keyframe, Changed, Happened, Bulk}
    assert {1, 2, 3} <= following.keys()


def test_changes_lead_from_one_status_to_the_next(frames: list[Frame]) -> None:
    """A whole status adds nothing but what is different in each moment."""
    status: dict[int, dict[str, object]] = {}
    compared = 0
    for frame in frames:
        if isinstance(frame, Changed):
            status[frame.id] |= frame.values
        elif isinstance(frame, Keyframe):
            before = status.get(frame.id, {})
            if before.get("boot") == frame.boot:
                for key in ("term", "role", "leader", "voted_for", "configuration", "commit_index"):
                    assert before[key] == frame.status[key]
                compared += 1
            status[frame.id] = dict(frame.status)
    assert compared > 20


def test_entries_that_took_effect_are_told_once_and_in_order(frames: list[Frame]) -> None:
    last: dict[tuple[int, int], int] = {}
    for frame in frames:
        if isinstance(frame, Bulk):
            key = (frame.id, frame.boot)
            assert last.get(key, frame.first - 1) == frame.first - 1
            last[key] = frame.last
    assert max(last.values()) > 100


def test_whole_status_comes_often_enough(frames: list[Frame]) -> None:
    since: dict[int, int] = {}
    for frame in frames:
        if frame.id:
            since[frame.id] = 0 if isinstance(frame, Keyframe) else since[frame.id] + 1
    assert max(since.values()) < 1000


def test_recording_that_cannot_be_written_is_no_failure_of_the_run() -> None:
    frames: list[Recording | Frame] = []

    def put(frame: Recording | Frame) -> None:
        frames.append(frame)
        if len(frames) > 20:
            raise OSError("no space is left")

    recorder = SimRecorder(put, "full")
    run = Simulation(plan(SEED), None, recorder.watching(every))
    recorder.now = lambda: run.world.kernel.now
    with pytest.raises(OSError, match="no space is left"):
        run.run()
