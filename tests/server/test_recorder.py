"""The recorder: what stays of a node's stream, and that it never ends the node."""

import os
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from node.server import recorder
from node.server.eventhub import EventHub
from node.server.recorder import Recorder
from node.wire.following import Following
from node.wire.messages import Changed, Frame, Gap, Happened, Keyframe, Recording
from node.wire.recording import FORMAT, read_recording

MIB = 1024 * 1024


@pytest.fixture
def hub() -> EventHub:
    hub = EventHub(7)
    hub.describe = lambda: {"term": 3}
    return hub


@contextmanager
def recording(folder: Path, hub: EventHub, bytes_max: int = MIB) -> Iterator[Recorder]:
    made = Recorder(folder, "demo", 3, 7, hub, bytes_max)
    with made.recording():
        yield made


def files(folder: Path) -> list[Path]:
    return sorted((folder / "flight").iterdir())


def frames(path: Path) -> list[Recording | Frame]:
    with path.open("rb") as file:
        return list(read_recording(file))


def test_frames_are_kept_with_the_number_of_their_node(tmp_path: Path, hub: EventHub) -> None:
    with recording(tmp_path, hub):
        hub.publish("leader", 3, votes="n1")
        hub.publish_changed({"term": 4}, is_news=True)
    (path,) = files(tmp_path)
    assert path.name == "0000000000000007-0001.frames"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    head, first, *rest = frames(path)
    assert isinstance(head, Recording)
    assert (head.format, head.cluster, head.node_id, head.boot) == (FORMAT, "demo", 3, 7)
    assert isinstance(first, Keyframe)
    assert first.status == {"term": 3}
    kinds = [type(frame) for frame in rest if not isinstance(frame, Keyframe)]
    assert kinds == [Happened, Changed]
    assert {frame.id for frame in rest if not isinstance(frame, Recording)} == {3}


def test_every_file_begins_with_the_status_and_the_oldest_ones_go(
    tmp_path: Path, hub: EventHub
) -> None:
    with recording(tmp_path, hub, MIB) as made:
        for _ in range(300):
            hub.publish_changed({"texts": ["x" * 1000] * 10}, is_news=True)
            while not made._has_room():
                threading.Event().wait(0.001)
    found = files(tmp_path)
    assert 6 <= len(found) <= recorder.SEGMENTS
    assert sum(path.stat().st_size for path in found) <= MIB + 50_000
    assert found[0].name != "0000000000000007-0001.frames"
    seen = []
    for path in found:
        head, first, *rest = frames(path)
        assert isinstance(head, Recording)
        assert isinstance(first, Keyframe)
        seen += [frame.seq for frame in rest if isinstance(frame, Changed)]
    assert seen == list(range(seen[0], 301))


def test_files_are_bounded_in_number(
    tmp_path: Path, hub: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "FILES_MAX", 3)
    for boot in range(1, 7):
        with Recorder(tmp_path, "demo", 3, boot, hub, MIB).recording():
            hub.publish("leader", 3)
        os.utime(tmp_path / "flight" / f"{boot:016x}-0001.frames", (boot, boot))
    assert [path.name[15] for path in files(tmp_path)] == ["4", "5", "6"]


