"""The smallest terminal, 60x14: what matters of dialogs and pages is seen there, or scrolled to."""

import asyncio

import pytest

from tests.tui.frames import Script, live_cluster, status_of
from tests.tui.pilot import Viewer, view
from tests.tui.scenes import in_trouble
from tests.tui.stand_in import MadeUp
from tests.tui.test_replay import short_film
from tui.nodes import Reach
from tui.replay import Film
from tui.screens.detail import NodePage

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
        assert "-cstagingpartition2,3,4,5/1" in shown.replace(" ", "")

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
        for _ in range(14):
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


@pytest.mark.parametrize("size", [TINY, (80, 24)])
def test_the_page_of_a_node_cuts_nothing_and_is_scrolled(size: tuple[int, int]) -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("enter")
        shown = ""
        for _ in range(20):
            shown += viewer.text("state")
            await viewer.press("pagedown" if size != TINY else "down")
        assert "…" not in shown
        for label in ("vote", "elections", "disk      wal 3.4MB  database 12.6MB", "0 missed"):
            assert label in shown
        await viewer.press("4")
        assert ("↓" in viewer.text("tab")) == (size == TINY)
        await viewer.press("pagedown")
        assert "3 are a quorum" in viewer.text("tab")

    view(test, in_trouble(), size=size, chosen=3)


def test_the_way_to_a_link_is_told_where_no_link_is_shown() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("enter", "enter")
        assert viewer.told == "choose a link first: 3, then ↓"

    view(test, size=TINY, chosen=1)


def test_the_chosen_link_stays_in_view_with_why_it_is_down() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("enter", "3", *["down"] * 8)
        shown = viewer.text("tab")
        assert "PEER" in shown
        assert "▸ n9" in shown
        assert "n9 is unreachable" in shown
        assert "enter heal this link" in viewer.screen_text()

    model = live_cluster(9)
    for node in range(2, 10):
        model.reach(node, Reach(False, "n is gone"))
    view(test, model, size=TINY, chosen=6)


def test_long_lines_of_the_output_go_on_below() -> None:
    async def until(viewer: Viewer, text: str) -> None:
        async with asyncio.timeout(20):
            while text not in viewer.text("tab"):
                await viewer.pilot.pause()

    async def test(viewer: Viewer) -> None:
        source = MadeUp(None)
        source.written = {3: [f"line {at} {'x' * 80} end of {at}" for at in range(20)]}
        viewer.app._source = source
        await viewer.press("enter", "5")
        await until(viewer, "end of 19")
        await viewer.press("pageup")
        before = viewer.text("tab")
        assert "end of 14" not in before
        source.written[3].append("one more")
        page = viewer.page
        assert isinstance(page, NodePage)
        page._wanted.set()
        async with asyncio.timeout(20):
            while "one more" not in (page._output or ()):
                await viewer.pilot.pause()
        assert viewer.text("tab") == before, "whoever reads is not moved on"

    view(test, in_trouble(), size=TINY, chosen=3)


@pytest.mark.parametrize("nodes", [1, 6, 9])
def test_a_replay_shows_who_led_and_where_one_is(nodes: int) -> None:
    async def test(viewer: Viewer) -> None:
        shown = viewer.screen_text().splitlines()
        (begin,) = [at for at, line in enumerate(shown) if "PAUSED" in line]
        assert "leader" in shown[begin + 1]
        (end,) = [at for at, line in enumerate(shown) if "space play" in line]
        assert "▲" in shown[end - 1]
        assert "▸ n1" in viewer.text("nodes")
        assert not [line for line in shown if "events" in line] or nodes == 1

    scripts = [
        Script(node).keyframe(status_of(node, nodes, 1)).changed(900)
        for node in range(1, nodes + 1)
    ]
    film = Film([frame for script in scripts for frame in script.frames], "demo")
    view(test, film=film, size=TINY, chosen=1)


def test_the_chosen_one_of_many_nodes_is_in_view() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("9", "right", "right")
        rows = viewer.text("nodes").splitlines()
        assert rows[0].startswith("  NODE")
        (at,) = [at for at, row in enumerate(rows) if row.startswith("▸ n11")]
        assert (rows[1][-1], rows[-1][-1]) == ("↑", "↓")
        await viewer.pilot.click("#nodes", offset=(5, at + 2))
        assert viewer.app.chosen == 13

    view(test, live_cluster(25), size=TINY)


def test_two_logs_show_what_their_entries_say() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.press("end", "l", "o")
        assert "put k" in viewer.text("list")
        rows = [row for row in viewer.text("list").splitlines() if "applied" in row]
        assert rows
        assert all(row.rindex("│") < 45 for row in rows)
        assert "SIZE" not in viewer.text("list")

    view(test, film=short_film(), size=TINY, chosen=1)


@pytest.mark.parametrize("width", [60, 80])
def test_of_a_reason_without_room_its_age_stays(width: int) -> None:
    async def test(viewer: Viewer) -> None:
        (row,) = [row for row in viewer.text("nodes").splitlines() if "STOPPED" in row]
        assert row.endswith("  0.0s ago")

    model = live_cluster(3)
    model.nodes[2].has_stopped = True
    view(test, model, size=(width, 14))


def test_a_table_shows_links_and_ends_of_nodes() -> None:
    async def test(viewer: Viewer) -> None:
        shown = viewer.text("nodes")
        assert "…" not in shown
        assert "✓~·✗–" in shown
        assert "40s ago" in shown
        await viewer.press("M")
        assert "SIGKILL by cli 40s ago" in viewer.text("list")

    view(test, in_trouble(), size=TINY, chosen=3)
