"""The node's own view of itself, as an operator gets it."""

import os
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from node.config import ClusterSpec
from node.faults import LinkPolicy
from node.replica.describing import replica_document
from node.server.clock import now_us
from node.server.driver import Driver
from node.server.eventhub import EventHub
from node.server.usage import Usage
from node.transport.peers import PeerLink


class Status:
    """Gathers what there is to say, when asked."""

    def __init__(
        self,
        driver: Driver,
        links: Mapping[int, PeerLink],
        policy: LinkPolicy,
        hub: EventHub,
        boot: int,
        spec: ClusterSpec,
        home: Path,
    ) -> None:
        """`home` is the node's own folder."""
        self.counters: Counter[str] = Counter()
        self._driver = driver
        self._replica = driver.replica
        self._links = links
        self._policy = policy
        self._hub = hub
        self._boot = boot
        self._spec = spec
        self._port = spec.address_of(driver.replica.core.id).port
        self._limits = {"limits": spec.limits._asdict(), "recording": spec.recording._asdict()}
        self._usage = Usage(home, links, now_us())
        self._started = time.monotonic()

    def document(self) -> dict[str, Any]:
        """One snapshot; times in milliseconds, nodes as integers."""
        last, now = self._hub.last, self._driver.clock.now()
        self._usage.look(now_us())
        replica = replica_document(self._replica, now)
        return {
            **replica,
            "settings": {**replica["settings"], **self._limits},
            "port": self._port,
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
            "node_faults": self._driver.faults.document(),
            "peers": {str(peer): self._peer(peer, now) for peer in self._links},
            "commits": self._driver.commits.durations.quantiles(now),
            "disk": self._disk(now),
            "process": self._usage.process,
            "counters": dict(self.counters),
            "machine": self._spec.machine,
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

    def _disk(self, now: int) -> dict[str, Any]:
        disk = self._driver.disk
        return {
            "syncs": disk.syncs,
            "last_ms": round(disk.last_ms, 3),
            **disk.durations.quantiles(now),
            "full": self._replica.is_disk_full,
            "stalled": disk.is_stalled,
            **self._usage.files,
        }

    def _peer(self, peer: int, now: int) -> dict[str, float | None]:
        rtt_ms = self._driver.round_trips.ms(peer, now)
        return {
            "rtt_ms": None if rtt_ms is None else round(rtt_ms, 2),
            "out_per_s": self._usage.out_per_s(peer),
        }

    def _link_state(self, link: PeerLink) -> str:
        me = self._replica.core.id
        states = {self._policy.state_of(me, link.peer_id), self._policy.state_of(link.peer_id, me)}
        for state in ("cut", "slow"):
            if state in states:
                return state
        return "up" if link.is_connected else "down"
