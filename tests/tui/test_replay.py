"""Films: wherever one goes, the picture is that of the frames up to there."""

import asyncio
from collections.abc import Iterator
from threading import Event, get_ident

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.wire.codec import encode_frame
from node.wire.messages import Frame
from node.wire.recording import CLUSTER
from tests.tui.frames import START, Script, fold, in_order, node_streams, shown, status_of
from tests.tui.pilot import SMALL, Viewer, view
from tests.tui.stand_in import MadeUp, address_of
from tui import footage, replay
from tui.chronicle import Chronicler, Span, chronicle_of, in_rows
from tui.drawing.film import Lanes
from tui.footage import Chunk, Footage, chunks_of
from tui.loading import Loading
from tui.replay import Film, FilmError
from tui.replaying import Recorded
from tui.timeline import Occurrence

SECOND = 1_000_000_000


def short_film() -> Film:
    return Film(short_frames(), "demo")


def recorded(film: Film) -> Recorded:
    """A recording that is read as soon as it is opened."""
    return Recorded("demo", lambda: (film, Loading(film, iter(()), lambda: 1.0, lambda: "")))


def short_frames() -> list[Frame]:
    """Twelve seconds of three nodes: an election, a fault, another election, a heal."""
    new = {"first_index": 1, "last_index": 0, "commit_index": 0, "last_applied": 0}
    one = Script(1).keyframe(status_of(1, 3, leader=None, term=0, **new)).happened("boot")
    one.happened("leader", 1, after_ms=500, votes="n1,n2", took_ms=12.0)
    for first in range(1, 300, 30):
        one.bulk(first, first + 29, term=1, after_ms=300)
    one.changed(10, role="leader", term=1, last_index=300, commit_index=300)
    one.changed(1_400).happened("stepdown", 1, after_ms=90, why="no quorum")
    two = Script(2, boot=5).keyframe(status_of(2, 3, leader=None, term=0, **new))
    two.changed(2_000).changed(2_000)
    two.happened("fault", 1, after_ms=1_000, fault="#1", links="n1:n2")
    two.happened("leader", 2, after_ms=900, votes="n2,n3", took_ms=180.0)
    two.changed(1_800).happened("heal", 2, after_ms=1_700, fault="#1")
    two.changed(2_000, term=2, role="leader").changed(599)
    three = Script(3, boot=6).keyframe(status_of(3, 3, leader=None, term=0, **new))
    for each in (one, three):
        while each.at_ns < START + 11 * SECOND:
            each.changed(1_000)
    return in_order([one.frames, two.frames, three.frames])


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
        patch.setattr(footage, "CHUNK_FRAMES", 3)
        patch.setattr(footage, "PICTURES_MAX", 4)
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
    assert [mark.kind for mark in film.marks if mark.time_ns in times] == [
        *("leader", "fault", "leader", "heal")
    ], "a boot is none"
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


def test_it_waits_at_the_end_of_what_was_read_and_goes_on_from_there() -> None:
    one = Script(1).keyframe(status_of(1)).changed(1_000, term=8).changed(1_000, term=9)
    first, rest = chunks_of(one.frames[:2]), chunks_of(one.frames[2:])
    film = Film((), "demo")
    film.read_share = 0.5
    film.extend(next(first))
    film.play_or_pause()
    film.advance(100)
    film.play_or_pause()
    film.play_or_pause()
    assert (film.now_ns, film.is_playing) == (film.end_ns, True)
    film.extend(next(rest))
    film.read_share = None
    film.advance(100)
    assert (film.model.nodes[1].number("term"), film.is_playing) == (9, False)


def test_reigns_and_lanes_show_who_led() -> None:
    film = short_film()
    assert [(reign.node, reign.term) for reign in film.chronicle.reigns] == [(1, 1), (2, 2)]
    leaders, *rest = ("".join(text for text, _ in line) for line in Lanes(film, 80).lines())
    assert "╱n1 t1━" in leaders
    assert "━╱╱╱╱n2 t2━" in leaders
    wide = "".join(text for text, _ in Lanes(film, 140).lines()[0])
    assert "━0.9s╱╱" in wide, "for so long nobody led"
    assert "[#1 ───" in rest[0]
    assert rest[0].rstrip().endswith("]")
    assert rest[-1].rstrip().endswith("▲")
    assert {len(leaders), *map(len, rest)} == {80}


