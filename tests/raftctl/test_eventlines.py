"""What `events` makes of frames: those that are wanted, the order of time, and lines."""

from collections.abc import Iterable
from typing import Any

import pytest

from node.wire.messages import Bulk, Changed, Frame, Gap, Happened, Keyframe
from raftctl.cluster.eventlines import events, line, plain_line, time_text, wanted
from raftctl.cluster.eventstream import Item

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
