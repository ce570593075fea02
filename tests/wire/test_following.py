"""What is made of one node's stream: nothing twice, holes told, and from where it goes on."""

from copy import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from node.wire.following import Following
from node.wire.messages import Changed, Frame, Gap, Happened, Keyframe

BOOT = 7


def head(seq: int, boot: int = BOOT) -> tuple[int, int, int, int, int]:
    moment = 1000 * (boot - BOOT) + seq
    return 1, boot, seq, moment, 1_700_000_000 * 10**9 + moment


def happened(seq: int, boot: int = BOOT) -> Happened:
    return Happened(*head(seq, boot), "leader", 3, {"votes": "n1,n2"})


def keyframe(seq: int, boot: int = BOOT, term: int = 3) -> Keyframe:
    return Keyframe(*head(seq, boot), {"term": term})


def changed(seq: int, boot: int = BOOT, **values: Any) -> Changed:
    return Changed(*head(seq, boot), values)


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
    assert following.resume(BOOT) == (BOOT, 4)
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
    assert following.resume(BOOT) == (BOOT, 3)
    gap = Gap(*head(20), 4, 20, "they are no longer kept")
    assert told(following, gap, happened(11), keyframe(20), changed(21)) == [
        "Gap 4-20", "Happened 11", "Keyframe 20", "Changed 21",
    ]  # fmt: skip


def test_cut_before_the_status_goes_on_from_where_it_was_whole() -> None:
    following = Following()
    told(following, happened(2))
    assert copy(following).resume(BOOT) == (0, 0), "the status has not come yet"
    told(following, keyframe(3))
    assert following.resume(BOOT) == (BOOT, 3)
    told(following, Gap(*head(20), 4, 20, "they are no longer kept"), happened(20))
    assert following.resume(BOOT) == (BOOT, 3)
    again = Gap(*head(25), 4, 25, "they are no longer kept")
    assert told(following, again, happened(20), happened(23), keyframe(25)) == [
        "Gap 21-25", "Happened 23", "Keyframe 25",
    ]  # fmt: skip
    assert following.resume(BOOT) == (BOOT, 25)


def test_what_changed_behind_a_gap_comes_again_and_what_happened_does_not() -> None:
    """The status is made of all changes, so those that the node still has are taken."""
    following = Following()
    told(following, keyframe(3), Gap(*head(9), 4, 9, "too slow"), happened(6))
    assert following.resume(BOOT) == (BOOT, 3)
    assert told(following, changed(4), changed(5), happened(6), changed(7)) == [
        "Changed 4", "Changed 5", "Changed 7",
    ]  # fmt: skip
    assert following.resume(BOOT) == (BOOT, 7)


def test_hole_leaves_the_status_in_doubt_until_a_whole_one() -> None:
    following = Following()
    told(following, keyframe(3), changed(7), changed(8))
    assert not following.is_whole
    assert copy(following).resume(BOOT) == (BOOT, 3)
    told(following, keyframe(8))
    assert following.is_whole


def test_node_that_was_started_anew_has_lost_nothing() -> None:
    following = Following()
    told(following, keyframe(3), changed(4))
    new = copy(following)
    assert new.resume(BOOT + 1) == (0, 0)
    frames: list[Frame] = [happened(1, BOOT + 1), keyframe(2, BOOT + 1), happened(3, BOOT + 1)]
    assert told(new, *frames) == ["Happened 1", "Keyframe 2", "Happened 3"]
    gap = Gap(*head(2, BOOT + 1), 1, 2, "the node was started anew")
    assert told(following, gap, *frames) == ["Happened 1", "Keyframe 2", "Happened 3"]


def test_life_that_is_over_does_not_come_back() -> None:
    following = Following()
    told(following, keyframe(3), keyframe(1, BOOT + 1))
    late: list[Frame] = [keyframe(3), happened(4), Gap(*head(9), 4, 9, "too slow")]
    assert told(following, *late) == []
    assert (following.boot, following.is_whole) == (BOOT + 1, True)


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