def test_a_film_in_which_nobody_was_elected_has_no_reigns() -> None:
    film = Film(Script(1).keyframe(status_of(1, leader=2)).changed(900, term=8).frames, "demo")
    assert film.chronicle.reigns == []
    leaders = "".join(text for text, _ in Lanes(film, 80).lines()[0])
    assert set(leaders.removeprefix(" leader ").strip()) == set("0.9s╱")


def test_a_recording_goes_on_after_the_machine_was_booted_anew() -> None:
    before = (
        Script(1)
        .keyframe(status_of(1, term=3, role="follower"))
        .happened("leader", 3, after_ms=500)
    )
    before.changed(400)
    after = Script(1, boot=2, at_ns=SECOND).keyframe(status_of(1, term=4)).happened("leader", 4)
    hour = 3_600 * SECOND
    later = [each._replace(wall_ns=before.frames[-1].wall_ns + hour) for each in after.frames]
    film = Film([*before.frames, *later], "demo")
    assert film.end_ns - film.begin_ns >= hour
    film.seek(film.end_ns)
    assert film.model.nodes[1].number("term") == 4
    assert [reign.term for reign in film.chronicle.reigns] == [3, 4]
    assert "1h00m╱" in "".join(text for text, _ in Lanes(film, 80).lines()[0])


def test_an_empty_film_is_no_trouble() -> None:
    film = Film([], "nothing")
    film.step("landmark", 1)
    film.play_or_pause()
    film.advance(1)
    assert len(film) == 0


def test_too_long_a_film_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(footage, "CHUNK_FRAMES", 2)
    monkeypatch.setattr(footage, "BYTES_MAX", 3_000)
    script = Script(1)
    for _ in range(9):
        script.happened("vote")
    film = Film(script.frames, "x")
    assert len(film) == 4
    assert film.note == "only the first 4 frames are shown"


def test_a_film_is_small_however_often_it_is_told_the_same() -> None:
    script = Script(1)
    for _ in range(200):
        script.keyframe(status_of(1, 5), after_ms=100).bulk(1, 20, after_ms=1)
    recorded = sum(len(encode_frame(frame)) for frame in script.frames)
    footage = Footage()
    for chunk in chunks_of(script.frames):
        footage.add(chunk)
    assert footage.size_bytes < recorded / 10
    assert list(footage.frames(3, 399)) == script.frames[3:399]


def test_a_film_that_is_being_read_is_shown_from_its_beginning_and_gets_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(footage, "CHUNK_FRAMES", 10)
    whole = short_film()
    whole.seek(whole.end_ns)
    chunks = chunks_of(short_frames())
    film = Film((), "demo")
    film.extend(next(chunks))
    may_read = Event()
    asked: list[int] = []

    def rest() -> Iterator[Chunk]:
        asked.append(get_ident())
        assert may_read.wait(10)
        yield from chunks

    loading = Loading(film, rest(), lambda: 0.25, lambda: "n1.frames: a frame of 0 bytes")

    async def test(viewer: Viewer) -> None:
        assert "reading 25%" in str(viewer.page.panel("film").border_title)
        await viewer.press("end")
        assert len(film) == 10
        assert film.now_ns == film.end_ns < whole.end_ns
        assert "n1" in viewer.text("nodes")
        assert asked != [get_ident()], "the thread that paints does not read"
        may_read.set()
        async with asyncio.timeout(10):
            while film.read_share is not None:  # noqa: ASYNC110 - a film has no event to wait for
                await asyncio.sleep(0.005)
        await viewer.press("end")
        assert shown(film.model) == shown(whole.model)
        title = str(viewer.page.panel("film").border_title)
        assert ("reading" in title, "not whole" in title) == (False, True)
        notes = [note.message for note in viewer.app._notifications]
        assert notes == ["n1.frames: a frame of 0 bytes"]

    view(test, film=film, loading=loading)


def test_a_part_begins_where_it_was_cut_and_shows_how_old_the_rest_was_then() -> None:
    ended = Script(2).keyframe(status_of(2))
    lives = Script(1, at_ns=START + 60 * SECOND).keyframe(status_of(1)).changed(500, term=8)
    film = Film([*ended.frames, *lives.frames], "part", began_ns=START + 60 * SECOND)
    assert film.now_ns == film.begin_ns == START + 60 * SECOND
    assert film.end_ns - film.begin_ns < SECOND
    view = film.model.nodes[2]
    assert (view.condition(film.now_ns), round(view.age_s(film.now_ns) or 0)) == ("STALE", 60)


