"""The mouse: the wheel moves in lists, and a click chooses what is there."""

from typing import Any

import pytest
from textual.events import MouseScrollDown, MouseScrollUp

from tests.tui.frames import Script, fold, live_cluster
from tests.tui.pilot import SMALL, WIDE, Viewer, view
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


@pytest.mark.parametrize(
    ("words", "ran", "page"),
    [
        ("s stop", ["stop n2"], "Overview"),
        ("M members", [], "MembersPage"),
        ("? help", [], "Overview"),
    ],
)
def test_a_click_on_a_key_at_the_foot_does_what_the_key_does(
    words: str, ran: list[str], page: str
) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("2")
        rows = viewer.text("keys").splitlines()
        (row,) = [at for at, line in enumerate(rows) if words in line]
        await viewer.pilot.click("#keys", offset=(rows[row].index(words) + 3, row))
        await viewer.settle()
        assert viewer.ran == ran
        assert type(viewer.page).__name__ == page
        assert viewer.dialog == ("Help" if "help" in words else "")

    view(test)


def test_a_click_on_a_key_of_the_page_is_for_the_page() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("2", "M")
        await viewer.pilot.click("#keys", offset=(viewer.text("keys").index("- remove"), 0))
        await viewer.settle()
        assert viewer.dialog == "Ask"

    view(test, size=SMALL)


def test_a_click_on_the_line_that_ran_shows_all_of_it() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.pilot.click("#echo")
        assert viewer.dialog == "", "none has run"
        await viewer.press("2", "t")
        await viewer.pilot.click("#echo")
        assert viewer.dialog == "LastLine"

    view(test)


@pytest.mark.parametrize("size", [WIDE, TINY])
def test_a_double_click_on_a_node_opens_it(size: tuple[int, int]) -> None:
    async def test(viewer: Viewer) -> None:
        offset = (90, 2) if size == WIDE else (9, 5)
        await viewer.pilot.click("#nodes", offset=offset, times=2)
        await viewer.settle()
        assert viewer.app.chosen == 5
        assert type(viewer.page).__name__ == "NodePage"

    view(test, size=size)
