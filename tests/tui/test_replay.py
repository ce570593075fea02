"""Films: wherever one goes, the picture is that of the frames up to there."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.wire.messages import Frame
from tests.tui.frames import START, Script, fold, in_order, node_streams, shown, status_of
from tests.tui.pilot import Viewer, view
from tui import replay
from tui.drawing.film import Lanes
from tui.replay import Film

SECOND = 1_000_000_000


def short_film() -> Film:
    """Twelve seconds of three nodes: an election, a fault, another election, a heal."""
    one = Script(1).keyframe(status_of(1, 3, leader=None, term=0)).happened("boot")
    one.happened("leader", 1, after_ms=500, votes="n1,n2", took_ms=12.0)
    for first in range(1, 300, 30):
        one.bulk(first, first + 29, term=1, after_ms=300)
    one.changed(10, role="leader", term=1, last_index=300, commit_index=300)
    two = Script(2, boot=5).keyframe(status_of(2, 3, leader=1, term=1))
    two.happened("fault", 1, after_ms=5_000, fault="#1", links="n1:n2")
    two.happened("leader", 2, after_ms=400, votes="n2,n3", took_ms=180.0)
    two.happened("heal", 2, after_ms=4_000, fault="#1")
    two.changed(2_000, term=2, role="leader")
    three = Script(3, boot=6).keyframe(status_of(3, 3, leader=1, term=1)).changed(12_000)
    return Film(in_order([one.frames, two.frames, three.frames]), "demo")


@settings(max_examples=40)
@given(
    st.tuples(node_streams(1), node_streams(2)),
    st.lists(st.floats(-0.1, 1.1), min_size=1, max_size=8),
)
def test_any_way_to_a_moment_gives_the_picture_of_that_moment(
    streams: tuple[list[Frame], ...], places: list[float]
) -> None:
    merged = in_order(streams)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replay, "CHECKPOINT_FRAMES_MIN", 3)
        film = Film(merged, "random")
        for place in places:
            span = film.end_ns - film.begin_ns
            film.seek(film.begin_ns + round(span * place))
    if not merged:
        return
    expected = fold(frame for frame in merged if frame.mono_ns <= film.now_ns)
    expected.members(film.model.nodes)
    assert shown(film.model) == shown(expected)


def test_steps_go_from_frame_to_frame_and_from_landmark_to_landmark() -> None:
    film = short_film()
    times = film.times_of(replay.LANDMARKS)
    assert len(times) == 5
    film.seek(film.begin_ns)
    for time in times:
        film.step("landmark", 1)
        assert film.now_ns == time
    film.step("landmark", 1)
    assert film.now_ns == times[-1], "behind the last one there is none"
    film.step("landmark", -1)
    assert film.now_ns == times[-2]
    film.step("end", 1)
    assert film.now_ns == film.end_ns
    film.step("frame", -1)
    assert film.now_ns < film.end_ns


def test_it_plays_at_its_speed_and_stops_at_the_end() -> None:
    film = short_film()
    film.play_or_pause()
    film.advance(1.0)
    assert film.now_ns == film.begin_ns + SECOND
    film.change_speed(2)
    film.advance(1.0)
    assert film.now_ns == film.begin_ns + 5 * SECOND
    film.advance(100)
    assert film.now_ns == film.end_ns
    assert not film.is_playing
    film.play_or_pause()
    assert film.now_ns == film.begin_ns, "at the end it begins anew"


def test_reigns_and_lanes_show_who_led() -> None:
    film = short_film()
    assert [(reign.node, reign.term) for reign in film.reigns()] == [(1, 1), (2, 2)]
    leaders, faults, _, cursor = (
        "".join(text for text, _ in line) for line in Lanes(film, 80).lines()
    )
    assert "n1 t1━" in leaders
    assert "n2 t2━" in leaders
    assert faults.count("▼") == faults.count("▲") == 1
    assert cursor.rstrip().endswith("▲")
    assert {len(leaders), len(faults), len(cursor)} == {80}


def test_a_film_in_which_nobody_was_elected_has_no_reigns() -> None:
    film = Film(Script(1).keyframe(status_of(1)).changed(term=8).frames, "demo")
    assert film.reigns() == []
    leaders = "".join(text for text, _ in Lanes(film, 80).lines()[0])
    assert set(leaders.removeprefix(" leader ").strip()) == {"·"}


def test_a_recording_goes_on_after_the_machine_was_booted_anew() -> None:
    before = Script(1).keyframe(status_of(1, term=3)).happened("leader", 3, after_ms=500).frames
    after = Script(1, boot=2, at_ns=SECOND).keyframe(status_of(1, term=4)).happened("leader", 4)
    hour = 3_600 * SECOND
    later = [replace(each, wall_ns=before[-1].wall_ns + hour) for each in after.frames]
    film = Film([*before, *later], "demo")
    assert film.end_ns - film.begin_ns >= hour
    film.seek(film.end_ns)
    assert film.model.nodes[1].number("term") == 4
    assert [reign.term for reign in film.reigns()] == [3, 4]
    assert "t3" in "".join(text for text, _ in Lanes(film, 80).lines()[0])


def test_an_empty_film_is_no_trouble() -> None:
    film = Film([], "nothing")
    film.step("landmark", 1)
    film.play_or_pause()
    film.advance(1)
    assert len(film) == 0


def test_too_long_a_film_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "FRAMES_MAX", 3)
    film = Film(
        Script(1).happened("vote").happened("vote").happened("vote").happened("vote").frames, "x"
    )
    assert len(film) == 3
    assert "first 3 frames" in film.note


def test_keys_move_through_a_film_and_change_nothing() -> None:
    film = short_film()

    async def test(viewer: Viewer) -> None:
        assert "REPLAY" in viewer.text("head")
        await viewer.press("right_curly_bracket", "right_curly_bracket", "m")
        assert "leader" in viewer.text("events")
        assert "◆" not in viewer.text("film"), "the cursor stands on it"
        await viewer.press("end", "N")
        assert film.now_ns == film.bookmarks[0]
        await viewer.press("home", "greater_than_sign", "space")
        assert film.is_playing
        await viewer.press("K", "p", "H")
        assert viewer.ran == []
        await viewer.pilot.click("#film", offset=(60, 2))
        assert film.now_ns > film.begin_ns + 4 * SECOND

    view(test, film=film)


def test_time_before_the_recording_began_is_its_beginning() -> None:
    film = short_film()
    film.seek(0)
    assert film.now_ns == film.begin_ns == START + 1_000_000
