"""Recordings come back as they were written, merged in order, and damage is told by its place."""

import io
from collections.abc import Iterable
from itertools import chain

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.wire.codec import encode
from node.wire.framing import frame as framed
from node.wire.messages import Bulk, Changed, Frame, Gap, GetStatus, Happened, Keyframe, Recording
from node.wire.recording import (
    FORMAT,
    FRAME_BYTES_MAX,
    Part,
    RecordingError,
    checked_frame,
    merge,
    read_recording,
)

SECOND = 1_000_000_000
HEAD = Recording(FORMAT, "demo", 3, 7, 100 * SECOND, 5 * SECOND)


def changed(node: int, seq: int, mono_ns: int) -> Changed:
    return Changed(node, 7, seq, mono_ns, 100 * SECOND + mono_ns, {"term": seq})


FRAMES: list[Frame] = [
    Keyframe(3, 7, 0, 1, 2, {"role": "leader", "links": {"1": "up"}}),
    changed(3, 1, 2),
    Happened(3, 7, 2, 3, 4, "leader", 2, {"votes": "n1"}),
    Bulk(3, 7, 3, 4, 5, 1, 30, 100, [{"index": 30}]),
    Gap(3, 7, 9, 6, 7, 4, 9, "lost"),
]
WHOLE = b"".join(checked_frame(encode(each)) for each in [HEAD, *FRAMES])


def read(data: bytes) -> list[object]:
    return list(read_recording(io.BytesIO(data)))


def read_until_damage(data: bytes) -> tuple[list[object], RecordingError | None]:
    found: list[object] = []
    try:
        found.extend(read_recording(io.BytesIO(data)))  # keeps what came before the error
    except RecordingError as error:
        return found, error
    return found, None


def test_what_was_written_is_read() -> None:
    assert read(WHOLE) == [HEAD, *FRAMES]


@given(st.integers(0, len(WHOLE) - 1))
def test_cut_anywhere_all_whole_frames_are_read_and_the_place_is_told(cut: int) -> None:
    found, error = read_until_damage(WHOLE[:cut])
    ends = [0]
    for each in [HEAD, *FRAMES]:
        ends.append(ends[-1] + len(checked_frame(encode(each))))
    whole = sum(end <= cut for end in ends) - 1
    assert found == [HEAD, *FRAMES][:whole]
    if cut in ends and cut:
        assert error is None
    else:
        assert error is not None
        assert error.at_byte == ends[whole]
        assert error.is_cut


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_a_recording_or_an_error_with_its_place(data: bytes) -> None:
    for prefix in (b"", checked_frame(encode(HEAD))):
        found, error = read_until_damage(prefix + data)
        assert error is None or 0 <= error.at_byte <= len(prefix + data)
        assert len(found) >= bool(prefix)


@settings(max_examples=200)
@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255))
def test_byte_that_rotted_ends_the_reading_where_its_frame_begins(place: int, value: int) -> None:
    rotten = WHOLE[:place] + bytes([value]) + WHOLE[place + 1 :]
    found, error = read_until_damage(rotten)
    good, _ = read_until_damage(WHOLE[:place])
    if rotten == WHOLE:
        assert error is None
        return
    assert found == good
    assert error is not None
    assert error.at_byte == sum(
        len(checked_frame(encode(each))) for each in [HEAD, *FRAMES][: len(good)]
    )


