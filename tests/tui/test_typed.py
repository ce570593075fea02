"""Lines that are typed in the palette's pane: they ask, and are taken back, as keys are."""

import pytest

from tests.tui.pilot import Viewer, view
from tests.tui.test_acting import Slow


async def type_line(viewer: Viewer, line: str) -> None:
    """Run a line in the pane that the palette opens, up to its question if it has one."""
    viewer.app.open_command(line)
    await viewer.press("enter")
    panes = [worker for worker in viewer.app.workers if worker.group == "command"]
    if panes:
        await viewer.app.workers.wait_for_complete(panes)
    await viewer.settle()


def test_a_line_of_the_palette_counts_as_one_of_a_key() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "K")
        await type_line(viewer, "status")
        assert "$ raftctl status  ✓ done" in viewer.text("echo")
        await viewer.press("escape")
        await type_line(viewer, "snapshot take n2")
        await viewer.press("escape")
        assert "$ raftctl snapshot take n2  ✓ done" in viewer.text("echo")
        await viewer.press("u")
        assert viewer.dialog == "Ask"
        assert "nothing takes back raftctl snapshot take n2" in viewer.screen_text()
        await viewer.press("y")
        assert viewer.ran[-1] == "start n1"

    view(test)


def test_what_only_reads_leaves_the_undo_as_it_is() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "K")
        await type_line(viewer, "log show n1")
        await viewer.press("escape", "u")
        assert viewer.ran[-1] == "start n1"

    view(test)


@pytest.mark.parametrize(
    ("line", "asks"),
    [
        ("down", True),
        ("-c demo down", True),
        ("kill n1 n2", False),
        ("kill n1,2 leader", True),
        ("kill n1 --signal TERM", False),
        ("stop followers", True),
        ("pause minority", True),
        ("start n1", False),
        ("chaos run smoke", True),
        ("chaos run smoke --sim", False),
        ("chaos show smoke", False),
        ("wipe n1 -y", True),
        ("members remove n1", True),
        ("members demote n1", False),
        ("log show n1", False),
    ],
)
def test_a_typed_line_asks_as_a_key_does(line: str, asks: bool) -> None:
    async def test(viewer: Viewer) -> None:
        await type_line(viewer, line)
        assert bool(viewer.dialog == "Ask") is asks
        assert viewer.ran == ([] if asks else [line])
        if asks:
            await viewer.press("enter")
            assert (viewer.dialog, viewer.ran) == ("Command", []), "No is the default"

    view(test)


def test_a_line_that_was_left_before_its_end_is_not_taken_back_unasked() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "K")
        slow = Slow(viewer)
        viewer.app.open_command("restart n2")
        await viewer.pilot.press("enter")
        await viewer.pilot.pause()
        assert slow.ran == [("restart", "n2")]
        await viewer.press("escape")
        assert "$ raftctl restart n2  ✗ ended" in viewer.text("echo")
        await viewer.press("u")
        assert viewer.dialog == "Ask"

    view(test)
