"""The page of events: the cursor shows all that an event says."""

import pytest

from tests.tui.frames import Script, fold, live_cluster
from tests.tui.pilot import Viewer, view
from tests.tui.test_replay import recorded, short_film
from tests.tui.test_small import TINY
from tui.drawing.events import words_of
from tui.model import ClusterModel

PATH = "/srv/data/somebody/clusters/of/last/week/n1/raft.db"
FULL = {"state": "full", "why": f"{PATH}: no space is left"}


def with_long_events() -> ClusterModel:
    model = live_cluster()
    script = Script(1, 9, model.now_ns)
    for term in range(8, 30):
        script.happened("election", term, after_ms=1, why="no word from a leader")
    script.happened("disk", after_ms=1, state=FULL["state"], why=FULL["why"]).happened(
        "boot", after_ms=1
    )
    return fold(script.frames, model)


def test_the_reason_stands_in_front_of_the_path() -> None:
    assert words_of("disk", FULL) == f"full  no space is left: {PATH}"
    assert words_of("stepdown", {"why": "no quorum: n2, n3"}) == "no quorum: n2, n3"


def test_a_node_that_its_disk_ended_says_so_in_plain_words() -> None:
    failed = {"state": "failed", "why": f"{PATH}: input/output error"}
    said = words_of("disk", failed)
    assert said == f"the disk failed, and the node ended: input/output error: {PATH}"


def test_the_chosen_event_is_shown_whole_and_rows_below_it_can_be_clicked() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("e")
        assert "no space is left" in viewer.text("list")
        assert "raft.db" not in viewer.text("list")
        await viewer.press("down", "down")
        rows = viewer.text("list").splitlines()
        begin = next(at for at, row in enumerate(rows) if row.startswith("▸"))
        end = next(at for at, row in enumerate(rows) if "raft.db" in row)
        assert end > begin
        for row in (end, end + 1):
            await viewer.pilot.click("#list", offset=(20, row + 1))
            await viewer.settle()
            (chosen,) = [line for line in viewer.text("list").splitlines() if "▸" in line]
            assert ("disk" in chosen) is (row == end)

    view(test, with_long_events(), size=TINY)


def test_the_chosen_event_is_whole_at_the_end_of_the_screen_too() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("e", "down", *["down"] * 22, *["up"] * 21)
        assert "raft.db" in viewer.text("list")

    view(test, with_long_events(), size=TINY)


def test_a_click_on_an_event_of_the_first_page_leads_to_it() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.pilot.click("#events", offset=(20, 2))
        await viewer.settle()
        assert type(viewer.page).__name__ == "EventsPage"
        (chosen,) = [line for line in viewer.text("list").splitlines() if "▸" in line]
        assert "disk" in chosen

    view(test, with_long_events())


def test_in_a_replay_it_leads_to_its_time() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("end")
        rows = viewer.text("events").splitlines()
        at = next(at for at, row in enumerate(rows) if "leader" in row and "t1" in row)
        await viewer.pilot.click("#events", offset=(20, at + 1))
        await viewer.settle()
        assert "+0.5s of" in str(viewer.page.panel("film").border_title)

    view(test, film=short_film())


@pytest.mark.parametrize("times", [1, 2])
def test_a_double_click_jumps_to_the_time(times: int) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("e")
        await viewer.pilot.click("#list", offset=(20, 2), times=times)
        await viewer.settle()
        assert ("nothing is recorded here" in viewer.told) is (times == 2)

    view(test, with_long_events())


def test_the_palette_has_the_keys_of_the_page_and_no_others_under_its_keys() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("e", "colon", *"follow what is new")
        await viewer.pilot.pause(0.3)
        assert "follow what is new  (f)" in viewer.screen_text()
        await viewer.press("escape", "colon", *"node from close")
        await viewer.pilot.pause(0.3)
        shown = viewer.screen_text()
        assert "the node from close by" in shown
        assert "(enter)" not in shown, "that leads to the time of an event here"

    view(test, with_long_events())


def test_the_palette_jumps_to_the_chosen_event() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("e", "down", "colon", *"to the time of the event")
        await viewer.pilot.pause(0.3)
        await viewer.press("enter")
        await viewer.pilot.pause(0.1)
        await viewer.app.workers.wait_for_complete()
        assert viewer.app.film is film

    film = short_film()
    view(test, with_long_events(), recording=recorded(film))
