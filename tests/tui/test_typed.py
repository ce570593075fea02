"""Lines that are typed in the palette's pane: they ask, and are taken back, as keys are."""

import pytest

from tests.tui.pilot import Viewer, view
from tests.tui.test_acting import Slow
from tui.runner import Outcome


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


def test_a_typed_partition_is_taken_back_as_one_of_the_editor() -> None:
    async def test(viewer: Viewer) -> None:
        viewer.runner.outcome = Outcome(0, "fault #4  {n1,n2,n3} | {n4,n5}\n", "", 0.1)
        await type_line(viewer, "partition 4,5")
        await viewer.press("escape", "u")
        assert viewer.ran == ["partition 4,5", "heal 4"]

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
        ("pause minority", False),
        ("pause majority --timeout 5s", True),
        ("kill not:n1,n2", True),
        ("kill n9", False),
        ("partition 1,2 / rest", False),
        ("partition 1,2 / 3,4 / 5", True),
        ("partition leader --for 10s", False),
        ("partition --halves", False),
        ("partition --ring", False),
        ("partition --bridge n3 --as b", False),
        ("partition --one-way 1:2", False),
        ("partition --one-way=all:all", True),
        ("partition", False),
        ("net --link all:all --drop 100%", True),
        ("net --link all:all --corrupt=1 --for 5s", True),
        ("net --link n1,n2:all --link n3:n4,n5 --drop 100%", True),
        ("net --link leader:rest --drop 100%", False),
        ("net --link all:all --drop 99%", False),
        ("net --link all:all --drop 100% --only TimeoutNow", False),
        ("net --link all:all --drop much", False),
        ("net show", False),
        ("start n1", False),
        ("chaos run smoke", True),
        ("chaos run smoke --sim", False),
        ("chaos show smoke", False),
        ("wipe n1 -y", True),
        ("members remove n1", True),
        ("members demote n1", False),
        ("members add", True),
        ("members add n7", True),
        ("members replace n1 n7", True),
        ("recover", True),
        ("recover --from n1 -y", True),
        ("-c demo snapshot restore s.snap", True),
        ("snapshot take n1", False),
        ("prune", True),
        ("runs rm demo", True),
        ("down --purge -y", True),
        ("disk n1 --rot -y", True),
        ("disk n1 --slow 20ms", False),
        ("disk n1 --fail", False),
        ("disk leader,n1,n2 --full --for 5s", True),
        ("heal", False),
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