@given(st.integers(0, len(FRAMES)), st.integers(0, 31))
def test_a_length_that_rotted_is_no_end_that_was_cut(place: int, bit: int) -> None:
    begins = [0]
    for each in [HEAD, *FRAMES]:
        begins.append(begins[-1] + len(checked_frame(encode(each))))
    rotten = bytearray(WHOLE)
    rotten[begins[place] + 3 - bit // 8] ^= 1 << bit % 8
    found, error = read_until_damage(bytes(rotten))
    assert len(found) == place
    assert error is not None
    assert (error.at_byte, error.is_cut) == (begins[place], False)


@given(st.integers(1, len(WHOLE) - 1))
def test_what_ended_too_early_goes_on_from_there(cut: int) -> None:
    found, error = read_until_damage(WHOLE[:cut])
    file = io.BytesIO(WHOLE)
    at_byte = cut if error is None else error.at_byte
    file.seek(at_byte)
    assert [*found, *read_recording(file, at_byte)] == [HEAD, *FRAMES]


def test_damage_inside_a_frame_is_told_from_an_end_that_was_cut() -> None:
    """Also where the frame can be decoded: one of the numbers in it is another one."""
    place = WHOLE.index(b"leader")
    _, error = read_until_damage(WHOLE[:place] + b"m" + WHOLE[place + 1 :])
    assert error is not None
    at_byte = len(checked_frame(encode(HEAD)))
    assert (str(error), error.is_cut) == (f"it is damaged at byte {at_byte}", False)


@pytest.mark.parametrize(
    ("data", "reason", "at_byte"),
    [
        (b"", "it is empty", 0),
        (b"#!/bin/sh\nexit 0\n", "it is no recording", 0),
        (checked_frame(encode(FRAMES[0])), "it is no recording", 0),
        (framed(b"\xff"), "it is no recording", 0),
        (framed(cbor2.dumps([58, 1, "demo", 3, 7, 1, 1])), "it is of format 1, and format 2", 0),
        (framed(cbor2.dumps([58, 3, "demo", {}])), "it is of format 3, and format 2", 0),
        (framed(cbor2.dumps([58, 2, "demo", {}])), "it is no recording", 0),
        (WHOLE + checked_frame(encode(GetStatus(1))), "GetStatus has no place", len(WHOLE)),
        (WHOLE + checked_frame(encode(HEAD)), "Recording has no place", len(WHOLE)),
        (WHOLE + checked_frame(cbor2.dumps([99, 1])), "unknown kind 99", len(WHOLE)),
        (WHOLE + bytes(4), "it is damaged at byte", len(WHOLE)),
        (WHOLE + (FRAME_BYTES_MAX + 1).to_bytes(4, "big"), "it is damaged at byte", len(WHOLE)),
    ],
)
def test_what_is_none_says_why_and_where(data: bytes, reason: str, at_byte: int) -> None:
    _, error = read_until_damage(data)
    assert error is not None
    assert str(error).startswith(reason)
    assert error.at_byte == at_byte
    assert f"at byte {at_byte}" in str(error) or not at_byte


def part(frames: Iterable[Frame], wall_s: int = 100, mono_s: int = 5) -> Part:
    return Part(Recording(FORMAT, "demo", 1, 7, wall_s * SECOND, mono_s * SECOND), frames)


MOMENTS = st.lists(st.integers(0, 1000), max_size=20).map(sorted)


@given(st.lists(MOMENTS, max_size=5))
def test_nodes_are_merged_by_their_common_clock_and_none_is_lost(moments: list[list[int]]) -> None:
    streams = [
        [changed(node, seq, at) for seq, at in enumerate(times, 1)]
        for node, times in enumerate(moments, 1)
    ]
    merged = list(merge([part(frames) for frames in streams]))
    assert [frame.mono_ns for frame in merged] == sorted(chain(*moments))
    for node, frames in enumerate(streams, 1):
        assert [frame for frame in merged if frame.id == node] == frames


def test_what_was_recorded_before_the_machine_was_started_anew_comes_first() -> None:
    before = [changed(1, 1, 900), changed(1, 2, 901)]
    after = [changed(1, 1, 3), changed(1, 2, 4)]
    other = [changed(2, 1, 2), changed(2, 2, 5)]
    parts = [part(after, 5000, 30), part(before, 100, 900), part(other, 5001, 31)]
    merged = list(merge(parts))
    assert merged == [*before, other[0], *after, other[1]]


def test_unix_time_that_was_set_back_a_little_changes_nothing() -> None:
    early, late = [changed(1, 1, 5)], [changed(2, 1, 9)]
    assert list(merge([part(late, 100, 9), part(early, 101, 5)])) == [*early, *late]


def test_merging_reads_no_further_than_it_gives() -> None:
    def endless() -> Iterable[Frame]:
        seq = 0
        while True:
            seq += 1
            yield changed(1, seq, seq)

    merged = merge([part(endless()), part([changed(2, 1, 10)])])
    assert [next(merged).id for _ in range(12)] == [1] * 10 + [2, 1]
