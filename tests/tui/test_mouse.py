"""The mouse: the wheel moves in lists, and a click chooses what is there."""

from typing import Any

import pytest
from textual.events import MouseScrollDown, MouseScrollUp

from tests.tui.frames import Script, fold, live_cluster
from tests.tui.pilot import Viewer, view
from tests.tui.scenes import in_trouble
from tests.tui.test_replay import short_film
from tests.tui.test_small import TINY
from tui.model import ClusterModel


def eventful() -> ClusterModel:
    """Node 1 told of forty elections."""
    model = live_cluster()
    script = Script(1, 9, model.now_ns)
    for term in range(8, 48):
        script.happened("election", term, after_ms=1)
    return fold(script.frames, model)


async def turn(viewer: Viewer, event: type[MouseScrollDown] | type[MouseScrollUp]) -> None:
    """The wheel, over the panel."""
    panel = viewer.page.panel("list")
    none: dict[str, Any] = dict.fromkeys(("shift", "meta", "ctrl"), False)
    panel.post_message(event(panel, 5, 5, 0, 1, 0, **none))
    await viewer.settle()


@pytest.mark.parametrize("page", ["e", "a", "l"])
def test_the_wheel_moves_in_a_list(page: str) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("end", page)
        before = viewer.screen_text()
        await turn(viewer, MouseScrollDown if page != "l" else MouseScrollUp)
        assert viewer.screen_text() != before
        await viewer.press("f")
        assert viewer.screen_text() == before

    model = eventful()
    fold(Script(1, 99, model.now_ns).bulk(1, 60, told=60).frames, model)
    view(test, model, chosen=1, film=short_film() if page == "l" else None)


def test_a_click_chooses_an_event_also_when_another_one_is_chosen() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("e", "down", "down")
        for row in (6, 1):
            rows = viewer.text("list").splitlines()
            await viewer.pilot.click("#list", offset=(20, row + 1))
            await viewer.settle()
            marked = [at for at, line in enumerate(viewer.text("list").splitlines()) if "▸" in line]
            assert marked == [row]
            assert viewer.text("list").splitlines()[row][3:] == rows[row][3:]

    view(test, eventful())


def test_a_click_on_a_member_counts_no_notes() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("M")
        row = next(at for at, line in enumerate(viewer.text("list").splitlines()) if "n3" in line)
        await viewer.pilot.click("#list", offset=(5, row + 1))
        assert viewer.app.chosen == 3
        await viewer.pilot.click("#list", offset=(5, row + 5))
        assert viewer.app.chosen == 3, "there is no member"

    model = in_trouble()
    view(test, model, size=TINY, chosen=1)
