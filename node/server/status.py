"""The node's own view of itself, as an operator gets it."""

import os
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from node.faults import LinkPolicy
from node.replica import Replica
from node.replica.describing import replica_document
from node.server.driver import DiskStats, now_us
from node.server.eventhub import EventHub
from node.transport.peers import PeerLink


class Status:
    """Gathers what there is to say, when asked."""

    def __init__(
        self,
        replica: Replica,
        links: Mapping[int, PeerLink],
        policy: LinkPolicy,
        hub: EventHub,
        disk: DiskStats,
        boot: int,
        machine: str,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._replica = replica
        self._links = links
        self._policy = policy
        self._hub = hub
        self._disk = disk
        self._boot = boot
        self._machine = machine
        self._started = time.monotonic()

    def document(self) -> dict[str, Any]:
        """One snapshot; times in milliseconds, nodes as integers."""
        last = self._hub.last
        return {
            **replica_document(self._replica, now_us()),
            "boot": self._boot,
            "pid": os.getpid(),
            "up_ms": round((time.monotonic() - self._started) * 1000),
            "links": {str(peer): self._link_state(link) for peer, link in self._links.items()},
            "link_errors": {
                str(peer): link.last_error for peer, link in self._links.items() if link.last_error
            },
            "faults": [
                {**rule.to_map(), "hits": self._policy.hits[rule.fault]}
                for rule in self._policy.rules
            ],
            "disk": {
                "syncs": self._disk.syncs,
                "last_ms": round(self._disk.last_ms, 3),
                "full": self._replica.is_disk_full,
                "stalled": self._disk.is_stalled,
            },
            "counters": dict(self.counters),
            "machine": self._machine,
            "last_event": None
            if last is None
            else {
                "kind": last.kind,
                "term": last.term,
                "mono_ns": last.mono_ns,
                "wall_ns": last.wall_ns,
                "data": last.data,
            },
        }

    def _link_state(self, link: PeerLink) -> str:
        me = self._replica.core.id
        states = {self._policy.state_of(me, link.peer_id), self._policy.state_of(link.peer_id, me)}
        for state in ("cut", "slow"):
            if state in states:
                return state
        return "up" if link.is_connected else "down"
