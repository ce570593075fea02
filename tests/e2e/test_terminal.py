"""What a person sees, in a real terminal."""

from collections.abc import Iterator

import pytest

from tests.e2e.terminals import NEEDS_TMUX, Terminal
from tests.measure.commands import RAFTCTL, Raftctl

pytestmark = [pytest.mark.e2e, NEEDS_TMUX]


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
