"""A snapshot as bytes, the same bytes on every node that takes it of the same state.

    magic, 8 bytes
    records   length, u32, big endian; checksum, u32, big endian; `length` bytes
              the first one is the header, a CBOR map; the others are the state machine's parts
    end       a record of length 0

A checksum is the CRC-32 of the record's length and bytes, going on from the checksum of the record
in front (the magic's, for the first): so a record that is missing, or in the place of another, is
found at once, and the end vouches for the whole. The size and the digest of the whole file are
known from elsewhere, and tell snapshots apart.
"""

import hashlib
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import cbor2

from node.raft.configuration import Configuration
from node.raft.snapshot import SnapshotId
from node.storage.base import CorruptionError, WrongClusterError
from node.wire.cbor import INTEGER_MAX, CborError, load_plain
from node.wire.entries import EntryError, read_configuration

MAGIC = b"raftsnp\x02"
"""Its last byte is the version of the format."""
PART_BYTES_MAX = 64 * 1024 * 1024
DIGEST_BYTES = 16
_HEADER_DEPTH_MAX = 4
_HEADER_KEYS = {"cluster_id", "index", "term", "configuration"}
_RECORD = struct.Struct(">II")


class Header(NamedTuple):
    """Nothing in it differs between nodes: no time, and not who wrote it."""

    cluster_id: str
    index: int  # type: ignore[assignment]  # not the method of tuples
    term: int
    configuration: Configuration


class Tally:
    """The size and the digest of the bytes that went by."""

    def __init__(self) -> None:
        self.size = 0
        self._hash = hashlib.blake2b(digest_size=DIGEST_BYTES)

    def add(self, data: bytes) -> None:
        self.size += len(data)
        self._hash.update(data)

    @property
    def digest(self) -> bytes:
        return self._hash.digest()


def encode(header: Header, parts: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes, in pieces. An empty part says nothing, and leaves no trace.

    Raises ValueError for a part that is too long; what `parts` raises.
    """
    document = {
        "cluster_id": header.cluster_id,
        "index": header.index,
        "term": header.term,
        "configuration": header.configuration.to_map(),
    }
    checksum = zlib.crc32(MAGIC)
    yield MAGIC
    for payload in _with_header(cbor2.dumps(document, canonical=True), parts):
        if len(payload) > PART_BYTES_MAX:
            raise ValueError(f"a part of {len(payload)} bytes; the limit is {PART_BYTES_MAX}")
        if payload:
            checksum = _checksum(payload, checksum)
            yield _RECORD.pack(len(payload), checksum)
            yield payload
    yield _RECORD.pack(0, _checksum(b"", checksum))


def _with_header(header: bytes, parts: Iterable[bytes]) -> Iterator[bytes]:
    yield header
    yield from parts


def _checksum(payload: bytes, before: int) -> int:
    return zlib.crc32(payload, zlib.crc32(len(payload).to_bytes(4, "big"), before))


class SnapshotReader:
    """Reads what `encode` made, and believes nothing of it."""

    def __init__(self, read: Callable[[int], bytes], name: str = "") -> None:
        """`read(n)` gives the next `n` bytes, fewer only at the end; `name` stands in front of what
        is found to be wrong. Raises CorruptionError; what `read` raises.
        """
        self.tally = Tally()
        self.part_count = 0
        self._read = read
        self._prefix = f"{name}: " if name else ""
        magic = self._take(len(MAGIC))
        if magic != MAGIC:
            raise self._corruption("it is not a snapshot of this version")
        self._crc = zlib.crc32(magic)
        payload = self._next_record()
        if payload is None:
            raise self._corruption("it has no header")
        try:
            self.header = _read_header(payload)
        except (CborError, EntryError, ValueError) as error:
            raise self._corruption(f"its header cannot be read: {error}") from error

    def parts(self) -> Iterator[bytes]:
        """Each part, checked; they end only if the snapshot is whole. Raises CorruptionError."""
        while (payload := self._next_record()) is not None:
            self.part_count += 1
            yield payload
        if self._read(1):
            raise self._corruption(f"something follows its end at byte {self.tally.size}")

    def parts_of(self, cluster_id: str, snapshot: SnapshotId) -> Iterator[bytes]:
        """As `parts`, of this very snapshot. Raises CorruptionError, WrongClusterError."""
        self.check_cluster(cluster_id)
        header = self.header
        if (header.index, header.term) != (snapshot.index, snapshot.term):
            raise self._corruption(
                f"it is the snapshot of entry {header.index} of term {header.term}, not of entry "
                f"{snapshot.index} of term {snapshot.term}"
            )
        yield from self.parts()
        if (self.tally.size, self.tally.digest) != (snapshot.size, snapshot.digest):
            raise self._corruption(
                f"its {self.tally.size} bytes are not the {snapshot.size} that the snapshot of "
                f"entry {snapshot.index} has (digest)"
            )

    def check_cluster(self, cluster_id: str) -> None:
        """Raises WrongClusterError."""
        if self.header.cluster_id != cluster_id:
            raise WrongClusterError(
                f"{self._prefix}it is a snapshot of cluster {self.header.cluster_id}, "
                f"not of {cluster_id}"
            )

    def _next_record(self) -> bytes | None:
        start = self.tally.size
        length, checksum = _RECORD.unpack(self._take(_RECORD.size))
        if length > PART_BYTES_MAX:
            raise self._corruption(f"it is damaged at byte {start}: a record of {length} bytes")
        payload = self._take(length) if length else b""
        self._crc = _checksum(payload, self._crc)
        if self._crc != checksum:
            raise self._corruption(f"it is damaged at byte {start} (checksum)")
        return payload if length else None

    def _take(self, length: int) -> bytes:
        data = self._read(length)
        if len(data) < length:
            raise self._corruption(f"it is cut short at byte {self.tally.size + len(data)}")
        self.tally.add(data)
        return data

    def _corruption(self, what: str) -> CorruptionError:
        return CorruptionError(f"{self._prefix}{what}")


def _read_header(payload: bytes) -> Header:
    """Raises CborError, EntryError, ValueError."""
    document: Any = load_plain(payload, _HEADER_DEPTH_MAX)
    if type(document) is not dict or document.keys() != _HEADER_KEYS:
        raise ValueError("it has other fields")
    cluster_id, index, term = document["cluster_id"], document["index"], document["term"]
    is_typed = type(cluster_id) is str and type(index) is int and type(term) is int
    if not is_typed or not 0 < index <= INTEGER_MAX or not 0 < term <= INTEGER_MAX:
        raise ValueError("a field is of a wrong type or out of range")
    return Header(cluster_id, index, term, read_configuration(document["configuration"]))
