"""The flight recorder: what a node told of itself, in files beside its data, the last of it.

A thread of its own writes, so that a disk that hangs holds up nothing; what it does not take in
time is a gap in the recording. A disk that fails ends the recording, with a line in the log, and
never the node. Nothing is flushed: what the process wrote survives its death, and a power cut may
take the end.
"""

import os
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from node.server.eventhub import EventHub, Sealed
from node.server.journal import log
from node.wire.codec import encode, with_id
from node.wire.messages import Recording
from node.wire.recording import FORMAT, checked_frame

FOLDER = "flight"
SUFFIX = ".frames"
SEGMENTS = 8
"""Files that one recording is cut into: the oldest one goes when there are too many bytes."""
FILES_MAX = 256
"""Each start of the node begins one."""
KEYFRAME_FRAMES_MAX = 1000
KEYFRAME_SECONDS = 1.0
"""After so many frames, or so long when anything changed, the whole status is recorded anew."""
WAITING_BYTES_MAX = 1024 * 1024
CLOSE_SECONDS_MAX = 0.5


class _Write(NamedTuple):
    data: bytes
    is_new_file: bool


class Recorder:
    """Writes the stream of a node. Give `take` to its hub."""

    def __init__(
        self, folder: Path, cluster: str, node_id: int, boot: int, hub: EventHub, bytes_max: int
    ) -> None:
        """`folder` is the node's; at most `bytes_max` bytes stay there, of earlier boots too."""
        self._folder = folder / FOLDER
        self._cluster = cluster
        self._node_id = node_id
        self._boot = boot
        self._hub = hub
        self._bytes_max = bytes_max
        self._file_bytes_max = bytes_max // SEGMENTS
        self._file_bytes = 0  # of the present one
        self._frames = 0  # since the last whole status
        self._has_news = False
        self._keyframe_at = time.monotonic()
        self._jobs: queue.SimpleQueue[_Write | None] = queue.SimpleQueue()
        self._given_bytes = 0
        self._written_bytes = 0
        self.is_over = False
        """It failed: there will be nothing more."""
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)

    @contextmanager
    def recording(self) -> Iterator[None]:
        """Record from here to the end of the block."""
        self._thread.start()
        self._begin_file()
        self._hub.subscribe(self, self._take, has_room=self._has_room)
        try:
            yield
        finally:
            self._hub.unsubscribe(self)
            self._jobs.put(None)
            self._thread.join(CLOSE_SECONDS_MAX)

    # -- the node's side ---------------------------------------------------------------------------
    def _has_room(self) -> bool:
        """What is over has room for ever, else it would not hear that it can go."""
        return self.is_over or self._given_bytes - self._written_bytes < WAITING_BYTES_MAX

    def _take(self, sealed: Sealed) -> None:
        if self.is_over:
            self._hub.unsubscribe(self)
            return
        self._put(sealed)
        self._frames += 1
        self._has_news = self._has_news or sealed.is_news
        # The status as it is now: in front of frames that are older, it would hide these.
        if sealed.seq == self._hub.seq and not sealed.is_gap:
            self._add_keyframe(time.monotonic())

    def _add_keyframe(self, now: float) -> None:
        """The whole status, if it is time for that or for a new file, which begins with it."""
        is_full = self._file_bytes >= self._file_bytes_max
        if is_full:
            self._begin_file()
        is_due = self._has_news and now - self._keyframe_at >= KEYFRAME_SECONDS
        if is_full or is_due or self._frames >= KEYFRAME_FRAMES_MAX:
            self._put(self._hub.keyframe())
            self._keyframe_at, self._frames, self._has_news = now, 0, False

    def _begin_file(self) -> None:
        head = Recording(
            FORMAT, self._cluster, self._node_id, self._boot, time.time_ns(), time.monotonic_ns()
        )
        self._file_bytes = 0
        self._give(checked_frame(encode(head)), is_new_file=True)

    def _put(self, sealed: Sealed) -> None:
        self._give(checked_frame(with_id(sealed.payload, self._node_id)), is_new_file=False)

    def _give(self, data: bytes, is_new_file: bool) -> None:
        self._file_bytes += len(data)
        self._given_bytes += len(data)
        self._jobs.put(_Write(data, is_new_file))

    # -- the thread's side -------------------------------------------------------------------------
    def _run(self) -> None:
        descriptor, count = -1, 0
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            while (job := self._jobs.get()) is not None:
                if job.is_new_file:
                    if descriptor >= 0:
                        os.close(descriptor)
                    self._make_room()
                    count += 1
                    descriptor = self._open(count)
                _write_all(descriptor, job.data)
                self._written_bytes += len(job.data)
        except OSError as error:
            self.is_over = True
            why = f"{error.filename or self._folder}: {error.strerror or error}"
            log("warn", "recording ends", why=why)
        finally:
            if descriptor >= 0:
                os.close(descriptor)

    def _open(self, count: int) -> int:
        path = self._folder / f"{self._boot:016x}-{count:04}{SUFFIX}"
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)

    def _make_room(self) -> None:
        """Let the oldest files go until another one fits."""
        found = []
        for path in self._folder.glob(f"*{SUFFIX}"):
            with suppress(FileNotFoundError):  # `runs rm` may take them at any time
                found.append((path, path.stat()))
        found.sort(key=lambda each: (each[1].st_mtime_ns, each[0].name))
        total = sum(stat.st_size for _, stat in found)
        for left, (path, stat) in zip(range(len(found), 0, -1), found, strict=True):
            if total + self._file_bytes_max <= self._bytes_max and left < FILES_MAX:
                return
            path.unlink(missing_ok=True)
            total -= stat.st_size


def _write_all(descriptor: int, data: bytes) -> None:
    """A write may take a part of it, as on a disk that fills up just now."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
