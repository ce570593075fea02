"""A terminal that a test types into and reads from: tmux."""

import os
import shutil
import subprocess
import time
import uuid

import pytest

from tests.measure.commands import Raftctl

NEEDS_TMUX = pytest.mark.skipif(
    shutil.which("tmux") is None and os.environ.get("CI") != "true",
    reason="tmux is not installed: apt install tmux",
)


class Terminal:
    """A tmux server of its own, 100 columns wide unless said otherwise."""

    def __init__(self, raftctl: Raftctl, columns: int = 100, rows: int = 40) -> None:
        self.name = f"raftctl-{uuid.uuid4().hex[:8]}"
        self.env = raftctl.env | {"TERM": "xterm-256color"}
        self.tmux("new-session", "-d", "-x", str(columns), "-y", str(rows), "bash --norc")

    def tmux(self, *args: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self.name, *args], env=self.env, capture_output=True, text=True
        )
        return done.stdout

    def type(self, line: str) -> None:
        self.tmux("send-keys", line, "Enter")

    def press(self, *keys: str) -> None:
        """Keys as tmux names them: K, Enter, Escape."""
        for key in keys:
            self.tmux("send-keys", key)

    def wait_for(self, text: str, seconds: float = 20) -> str:
        """The screen, once it shows `text`."""
        deadline = time.monotonic() + seconds
        while text not in (screen := self.tmux("capture-pane", "-p")):
            assert time.monotonic() < deadline, f"no {text!r} on:\n{screen}"
        return screen
