"""The processes of nodes, found again by pid and start time, so that a reused pid is nobody's."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from raftctl.errors import CliError
from raftctl.exit_codes import Exit

START_SLACK_SECONDS = 0.05
LOG_TAIL_BYTES_MAX = 8 * 1024 * 1024


def is_paused(process: psutil.Process | None) -> bool:
    """Whether it was stopped by a signal, and did not go on."""
    try:
        return process is not None and process.status() == psutil.STATUS_STOPPED
    except psutil.Error:
        return False


@dataclass(frozen=True, slots=True)
class Ended:
    """How a node was ended on purpose, and when (Unix seconds)."""

    how: str
    at: float


class NodeProcess:
    """The process of one node, if it runs; its folder remembers it."""

    def __init__(self, cluster_folder: Path, node_id: int) -> None:
        self.node_id = node_id
        self.folder = cluster_folder / f"n{node_id}"
        self._cluster_folder = cluster_folder

    @property
    def name(self) -> str:
        return f"n{self.node_id}"

    @property
    def log_path(self) -> Path:
        return self.folder / "node.log"

    def find(self) -> psutil.Process | None:
        """The running process. None when it ended, or its pid is somebody else's now."""
        try:
            saved = json.loads((self.folder / "pid").read_text(encoding="utf-8"))
            process = psutil.Process(int(saved["pid"]))
            if abs(process.create_time() - float(saved["started"])) > START_SLACK_SECONDS:
                return None
            return None if process.status() == psutil.STATUS_ZOMBIE else process
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            return None

    @property
    def has_stale_pid(self) -> bool:
        return (self.folder / "pid").exists() and self.find() is None

    def remove_stale_pid(self) -> None:
        (self.folder / "pid").unlink(missing_ok=True)

    def start(self, detach: bool = True) -> subprocess.Popen[bytes]:
        """Start the node. Detached: in a session of its own, with nothing of the terminal."""
        self.folder.mkdir(mode=0o700, exist_ok=True)
        # -P: a folder that somebody happens to be in must not hide modules from a node.
        command = [sys.executable, "-P", "-m", "node.server"]
        command += ["--cluster", str(self._cluster_folder), "--id", str(self.node_id)]
        descriptor = os.open(self.log_path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        try:
            child = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                start_new_session=detach,
            )
        finally:
            os.close(descriptor)
        started = psutil.Process(child.pid).create_time()
        document = json.dumps({"pid": child.pid, "started": started})
        (self.folder / "pid").write_text(document, encoding="utf-8")
        (self.folder / "ended").unlink(missing_ok=True)
        return child

    def end(self, number: signal.Signals, how: str, timeout: float) -> None:
        """Signal the process and wait until it is gone. Raises CliError when it stays."""
        process = self.find()
        if process is None:
            return
        self.note_end(how)
        try:
            process.send_signal(number)
            if number == signal.SIGTERM and is_paused(process):
                process.send_signal(signal.SIGCONT)  # a paused process cannot stop by itself
        except psutil.NoSuchProcess:
            pass
        self._wait_until_gone(process.pid, timeout)
        (self.folder / "pid").unlink(missing_ok=True)

    def _wait_until_gone(self, pid: int, timeout: float) -> None:
        """Gone is also a process that only waits for init to take note, which may take its time."""
        deadline = time.monotonic() + timeout
        while self.find() is not None:
            if time.monotonic() >= deadline:
                raise CliError(
                    "E_TIMEOUT",
                    f"{self.name} (pid {pid}) does not stop",
                    Exit.TIMED_OUT,
                    hint=f"raftctl kill {self.name}",
                )
            time.sleep(0.005)

    def signal(self, number: signal.Signals) -> bool:
        """Returns whether there was a process to signal."""
        process = self.find()
        if process is None:
            return False
        process.send_signal(number)
        return True

    def note_end(self, how: str) -> None:
        document = json.dumps({"how": how, "at": time.time()})
        (self.folder / "ended").write_text(document, encoding="utf-8")

    def ended(self) -> Ended | None:
        """How it was ended on purpose; None for a node that ended by itself, or never ran."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            saved = json.loads((self.folder / "ended").read_text(encoding="utf-8"))
            return Ended(str(saved["how"]), float(saved["at"]))
        return None

    def last_log_lines(self, count: int) -> list[str]:
        """The end of its log: at most `count` lines, from its last 8 MiB."""
        try:
            with self.log_path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(size - LOG_TAIL_BYTES_MAX, 0))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:
            return []
        return text.splitlines()[-count:]
