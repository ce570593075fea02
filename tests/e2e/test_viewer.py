"""The viewer in a real terminal, over real nodes: keys break and mend, and the screen shows it."""

import re
import signal
from collections.abc import Iterator

import psutil
import pytest

from tests.e2e.terminals import NEEDS_TMUX, Terminal
from tests.measure.commands import RAFTCTL, Raftctl

pytestmark = [pytest.mark.e2e, NEEDS_TMUX]


@pytest.fixture
def terminal(raftctl: Raftctl) -> Iterator[Terminal]:
    opened = Terminal(raftctl, 110, 44)
    try:
        yield opened
    finally:
        opened.tmux("kill-server")
        raftctl.run("down", "--all", "--purge", "-y")


def leader_on(screen: str) -> int:
    found = re.search(r"leader n(\d) ★", screen)
    assert found is not None, screen
    return int(found[1])


def test_kill_partition_heal_transfer_by_keys(raftctl: Raftctl, terminal: Terminal) -> None:
    terminal.type(f"{RAFTCTL} up -n 5 --tui")
    screen = terminal.wait_for("● LIVE  5/5 nodes")
    first = leader_on(screen)
    assert screen.count("FOLLOWER") == 4
    screen = terminal.wait_for("lag")
    assert "links  row → column" in screen

    terminal.press(str(first), "K")
    screen = terminal.wait_for(f"n{first} KILLED")
    terminal.wait_for(f"$ raftctl kill n{first}  ✓")
    terminal.wait_for(f"n{first}  exited     SIGKILL by cli")
    screen = terminal.wait_for("4/5 nodes  leader n")
    second = leader_on(screen)
    assert second != first
    terminal.press("u")
    terminal.wait_for(f"$ raftctl start n{first}  ✓")
    terminal.wait_for("● LIVE  5/5 nodes")

    terminal.press(str(first), "p")
    terminal.wait_for(f"/ {first} ")
    terminal.press("Enter")
    screen = terminal.wait_for("faults 1")
    terminal.wait_for("✓ fault #1")
    terminal.wait_for("✗  ✗")
    terminal.press("H")
    terminal.wait_for("healed")
    screen = terminal.wait_for("● LIVE")

    target = next(node for node in range(1, 6) if node not in (leader_on(screen), first))
    terminal.press(str(target), "t")
    terminal.wait_for(f"leader n{target} ★")
    terminal.wait_for(f"n{target} leads term")

    terminal.press("Enter", "5")
    terminal.wait_for("info  boot term=")

    terminal.press("q")
    terminal.wait_for("keeps running")
    assert raftctl.document("status")["leader"] == f"n{target}"


def test_entries_and_logs_as_they_take_effect(raftctl: Raftctl, terminal: Terminal) -> None:
    raftctl.run("up", "-n", "3")
    terminal.type(f"{RAFTCTL} tui")
    terminal.wait_for("● LIVE")
    terminal.press("a")
    raftctl.run("put", "spam", "eggs")
    terminal.wait_for('put spam "eggs"')
    terminal.press("l")
    terminal.wait_for("noop    applied")
    terminal.press("d")
    terminal.wait_for("the same as far as shown")
    terminal.press("q")
    terminal.wait_for("keeps running")


def test_a_cluster_that_comes_goes_and_comes_again(raftctl: Raftctl, terminal: Terminal) -> None:
    terminal.type(f"{RAFTCTL} tui; echo code $?")
    terminal.wait_for("There is no cluster here yet")
    raftctl.run("up", "lab", "-n", "3")
    terminal.wait_for("lab ● LIVE")
    raftctl.run("down")
    screen = terminal.wait_for("● DOWN")
    assert screen.count("STOPPED") == 3
    raftctl.run("up")
    terminal.wait_for("● LIVE")
    raftctl.run("down", "--purge", "-y")
    terminal.wait_for("There is no cluster lab here")
    terminal.press("q")
    terminal.wait_for("code 0")


def test_a_recording_is_played_back(raftctl: Raftctl, terminal: Terminal) -> None:
    raftctl.run("up", "-n", "3")
    raftctl.run("kill", "leader")
    raftctl.run("down")
    terminal.type(f"{RAFTCTL} tui --replay latest")
    terminal.wait_for("● REPLAY")
    terminal.wait_for("‖ PAUSED")
    terminal.press("End")
    terminal.wait_for(" t2 ")
    terminal.wait_for("lost       n")
    terminal.press("Home", "}", "}", "}")
    terminal.press("K")
    terminal.wait_for("a recording cannot be changed")
    terminal.press("q")
    terminal.wait_for("opening latest")


def test_what_it_cannot_show_is_an_error_and_no_traceback(
    raftctl: Raftctl, terminal: Terminal
) -> None:
    terminal.type(f"{RAFTCTL} tui --replay nothing; echo code $?")
    assert "E_NO_RUN" in terminal.wait_for("code 9")
    damaged = raftctl.home / "damaged.frames"
    damaged.write_bytes(b"\x00\x00\x00\x02no")
    terminal.type(f"clear; {RAFTCTL} tui --replay {damaged}; echo code $?")
    assert "no recording" in terminal.wait_for("code 7")
    terminal.type(f"clear; {RAFTCTL} tui < /dev/null; echo code $?")
    assert "needs a terminal" in terminal.wait_for("code 2")


@pytest.mark.parametrize(("end", "code"), [("C-c", 0), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_the_terminal_is_as_before_however_it_ends(
    raftctl: Raftctl, terminal: Terminal, end: str, code: int
) -> None:
    raftctl.run("up", "-n", "3")
    terminal.type(f"{RAFTCTL} tui; echo code $?")
    terminal.wait_for("● LIVE")
    if end in signal.Signals.__members__:
        (viewer,) = psutil.Process(int(terminal.tmux("display", "-p", "#{pane_pid}"))).children()
        viewer.send_signal(signal.Signals[end])
    else:
        terminal.press(end)
    terminal.wait_for(f"code {code}")
    terminal.type("stty -a")
    assert "● LIVE" not in terminal.wait_for(" echo ")


def test_it_ends_with_its_terminal(raftctl: Raftctl, terminal: Terminal) -> None:
    raftctl.run("up", "-n", "3")
    terminal.type(f"{RAFTCTL} tui")
    terminal.wait_for("● LIVE")
    (viewer,) = psutil.Process(int(terminal.tmux("display", "-p", "#{pane_pid}"))).children()
    terminal.tmux("kill-session")
    viewer.wait(10)


def test_without_colours_none_is_used(raftctl: Raftctl, terminal: Terminal) -> None:
    raftctl.run("up", "-n", "3")
    terminal.type(f"NO_COLOR=1 {RAFTCTL} tui")
    terminal.wait_for("● LIVE")
    painted = terminal.tmux("capture-pane", "-p", "-e")
    used = {code for found in re.findall(r"\x1b\[([\d;]*)m", painted) for code in found.split(";")}
    assert used <= {"", "0", "1", "2", "9", "39", "49"}, used
