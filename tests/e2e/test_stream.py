"""The stream and the recordings of real nodes: how soon, through death, and half a frame."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from node.client.admin import Admin
from node.client.errors import UnreachableError
from node.wire.messages import Changed, Frame, Happened, Keyframe, Recording
from node.wire.recording import RecordingError, read_recording
from tests.measure.commands import Raftctl, fresh_home

pytestmark = pytest.mark.e2e

SECONDS_MAX = 20
NEWS_MS_MAX = 250


class Viewer(threading.Thread):
    """Follows one node, and notes when each frame came."""

    def __init__(self, raftctl: Raftctl, node_id: int) -> None:
        super().__init__(daemon=True)
        self._admin = Admin(raftctl.address("demo"), node_id, role="observer")
        self.frames: list[tuple[int, Frame]] = []
        self._came = threading.Condition()
        self.start()

    def run(self) -> None:
        try:
            for frame in self._admin.subscribe(history=False):
                with self._came:
                    self.frames.append((time.monotonic_ns(), frame))
                    self._came.notify_all()
        except (UnreachableError, OSError):
            return

    def until(self, key: str, value: object) -> int:
        """When the frame came that told this of the status, in monotonic nanoseconds."""

        def found() -> list[int]:
            return [at for at, frame in self.frames if values_of(frame).get(key) == value]

        with self._came:
            assert self._came.wait_for(found, SECONDS_MAX), f"never {key} {value}"
            return found()[0]

    def close(self) -> None:
        with self._admin:
            return


def values_of(frame: Frame) -> dict[str, Any]:
    match frame:
        case Keyframe():
            return frame.status
        case Changed():
            return frame.values
        case _:
            return {}


def test_viewers_see_a_change_of_the_leader_at_once() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "3")
        status = raftctl.document("status")
        old = int(status["leader"][1:])
        viewers = {node: Viewer(raftctl, node) for node in {1, 2, 3} - {old}}
        for viewer in viewers.values():
            viewer.until("leader", old)
        (pid,) = (node["pid"] for node in status["nodes"] if node["id"] == status["leader"])
        os.kill(pid, signal.SIGKILL)
        raftctl.run("wait", "leader")
        new = int(raftctl.document("status")["leader"][1:])
        for node, viewer in viewers.items():
            came_ns = viewer.until("leader", new)
            kind = "leader" if node == new else "follow"
            happened = [
                each
                for _, each in viewer.frames
                if isinstance(each, Happened) and each.kind == kind and each.term > status["term"]
            ]
            assert happened, "the event comes beside the new status"
            assert (came_ns - happened[0].mono_ns) / 1e6 < NEWS_MS_MAX
            viewer.close()


def frames_of(path: Path) -> tuple[list[Recording | Frame], RecordingError | None]:
    found: list[Recording | Frame] = []
    try:
        with path.open("rb") as file:
            found.extend(read_recording(file))  # keeps what came before the error
    except RecordingError as error:
        return found, error
    return found, None


def test_recording_goes_on_after_kill_9_and_is_read_to_the_end() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "1")
        flight = raftctl.home / "clusters" / "demo" / "n1" / "flight"
        raftctl.run("put", "a", "1")
        (pid,) = (node["pid"] for node in raftctl.document("status")["nodes"])
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], SECONDS_MAX)
        (path,) = flight.iterdir()
        assert path.stat().st_mode & 0o777 == 0o600
        frames, error = frames_of(path)
        assert error is None or error.is_cut
        assert {"Recording", "Keyframe", "Happened"} <= {type(each).__name__ for each in frames}
        path.write_bytes(path.read_bytes()[:-5])  # as if it had died in the middle of a write
        raftctl.run("start", "n1")
        raftctl.run("wait", "leader")
        assert len(list(flight.iterdir())) == 2
        shown = raftctl.document("runs", "show", "demo")
        assert shown["nodes"][0]["boots"] == 2
        assert len(shown["damages"]) == 1
        raftctl.run("down")
        kinds = ["--kind", "boot", "--kind", "stop"]
        lines = raftctl.run("events", "--run", "demo", *kinds, "-o", "jsonl").stdout
        told = [json.loads(line)["kind"] for line in lines.splitlines()]
        assert told == ["boot", "boot", "stop"], "the first life ended without a word"


def test_recording_is_off_where_a_cluster_wants_none_and_rm_keeps_what_is_written() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "1", "--set", "recording.bytes_max=0")
        assert not (raftctl.home / "clusters" / "demo" / "n1" / "flight").exists()
        assert raftctl.document("runs", "ls")["runs"] == []
        raftctl.run("up", "other", "-n", "1")
        raftctl.run("wait", "leader", "-c", "other")
        refused = raftctl.run("runs", "rm", "other", "-y", check=False)
        assert (refused.returncode, "E_BUSY" in refused.stderr) == (6, True)
        raftctl.run("restart", "n1", "-c", "other")
        raftctl.run("wait", "leader", "-c", "other")
        removed = raftctl.document("runs", "rm", "other", "-y")
        assert (removed["removed"], len(removed["kept"])) == (1, 1)


def test_events_go_on_behind_what_was_seen_and_tell_the_return_of_a_node() -> None:
    with fresh_home() as raftctl:
        raftctl.run("up", "-n", "1")
        raftctl.run("wait", "leader")
        with Admin(raftctl.address("demo"), 1, role="observer") as observer:
            first = next(iter(observer.subscribe(history=False)))
        assert isinstance(first, Keyframe)
        seen = raftctl.run("events", "--all", "-o", "jsonl").stdout.splitlines()
        kinds = [json.loads(line)["kind"] for line in seen]
        assert "status" in kinds
        assert kinds[0] == "boot"
