"""The events of several nodes as one stream, in the order of their common clock.

What the nodes have kept comes first, sorted. Live events wait for a short window, in which others
that happened before them may still arrive. A node that goes is looked for until it is back.
"""

import selectors
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from heapq import heappop, heappush

from node.client.errors import UnreachableError
from node.client.link import Link
from node.wire.messages import Happened, Subscribe
from raftctl.cluster.directory import Cluster
from raftctl.cluster.processes import is_paused

CONNECT_SECONDS = 2.0
RECONNECT_SECONDS = 0.5
HISTORY_SECONDS_MAX = 2.0
WINDOW_SECONDS = 0.15
"""History has ended when nothing came for so long; live events are merged over this window."""

Item = tuple[int, Happened]


class Feed:
    """Subscriptions to the nodes of a cluster, and what has arrived from them."""

    def __init__(
        self, cluster: Cluster, node_ids: Sequence[int] | None, tell: Callable[[str], None]
    ) -> None:
        """`node_ids` None: all nodes, whoever they are by then. `tell` gets a line for people when
        a node goes, and when it is back.
        """
        self._cluster = cluster
        self._node_ids = node_ids
        self._tell = tell
        self._selector = selectors.DefaultSelector()
        self._links: dict[int, Link] = {}
        self._seen: dict[int, tuple[int, int]] = {}  # boot and seq of the newest, by node
        self._waiting: list[tuple[int, int, int, Happened]] = []

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
                link.send(Subscribe(link.new_id(), history=True))
            except UnreachableError:
                continue
            self._links[node_id] = link
            self._selector.register(link.socket, selectors.EVENT_READ, node_id)
            self._take(node_id, link.take_messages())
            if node_id in self._seen:
                self._tell(f"n{node_id} is back")

    def receive(self, seconds: float) -> bool:
        """Take what arrives within `seconds`; False when nothing did."""
        if not self._links:
            time.sleep(seconds)
            return False
        ready = self._selector.select(seconds)
        for key, _ in ready:
            node_id: int = key.data
            try:
                until = time.monotonic() + CONNECT_SECONDS
                self._take(node_id, self._links[node_id].next_messages(until))
            except UnreachableError:
                self._drop(node_id)
                self._seen.setdefault(node_id, (0, 0))
                self._tell(f"n{node_id} is gone")
        return bool(ready)

    def _drop(self, node_id: int) -> None:
        link = self._links.pop(node_id)
        assert isinstance(link.socket, socket.socket)
        self._selector.unregister(link.socket)
        link.close()

    def _take(self, node_id: int, messages: Sequence[object]) -> None:
        for message in messages:
            if isinstance(message, Happened):
                boot, seq = self._seen.get(node_id, (0, 0))
                if message.boot == boot and message.seq <= seq:
                    continue  # kept by the node, and shown before the connection broke
                self._seen[node_id] = (message.boot, message.seq)
                heappush(self._waiting, (message.mono_ns, node_id, message.seq, message))

    def take(self, until_ns: int | None = None) -> Iterator[Item]:
        """What happened before then (on the nodes' monotonic clock), in order; None: all."""
        while self._waiting and (until_ns is None or self._waiting[0][0] <= until_ns):
            _, node_id, _, happened = heappop(self._waiting)
            yield node_id, happened


def stream(
    cluster: Cluster, node_ids: Sequence[int] | None, follow: bool, tell: Callable[[str], None]
) -> Iterator[Item]:
    """What the nodes have kept, oldest first; `follow`: and then what happens, for ever.
    `node_ids` None: all nodes, those that come later too.
    """
    feed = Feed(cluster, node_ids, tell)
    try:
        feed.connect(CONNECT_SECONDS)
        deadline = time.monotonic() + HISTORY_SECONDS_MAX
        while feed.receive(WINDOW_SECONDS) and time.monotonic() < deadline:
            pass
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
