"""Whose a node's data is: one process has it at a time, and everybody can see which.

A running node holds a lock (flock) on the file `pid` in its folder, and its pid is written there.
The kernel drops the lock with the process, however that ends. So neither a reused pid nor a clock
that was set can be taken for a node, and nobody starts a second process over the same database.

The lock belongs to the open file, not to the process that opened it. Whoever starts a node takes
the lock first and leaves the descriptor to the child: there is no moment in which the node runs
unseen, or in which another one could slip in. To lock an inherited descriptor once more changes
nothing, and on one that is not locked it is a try like any other, so the child need not know.
"""

import fcntl
import json
import os
import time
from contextlib import suppress
from pathlib import Path

POLL_SECONDS = 0.005
PID_SECONDS_MAX = 0.5
"""How long whoever takes the lock may need to write down its pid."""


class OwnedError(Exception):
    """Somebody else has the data of a node; the message says who."""


class PidFile:
    """The file `pid` in the folder of a node."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._path = folder / "pid"
        self.ended_path = folder / "ended"
        """Says how the node was ended on purpose; while it runs there is no such file."""

    @property
    def is_locked(self) -> bool:
        """Whether somebody has the data: the node, or a command that works on it."""
        try:
            with self._path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def saved_pid(self) -> int | None:
        """What is written there, be it of a process that is gone."""
        try:
            return int(json.loads(self._path.read_bytes())["pid"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def find(self) -> int | None:
        """The pid of the process that has the lock; None when nobody has, or does not say."""
        deadline = time.monotonic() + PID_SECONDS_MAX
        while self.is_locked:
            pid = self.saved_pid()
            if pid is not None:
                return pid
            if time.monotonic() >= deadline:
                return None  # it runs, but somebody spoilt the file
            time.sleep(POLL_SECONDS)
        return None

    def take(self) -> int:
        """Lock the file, empty it, and give its descriptor: to close it is to give it back.

        Raises OwnedError, OSError.
        """
        self._folder.mkdir(mode=0o700, exist_ok=True)
        while True:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                self._lock(descriptor)
                if self._is_ours(descriptor):
                    os.ftruncate(descriptor, 0)
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # of a folder that was removed meanwhile

    def claim(self) -> int:
        """As `take`, for whoever is the node from here on."""
        descriptor = self.take()
        try:
            self.ended_path.unlink(missing_ok=True)
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor

    def inherit(self, descriptor: int) -> int:
        """Take over the lock that whoever started this process has left to it.

        Raises OwnedError, OSError.
        """
        if not self._is_ours(descriptor):
            raise OwnedError(f"descriptor {descriptor} is not that of {self._path}")
        self._lock(descriptor)
        os.set_inheritable(descriptor, False)  # what the node may start is not the node
        return descriptor

    def forget(self) -> None:
        """Empty the file, unless somebody has the lock."""
        with suppress(OSError):
            descriptor = os.open(self._path, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.ftruncate(descriptor, 0)
            finally:
                os.close(descriptor)

    def _lock(self, descriptor: int) -> None:
        """Others that only look hold the lock for an instant: try for as long as they might."""
        deadline = time.monotonic() + PID_SECONDS_MAX
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise OwnedError(self._owner()) from None
            time.sleep(POLL_SECONDS)

    def _owner(self) -> str:
        name, pid = self._folder.name, self.saved_pid()
        if pid is None:
            return f"{name} runs already, or a command works on its data"
        return f"{name} runs already, as process {pid}"

    def _is_ours(self, descriptor: int) -> bool:
        """Whether the descriptor is that of the file that everybody finds in the folder now."""
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(descriptor), self._path.stat())
        return False


def write_pid(lock: int, pid: int) -> None:
    """Say in a locked file whose it is. A starter and its child may both do so: it is the same."""
    os.pwrite(lock, json.dumps({"pid": pid}).encode(), 0)
