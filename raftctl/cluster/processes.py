"""The processes of nodes: started, found again, ended.

A running node holds a lock on the file `pid` in its folder: `node.server.ownership` says how.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from raftctl.errors import CliError
from raftctl.exit_codes import Exit

if TYPE_CHECKING:
    from node.server.ownership import PidFile

LOG_TAIL_BYTES_MAX = 8 * 1024 * 1024
LOG_BYTES_MAX = 16 * 1024 * 1024
"""A longer log is put aside, as node.log.1, when its node starts."""
POLL_SECONDS = 0.005


def is_paused(pid: int | None) -> bool:
    """Whether the process was stopped by a signal, and did not go on."""
    return pid is not None and _state_of(pid) == "stopped"


def _state_of(pid: int) -> str | None:
    """What psutil calls it: running, stopped, zombie; None: there is none. Linux says it in a file,
    and every look at a cluster asks: there psutil is not worth its import.
    """
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        state = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b") ")[2][:1]
        return {b"T": "stopped", b"Z": "zombie"}.get(state, "running")
    import psutil

    try:
        return str(psutil.Process(pid).status())
    except psutil.Error:
        return None


class Ended(NamedTuple):
    """How a node was ended on purpose, and when (Unix seconds)."""

    how: str
    at: float


class NodeProcess:
    """The process of one node, if it runs; its folder remembers it.

    `line` is how a command line about its cluster begins, as in hints.
    """

    def __init__(self, cluster_folder: Path, node_id: int, line: str = "raftctl") -> None:
        self.node_id = node_id
        self._line = line
        self.folder = cluster_folder / f"n{node_id}"
        self._cluster_folder = cluster_folder
        self._stray: int | None = None
        self._log_start = 0

    @property
    def name(self) -> str:
        return f"n{self.node_id}"

    @property
    def log_path(self) -> Path:
        return self.folder / "node.log"

    @cached_property
    def _pid_file(self) -> "PidFile":
        from node.server.ownership import PidFile

        return PidFile(self.folder)

    # -- finding it --------------------------------------------------------------------------------
    def find(self) -> int | None:
        """The pid of the running process; None when there is none."""
        pid = self._pid_file.find()
        if pid is None and self._stray is not None and _exists(self._stray):
            return self._stray
        return pid

    @property
    def is_running(self) -> bool:
        """Whether there is a process, even if nobody knows its pid."""
        return self._pid_file.is_locked or self.find() is not None

    def adopt(self, pid: int) -> None:
        """A process that answers for this node, though its folder knows nothing of it."""
        self._stray = pid

    @property
    def has_stale_pid(self) -> bool:
        """Whether the pid of a process that is gone is still written down."""
        return self._pid_file.saved_pid() is not None and not self._pid_file.is_locked

    def forget_stale_pid(self) -> None:
        self._pid_file.forget()

    # -- starting it -------------------------------------------------------------------------------
    @contextlib.contextmanager
    def claim(self) -> Iterator[int]:
        """Hold the node's lock, and give its descriptor, to start the node with.

        Raises CliError when the node runs already.
        """
        with self._held(self._pid_file.claim) as lock:
            yield lock

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """As `claim`, for whoever wants nothing but that it does not run meanwhile."""
        with self._held(self._pid_file.take):
            yield

    @contextlib.contextmanager
    def _held(self, take: Callable[[], int]) -> Iterator[int]:
        from node.server.ownership import OwnedError

        try:
            lock = take()
        except OwnedError as error:
            hint = f"{self._line} stop {self.name}"
            raise CliError("E_RUNNING", str(error), Exit.PRECONDITION, hint=hint) from None
        try:
            yield lock
        finally:
            os.close(lock)

    def start(self, detach: bool = True) -> subprocess.Popen[bytes]:
        """Start the node. Detached: in a session of its own, with nothing of the terminal.

        Raises CliError when it runs already, OSError.
        """
        with self.claim() as lock:
            # -P: a folder that somebody happens to be in must not hide modules from a node.
            command = [sys.executable, "-P", "-m", "node.server"]
            command += ["--cluster", str(self._cluster_folder), "--id", str(self.node_id)]
            command += ["--lock", str(lock)]
            self._rotate_log()
            descriptor = os.open(self.log_path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
            try:
                self._log_start = os.fstat(descriptor).st_size
                with _signals_deferred():
                    child = subprocess.Popen(
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=descriptor,
                        stderr=descriptor,
                        start_new_session=detach,
                        pass_fds=[lock],  # the lock is the child's from here on
                    )
                    _write_pid_of(child, lock)
            finally:
                os.close(descriptor)
        return child

    def _rotate_log(self) -> None:
        with contextlib.suppress(OSError):
            if self.log_path.stat().st_size > LOG_BYTES_MAX:
                self.log_path.replace(self.log_path.with_name("node.log.1"))

    # -- ending it ---------------------------------------------------------------------------------
    def end(self, number: signal.Signals, how: str, timeout: float) -> bool:
        """Signal the process and wait until it is gone; False when there was none.

        Raises CliError when it stays for `timeout` seconds.
        """
        pid = self.end_nowait(number, how)
        if pid is None:
            return False
        self.wait_until_gone(pid, timeout)
        return True

    def end_nowait(self, number: signal.Signals, how: str) -> int | None:
        """Signal the process, and give its pid; None when there was none."""
        pid = self.find()
        if pid is None:
            return None
        self.note_end(how)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
            if number == signal.SIGTERM and is_paused(pid):
                os.kill(pid, signal.SIGCONT)  # a paused process cannot stop by itself
        return pid

    def wait_until_gone(self, pid: int, timeout: float) -> None:
        """Raises CliError when it stays for `timeout` seconds. That somebody, such as systemd,
        starts another one at once does not mean that it stays.
        """
        deadline = time.monotonic() + timeout
        while self._has_data(pid) or (pid == self._stray and _exists(pid)):
            if time.monotonic() >= deadline:
                raise CliError(
                    "E_TIMEOUT",
                    f"{self.name} (pid {pid}) does not stop",
                    Exit.TIMED_OUT,
                    hint=f"{self._line} kill {self.name}",
                )
            time.sleep(POLL_SECONDS)
        self.forget_stale_pid()

    def _has_data(self, pid: int) -> bool:
        """Whether this process has the data of the node, or somebody who does not say."""
        return self._pid_file.is_locked and self._pid_file.saved_pid() in (pid, None)

    def signal(self, number: signal.Signals) -> bool:
        """Returns whether there was a process to signal."""
        pid = self.find()
        if pid is None:
            return False
        os.kill(pid, number)
        return True

    def note_end(self, how: str) -> None:
        """Remember that it was ended on purpose. On a full disk that is forgotten, and no harm."""
        document = json.dumps({"how": how, "at": time.time()})
        with contextlib.suppress(OSError):
            self._pid_file.ended_path.write_text(document, encoding="utf-8")

    def ended(self) -> Ended | None:
        """How it was ended on purpose; None for a node that ended by itself, or never ran."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            saved = json.loads(self._pid_file.ended_path.read_text(encoding="utf-8"))
            return Ended(str(saved["how"]), float(saved["at"]))
        return None

    # -- its log -----------------------------------------------------------------------------------
    def last_log_lines(self, count: int, bytes_max: int = LOG_TAIL_BYTES_MAX) -> list[str]:
        """The end of its log: at most `count` lines, from its last `bytes_max` bytes.

        Of a node that was started through this object, only what it wrote since.
        """
        try:
            with self.log_path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(size - bytes_max, self._log_start, 0))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:
            return []
        return text.splitlines()[-count:]


@contextlib.contextmanager
def _signals_deferred() -> Iterator[None]:
    """Ctrl-C comes before or after what happens in here, never in the middle of it."""
    received: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(each, lambda number, _: received.append(number)) for each in numbers]
    try:
        yield
    finally:
        for each, handler in zip(numbers, before, strict=True):
            signal.signal(each, handler)
        if received:
            signal.raise_signal(received[0])


def _write_pid_of(child: subprocess.Popen[bytes], lock: int) -> None:
    from node.server.ownership import write_pid

    try:
        write_pid(lock, child.pid)
    except BaseException:  # nobody would find it again
        child.kill()
        child.wait()
        raise


def _exists(pid: int) -> bool:
    """Whether a process runs under this pid; one that only waits to be noticed does not."""
    return _state_of(pid) not in (None, "zombie")
