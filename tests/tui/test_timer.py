"""Election timers, who is in touch, how nodes ended, and what is painted as time alone passes."""

import asyncio
from collections.abc import Sequence

import pytest

from tests.tui.frames import SECOND, Script, fold, live_cluster, status_of
from tests.tui.pilot import SMALL, Viewer, view
from tests.tui.scenes import in_trouble
from tui.drawing.moment import Moment
from tui.drawing.overview import timer_line
from tui.drawing.text import Line
from tui.model import ClusterModel
from tui.nodes import ElectionTimer, InTouch, NodeView, Process, Reach
from tui.widgets.panel import Draw, Panel

MS = 1_000_000


def follower(**values: object) -> tuple[ClusterModel, NodeView]:
    """A live one that just told its status."""
    script = Script(1).keyframe(status_of(1, 3, 2) | values)
    model = fold(script.frames)
    model.reach(1, Reach(is_open=True))
    return model, model.nodes[1]


def drawn(model: ClusterModel, after_ms: int) -> str:
    moment = Moment(model, model.now_ns + after_ms * MS, "demo")
    return "".join(text for text, _ in timer_line(moment, model.nodes[1], 16))


def test_timer_that_a_heartbeat_is_about_to_wind_up_is_shown_as_it_was_told() -> None:
    model, shown = follower(election_in_ms=190, election_timeout_ms=220)
    timer = ElectionTimer(30, 220, is_running_out=False)
    assert shown.election_timer(model.now_ns) == timer
    assert shown.election_timer(model.now_ns + 900 * MS) == timer
    assert not shown.is_counting(model.now_ns)
    assert drawn(model, 900) == "et ▓░░░░░░  30ms"


def test_timer_that_missed_its_heartbeats_runs_on_until_its_end() -> None:
    model, shown = follower(election_in_ms=2_000, election_timeout_ms=3_000)
    assert drawn(model, 0) == "et ▓▓░░░░ 1000ms"
    assert drawn(model, 500) == "et ▓▓▓░░░ 1500ms"
    assert shown.is_counting(model.now_ns + 500 * MS)
    assert drawn(model, 2_400) == "et ▓▓▓▓▓▓ 3000ms"
    assert not shown.is_counting(model.now_ns + 2_400 * MS), "nothing runs any more"


def test_timer_without_a_known_leader_runs_on() -> None:
    model, shown = follower(election_in_ms=190, election_timeout_ms=220, leader=None)
    assert drawn(model, 100) == "et ▓▓▓▓░░░ 130ms"
    assert shown.is_counting(model.now_ns)


def test_what_is_not_known_of_a_timer_is_a_dash() -> None:
    model, _ = follower(election_in_ms=None, election_timeout_ms=None)
    assert drawn(model, 0) == "et             –"
    leading, _ = follower(role="leader", settings={})
    assert drawn(leading, 0) == "heartbeat      –"


def test_heartbeat_that_comes_makes_a_timer_stand_again() -> None:
    script = Script(1).keyframe(status_of(1, 3, 2, election_in_ms=100, election_timeout_ms=250))
    script.changed(200, election_in_ms=240, election_timeout_ms=250)
    model = fold(script.frames[:1])
    model.reach(1, Reach(is_open=True))
    assert model.nodes[1].is_counting(model.now_ns)
    fold(script.frames[1:], model)
    assert drawn(model, 50) == "et ░░░░░░░  10ms"
    assert not model.nodes[1].is_counting(model.now_ns)


@pytest.mark.parametrize(
    ("configuration", "in_touch", "expected"),
    [
        ({"voters": [1, 2, 3]}, [1, 3, 4], InTouch(2, 2, 3)),
        ({"voters": [1, 2, 3, 4, 5], "outgoing": [1, 2, 3]}, [1, 4, 5], InTouch(1, 2, 3)),
        ({"voters": [1, 2, 3]}, [], None),
        ({}, [1], None),
    ],
)
def test_in_touch_are_the_voters_that_a_leader_hears(
    configuration: dict[str, list[int]], in_touch: list[int], expected: InTouch | None
) -> None:
    _, leader = follower(role="leader", configuration=configuration, in_touch=in_touch)
    assert leader.in_touch == expected