def test_what_is_done_to_a_simulated_cluster_is_in_its_lane_and_of_no_node() -> None:
    cluster = Script(CLUSTER).happened("kill", 0, 10, nodes="n1", line="kill leader")
    cluster.happened("partition", 0, 3_000, what="n1:n2").happened("all faults end", 0, 3_000)
    one = Script(1).keyframe(status_of(1, 3, leader=1)).changed(9_000)
    film = Film(in_order([cluster.frames, one.frames]), "seed-7")
    assert film.model.ids() == [1]
    faults = "".join(text for text, _ in Lanes(film, 80).lines()[1])
    assert (faults.count("▼"), faults.count("▲")) == (2, 1)
    assert film.times_of(replay.LANDMARKS) == [frame.mono_ns for frame in cluster.frames]


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


def test_the_recording_of_a_running_cluster_opens_at_an_event_and_leads_back() -> None:
    film = short_film()
    film.note = "n2.frames: it ends inside a frame"
    model = fold([each for each in short_frames() if each.mono_ns < START + 7 * SECOND])

    async def test(viewer: Viewer) -> None:
        await viewer.press("e", "down", "down", "down", "enter")
        await viewer.app.workers.wait_for_complete(
            [each for each in viewer.app.workers if each.group == "film"]
        )
        await viewer.settle()
        assert "REPLAY" in viewer.text("head")
        assert film.note in viewer.told
        fault = next(each for each in short_frames() if getattr(each, "kind", "") == "fault")
        assert film.now_ns == fault.mono_ns
        await viewer.press("2", "K")
        assert viewer.ran == []
        assert "L live" not in viewer.screen_text()
        viewer.app._source = MadeUp(address_of({1: 9}))
        viewer.app.paint()
        await viewer.settle()
        assert "L live" in viewer.text("keys")
        await viewer.press("L")
        assert "REPLAY" not in viewer.text("head")

    view(test, model, recording=recorded(film))


def test_a_recording_that_cannot_be_opened_is_told() -> None:
    def load() -> tuple[Film, Loading]:
        raise FilmError("there is no recording 'demo'")

    async def test(viewer: Viewer) -> None:
        event = Script(1).keyframe(status_of(1)).happened("boot").frames
        viewer.app.go_to(next(fold(event).timeline.newest()))
        await viewer.app.workers.wait_for_complete()
        await viewer.settle()
        assert "there is no recording 'demo'" in viewer.told
        assert viewer.app.film is None

    view(test, recording=Recorded("demo", load))


def test_the_first_picture_needs_the_first_frames_alone() -> None:
    taken: list[Frame] = []

    def frames() -> Iterator[Frame]:
        script = Script(1).keyframe(status_of(1))
        while True:
            taken.append(script.changed(1).frames[-1])
            yield taken[-1]

    chunks = chunks_of(frames())
    assert len(next(chunks).times) == len(taken) == footage.FIRST_FRAMES
    assert len(next(chunks).times) == footage.CHUNK_FRAMES


def test_enter_on_an_event_moves_the_cursor_there() -> None:
    film = short_film()

    async def test(viewer: Viewer) -> None:
        await viewer.press("end", "E", "down", "down", "enter")
        assert film.now_ns == film.times_of(frozenset({"leader"}))[-1]
        await viewer.press("L")
        assert "does not run here" in viewer.told

    view(test, film=film)


def test_a_part_is_saved_between_bookmarks() -> None:
    film = short_film()

    async def test(viewer: Viewer) -> None:
        film.seek(film.begin_ns + SECOND)
        film.toggle_bookmark()
        film.seek(film.begin_ns + 3 * SECOND)
        await viewer.press("e", "down", "down", *"part.frames", "enter")
        begin, end = "2023-11-14T22:13:21.001Z", "2023-11-14T22:13:23.001Z"
        assert viewer.ran == [f"runs export --from {begin} --to {end} -- demo part.frames"]
        await viewer.press("l", "e")
        assert "events" in viewer.screen_text(), "elsewhere the key shows events"

    view(test, film=film, recording=recorded(film))


