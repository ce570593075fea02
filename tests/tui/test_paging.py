"""Pages and what lies over them: notices wait for dialogs, and no key does nothing in silence."""

import time

import pytest

from tests.tui.frames import live_cluster
from tests.tui.pilot import SMALL, Viewer, view
from tests.tui.scenes import in_trouble
from tests.tui.test_small import TINY
from tui.runner import Outcome

LONG = "raftctl --home /srv/data/somebody/with/a/name/clusters/of/last/week -c staging"
SAID = "error[E_TIMEOUT]: no quorum of the new members\nhint: raftctl doctor\n"


def test_a_notice_waits_until_no_dialog_is_open() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("p")
        viewer.app.notify("what an earlier key did")
        await viewer.settle()
        assert "an earlier key" not in viewer.screen_text()
        opened = time.time()
        await viewer.press("escape")
        assert "an earlier key" in viewer.screen_text()
        (notice,) = viewer.app._notifications
        assert notice.raised_at >= opened, "its time begins when it is seen"

    view(test, size=SMALL, has_notices=True)


def test_a_notice_does_not_lie_over_the_dialog_that_is_opened_then() -> None:
    async def test(viewer: Viewer) -> None:
        viewer.app.notify("what a key did")
        await viewer.settle()
        assert "what a key did" in viewer.screen_text()
        await viewer.press("x")
        assert "what a key did" not in viewer.screen_text()
        assert "reorder" in viewer.screen_text()

    view(test, size=TINY, has_notices=True)


def test_a_notice_waits_for_the_question_behind_a_form_too() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "p", "down", "space")
        viewer.app.notify("meanwhile")
        await viewer.press("enter")
        assert viewer.dialog == "Ask"
        assert "meanwhile" not in viewer.told
        await viewer.press("n")
        assert "meanwhile" in viewer.told

    view(test, in_trouble())


def test_notices_that_say_the_same_are_one() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("m", "p")
        viewer.app.notify("what came meanwhile")
        viewer.app.notify("what came meanwhile")
        await viewer.press("escape", "m", "m")
        said = "that is for a replay: one begins at an event"
        assert viewer.told == f"what came meanwhile  ×2\n{said}  ×3"
        assert viewer.screen_text().count("what came meanwhile") == 1

    view(test, size=SMALL, has_notices=True)


def test_only_the_undo_that_the_key_would_do_is_told() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("1", "K", "2", "z")
        assert viewer.told == "u: raftctl resume n2"
        await viewer.press("u")
        assert viewer.ran[-1] == "resume n2"
        assert viewer.told == ""

    view(test)


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ("P", "P is a key of the page of members: M"),
        ("enter P", "P is a key of the page of members: M"),
        ("y", "y is a key of the page of log: l"),
        ("m", "that is for a replay: one begins at an event"),
        ("right_curly_bracket", "that is for a replay: one begins at an event"),
        ("enter 7", "1 to 5 are tabs here, → is the next node"),
    ],
)
def test_a_key_that_does_nothing_here_says_why(keys: str, says: str) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press(*keys.split())
        assert viewer.told == says
        assert viewer.app.chosen == 3, "no digit beside the tabs chooses a node"
        assert viewer.ran == []

    view(test, live_cluster(9), chosen=3)


def test_a_key_in_a_dialog_is_not_one_of_a_page() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("p", "P", "escape")
        assert viewer.told == ""

    view(test)


def test_the_last_line_is_seen_whole_and_can_be_copied() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("O")
        assert viewer.told == "no line has run yet"
        viewer.runner.outcome = Outcome(4, "", SAID, 30.0)
        await viewer.press("2", "t")
        assert viewer.text("echo").endswith(" O all")
        assert "E_TIMEOUT" in viewer.text("echo")
        await viewer.press("O")
        shown = viewer.screen_text()
        assert "transfer n2" in shown
        for words in ("no quorum of the new members", "hint: raftctl doctor", "exit 4, 30.0s"):
            assert words in shown
        await viewer.press("y")
        assert viewer.app.clipboard == f"{LONG} transfer n2"
        await viewer.press("escape")
        assert viewer.dialog == ""

    view(test, size=SMALL, line=LONG)


def test_what_fits_needs_no_key_to_be_seen() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("2", "t")
        assert "all" not in viewer.text("echo")

    view(test)


def test_the_help_begins_with_a_word() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("question_mark")
        lines = viewer.screen_text().splitlines()
        (top,) = [at for at, line in enumerate(lines) if "─ keys ─" in line]
        assert "node" in lines[top + 2]

    view(test, size=SMALL)
