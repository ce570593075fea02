"""What nobody tells of a node that is gone: what the viewer sees, and what frames alone say."""

import pytest

from node.wire.messages import Frame
from tests.tui.frames import SECOND, START, WALL, Script, fold, in_order, status_of
from tests.tui.pilot import Viewer, view
from tui.drawing.events import words_of
from tui.model import ClusterModel
from tui.nodes import Process
from tui.replay import Film

RUNS = Process("running", 7)


def events_of(model: ClusterModel) -> list[str]:
    """The newest first, in words, with the second of each."""
    return [
        f"{(event.mono_ns - START) / SECOND:.0f} {event.who} {event.kind} "
        f"{words_of(event.kind, event.data)}".rstrip()
        for event in model.timeline.newest()
    ]


def watched(node: int = 1) -> ClusterModel:
    """A node that is seen to run, ten seconds long."""
    script = Script(node).keyframe(status_of(node))
    for _ in range(10):
        script.changed(1_000)
    model = fold(script.frames)
    model.process(node, RUNS)
    return model


# -- what the viewer sees --------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("seen", "told"),
    [
        (
            [Process("exited", None, "killed -9", (WALL + 12 * SECOND) / 1e9)],
            "12 n1 exited SIGKILL by cli",
        ),
        (
            [Process("exited", last_words="the disk failed")],
            "20 n1 exited the disk failed  seen by the viewer",
        ),
        ([Process("paused", 7)], "20 n1 paused seen by the viewer"),
        ([Process("paused", 7), RUNS], "20 n1 resumed seen by the viewer"),
    ],
)
def test_the_viewer_tells_what_it_sees_of_a_process(seen: list[Process], told: str) -> None:
    model = watched()
    for second, process in enumerate(seen):
        model.process(1, process, START + (21 - len(seen) + second) * SECOND)
    assert events_of(model)[0] == told


def test_what_a_node_said_itself_is_not_said_again() -> None:
    model = fold(Script(1).keyframe(status_of(1)).happened("stop").frames)
    model.process(1, RUNS)
    model.process(1, Process("exited", None, "stopped"))
    assert [each.split()[2] for each in events_of(model)] == ["stop"]


def test_how_a_node_ended_before_the_viewer_came_is_told_where_that_is_known() -> None:
    model = fold(Script(2).keyframe(status_of(2)).frames)
    model.members([1, 2, 3])
    model.process(1, Process("exited", None, "killed -9", (WALL - 60 * SECOND) / 1e9))
    model.process(2, Process("paused", 8))
    model.process(3, Process("exited"))
    assert events_of(model) == ["-60 n1 exited SIGKILL by cli"]
    long_ago = (WALL - 2 * START) / 1e9
    model.members([1, 2, 4])
    model.process(4, Process("exited", None, "stopped", long_ago))
    *_, event = model.timeline.newest()
    assert (event.who, round(event.wall_ns / 1e9)) == ("n4", round(long_ago))


def test_the_end_that_the_viewer_saw_is_told_once() -> None:
    model = watched()
    model.process(1, Process("exited"), model.now_ns + SECOND)
    fold(Script(1, 2, model.now_ns + 30 * SECOND).happened("boot").frames, model)
    model.process(1, Process("running", 8))
    assert [each.split()[2] for each in events_of(model)] == ["boot", "exited"]


def test_an_end_between_two_looks_is_told_by_the_frames() -> None:
    model = watched()
    model.process(1, Process("running", 8), model.now_ns + SECOND)
    fold(Script(1, 2, model.now_ns + SECOND).happened("boot").frames, model)
    assert events_of(model)[1] == "11 n1 away for 1.0 s, then a new process"


# -- what frames say -------------------------------------------------------------------------------
def test_a_node_that_comes_back_tells_how_long_it_was_away() -> None:
    killed = Script(1).keyframe(status_of(1)).changed(1_000)
    again = Script(1, 2, killed.at_ns + 40 * SECOND).happened("boot")
    paused = Script(2).keyframe(status_of(2)).changed(9_000)
    stopped = Script(3).keyframe(status_of(3)).happened("stop")
    anew = Script(3, 2, stopped.at_ns + 5 * SECOND).happened("boot")
    told = events_of(fold([*killed.frames, *again.frames, *paused.frames]))
    assert told[1:] == [
        "41 n1 away for 40.0 s, then a new process",
        "9 n2 away for 9.0 s, then the same process went on",
    ]
    assert [each.split()[2] for each in events_of(fold([*stopped.frames, *anew.frames]))] == [
        *("boot", "stop")
    ]


def test_where_frames_are_missing_nobody_was_away() -> None:
    script = Script(1).keyframe(status_of(1)).changed(1_000).changed(9_000)
    first, _, last = script.frames
    assert [each.split()[2] for each in events_of(fold([first, last]))] == ["gap"]


def test_peers_tell_whom_they_lost() -> None:
    up = {"2": "up", "3": "slow", "4": "cut"}
    script = Script(1).keyframe(status_of(1, links=up))
    script.changed(100, links={"2": "down", "3": "down", "4": "down"})
    script.changed(100, links={"2": "down", "3": "up", "4": "down"})
    assert sorted(events_of(fold(script.frames))) == ["0 n1 lost n2", "0 n1 lost n3"]


def test_a_new_life_has_not_lost_whom_it_never_had() -> None:
    before = Script(1).keyframe(status_of(1)).happened("stop")
    after = Script(1, 2, before.at_ns + SECOND).happened("boot")
    after.keyframe(status_of(1, links={"2": "down", "3": "down"}))
    told = events_of(fold([*before.frames, *after.frames]))
    assert not any(" lost " in each for each in told)


def stalled(ms: int) -> list[Frame]:
    """A node that did not run for so long, and says so once it does again."""
    script = Script(1).keyframe(status_of(1)).changed(1_000)
    return script.happened("stall", after_ms=ms - 50, ms=ms).changed(1_000).frames


@pytest.mark.parametrize("ms", [600, 9_000])
def test_a_pause_however_short_has_its_place_in_a_replay(ms: int) -> None:
    film = Film(stalled(ms), "demo")
    (span,) = film.chronicle.spans
    assert (span.label, span.is_open) == ("n1 silent", False)
    assert round((span.end - span.begin) / 1e6) in (ms, ms - 50)
    film.step("landmark", 1)
    assert film.now_ns <= span.begin + 50_000_000

    async def test(viewer: Viewer) -> None:
        await viewer.press("end")
        assert viewer.text("events").count("run") == 1
        assert f"its process did not run for {ms / 1000:.1f} s" in viewer.text("events")
        assert "away" not in viewer.text("events"), "it is the same"

    view(test, film=film)


def test_steps_of_a_replay_go_to_where_a_node_went_and_came_back() -> None:
    one = Script(1).keyframe(status_of(1)).changed(1_000)
    again = Script(1, 2, START + 20 * SECOND).happened("boot")
    two = Script(2).keyframe(status_of(2))
    for second in range(1, 25):
        two.changed(1_000, links={"1": "down" if second > 2 else "up"})
    film = Film(in_order([one.frames, two.frames, again.frames]), "demo")
    film.seek(film.begin_ns)
    film.step("landmark", 1)
    assert film.now_ns == one.at_ns
    film.step("event", 1)
    assert events_of(film.model) == ["3 n2 lost n1"]
    film.step("landmark", 1)
    assert events_of(film.model)[1] == "20 n1 away for 19.0 s, then a new process"

    async def test(viewer: Viewer) -> None:
        await viewer.press("end")
        assert "n1  away       for 19.0 s, then a new process" in viewer.text("events")

    view(test, film=film)