# -- what it tells as a whole ----------------------------------------------------------------------
def down(node: int, first_s: float, last_s: float) -> list[Frame]:
    """A node that tells something each second but for that time."""
    script = Script(node).keyframe(status_of(node, 3, leader=None, term=1))
    while script.at_ns < START + 20 * SECOND:
        is_down = first_s <= (script.at_ns - START) / SECOND + 1 < last_s
        script.changed((last_s - first_s + 1) * 1000 if is_down else 1000)
    return script.frames


def test_nodes_that_are_down_and_faults_are_spans() -> None:
    two = Script(2).keyframe(status_of(2, 3, leader=2, term=1))
    two.happened("fault", 1, after_ms=2_000, fault="#4", links="n1:n2")
    rules = [{"fault": 4, "src": 1, "dst": 2, "cut": True}]
    two.changed(1, faults=rules)
    for _ in range(18):
        two.changed(1000)
    chronicle = chronicle_of(in_order([down(1, 5, 11), two.frames]))
    assert [(span.label, span.is_open) for span in chronicle.spans] == [
        ("#4 cut", True),
        ("n1 silent", False),
    ]
    assert [(reign.node, reign.term) for reign in chronicle.reigns] == [(2, 1)]


def test_what_was_done_to_the_cluster_is_told_once_and_by_whoever_did_it() -> None:
    """A recording of chaos has the faults of its steps; what nodes tell of them adds nothing."""
    two = Script(2).keyframe(status_of(2, 3, leader=2, term=1))
    two.happened("fault", 1, after_ms=2_000, fault="#4", links="n1:n2")
    for _ in range(18):
        two.changed(1000)
    cluster = Script(0).happened("kill", 0, 4_900, fault="step 1", nodes="n1", line="kill leader")
    cluster.happened("net", 0, 1_000, fault="#4", what="n1:n2 latency=40ms")
    cluster.happened("start", 0, 4_000, fault="step 1").happened("transfer", 0, 100, to="n2")
    chronicle = chronicle_of(in_order([down(1, 5, 11), two.frames, cluster.frames]))
    seconds = [
        (span.label, round((span.begin - START) / 1e9), round((span.end - START) / 1e9))
        for span in chronicle.spans
    ]
    assert seconds == [("kill n1", 5, 10), ("#4 net n1:n2 latency=40ms", 6, 20)]
    assert [span.is_open for span in chronicle.spans] == [False, True]


def test_node_that_goes_down_after_a_fault_is_not_explained_by_it() -> None:
    two = Script(2).keyframe(status_of(2, 3, leader=2, term=1))
    for _ in range(18):
        two.changed(1000)
    cluster = Script(0).happened("kill", 0, 1_000, fault="#1", nodes="n1")
    cluster.happened("heal", 0, 1_000, fault="#1").happened("kill", 0, 0, fault="#2", nodes="n3")
    labels = [
        span.label
        for span in chronicle_of(in_order([down(1, 5, 11), two.frames, cluster.frames])).spans
    ]
    assert labels == ["#1 kill n1", "#2 kill n3", "n1 silent"]


def test_a_leader_that_falls_silent_leads_no_more() -> None:
    one = Script(1).keyframe(status_of(1, 3, leader=1, term=3)).changed(1_000).changed(900)
    two = Script(2).keyframe(status_of(2, 3, leader=1, term=3))
    for _ in range(6):
        two.changed(1_000)
    two.happened("leader", 4, after_ms=10).changed(1_000, role="leader", term=4)
    chronicle = chronicle_of(in_order([one.frames, two.frames]))
    (first, second), (stretch,) = chronicle.reigns, chronicle.leaderless[-1:]
    assert (first.node, second.node) == (1, 2)
    assert stretch == (one.frames[-1].mono_ns, second.begin)


def test_who_leads_in_a_lower_term_does_not_lead() -> None:
    old = Script(1).keyframe(status_of(1, 3, leader=1, term=3))
    new = Script(2).keyframe(status_of(2, 3, leader=None, term=3)).changed(2_000)
    new.happened("leader", 4, after_ms=2_000)
    for _ in range(9):
        old.changed(1_000)
    for _ in range(4):
        new.changed(1_000)
    reigns = chronicle_of(in_order([old.frames, new.frames])).reigns
    assert [(each.node, each.term) for each in reigns] == [(1, 3), (2, 4)]
    assert reigns[0].end == reigns[1].begin


