"""Nodes that ended though nothing that was done to them ends one: every process of a node is
watched, since a later step may have started it again by the time anybody asks.
"""

import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from node.scenario.actions import (
    Disk,
    Kill,
    MembersRemove,
    MembersReplace,
    Restart,
    Stop,
    Wipe,
)
from raftctl.chaos.availability import NS
from raftctl.chaos.injecting import Injected
from raftctl.chaos.threads import Threads
from raftctl.cluster.directory import Cluster

LOOK_SECONDS = 0.05
ENDING = ("full", "fail", "rot", "truncate")
"""Disks that may end a node, as they should, from then on."""


class Death(NamedTuple):
    """Of a process that nobody is known to have ended, between two looks, in nanoseconds since the
    run began.
    """

    node_id: int
    after_ns: int
    before_ns: int


class Deaths:
    """Looks at the processes of a cluster from `start` to `stop`."""

    def __init__(self, cluster: Cluster, began_ns: int) -> None:
        self._cluster = cluster
        self._began_ns = began_ns
        self._known: dict[int, tuple[int, int, bool]] = {}
        """By node: its process, when that was seen last, and whether it was being ended."""
        self._is_over = threading.Event()
        self.seen: list[Death] = []
        self.threads = Threads()
        self.threads.add("look at the processes", self._run)

    def start(self) -> None:
        self.look()
        self.threads.start()

    def stop(self) -> Sequence[Death]:
        """What was seen until now."""
        if not self._is_over.is_set():
            self._is_over.set()
            self.threads.join()
            self.look()
        return self.seen

    def _run(self) -> None:
        while not self._is_over.wait(LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        """Find the processes that are there, and those that are gone since the last look."""
        self._cluster.refresh()
        processes = self._cluster.processes
        for node_id in self._known.keys() - processes.keys():
            del self._known[node_id]  # it was removed
        for node_id, process in processes.items():
            pid = process.find()
            is_ending = process.ended() is not None
            now_ns = time.monotonic_ns() - self._began_ns
            if node_id in self._known:
                before, seen_ns, was_ending = self._known[node_id]
                if pid != before and not (is_ending or was_ending):
                    self.seen.append(Death(node_id, seen_ns, now_ns))
            if pid is None:
                self._known.pop(node_id, None)
            else:
                self._known[node_id] = pid, now_ns, is_ending


def unexplained(deaths: Sequence[Death], steps: Sequence[Injected]) -> list[str]:
    """Which of them no step accounts for, in words."""
    return [
        f"n{death.node_id} at {death.before_ns / NS:.1f} s"
        for death in deaths
        if not any(_explains(each, death) for each in steps)
    ]


def _explains(step: Injected, death: Death) -> bool:
    """Whether it may have ended that node, as it should. What ends one at once leaves a note, which
    is gone when the node is started again before the next look.
    """
    if death.node_id not in step.nodes or step.began_ns > death.before_ns:
        return False
    match step.action:
        case Kill() | Stop() | Restart() | Wipe():
            return step.done_ns is None or death.after_ns <= step.done_ns
        case Disk(kind=kind):
            return kind in ENDING
        case action:
            return isinstance(action, MembersRemove | MembersReplace)


def running(cluster: Cluster) -> list[int]:
    """The nodes that run now."""
    cluster.refresh()
    return [node_id for node_id, node in sorted(cluster.processes.items()) if node.is_running]
