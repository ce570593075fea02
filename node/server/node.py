"""What the parts of one node share: who it is, its driver, its faults, its events, its status."""

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import trio

from node.config import ClusterSpec
from node.faults import FaultError, LinkPolicy, LinkRule
from node.nodefaults import DELAY_US_MAX, NodeRule
from node.server.addresses import Links
from node.server.driver import Driver
from node.server.eventhub import EventHub
from node.server.journal import Folded
from node.server.observing import Observing
from node.server.status import Status
from node.transport.arrivals import Arrivals
from node.transport.contacts import Contacts
from node.transport.opening import Identity
from node.wire.batches import BATCH_BYTES_MAX
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
    contacts: Contacts
    arrivals: Arrivals
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
        of_client = BATCH_BYTES_MAX + 2 * self.command_bytes_max
        of_role = {"peer": self.spec.limits.frame_bytes_max, "client": of_client}
        return min(self.spec.limits.frame_bytes_max, of_role.get(role, OPERATOR_FRAME_BYTES_MAX))

    def may_receive(self, peer_id: int, kind: str) -> bool:
        """Whether the faults in force let a message from `peer_id` in."""
        if not self.policy.rules:
            return True
        return self.policy.on_receive(peer_id, self.identity.node_id, kind, time.time())

    def set_faults(
        self, maps: Sequence[dict[str, Any]], node_maps: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Put these rules in force, and no others; of those for nodes its own are kept. Raises
        ValueError for a bad one.
        """
        count = len(maps) + len(node_maps)
        if count > RULES_MAX:
            raise ValueError(f"{count} rules; the limit is {RULES_MAX}")
        try:
            rules = [LinkRule.from_map(values) for values in maps]
            node_rules = [NodeRule.from_map(values) for values in node_maps]
        except FaultError as error:
            raise ValueError(str(error)) from error
        self._check_shown(rules, node_rules)
        self._set_link_rules(rules)
        self._set_node_rules([r for r in node_rules if r.node == self.identity.node_id])
        self.faults_changed.set()

    def _check_shown(self, rules: list[LinkRule], node_rules: list[NodeRule]) -> None:
        """Whether a status can show them. Raises ValueError."""
        try:
            maps = [rule.to_map() for rule in rules], [rule.to_map() for rule in node_rules]
            shown = encode(SetFaults(0, *maps))
            decode(shown)
        except WireError as error:
            raise ValueError(f"rules that no frame can carry: {error}") from error
        size = len(shown)
        bytes_max = min(RULES_BYTES_MAX, self.spec.limits.frame_bytes_max // 2)
        if size > bytes_max:
            raise ValueError(f"rules of {size} bytes; the limit is {bytes_max}")

    def _set_link_rules(self, rules: list[LinkRule]) -> None:
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
        self._tell_healed(before - after)

    def _set_node_rules(self, rules: list[NodeRule]) -> None:
        before = {rule.fault for rule in self.driver.faults.rules}
        self.driver.faults.replace(rules)
        term = self.driver.replica.core.term
        for rule in rules:
            if rule.fault not in before:
                what = str(rule)
                self.hub.publish("fault", term, "warn", fault=f"#{rule.fault}", what=what)
        self._tell_healed(before - {rule.fault for rule in rules})

    def _tell_healed(self, faults: Iterable[int], **why: Any) -> None:  # noqa: ANN401
        for fault in sorted(faults):
            self.hub.publish("heal", self.driver.replica.core.term, fault=f"#{fault}", **why)

    def disturb(self, kind: Literal["stall", "jump"], delay_us: int) -> None:
        """Once: the next flush takes so much longer, or the clock shows a later time. Raises
        ValueError.
        """
        if delay_us > DELAY_US_MAX:
            raise ValueError(f"a delay of {delay_us} us; the limit is {DELAY_US_MAX}")
        if kind == "stall":
            self.driver.faults.stall(delay_us)
        else:
            self.driver.clock.jump(delay_us)
            term, ms = self.driver.replica.core.term, delay_us / 1000
            self.hub.publish("clock", term, "warn", state="jumped", ms=ms)

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
            own = self.driver.faults.expire()
            if own:
                self.driver.wake()  # its clock may run at another rate, so that it slept too long
            self._tell_healed([*over, *own], why="expired")
            self.faults_changed = trio.Event()
            expiries = [self.policy.next_expiry, self.driver.faults.next_expiry]
            expiry = min((each for each in expiries if each is not None), default=math.inf)
            seconds = max(expiry - time.time(), 0) + 0.001
            with trio.move_on_after(seconds):
                await self.faults_changed.wait()
