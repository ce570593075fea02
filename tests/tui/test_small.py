"""The smallest terminal, 60x14: what matters of dialogs and pages is seen there, or scrolled to."""

import pytest

from tests.tui.frames import live_cluster
from tests.tui.pilot import Viewer, view
from tests.tui.scenes import in_trouble

TINY = (60, 14)
LONG = "raftctl --home /srv/data/somebody/with/a/name/clusters/of/last/week -c staging"


@pytest.mark.parametrize("nodes", [3, 5, 9])
def test_a_partition_shows_its_quorum_and_its_line(nodes: int) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("p", *["down"] * (nodes - 1), "space")
        shown = viewer.screen_text()
        others = ",".join(map(str, range(2, nodes)))
        assert f"quorum {nodes - 2}/{nodes}" in shown or f"{nodes - 2} of {nodes} <" in shown
        assert f"2 of {nodes} <" in shown or "quorum 2/3" in shown
        assert f"raftctl partition {others} / 1,{nodes}" in shown
        assert f"▸                   n{nodes}" in shown, "the node that is moved is in view"
        assert "space move   i isolate   enter apply   esc leave" in shown

    view(test, live_cluster(nodes), size=TINY, chosen=1)


def test_a_line_that_is_too_long_goes_on_below() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("p")
        shown = "".join(line.strip(" │▸╰╯─") for line in viewer.screen_text().splitlines())
        assert "staging" in shown
        assert "2,3,4,5 / 1" in shown

    view(test, live_cluster(5), size=TINY, chosen=1, line=LONG)


def test_a_form_shows_the_line_below_its_last_field() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("x")
        for value in ("100ms", "10%", "2%", "5%", "1%", "64kB/s"):
            await viewer.press("down", *value)
        await viewer.press("down", "1", "0", "s")
        assert "--for 10s" in viewer.screen_text()
        await viewer.press("down")
        assert "n1:rest" in viewer.screen_text()

    view(test, size=TINY, chosen=1, line=LONG)


def test_the_help_cuts_nothing() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("question_mark")
        assert viewer.dialog == "Help"
        words = ""
        for _ in range(12):
            shown = viewer.screen_text()
            assert "…" not in shown.replace("│ …", "")
            words += shown
            await viewer.press("pagedown")
        assert "fault.partition" in words
        assert "help.leave" in words

    view(test, size=TINY, chosen=1)


def test_a_question_shows_its_arithmetic_and_its_line() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("K")
        shown = viewer.screen_text()
        assert "< 3" in shown
        assert "kill n2" in shown
        assert "y yes   n no" in shown

    view(test, in_trouble(), size=TINY, chosen=2)