@pytest.mark.parametrize(
    ("how", "ending", "code"),
    [
        ("killed -9", "SIGKILL by cli", -9),
        ("killed -15", "SIGTERM by cli", None),
        ("killed -999", "killed -999 by cli", None),
        ("stopped", "stopped by cli", None),
        ("", "ended by itself", None),
    ],
)
def test_how_a_node_ended(how: str, ending: str, code: int | None) -> None:
    process = Process("exited", None, how)
    assert (process.ending, process.exit_code) == (ending, code)


def note_draws(viewer: Viewer) -> list[str]:
    """The panels that are drawn from now on, by name."""
    drawn: list[str] = []

    def noting(panel: Panel) -> Draw:
        draw = panel._draw

        def note(width: int, height: int) -> Sequence[Line]:
            drawn.append(str(panel.id))
            return draw(width, height)

        return note

    for panel in viewer.page.query(Panel):
        panel._draw = noting(panel)
    return drawn


async def until_drawn(viewer: Viewer, drawn: list[str], name: str) -> None:
    async with asyncio.timeout(20):
        while name not in drawn:
            await viewer.pilot.pause()


def test_time_alone_paints_ages_and_nothing_else() -> None:
    async def test(viewer: Viewer) -> None:
        drawn = note_draws(viewer)
        for _ in range(2):  # before the first of them all that came so far may be painted
            drawn.clear()
            viewer.app.model.now_ns += SECOND
            await until_drawn(viewer, drawn, "nodes")
        assert set(drawn) <= {"head", "nodes", "links"}

    view(test)


def test_node_that_falls_silent_is_painted_everywhere() -> None:
    async def test(viewer: Viewer) -> None:
        drawn = note_draws(viewer)
        viewer.app.model.now_ns += 3 * SECOND
        await until_drawn(viewer, drawn, "grid")
        assert "STALE" in viewer.text("nodes")

    view(test)


def test_timer_that_runs_out_is_painted_as_it_runs() -> None:
    async def test(viewer: Viewer) -> None:
        await viewer.fold(
            Script(1, 9, viewer.app.model.now_ns)
            .keyframe(status_of(1, 5, None, election_in_ms=2_000, election_timeout_ms=3_000))
            .frames
        )
        assert "1000ms" in viewer.text("nodes")
        viewer.app.model.now_ns += 100 * MS
        async with asyncio.timeout(20):
            while "1100ms" not in viewer.text("nodes"):
                await viewer.pilot.pause()

    view(test)


def test_bug_in_painting_ends_the_viewer() -> None:
    async def test(viewer: Viewer) -> None:
        viewer.app.model.nodes = None  # type: ignore[assignment]
        async with asyncio.timeout(20):
            while viewer.app.failure is None:
                await viewer.pilot.pause()

    with pytest.raises(AttributeError):
        view(test)


@pytest.mark.parametrize("nodes", [1, 5, 9])
def test_cards_show_timers_and_addresses_whatever_their_number(nodes: int) -> None:
    async def test(viewer: Viewer) -> None:
        shown = viewer.text("nodes")
        assert shown.count("et ▓") + shown.count("et ░") == nodes - 1
        assert shown.count("heartbeat") == 1
        assert f"in touch {nodes}/{nodes}" in shown
        assert f":810{nodes} pid 412{nodes}" in shown

    view(test, live_cluster(nodes, leader=1))


def test_rows_of_a_small_screen_say_how_a_node_ended() -> None:
    async def test(viewer: Viewer) -> None:
        assert "SIGKILL by cli 40s" in viewer.text("nodes")

    view(test, in_trouble(), size=SMALL)


def test_viewer_that_ends_paints_no_more() -> None:
    ended: list[Viewer] = []

    async def test(viewer: Viewer) -> None:
        ended.append(viewer)
        viewer.app.exit()

    view(test)
    viewer = ended[0]
    viewer.app.model.nodes = None  # type: ignore[assignment]
    viewer.app._keep_painting()
    assert viewer.app.failure is None
