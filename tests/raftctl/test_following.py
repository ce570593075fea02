"""What `events` makes of streams: nothing twice, holes told, the order of time, and lines."""

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.wire.messages import Bulk, Changed, Frame, Gap, Happened, Keyframe
from raftctl.cluster.eventlines import events, line, plain_line, time_text, wanted
from raftctl.cluster.eventstream import Item
from raftctl.cluster.following import Following

BOOT = 7


def head(seq: int, boot: int = BOOT, at: int | None = None) -> tuple[int, int, int, int, int]:
    moment = seq if at is None else at
    return 1, boot, seq, moment, 1_700_000_000 * 10**9 + moment


def happened(seq: int, boot: int = BOOT, at: int | None = None) -> Happened:
    return Happened(*head(seq, boot, at), "leader", 3, {"votes": "n1,n2"})


def keyframe(seq: int, boot: int = BOOT, term: int = 3) -> Keyframe:
    return Keyframe(*head(seq, boot), {"term": term})


def changed(seq: int, **values: Any) -> Changed:
    return Changed(*head(seq), values)


def told(following: Following, *frames: Frame) -> list[str]:
    """Each frame's kind and number; of a gap what is lost."""
    shown = []
    for frame in frames:
        for each in following.take(frame):
            last = f"{each.first}-{each.last}" if isinstance(each, Gap) else str(each.seq)
            shown.append(f"{type(each).__name__} {last}")
    return shown


def test_history_has_holes_and_what_follows_the_status_has_none() -> None:
    following = Following()
    assert told(following, happened(2), happened(5), keyframe(9), changed(10), happened(11)) == [
        "Happened 2", "Happened 5", "Keyframe 9", "Changed 10", "Happened 11",
    ]  # fmt: skip


def test_what_comes_twice_is_shown_once() -> None:
    following = Following()
    told(following, keyframe(3), changed(4))
    following.connected()
    assert told(following, changed(4), happened(3), changed(5), changed(5)) == ["Changed 5"]


def test_hole_is_told_in_front_of_what_follows_it() -> None:
    following = Following()
    told(following, keyframe(3))
    assert told(following, changed(7), changed(8)) == ["Gap 4-6", "Changed 7", "Changed 8"]
    assert told(following, keyframe(8)) == ["Keyframe 8"]
    assert told(following, keyframe(12), changed(13)) == ["Gap 9-12", "Keyframe 12", "Changed 13"]


def test_gap_of_the_node_is_passed_on_and_tells_the_same_hole_once() -> None:
    following = Following()
    told(following, keyframe(3))
    following.connected()
    gap = Gap(*head(20), 4, 20, "they are no longer kept")
    assert told(following, gap, happened(11), keyframe(20), changed(21)) == [
        "Gap 4-20", "Happened 11", "Keyframe 20", "Changed 21",
    ]  # fmt: skip


def test_cut_before_the_status_goes_on_from_where_it_was_whole() -> None:
    following = Following()
    told(following, happened(2))
    assert (following.boot, following.seq) == (0, 0), "the status has not come yet"
    told(following, keyframe(3))
    following.connected()
    told(following, Gap(*head(20), 4, 20, "they are no longer kept"), happened(20))
    assert (following.boot, following.seq) == (BOOT, 3)
    following.connected()
    again = Gap(*head(25), 4, 25, "they are no longer kept")
    assert told(following, again, happened(20), happened(23), keyframe(25)) == [
        "Gap 21-25", "Happened 23", "Keyframe 25",
    ]  # fmt: skip
    assert (following.boot, following.seq) == (BOOT, 25)


def test_node_that_was_started_anew_has_lost_nothing() -> None:
    following = Following()
    told(following, keyframe(3), changed(4))
    following.connected()
    gap = Gap(*head(2, BOOT + 1), 1, 2, "the node was started anew")
    frames: list[Frame] = [gap, happened(1, BOOT + 1), keyframe(2, BOOT + 1), happened(3, BOOT + 1)]
    assert told(following, *frames) == ["Happened 1", "Keyframe 2", "Happened 3"]


@given(st.lists(st.integers(1, 30), max_size=60))
def test_every_number_is_shown_once_or_is_in_a_gap(numbers: list[int]) -> None:
    following = Following()
    list(following.take(keyframe(0)))
    shown: list[int] = []
    lost: set[int] = set()
    for number in numbers:
        for each in following.take(changed(number)):
            if isinstance(each, Gap):
                lost |= set(range(each.first, each.last + 1))
            else:
                shown.append(each.seq)
    assert shown == sorted(set(shown))
    assert set(shown) | lost == set(range(1, max(numbers, default=0) + 1))
    assert not set(shown) & lost


def test_term_is_that_of_the_newest_frame() -> None:
    following = Following()
    told(following, keyframe(1, term=4))
    assert following.term == 4
    told(following, changed(2, term=6), changed(3, last_index=7))
    assert following.term == 6


def documents(frames: Iterable[Frame], **options: Any) -> list[Any]:
    how = {"kinds": None, "everything": False, "oldest_ns": 0} | options
    return list(events((Item(frame.id, frame, 3) for frame in frames), wanted(**how)))


BULK = Bulk(*head(4), 5, 40, 100, [{"index": 40, "kind": "command", "preview": 'put k "v"'}])
GAP = Gap(*head(9), 5, 9, "they did not arrive")
ALL: list[Frame] = [keyframe(1), changed(2, term=3), happened(3), BULK, GAP]


def test_events_and_gaps_are_shown_and_the_rest_when_it_is_asked_for() -> None:
    assert [each.kind for each in documents(ALL)] == ["leader", "gap"]
    everything = documents(ALL, everything=True)
    assert [each.kind for each in everything] == ["status", "changed", "leader", "applied", "gap"]
    assert [each.kind for each in documents(ALL, kinds=["applied"])] == ["applied"]
    since = happened(3).wall_ns
    assert [each.kind for each in documents(ALL, everything=True, oldest_ns=since)] == [
        "leader", "applied", "gap",
    ]  # fmt: skip


def test_what_comes_after_something_newer_is_marked() -> None:
    shown = documents([happened(1, at=10), happened(2, at=30), happened(3, at=20)])
    assert [each.late for each in shown] == [False, False, True]
    assert line(shown[2]).endswith("votes n1,n2  (late)")
    assert plain_line(shown[2]).endswith("votes n1 n2, late")
    assert "late" not in line(shown[1]) + plain_line(shown[1])


def test_lines_say_what_took_effect_and_what_is_lost() -> None:
    applied, gap = documents([BULK, GAP], everything=True)
    assert line(applied) == (
        '22:13:20.000  n1   applied   term 3  first 5  last 40  window_ms 100  newest put k "v"'
    )
    assert line(gap).endswith("gap       term 3  first 5  last 9  why they did not arrive")
    assert plain_line(gap) == "22:13:20, n1 gap, term 3, first 5, last 9, why they did not arrive"


def test_lines_show_what_is_long_by_its_beginning_and_nothing_that_a_terminal_obeys() -> None:
    frame = Happened(*head(1), "di\x1b[1msk", 1, {"w\x1bhy": "\x1b[2J" + "x" * 1000})
    (event,) = documents([frame])
    for shown in (line(event), plain_line(event)):
        assert len(shown) < 300
        assert "\x1b" not in shown


@pytest.mark.parametrize(
    ("wall_ns", "text"),
    [(0, "1970-01-01T00:00:00.000Z"), (2**62, "2116-02-20T23:53:38.427Z")],
)
def test_times_are_told_in_utc(wall_ns: int, text: str) -> None:
    assert time_text(wall_ns) == text
