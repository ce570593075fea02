"""A put is written and read without a library, which must make no difference but in time."""

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.machines import kv
from node.machines.kv import BadCommandError, KvMachine
from node.wire.cbor import CborError, load_plain

KEYS = st.text(min_size=1, max_size=40) | st.text("aé", min_size=200, max_size=300)
VALUES = st.binary(max_size=40) | st.sampled_from(
    [b"x" * size for size in (255, 256, 65_535, 65_536)]
)
PUTS = st.builds(kv.put, KEYS, VALUES)


def decoded(command: bytes) -> object:
    try:
        return load_plain(command, 1)
    except CborError:
        return None


@given(KEYS, VALUES)
def test_put_is_written_as_an_encoder_would(key: str, value: bytes) -> None:
    assert kv.put(key, value) == cbor2.dumps(["put", key, value])


@given(st.text(min_size=1, max_size=40), st.binary(max_size=65_535))
def test_what_is_put_usually_needs_no_decoder(key: str, value: bytes) -> None:
    assert kv._read_put(kv.put(key, value)) == (key, value)


@given(PUTS)
def test_every_put_takes_effect(command: bytes) -> None:
    machine = KvMachine()
    _, key, value = cbor2.loads(command)
    assert machine.apply(command, 7) == cbor2.dumps(False)
    assert kv.decode_result(machine.query(kv.get(key))) == [value, 7]


@given(PUTS, st.data())
def test_whatever_becomes_of_its_bytes_a_put_says_what_a_decoder_says(
    command: bytes, data: st.DataObject
) -> None:
    damaged = bytearray(command)
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, min(len(damaged), 60) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    kept = data.draw(st.integers(1, len(damaged)) | st.just(len(damaged)))
    changed = bytes(damaged[:kept]) + b"\x00" * data.draw(st.integers(0, 3))
    found = kv._read_put(changed)
    if found is not None:
        assert decoded(changed) == ["put", *found]
        assert 0 < len(found[0].encode()) <= kv.KEY_BYTES_MAX


@pytest.mark.parametrize(
    "command",
    [
        b"\x83cput",
        b"\x83cputa",
        b"\x83cputaa",
        b"\x83cputaaX",
        b"\x83cputx\x00@",
        b"\x83cput`@",
        b"\x83cputx",
        b"\x83cputaaA",
        b"\x83cputaaAxx",
        b"\x83cputaaY",
        b"\x83cputaaY\x00",
        b"\x83cputaaY\x01",
        b"\x83cputa\xff@",
    ],
)
def test_put_that_is_cut_off_or_has_no_key_is_refused(command: bytes) -> None:
    with pytest.raises(BadCommandError):
        KvMachine().apply(command, 1)


def test_longer_forms_of_a_length_than_needed_mean_the_same() -> None:
    for command in (b"\x83cputx\x01kA\x01", b"\x83cputakX\x01\x01", b"\x83cputakY\x00\x01\x01"):
        assert decoded(command) == ["put", "k", b"\x01"]
        assert kv._read_put(command) == ("k", b"\x01")
