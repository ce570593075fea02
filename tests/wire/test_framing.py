"""Frames survive any cut of the stream, and a length that lies is refused at once."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.wire.framing import HEADER_BYTES, FrameError, FrameReader, frame

LIMIT = 64
PAYLOADS = st.lists(st.binary(min_size=1, max_size=LIMIT), max_size=8)


def _header(length: int) -> bytes:
    return struct.pack(">I", length)


def test_a_frame_is_its_length_in_four_bytes_and_then_the_payload() -> None:
    assert frame(b"abc") == b"\x00\x00\x00\x03abc"
    assert HEADER_BYTES == 4


@given(PAYLOADS)
def test_byte_by_byte_each_frame_comes_out_with_its_last_byte(payloads: list[bytes]) -> None:
    reader = FrameReader(LIMIT)
    for payload in payloads:
        data = frame(payload)
        for number in range(len(data) - 1):
            assert reader.feed(data[number : number + 1]) == []
            assert reader.mid_frame
        assert reader.feed(data[-1:]) == [payload]
        assert not reader.mid_frame


@given(PAYLOADS, st.data())
def test_any_split_of_the_stream_gives_the_same_frames(
    payloads: list[bytes], data: st.DataObject
) -> None:
    stream = b"".join(map(frame, payloads))
    cuts = data.draw(st.lists(st.integers(0, len(stream))).map(sorted))
    reader = FrameReader(LIMIT)
    found: list[bytes] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        found += reader.feed(stream[start:end])
    assert found == payloads
    assert not reader.mid_frame


def test_many_frames_in_one_piece_and_the_start_of_another() -> None:
    reader = FrameReader(LIMIT)
    assert reader.feed(frame(b"one") + frame(b"two") + frame(b"three")[:5]) == [b"one", b"two"]
    assert reader.mid_frame
    assert reader.feed(frame(b"three")[5:]) == [b"three"]


def test_nothing_fed_is_nothing_found() -> None:
    reader = FrameReader(LIMIT)
    assert reader.feed(b"") == []
    assert not reader.mid_frame


def test_payloads_are_copies_that_later_data_does_not_change() -> None:
    reader = FrameReader(LIMIT)
    data = bytearray(frame(b"keep"))
    (payload,) = reader.feed(bytes(data))
    reader.feed(frame(b"lose"))
    assert type(payload) is bytes
    assert payload == b"keep"


def test_the_limit_itself_is_allowed() -> None:
    payload = b"x" * LIMIT
    assert FrameReader(LIMIT).feed(frame(payload)) == [payload]


@pytest.mark.parametrize("length", [LIMIT + 1, 2**31, 2**32 - 1])
def test_an_oversize_length_is_refused_before_a_byte_of_its_frame_is_buffered(length: int) -> None:
    reader = FrameReader(LIMIT)
    header = _header(length)
    assert reader.feed(header[:-1]) == []
    with pytest.raises(FrameError, match=f"{length} bytes; the limit is {LIMIT}"):
        reader.feed(header[-1:])


def test_an_oversize_length_is_refused_behind_a_good_frame() -> None:
    with pytest.raises(FrameError):
        FrameReader(LIMIT).feed(frame(b"good") + _header(LIMIT + 1))


def test_a_length_of_zero_is_refused() -> None:
    with pytest.raises(FrameError):
        FrameReader(LIMIT).feed(_header(0))


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_arbitrary_bytes_never_make_the_reader_wait_for_more_than_the_limit(
    pieces: list[bytes],
) -> None:
    reader = FrameReader(LIMIT)
    unclaimed = 0
    for piece in pieces:
        try:
            found = reader.feed(piece)
        except FrameError:
            return
        assert all(0 < len(payload) <= LIMIT for payload in found)
        unclaimed += len(piece) - sum(HEADER_BYTES + len(payload) for payload in found)
        assert unclaimed < HEADER_BYTES + LIMIT
        assert reader.mid_frame == (unclaimed > 0)
