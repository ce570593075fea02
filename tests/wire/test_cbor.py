"""CBOR from strangers costs no more than its limits allow."""

import io
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.wire import cbor
from node.wire.cbor import (
    COUNTED_FROM_BYTES,
    ELEMENTS_MAX,
    CborError,
    PlainReader,
    PlainReaders,
    end_of_first,
    load_plain,
)

PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner | st.binary(max_size=300), max_size=4)
        | st.dictionaries(st.text(max_size=30), inner, max_size=4)
    ),
    max_leaves=20,
)


def array_of(element: bytes, count: int) -> bytes:
    return b"\x9a" + count.to_bytes(4, "big") + element * count


@pytest.mark.parametrize(
    "element", [b"\x80", b"\xa0", b"\x00", b"\xf6", b"\x60", b"\x40", b"\x9f\xff", b"\x5f\xff"]
)
def test_message_of_absurdly_many_elements_is_refused_before_it_is_decoded(
    element: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = PlainReader(4)
    monkeypatch.setattr(reader, "_decoder", None)
    with pytest.raises(CborError, match="elements"):
        reader.read(array_of(element, 8_000_000 // len(element)))


@pytest.mark.parametrize("bad", [b"", b"\x82\x01", b"\x01\x02", b"\xc1\x01", b"\x81" * 9])
def test_a_reader_reads_on_after_bytes_that_are_no_value(bad: bytes) -> None:
    reader = PlainReader(4)
    assert reader.read(b"\x82\x01\x02") == [1, 2]
    with pytest.raises(CborError):
        reader.read(bad)
    assert reader.read(b"\x82\x03\x04") == [3, 4]


@pytest.mark.parametrize("major", [2, 3, 4, 5])
@pytest.mark.parametrize("length", [2**31, 2**40, 2**63, 2**64 - 1])
def test_length_that_no_machine_has_room_for_is_refused_and_no_memory_taken(
    major: int, length: int
) -> None:
    data = bytes([major << 5 | 27]) + length.to_bytes(8, "big") + b"x" * 100
    for read in (PlainReader(4).read, lambda data: load_plain(data, 4)):
        with pytest.raises(CborError):
            read(data)


class Exhausted(io.BytesIO):
    """As where a process has no memory left."""

    def read(self, size: int | None = -1) -> bytes:
        raise MemoryError


def test_process_without_memory_does_not_blame_the_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that one node cannot read and another can would have different results."""
    monkeypatch.setattr(io, "BytesIO", Exhausted)
    with pytest.raises(MemoryError):
        load_plain(b"\x82\x01\x02", 4)
    with pytest.raises(MemoryError):
        PlainReader(4).read(b"\x82\x01\x02")


def test_as_many_elements_as_allowed_are_decoded() -> None:
    assert load_plain(array_of(b"\x00", ELEMENTS_MAX - 1), 4) == [0] * (ELEMENTS_MAX - 1)
    with pytest.raises(CborError):
        load_plain(array_of(b"\x00", ELEMENTS_MAX), 4)


@pytest.mark.parametrize("size", [100, 255, 256, 65_535, 65_536, 1_000_000])
def test_long_strings_are_one_element_each(size: int) -> None:
    value = [bytes(size), "x" * size, bytes(size)] * 3
    assert load_plain(cbor2.dumps(value), 4) == value


@given(PLAIN, st.binary(max_size=20))
def test_where_a_value_ends_is_found_and_whether_it_is_all_there(value: Any, rest: bytes) -> None:
    data = cbor2.dumps(value)
    assert end_of_first(data + rest) == len(data)
    assert all(end_of_first(data[:cut]) is None for cut in range(len(data)))


@given(PLAIN)
def test_as_many_elements_are_counted_as_there_are(value: Any) -> None:
    def count(of: Any) -> int:
        if isinstance(of, list):
            return 1 + sum(map(count, of))
        if isinstance(of, dict):
            return 1 + sum(1 + count(item) for item in of.values())
        return 1

    data = cbor2.dumps(value)
    elements = count(value)
    filled = b"\xf6" * (ELEMENTS_MAX - elements)
    cbor._count_elements(data + filled)
    with pytest.raises(CborError):
        cbor._count_elements(data + filled + b"\xf6")


@pytest.mark.parametrize("end", [b"\x58", b"\x59\x01", b"\x78", b"\x98", b"\x5a\x00\x00"])
def test_what_is_long_and_cut_off_within_a_length_is_no_value(end: bytes) -> None:
    cut = cbor2.dumps([bytes(200)] * 400)[: -202 * 2] + end
    assert len(cut) > COUNTED_FROM_BYTES
    with pytest.raises(CborError):
        load_plain(cut, 4)


def test_what_is_too_short_to_hold_too_many_is_not_counted() -> None:
    assert COUNTED_FROM_BYTES <= ELEMENTS_MAX


def test_readers_serve_threads_at_once_and_each_has_its_own_value() -> None:
    readers = PlainReaders(4)
    wanted = {bytes([0x82, 0x18, 100 + n, n]): [100 + n, n] for n in range(20)}

    def read(data: bytes) -> bool:
        return all(readers.read(data) == wanted[data] for _ in range(2000))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, wanted))
