"""What leaves for the peers: messages, and parts of snapshots, which are read when they leave."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from node.raft.messages import Message
from node.raft.ready import Chunk, Envelope
from node.replica import Replica
from node.server.clock import Clock
from node.server.eventhub import EventHub
from node.server.measuring import RoundTrips
from node.storage.base import SnapshotStore, StorageError


class Link(Protocol):
    def send_nowait(self, message: Message) -> None: ...


class Departures:
    """Of one replica, to `links` by the peer's number. A member whose address is not known here yet
    has none.
    """

    def __init__(
        self,
        replica: Replica,
        snapshots: SnapshotStore,
        links: Mapping[int, Link],
        hub: EventHub,
        clock: Clock,
    ) -> None:
        self.round_trips = RoundTrips(replica.core)
        self._replica = replica
        self._snapshots = snapshots
        self._links = links
        self._hub = hub
        self._clock = clock

    def send(self, envelopes: Sequence[Envelope]) -> None:
        """Messages, as they are."""
        for to, message in envelopes:
            link = self._links.get(to)
            if link is not None:
                link.send_nowait(message)
        self.round_trips.left(envelopes, self._clock.now())

    def send_chunks(self, chunks: Sequence[Chunk]) -> None:
        """Parts of snapshots; what cannot be read is told to the replica."""
        for chunk in chunks:
            link = self._links.get(chunk.to)
            if link is None:
                continue
            try:
                data = self._snapshots.read(chunk.snapshot, chunk.offset, chunk.length)
            except StorageError as error:
                term = self._replica.core.term
                self._hub.publish("snapshot", term, "error", state="unread", why=str(error))
                data = None
            if data is None:
                self._replica.snapshot_unreadable(chunk.snapshot)
            else:
                link.send_nowait(chunk.message(data))
