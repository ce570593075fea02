"""What the parts of one node share: who it is, its driver, its faults, its events, its status."""

import time
from dataclasses import dataclass
from typing import Any

import trio

from node.config import ClusterSpec
from node.faults import FaultError, LinkPolicy, LinkRule
from node.server.driver import Driver
from node.server.eventhub import EventHub
from node.server.status import Status
from node.transport.opening import Identity
from node.transport.peers import PeerLink
from node.wire.envelope import HEADER_BYTES

COMMAND_OVERHEAD_MAX = HEADER_BYTES + 8192
"""What a command holds beside its value: the header, a key, and the machine's own framing."""
RULES_MAX = 1024


@dataclass(slots=True)
class Node:
    """One running node."""

    spec: ClusterSpec
    identity: Identity
    driver: Driver
    links: dict[int, PeerLink]
    policy: LinkPolicy
    hub: EventHub
    status: Status
    faults_changed: trio.Event

    @property
    def command_bytes_max(self) -> int:
        return self.spec.limits.value_bytes_max + COMMAND_OVERHEAD_MAX

    def may_receive(self, peer_id: int, kind: str) -> bool:
        """Whether the faults in force let a message from `peer_id` in."""
        if not self.policy.rules:
            return True
        return self.policy.on_receive(peer_id, self.identity.node_id, kind, time.time())

    def set_faults(self, maps: list[dict[str, Any]]) -> None:
        """Put these rules in force, and no others. Raises ValueError for a bad one."""
        if len(maps) > RULES_MAX:
            raise ValueError(f"{len(maps)} rules; the limit is {RULES_MAX}")
        try:
            rules = [LinkRule.from_map(values) for values in maps]
        except FaultError as error:
            raise ValueError(str(error)) from error
        before = {rule.fault for rule in self.policy.rules}
        self.policy.replace(rules)
        after = {rule.fault for rule in rules}
        term = self.driver.replica.core.term
        for fault in sorted(after - before):
            links = [f"{rule.src}:{rule.dst}" for rule in rules if rule.fault == fault]
            self.hub.publish("fault", term, "warn", fault=fault, links=",".join(links))
        for fault in sorted(before - after):
            self.hub.publish("heal", term, fault=fault)
        self.faults_changed.set()

    async def expire_faults(self) -> None:
        """Drop rules when their time is over, for ever."""
        while True:
            for fault in self.policy.expire(time.time()):
                self.hub.publish("heal", self.driver.replica.core.term, fault=fault, why="expired")
            self.faults_changed = trio.Event()
            expiry = self.policy.next_expiry
            seconds = float("inf") if expiry is None else max(expiry - time.time(), 0) + 0.001
            with trio.move_on_after(seconds):
                await self.faults_changed.wait()
