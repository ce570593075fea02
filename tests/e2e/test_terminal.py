"""What a person sees, in a real terminal."""

import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator

import pytest

from tests.measure.commands import RAFTCTL, Raftctl

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        shutil.which("tmux") is None and os.environ.get("CI") != "true",
        reason="tmux is not installed: apt install tmux",
    ),
]


class Terminal:
    """A tmux server of its own, 100 columns wide."""

    def __init__(self, raftctl: Raftctl) -> None:
        self.name = f"raftctl-{uuid.uuid4().hex[:8]}"
        self.env = raftctl.env | {"TERM": "xterm-256color"}
        self.tmux("new-session", "-d", "-x", "100", "-y", "40", "bash --norc")

    def tmux(self, *args: str) -> str:
        done = subprocess.run(
            ["tmux", "-L", self.name, *args], env=self.env, capture_output=True, text=True
        )
        return done.stdout

    def type(self, line: str) -> None:
        self.tmux("send-keys", line, "Enter")

    def wait_for(self, text: str, seconds: float = 20) -> str:
        """The screen, once it shows `text`."""
        deadline = time.monotonic() + seconds
        while text not in (screen := self.tmux("capture-pane", "-p")):
            assert time.monotonic() < deadline, f"no {text!r} on:\n{screen}"
        return screen


@pytest.fixture
def terminal(raftctl: Raftctl) -> Iterator[Terminal]:
    opened = Terminal(raftctl)
    try:
        yield opened
    finally:
        opened.tmux("kill-server")


def test_up_shows_its_progress_and_the_nodes_outlive_the_terminal(
    raftctl: Raftctl, terminal: Terminal
) -> None:
    terminal.type(f"{RAFTCTL} up -n 3")
    screen = terminal.wait_for("Next: raftctl status")
    assert "✓ n1 n2 n3 started" in screen
    assert "✓ leader" in screen
    terminal.tmux("kill-server")
    status = raftctl.document("status")
    assert [node["proc"] for node in status["nodes"]] == ["running"] * 3


def test_confirmation_defaults_to_no(raftctl: Raftctl, terminal: Terminal) -> None:
    raftctl.run("up", "-n", "3")
    terminal.type(f"{RAFTCTL} down --purge")
    terminal.wait_for("[y/N]")
    terminal.type("")
    terminal.wait_for("not confirmed, nothing done")
    assert raftctl.document("status")["leader"] is not None


def test_interrupted_wait_says_so(raftctl: Raftctl, terminal: Terminal) -> None:
    raftctl.run("up", "-n", "3")
    terminal.type(f"{RAFTCTL} wait applied=1000000; echo code $?")
    terminal.wait_for("waiting for")
    terminal.tmux("send-keys", "C-c")
    screen = terminal.wait_for("code 130")
    assert "interrupted" in screen