def test_status_comes_anew_each_second_in_which_something_changed(
    tmp_path: Path, hub: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1000.0
    monkeypatch.setattr("node.server.recorder.time.monotonic", lambda: now)
    with recording(tmp_path, hub):
        for is_news in (False, True, False, False):
            now += 1.5
            hub.publish_changed({}, is_news)
    (path,) = files(tmp_path)
    shown = [type(frame).__name__ for frame in frames(path)[2:]]
    assert shown[:3] == ["Changed", "Changed", "Keyframe"]
    assert shown[3:] == ["Changed", "Changed"]


def test_status_comes_anew_after_so_many_frames(
    tmp_path: Path, hub: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "KEYFRAME_FRAMES_MAX", 10)
    monkeypatch.setattr(recorder, "KEYFRAME_SECONDS", 1e9)
    with recording(tmp_path, hub):
        for _ in range(40):
            hub.publish_changed({}, is_news=True)
    (path,) = files(tmp_path)
    kinds = [type(frame).__name__ for frame in frames(path)[1:]]
    since = 0
    for kind in kinds:
        since = 0 if kind == "Keyframe" else since + 1
        assert since <= 10


def test_disk_that_refuses_ends_the_recording_and_nothing_else(
    tmp_path: Path,
    hub: EventHub,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recorder, "_write_all", full)
    with recording(tmp_path, hub) as made:
        made._thread.join(10)
        assert made.is_over
        hub.publish("leader", 3)
        assert not hub.is_followed
    assert "recording ends" in capfd.readouterr().err


def test_folder_that_cannot_be_made_ends_the_recording_alone(tmp_path: Path, hub: EventHub) -> None:
    (tmp_path / "flight").write_text("a file")
    with recording(tmp_path, hub) as made:
        made._thread.join(10)
        assert made.is_over
        hub.publish("leader", 3)


def test_disk_that_fails_with_much_waiting_ends_the_recording_too(
    tmp_path: Path, hub: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails = threading.Event()

    def failing(*_: object) -> None:
        assert fails.wait(20)
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(recorder, "_write_all", failing)
    with recording(tmp_path, hub) as made:
        while made._has_room():
            hub.publish_changed({"texts": ["x" * 1000] * 100}, is_news=True)
        fails.set()
        made._thread.join(10)
        hub.publish("leader", 3)
        assert not hub.is_followed


def told_gaps(folder: Path) -> list[tuple[int, int]]:
    """As whoever reads the recording hears of them, who also misses no frame but those."""
    following = Following()
    seen: list[Frame] = []
    for path in files(folder):
        for frame in frames(path):
            if not isinstance(frame, Recording):
                seen += following.take(frame)
    return [(frame.first, frame.last) for frame in seen if isinstance(frame, Gap)]


def test_new_file_and_a_new_status_are_no_gap(
    tmp_path: Path, hub: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "KEYFRAME_FRAMES_MAX", 3)
    with recording(tmp_path, hub):
        for _ in range(40):
            hub.publish_changed({"texts": ["x" * 1000] * 10}, is_news=True)
    assert len(files(tmp_path)) > 1
    assert told_gaps(tmp_path) == []


def test_what_is_caught_up_after_a_slow_disk_is_no_gap(
    tmp_path: Path, hub: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "KEYFRAME_FRAMES_MAX", 3)
    goes_on, write = threading.Event(), recorder._write_all

    def hanging(descriptor: int, data: bytes) -> None:
        assert goes_on.wait(20)
        write(descriptor, data)

    monkeypatch.setattr(recorder, "_write_all", hanging)
    with recording(tmp_path, hub, 8 * MIB) as made:
        while made._has_room():
            hub.publish_changed({"texts": ["x" * 1000] * 10}, is_news=True)
        for _ in range(10):
            hub.publish_changed({"texts": ["x" * 1000] * 10}, is_news=True)
        goes_on.set()
        while made._given_bytes > made._written_bytes:
            threading.Event().wait(0.001)
        hub.publish("leader", 3)
    assert told_gaps(tmp_path) == []


def test_file_that_goes_while_room_is_made_is_no_failure(
    tmp_path: Path, hub: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`runs rm` may come in between."""
    (tmp_path / "flight").mkdir()
    found = [tmp_path / "flight" / "gone.frames"]
    monkeypatch.setattr(Path, "glob", lambda path, pattern: iter(found))
    with recording(tmp_path, hub) as made:
        hub.publish("leader", 3)
    assert not made.is_over
    assert len(files(tmp_path)) == 1


def test_disk_that_hangs_leaves_a_gap(
    tmp_path: Path, hub: EventHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.server.eventhub.RING_BYTES_MAX", 10_000)
    goes_on, write = threading.Event(), recorder._write_all

    def hanging(descriptor: int, data: bytes) -> None:
        assert goes_on.wait(20)
        write(descriptor, data)

    monkeypatch.setattr(recorder, "_write_all", hanging)
    with recording(tmp_path, hub, 64 * MIB) as made:
        for _ in range(400):
            hub.publish_changed({"text": "x" * 4000}, is_news=True)
        assert made._given_bytes < recorder.WAITING_BYTES_MAX + 10_000
        goes_on.set()
        while not made._has_room():
            threading.Event().wait(0.001)
        hub.publish("leader", 3)
    (path,) = files(tmp_path)
    gaps = [frame for frame in frames(path) if isinstance(frame, Gap)]
    assert [gap.last for gap in gaps] == [401]
    after = frames(path)[frames(path).index(gaps[0]) :]
    assert {"Happened", "Keyframe"} <= {type(frame).__name__ for frame in after}
