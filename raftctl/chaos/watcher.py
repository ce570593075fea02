"""What the nodes tell while a run goes on: written down, and new leaders reported."""

import threading
import time
from collections.abc import Callable
from typing import Any

from node.verify.told import Told
from raftctl.chaos.rafttold import RaftRecords
from raftctl.chaos.threads import Threads
from raftctl.cluster.directory import Cluster
from raftctl.cluster.eventstream import RECONNECT_SECONDS, Feed

WAIT_SECONDS = 0.05


class Watcher:
    """Follows the streams of all nodes of a cluster, on a thread of its own."""

    def __init__(
        self,
        cluster: Cluster,
        write: Callable[[dict[str, Any]], object],
        told: Told,
        began_ns: int,
        led: Callable[[int, int], None],
    ) -> None:
        """`write` is given each record, whose times are those of the nodes, which have the same
        clock. `led` is called with a node and a term for each leader that was elected, on the
        thread that watches.
        """
        self._cluster = cluster
        self._records = RaftRecords(write, told, began_ns, led)
        self._is_over = threading.Event()
        self.threads = Threads()
        self.threads.add("watcher", self._watch)

    @property
    def leaders(self) -> list[tuple[int, int, int]]:
        """Time in nanoseconds since the run began, node and term of each election that was won."""
        return self._records.leaders

    def start(self) -> None:
        self.threads.start()

    def stop(self) -> None:
        """What came until now is written down when this returns."""
        self._is_over.set()
        self.threads.join()

    def _watch(self) -> None:
        feed = Feed(self._cluster, None, lambda text: None)
        next_look = 0.0
        try:
            while not self._is_over.is_set():
                if time.monotonic() >= next_look:
                    feed.connect(RECONNECT_SECONDS)
                    next_look = time.monotonic() + RECONNECT_SECONDS
                feed.receive(WAIT_SECONDS)
                for item in feed.take():
                    self._records.take(item.node_id, item.frame)
        finally:
            feed.close()
