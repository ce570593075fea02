"""The streams of several nodes as one, in the order of their common clock.

The events that the nodes have kept come first, sorted. What follows waits for a short window, in
which others that happened before it may still arrive. A node that goes is looked for until it is
back.
"""

import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush
from typing import NamedTuple

from node.client.errors import UnreachableError
from node.client.link import Link
from node.wire.following import Following
from node.wire.messages import Failure, Frame, Subscribe
from raftctl.cluster.directory import Cluster
from raftctl.cluster.processes import is_paused

CONNECT_SECONDS = 2.0
RECONNECT_SECONDS = 0.5
HISTORY_SECONDS_MAX = 2.0
WINDOW_SECONDS = 0.15
"""Live frames are merged over this window."""


class Item(NamedTuple):
    """A frame of a node, which is in that term."""

    node_id: int
    frame: Frame
    term: int


class Feed:
    """Subscriptions to the nodes of a cluster, and what has arrived from them."""

    def __init__(
        self, cluster: Cluster, node_ids: Sequence[int] | None, tell: Callable[[str], None]
    ) -> None:
        """`node_ids` None: all nodes, whoever they are by then. `tell` gets a line for people when
        a node goes or refuses, and when it is back.
        """
        self._cluster = cluster
        self._node_ids = node_ids
        self._tell = tell
        self._selector = selectors.DefaultSelector()
        self._links: dict[int, Link] = {}
        self._seen: dict[int, Following] = {}
        self._away: dict[int, str] = {}
        """What was told of nodes from which nothing comes."""
        self._waiting: list[tuple[int, int, int, int, Frame]] = []
        self._order = 0

    def close(self) -> None:
        for node_id in list(self._links):
            self._drop(node_id)
        self._selector.close()

    def connect(self, seconds: float) -> None:
        """Subscribe to the nodes that run, and to which there is no connection."""
        self._cluster.refresh()
        for node_id, process in list(self._cluster.processes.items()):
            if node_id in self._links or (self._node_ids and node_id not in self._node_ids):
                continue
            pid = process.find()
            if pid is None or is_paused(pid):
                continue
            try:
                until = time.monotonic() + seconds
                link = Link(self._cluster.address, node_id, "observer", until)
            except UnreachableError as error:
                self._tell_refusal(node_id, error)
                continue
            self._links[node_id] = link
            self._selector.register(link.socket, selectors.EVENT_READ, node_id)
            seen = self._seen.setdefault(node_id, Following())
            try:
                link.send(Subscribe(link.new_id(), True, *seen.resume(link.boot)))
                self._take(node_id, link.take_messages())
            except UnreachableError as error:
                self._lost(node_id, error)

    @property
    def has_history(self) -> bool:
        """Whether all that was kept before has come."""
        return all(self._seen[node_id].is_whole for node_id in self._links)

    def receive(self, seconds: float) -> None:
        """Take what arrives, or wait for `seconds`."""
        if not self._links:
            time.sleep(seconds)
            return
        for key, _ in self._selector.select(seconds):
            node_id: int = key.data
            try:
                until = time.monotonic() + CONNECT_SECONDS
                self._take(node_id, self._links[node_id].next_messages(until))
            except UnreachableError as error:
                self._lost(node_id, error)

    def _lost(self, node_id: int, error: UnreachableError) -> None:
        self._drop(node_id)
        self._tell_refusal(node_id, error)
        if node_id not in self._away:
            self._away[node_id] = "gone"
            self._tell(f"n{node_id} is gone")

    def _tell_refusal(self, node_id: int, error: UnreachableError) -> None:
        """Once, however often it is tried."""
        if error.is_refusal and self._away.get(node_id) != error.message:
            self._away[node_id] = error.message
            self._tell(error.message)

    def _drop(self, node_id: int) -> None:
        link = self._links.pop(node_id)
        assert isinstance(link.socket, socket.socket)
        self._selector.unregister(link.socket)
        link.close()

    def _take(self, node_id: int, messages: Sequence[object]) -> None:
        seen = self._seen[node_id]
        for message in messages:
            if isinstance(message, Failure):
                text = f"n{node_id} sends no events: {message.message}"
                raise UnreachableError(message.code, text)
            if isinstance(message, Frame):
                if self._away.pop(node_id, None):
                    self._tell(f"n{node_id} is back")
                for frame in seen.take(message):
                    self._order += 1  # of frames with the same time the first one comes first
                    item = (frame.mono_ns, self._order, node_id, seen.term, frame)
                    heappush(self._waiting, item)

    def take(self, until_ns: int | None = None) -> Iterator[Item]:
        """What was sent before then (on the nodes' monotonic clock), in order; None: all."""
        while self._waiting and (until_ns is None or self._waiting[0][0] <= until_ns):
            _, _, node_id, term, frame = heappop(self._waiting)
            yield Item(node_id, frame, term)


def stream(
    cluster: Cluster, node_ids: Sequence[int] | None, follow: bool, tell: Callable[[str], None]
) -> Iterator[Item]:
    """What the nodes have kept, oldest first; `follow`: and then what comes, for ever.
    `node_ids` None: all nodes, those that come later too.
    """
    feed = Feed(cluster, node_ids, tell)
    try:
        feed.connect(CONNECT_SECONDS)
        deadline = time.monotonic() + HISTORY_SECONDS_MAX
        while not feed.has_history and time.monotonic() < deadline:
            feed.receive(WINDOW_SECONDS)
        yield from feed.take()
        next_look = 0.0
        while follow:
            feed.receive(WINDOW_SECONDS)
            yield from feed.take(time.monotonic_ns() - int(WINDOW_SECONDS * 1e9))
            if time.monotonic() >= next_look:
                feed.connect(RECONNECT_SECONDS)
                next_look = time.monotonic() + RECONNECT_SECONDS
    finally:
        feed.close()