def test_a_clip_of_a_fault_that_held_before_shows_it_from_its_beginning() -> None:
    rules = [{"fault": 2, "src": 1, "dst": 2, "latency_ms": 40}]
    script = Script(1).keyframe(status_of(1, 3, faults=rules)).changed(1_000, faults=[])
    script.happened("heal", 7, fault="#2").changed(2_000)
    (span,) = chronicle_of(script.frames).spans
    assert (span.label, span.begin, span.is_open) == ("#2 net", script.frames[0].mono_ns, False)


def test_it_can_be_told_at_any_moment_and_goes_on() -> None:
    frames = short_frames()
    chronicler = Chronicler()
    for count, frame in enumerate(frames, 1):
        chronicler.take(frame)
        assert chronicler.so_far() == chronicle_of(frames[:count])


def test_spans_share_rows_where_they_can() -> None:
    spans = [Span("a", 0, 5, False), Span("b", 3, 9, False), Span("c", 5, 7, False)]
    rows, left = in_rows([*spans, Span("d", 4, 8, False)], 2)
    assert [[span.label for span in row] for row in rows] == [["a", "c"], ["b"]]
    assert left == 1


def with_a_removal() -> list[Frame]:
    """n3 ends at +3 s, is removed at +10 s; n2 tells of itself from +5 s on."""
    old = {"configuration": {"voters": [1, 2, 3]}, "configuration_index": 1}
    one = Script(1).keyframe(status_of(1, 3, 1, **old))
    for second in range(1, 20):
        one.changed(1_000)
        if second == 10:
            one.changed(1, configuration={"voters": [1, 2]}, configuration_index=9)
    two = Script(2, at_ns=START + 5 * SECOND).keyframe(status_of(2, 3, 1, **old))
    three = Script(3).keyframe(status_of(3, 3, 1, **old)).changed(1_500).changed(1_500)
    return in_order([one.frames, two.frames, three.frames])


def test_a_removed_node_is_no_member_from_then_on_and_its_lane_ends() -> None:
    frames = with_a_removal()
    (removed,) = (each.mono_ns for each in frames if "configuration" in getattr(each, "values", ()))
    film = Film(frames, "demo")
    film.seek(film.begin_ns)
    assert film.model.ids() == [1, 2, 3], "n2 comes later"
    film.seek(removed - 1)
    assert film.model.ids() == [1, 2, 3]
    film.seek(removed)
    assert film.model.ids() == [1, 2]
    film.step("end", 1)
    assert film.model.ids() == [1, 2]
    film.seek(removed - 1)
    assert film.model.ids() == [1, 2, 3]
    assert film.model.nodes[3].status, "as it was known then"
    lanes = {span.label: (span.end, span.is_open) for span in film.chronicle.spans}
    assert lanes["n3 down"] == (removed, False)
    assert lanes["n2 down"][1]


def test_what_a_removed_node_still_tells_brings_it_back_into_no_picture() -> None:
    frames = with_a_removal()
    late = Script(3, 2, START + 15 * SECOND).keyframe(
        status_of(3, 3, 1, configuration={"voters": [1, 2, 3]}, configuration_index=1)
    )
    film = Film(in_order([frames, late.frames]), "demo")
    film.step("end", 1)
    assert film.model.ids() == [1, 2]
    assert [span.label for span in film.chronicle.spans].count("n3 down") == 1


def test_faults_of_nodes_have_a_lane_with_what_they_are() -> None:
    rules = [{"fault": 4, "node": 1, "kind": "slow", "delay_us": 20_000}]
    rules.append({"fault": 5, "node": 1, "kind": "rate", "rate": 2.0})
    script = Script(1).keyframe(status_of(1, 3, node_faults=rules)).changed(1_000)
    spans = chronicle_of(script.frames).spans
    assert [(span.label, span.is_open) for span in spans] == [("#4 disk", True), ("#5 clock", True)]


def test_time_before_the_recording_began_is_its_beginning() -> None:
    film = short_film()
    film.seek(0)
    assert film.now_ns == film.begin_ns == START + 1_000_000


