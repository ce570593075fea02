"""What the nodes tell while a run goes on: written down, and new leaders reported."""

import threading
import time
from collections.abc import Callable
from typing import Any

from node.verify.told import Told
from node.wire.messages import Changed, Gap, Happened, Keyframe
from raftctl.chaos.writing import LineFile
from raftctl.cluster.directory import Cluster
from raftctl.cluster.eventstream import RECONNECT_SECONDS, Feed, Item

WAIT_SECONDS = 0.05
STATE = ("role", "term", "voted_for", "leader", "commit_index", "last_applied", "last_index")
"""What of a node's status is written down whenever it changes."""


class Watcher:
    """Follows the streams of all nodes of a cluster, on a thread of its own."""

    def __init__(
        self,
        cluster: Cluster,
        file: LineFile,
        told: Told,
        began_ns: int,
        led: Callable[[int, int], None],
    ) -> None:
        """`led` is called with a node and a term for each leader that was elected, on the thread
        that watches. Times in the file are those of the nodes, which have the same clock.
        """
        self._cluster = cluster
        self._file = file
        self._told = told
        self._began_ns = began_ns
        self._led = led
        self._terms: set[int] = set()
        self._known: dict[int, dict[str, Any]] = {}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self.leaders: list[tuple[int, int, int]] = []
        """Time in nanoseconds since the run began, node and term of each election that was won."""

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """What came until now is written down when this returns."""
        self._is_over.set()
        self._thread.join()

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
                    self._note(item)
        finally:
            feed.close()

    def _note(self, item: Item) -> None:
        frame = item.frame
        at_ns = frame.mono_ns - self._began_ns
        head = {"node": item.node_id, "boot": frame.boot, "at": at_ns}
        match frame:
            case Keyframe(status=status):
                self._state(head, status, whole=True)
            case Changed(values=values):
                self._state(head, values, whole=False)
            case Happened(kind=kind, term=term, data=data):
                self._write({**head, "kind": kind, "term": term, "data": data})
                if kind == "leader" and at_ns > 0 and term not in self._terms:
                    self._terms.add(term)
                    self.leaders.append((at_ns, item.node_id, term))
                    self._led(item.node_id, term)
            case Gap(first=first, last=last, why=why):
                self._write({**head, "kind": "gap", "first": first, "last": last, "why": why})

    def _state(self, head: dict[str, Any], values: dict[str, Any], whole: bool) -> None:
        found = {name: values[name] for name in STATE if name in values}
        known = self._known.setdefault(head["node"], {})
        if whole or known.get("boot") != head["boot"]:
            known.clear()
            known["boot"] = head["boot"]
        news = {name: value for name, value in found.items() if known.get(name, ...) != value}
        if news:
            known.update(news)
            self._write({**head, "kind": "state", **news})

    def _write(self, record: dict[str, Any]) -> None:
        self._told.take(record)
        self._file.write(record)
