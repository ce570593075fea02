"""A snapshot's bytes: the same for the same state, and anything else is refused."""

import io
import zlib
from typing import Any

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.raft.configuration import Configuration
from node.raft.snapshot import SnapshotId
from node.storage.base import CorruptionError, WrongClusterError
from node.storage.snapshot_format import (
    MAGIC,
    PART_BYTES_MAX,
    Header,
    SnapshotReader,
    Tally,
    encode,
)
from tests.storage.batches import FIRST, LARGER

HEADER = Header("demo", 7, 2, LARGER)
PARTS = [b"first", b"x" * 300, b"last"]


def _encode(header: Header = HEADER, parts: list[bytes] = PARTS) -> bytes:
    return b"".join(encode(header, parts))


def _read(data: bytes) -> tuple[Header, list[bytes]]:
    reader = SnapshotReader(io.BytesIO(data).read)
    return reader.header, list(reader.parts())


def _id_of(data: bytes, index: int = 7, term: int = 2) -> SnapshotId:
    tally = Tally()
    tally.add(data)
    return SnapshotId(index, term, tally.size, tally.digest)


@given(st.lists(st.binary(max_size=400), max_size=20))
def test_what_went_in_comes_out_but_for_empty_parts(parts: list[bytes]) -> None:
    header, found = _read(_encode(parts=parts))
    assert header == HEADER
    assert found == [part for part in parts if part]


def test_bytes_are_those_of_this_version_of_the_format() -> None:
    """Other bytes for the same state need another version: nodes compare digests."""
    data = _encode(Header("c", 7, 2, FIRST), [b"ab", b"c"])
    assert data[:8] == b"raftsnp\x02"
    assert data.hex() == (
        "72616674736e70020000005210cd938ca4647465726d0265696e646578076a636c75737465725f69"
        "6461636d636f6e66696775726174696f6ea266766f746572738301020369616464726573736573a3"
        "613163683a31613263683a32613363683a33000000020ac93397616200000001eeab1fb463000000"
        "00ae6f48c1"
    )
    assert _id_of(data).digest.hex() == "c1df9f58067d1dc5635018b95d6efeb5"


def test_bytes_do_not_depend_on_the_order_of_addresses() -> None:
    turned = Configuration(FIRST.voters, addresses=tuple(reversed(FIRST.addresses)))
    assert _encode(Header("demo", 7, 2, turned)) == _encode(Header("demo", 7, 2, FIRST))


def test_part_that_is_too_long_is_refused() -> None:
    class Huge(bytes):
        def __len__(self) -> int:
            return PART_BYTES_MAX + 1

    with pytest.raises(ValueError, match="a part of 67108865 bytes"):
        _encode(parts=[b"a", Huge()])


# -- what is not a snapshot ------------------------------------------------------------------------
def test_b30_snapshot_cut_at_any_byte_is_refused() -> None:
    data = _encode()
    for size in range(len(data)):
        with pytest.raises(CorruptionError):
            _read(data[:size])


def test_b30_snapshot_with_any_bit_flipped_is_refused() -> None:
    data = _encode()
    for position in range(len(data)):
        for bit in range(8):
            changed = bytearray(data)
            changed[position] ^= 1 << bit
            with pytest.raises(CorruptionError):
                _read(bytes(changed))


def test_b30_snapshot_with_something_behind_its_end_is_refused() -> None:
    for rest in (b"\x00", bytes(8), _encode()):
        with pytest.raises(CorruptionError, match="something follows its end"):
            _read(_encode() + rest)


def test_b30_part_that_is_missing_or_in_the_place_of_another_is_found() -> None:
    head, tail = _encode(parts=[])[:-8], _encode(parts=[])[-8:]
    records = []
    data = _encode()[len(head) : -8]
    for part in PARTS:
        records.append(data[: 8 + len(part)])
        data = data[8 + len(part) :]
    a, b, c = records
    for wrong in ([a, c], [b, c], [a, b], [b, a, c], [a, b, b, c], [a, b, c, c], []):
        end = _encode()[-8:] if wrong else tail[:-1] + b"\xff"
        with pytest.raises(CorruptionError, match=r"at byte \d+ \(checksum\)"):
            _read(head + b"".join(wrong) + end)


@settings(max_examples=300)
@given(st.binary(max_size=100), st.booleans())
def test_arbitrary_bytes_only_ever_raise_corruption_errors(data: bytes, has_magic: bool) -> None:
    with pytest.raises(CorruptionError):
        _read((MAGIC if has_magic else b"") + data)


def _framed(payload: bytes) -> bytes:
    """A file that begins with this record, whose checksum is right."""
    length = len(payload).to_bytes(4, "big")
    crc = zlib.crc32(payload, zlib.crc32(length, zlib.crc32(MAGIC)))
    return MAGIC + length + crc.to_bytes(4, "big") + payload


GOOD: dict[str, Any] = {
    "cluster_id": "demo",
    "index": 7,
    "term": 2,
    "configuration": {"voters": [1]},
}
BAD: list[tuple[str, list[Any]]] = [
    ("index", [0, -1, 2**63, 1.0, True, None, "7"]),
    ("term", [0, -1, 2**63, 1.0, True, None]),
    ("cluster_id", [b"demo", None, 5]),
    ("configuration", [None, [], {"voters": 1}, {"nodes": [1]}]),
    ("configuration", [{"voters": [1], "addresses": {"9": "h:9"}}]),
]


@pytest.mark.parametrize(
    "document",
    [
        *({}, [], 7, None, {**GOOD, "written_at": 5}),
        *({key: value for key, value in GOOD.items() if key != gone} for gone in GOOD),
        *({**GOOD, name: bad} for name, values in BAD for bad in values),
    ],
)
def test_b30_header_that_is_none_is_refused(document: Any) -> None:
    """Whoever wrote it, with checksums that are right."""
    with pytest.raises(CorruptionError, match="its header cannot be read"):
        _read(_framed(cbor2.dumps(document)))


def test_b30_record_of_an_absurd_length_is_refused_before_it_is_read() -> None:
    asked = []

    def read(length: int) -> bytes:
        asked.append(length)
        return MAGIC if len(asked) == 1 else b"\xff" * length

    with pytest.raises(CorruptionError, match="a record of 4294967295 bytes"):
        SnapshotReader(read)
    assert max(asked) == 8


@pytest.mark.parametrize(
    ("which", "reason"),
    [
        ({"index": 8}, "of entry 7 of term 2, not of entry 8 of term 2"),
        ({"term": 1}, "of entry 7 of term 2, not of entry 7 of term 1"),
    ],
)
def test_snapshot_of_another_entry_is_refused(which: dict[str, int], reason: str) -> None:
    data = _encode()
    reader = SnapshotReader(io.BytesIO(data).read)
    with pytest.raises(CorruptionError, match=reason):
        list(reader.parts_of("demo", _id_of(data, **which)))


def test_snapshot_of_another_state_is_refused() -> None:
    """Whole in itself, and not the one that was meant."""
    other = _encode(parts=[b"firsT", *PARTS[1:]])
    reader = SnapshotReader(io.BytesIO(other).read)
    with pytest.raises(CorruptionError, match="digest"):
        list(reader.parts_of("demo", _id_of(_encode())))


def test_snapshot_of_another_cluster_is_told_apart() -> None:
    data = _encode()
    reader = SnapshotReader(io.BytesIO(data).read, "a.snap")
    with pytest.raises(WrongClusterError, match=r"a.snap: it is a snapshot of cluster demo"):
        list(reader.parts_of("other", _id_of(data)))
