"""Storage that lives as long as its object: for a node that lost its disk, and for simulations."""

import io
from collections.abc import Iterator

from node.raft.configuration import Configuration
from node.raft.messages import LogEntry
from node.raft.ready import HardState, Ready
from node.raft.snapshot import ReceivedChunk, Snapshot, SnapshotId
from node.storage.base import CorruptionError, Stored
from node.storage.rows import State
from node.storage.snapshot_format import Header, SnapshotReader, Tally, encode


class MemoryStorage:
    """Keeps what `save` was given, and survives a crash of everything but itself."""

    def __init__(self, first: Configuration | None = None) -> None:
        self._first = first or Configuration()
        self.state = State(HardState(0, None))
        self.log: list[LogEntry] = []
        """The entries after `state.base`."""
        self.snapshots: dict[int, Snapshot] = {}
        """Those on record, by index."""

    def load(self) -> Stored:
        state = self.state
        newest_first = sorted(self.snapshots.items(), reverse=True)
        return Stored(
            state.hard_state,
            list(self.log),
            self._first,
            state.base,
            tuple(snapshot for _, snapshot in newest_first),
            state.commit_index,
        )

    def save(self, batch: Ready) -> None:
        state = self.state.after(batch)
        before = self.state.base.index
        if batch.truncate_from is not None:
            del self.log[max(batch.truncate_from - before - 1, 0) :]
        del self.log[: state.base.index - before]
        self.log.extend(batch.entries)
        if batch.snapshot is not None:
            self.snapshots[batch.snapshot.index] = batch.snapshot
        for index in [index for index in self.snapshots if index < state.base.index]:
            del self.snapshots[index]
        self.state = state

    def close(self) -> None:
        """Nothing to release."""


class MemorySnapshots:
    """A `SnapshotStore` of bytes, the same bytes as in files."""

    def __init__(self, cluster_id: str) -> None:
        self._cluster_id = cluster_id
        self._complete: dict[SnapshotId, bytes] = {}
        self._incoming = bytearray()
        self._incoming_id: SnapshotId | None = None

    def write(
        self, index: int, term: int, configuration: Configuration, parts: Iterator[bytes]
    ) -> Snapshot:
        data = b"".join(encode(Header(self._cluster_id, index, term, configuration), parts))
        tally = Tally()
        tally.add(data)
        snapshot = Snapshot(SnapshotId(index, term, tally.size, tally.digest), configuration)
        self._complete[snapshot.id] = data
        return snapshot

    def load(self, snapshot: SnapshotId) -> Iterator[bytes]:
        data = self._complete.get(snapshot)
        if data is None:
            raise CorruptionError(f"snapshot {snapshot.index} is missing")
        yield from SnapshotReader(io.BytesIO(data).read).parts_of(self._cluster_id, snapshot)

    def read(self, snapshot: SnapshotId, offset: int, length: int) -> bytes | None:
        found = self._complete.get(snapshot, b"")[offset : offset + length]
        return found if len(found) == length else None

    def put(self, chunk: ReceivedChunk) -> None:
        if chunk.offset == 0:
            self._incoming, self._incoming_id = bytearray(), chunk.snapshot
        if chunk.snapshot != self._incoming_id:
            raise CorruptionError("the beginning of the snapshot did not come in")
        if chunk.offset > len(self._incoming):
            raise CorruptionError(f"nothing is in front of byte {chunk.offset}")
        self._incoming[chunk.offset :] = chunk.data

    def receive(self, snapshot: SnapshotId) -> Snapshot:
        if snapshot != self._incoming_id:
            raise CorruptionError(f"snapshot {snapshot.index} did not come in")
        data, self._incoming, self._incoming_id = bytes(self._incoming), bytearray(), None
        reader = SnapshotReader(io.BytesIO(data).read)
        for _ in reader.parts_of(self._cluster_id, snapshot):
            pass
        self._complete[snapshot] = data
        return Snapshot(snapshot, reader.header.configuration)

    def forget_incoming(self) -> None:
        """What came in of a snapshot is gone, as after a crash."""
        self._incoming, self._incoming_id = bytearray(), None

    def keep(self, snapshots: frozenset[SnapshotId]) -> None:
        for each in self._complete.keys() - snapshots:
            del self._complete[each]