def elected(node: int, at_s: float, told_after_ms: float) -> list[Frame]:
    """A node that wins an election, and tells so later of what it is then."""
    script = Script(node).keyframe(status_of(node, 3, leader=None, term=1, role="candidate"))
    script.happened("follow", 2, after_ms=at_s * 1000, leader=f"n{node}")
    script.happened("leader", 2, after_ms=0.01, votes="n1,n2", took_ms=12.0)
    script.changed(told_after_ms, role="leader", term=2, leader=node)
    return script.frames


@pytest.mark.parametrize("size", [1, footage.FIRST_FRAMES])
def test_who_goes_to_an_event_sees_what_it_changed(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(footage, "CHUNK_FRAMES", size)
    two = Script(2).keyframe(status_of(2, 3, leader=None, term=1))
    two.happened("vote", 2, after_ms=1_000.2, candidate="n1").changed(1, voted_for=1, term=2)
    film = Film(in_order([elected(1, 1, 0.4), two.frames]), "demo")
    for by, to in ((1, "end"), (-1, "landmark")):
        film.step(to, by)
    assert film.model.nodes[1].text("role") == "leader"
    film.step("end", -1)
    seen = []
    while film.now_ns < film.end_ns:
        film.step("event", 1)
        seen.append((film.model.nodes[1].text("role"), film.model.nodes[2].number("voted_for")))
    assert seen == [("leader", 0), ("leader", 1)], "each event in its turn"
    leader = next(event for event in film.model.timeline.newest() if event.kind == "leader")
    film.step("end", -1)
    film.seek_event(leader)
    assert film.model.nodes[1].text("role") == "leader"


def test_what_nobody_told_for_long_after_an_event_does_not_put_it_off() -> None:
    film = Film(elected(1, 1, 400), "demo")
    leader = next(mark for mark in film.marks if mark.kind == "leader")
    film.step("landmark", 1)
    assert film.now_ns == leader.time_ns


def test_enter_leads_to_the_event_itself_though_unix_time_is_not_exact() -> None:
    film = short_film()
    mark = next(mark for mark in film.marks if mark.kind == "fault")
    wall_ns = film.wall_of(mark.time_ns)
    for off_ns in (-900_000, 0, 900_000):
        event = Occurrence(
            mark.time_ns, mark.node, 1, 1, wall_ns + off_ns, mark.kind, mark.term, {}
        )
        film.seek_event(event)
        assert film.now_ns == mark.time_ns
    film.seek_event(event._replace(kind="unheard"))
    assert film.now_ns == mark.time_ns + off_ns


def test_time_may_begin_with_nothing() -> None:
    """That of a simulated cluster does."""
    script = Script(1, at_ns=-1_000_000).keyframe(status_of(1, 3, leader=1, term=4))
    film = Film(script.changed(1_000).frames, "sim")
    assert (film.now_ns, film.chronicle.begin) == (0, 0)

    async def test(viewer: Viewer) -> None:
        assert "NOT YET" not in viewer.text("nodes")
        assert "leader n1 ★ · term 4" in viewer.text("head")

    view(test, film=film)


def test_the_head_says_how_things_are_however_long_a_name_is() -> None:
    async def test(viewer: Viewer) -> None:
        viewer.app.cluster_name = "20261128T071952-kill-leader-loop-2"
        await viewer.settle()
        assert " 20261128T071952-kil… ● REPLAY" in viewer.text("head")
        assert "commit 300" in viewer.text("head")

    film = short_film()
    film.step("end", 1)
    view(test, film=film, size=SMALL)


def test_a_node_that_tells_of_itself_later_is_not_connecting() -> None:
    """Nothing connects in a recording."""
    late = Script(2, at_ns=START + 5 * SECOND).keyframe(status_of(2, 2))
    film = Film([*Script(1).keyframe(status_of(1, 2)).frames, *late.frames], "demo")

    async def test(viewer: Viewer) -> None:
        assert "n2 NOT YET" in viewer.text("nodes")
        assert "told of later" in viewer.text("nodes")
        await viewer.press("2", "l")
        assert viewer.text("list").strip() == "nothing is known of it yet"
        await viewer.press("escape")
        await viewer.press("end")
        assert "n2 FOLLOWER" in viewer.text("nodes")

    view(test, film=film)
