"""What the parts of one node share: who it is, its driver, its faults, its events, its status."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import trio

from node.config import ClusterSpec
from node.faults import FaultError, LinkPolicy, LinkRule
from node.server.addresses import Links
from node.server.driver import Driver
from node.server.eventhub import EventHub
from node.server.journal import Folded
from node.server.observing import Observing
from node.server.status import Status
from node.transport.opening import Identity
from node.wire.codec import WireError, decode, encode
from node.wire.envelope import HEADER_BYTES
from node.wire.messages import Role, SetFaults

COMMAND_OVERHEAD_MAX = HEADER_BYTES + 8192
"""What a command holds beside its value: the header, a key, and the machine's own framing."""
OPERATOR_FRAME_BYTES_MAX = 1024 * 1024
RULES_MAX = 1024
RULES_BYTES_MAX = 256 * 1024
"""And half a frame at most, since the status shows them."""


@dataclass(slots=True)
class Node:
    """One running node."""

    spec: ClusterSpec
    identity: Identity
    driver: Driver
    links: Links
    policy: LinkPolicy
    hub: EventHub
    status: Status
    observing: Observing
    faults_changed: trio.Event
    door: Folded
    """Its log of connections that were refused or closed."""

    @property
    def command_bytes_max(self) -> int:
        return self.spec.limits.value_bytes_max + COMMAND_OVERHEAD_MAX

    def frame_bytes_max_from(self, role: Role) -> int:
        """What a frame of that role may hold. A value somewhat over its limit still comes in, so
        that its refusal names it.
        """
        of_role = {"peer": self.spec.limits.frame_bytes_max, "client": 2 * self.command_bytes_max}
        return min(self.spec.limits.frame_bytes_max, of_role.get(role, OPERATOR_FRAME_BYTES_MAX))

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
        try:
            shown = encode(SetFaults(0, [rule.to_map() for rule in rules]))
            decode(shown)
        except WireError as error:
            raise ValueError(f"rules that no frame can carry: {error}") from error
        size = len(shown)
        bytes_max = min(RULES_BYTES_MAX, self.spec.limits.frame_bytes_max // 2)
        if size > bytes_max:
            raise ValueError(f"rules of {size} bytes; the limit is {bytes_max}")
        before = {rule.fault for rule in self.policy.rules}
        with self._links_told():
            self.policy.replace(rules)
        after = {rule.fault for rule in rules}
        term = self.driver.replica.core.term
        for fault in sorted(after - before):
            mine = [rule for rule in rules if rule.fault == fault]
            what = "cut" if any(rule.cut for rule in mine) else "net"
            links = ",".join(f"n{rule.src}:n{rule.dst}" for rule in mine)
            self.hub.publish("fault", term, "warn", fault=f"#{fault}", what=what, links=links)
        for fault in sorted(before - after):
            self.hub.publish("heal", term, fault=f"#{fault}")
        self.faults_changed.set()

    @contextmanager
    def _links_told(self) -> Iterator[None]:
        """Tell each link whose rules change meanwhile."""
        before = {peer_id: self._rules_to(peer_id) for peer_id in self.links}
        yield
        for peer_id, link in self.links.items():
            if self._rules_to(peer_id) != before[peer_id]:
                link.rules_changed()

    def _rules_to(self, peer_id: int) -> list[LinkRule]:
        me = self.identity.node_id
        return [rule for rule in self.policy.rules if (rule.src, rule.dst) == (me, peer_id)]

    async def expire_faults(self) -> None:
        """Drop rules when their time is over, for ever."""
        while True:
            with self._links_told():
                over = self.policy.expire(time.time())
            for fault in over:
                term = self.driver.replica.core.term
                self.hub.publish("heal", term, fault=f"#{fault}", why="expired")
            self.faults_changed = trio.Event()
            expiry = self.policy.next_expiry
            seconds = float("inf") if expiry is None else max(expiry - time.time(), 0) + 0.001
            with trio.move_on_after(seconds):
                await self.faults_changed.wait()
