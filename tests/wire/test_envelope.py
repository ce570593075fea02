"""Commands and results: what is sealed is unsealed, and a stranger's bytes are an error of ours."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.wire.envelope import (
    EXPIRED_RESULT,
    HEADER_BYTES,
    ApplyError,
    EnvelopeError,
    Header,
    SessionExpiredError,
    error_result,
    ok_result,
    read_result,
    seal,
    unseal,
)

NUMBERS = st.integers(0, 2**64 - 1)


@given(st.builds(Header, NUMBERS, NUMBERS, NUMBERS, NUMBERS), st.binary(max_size=100))
def test_what_is_sealed_is_unsealed(header: Header, payload: bytes) -> None:
    command = seal(header, payload)
    assert len(command) == HEADER_BYTES + len(payload)
    assert unseal(command) == (header, payload)


def test_the_header_is_four_big_endian_integers_in_the_documented_order() -> None:
    header = Header(client_id=1, sequence=2, acked_below=3, born_at=4)
    assert HEADER_BYTES == 32
    assert seal(header, b"rest") == struct.pack(">QQQQ", 1, 2, 3, 4) + b"rest"


@given(st.binary(max_size=HEADER_BYTES - 1))
def test_a_command_shorter_than_its_header_is_refused(command: bytes) -> None:
    with pytest.raises(EnvelopeError, match=f"a command of {len(command)} bytes"):
        unseal(command)


@given(st.binary(min_size=HEADER_BYTES, max_size=100))
def test_any_bytes_that_are_long_enough_are_a_command(command: bytes) -> None:
    assert seal(*unseal(command)) == command


@pytest.mark.parametrize("number", [-1, 2**64])
def test_a_number_that_does_not_fit_is_not_sealed(number: int) -> None:
    with pytest.raises(struct.error):
        seal(Header(number, 0, 0, 0), b"")


@given(st.binary(max_size=100))
def test_a_result_is_read_back(body: bytes) -> None:
    assert read_result(ok_result(body)) == body


@given(st.text(max_size=40))
def test_an_error_result_names_the_exception(name: str) -> None:
    with pytest.raises(ApplyError) as caught:
        read_result(error_result(name))
    assert caught.value.name == name
    assert name in str(caught.value)


def test_an_error_name_that_is_not_utf_8_is_still_an_apply_error() -> None:
    with pytest.raises(ApplyError):
        read_result(b"\x01\xff\xfe")


def test_an_expired_session_is_told_apart() -> None:
    with pytest.raises(SessionExpiredError):
        read_result(EXPIRED_RESULT)


@pytest.mark.parametrize("result", [b"", b"\x03", b"\x02rest", b"\xff\x00", b"ok"])
def test_what_is_no_result_is_refused(result: bytes) -> None:
    with pytest.raises(EnvelopeError):
        read_result(result)


@given(st.binary(max_size=100))
def test_arbitrary_bytes_raise_nothing_but_the_documented_errors(result: bytes) -> None:
    try:
        assert ok_result(read_result(result)) == result
    except (ApplyError, SessionExpiredError, EnvelopeError):
        assert result[:1] != b"\x00"
