"""The faults that last, and what they come to where several hold at once.

One that ends takes back only what no other one keeps up: a disk that is full stays full when
another fault, of the same disk, is over.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from node.faults import LinkRule
from node.scenario import actions
from node.scenario.actions import Action
from node.sim.clock import PPM
from node.sim.host import Host


@dataclass(slots=True)
class Fault:
    """One that lasts: what `heal` or a verb of its own ends."""

    number: int
    name: str
    action: Action
    nodes: tuple[int, ...] = ()
    rules: list[LinkRule] = field(default_factory=list)


class Lasting:
    """Those in force now, in the order in which they began, by name."""

    def __init__(self) -> None:
        self.faults: dict[str, Fault] = {}
        self._numbers = 0

    def begin(self, action: Action, name: str, nodes: Iterable[int] = ()) -> Fault:
        self._numbers += 1
        fault = Fault(self._numbers, name or str(self._numbers), action, tuple(nodes))
        self.faults[fault.name] = fault
        return fault

    def release(self, node_id: int, *kinds: type[Action]) -> None:
        """Somebody ended such faults by hand, at this node."""
        for fault in self.faults.values():
            if isinstance(fault.action, kinds):
                fault.nodes = tuple(each for each in fault.nodes if each != node_id)

    # -- what they come to -------------------------------------------------------------------------
    @property
    def rules(self) -> list[LinkRule]:
        return [rule for fault in self.faults.values() for rule in fault.rules]

    def on(self, node_id: int) -> list[Action]:
        """What this node suffers from, but for its links."""
        return [each.action for each in self.faults.values() if node_id in each.nodes]

    def holds_down(self, node_id: int) -> bool:
        return any(isinstance(each, actions.Kill | actions.Stop) for each in self.on(node_id))

    def holds_still(self, node_id: int) -> bool:
        return any(isinstance(each, actions.Pause) for each in self.on(node_id))

    def set_disk(self, host: Host) -> None:
        """Of several delays the last one that began holds."""
        held = [each for each in self.on(host.id) if isinstance(each, actions.Disk)]
        faults = host.disk.faults
        faults.is_full = any(each.kind == "full" for each in held)
        faults.fails = any(each.kind == "fail" for each in held)
        slow = [each.delay_us for each in held if each.kind == "slow"]
        faults.slow_us = slow[-1] if slow else 0

    def set_clock(self, host: Host) -> None:
        """Of several rates the last one that began holds; without one the clock is right."""
        rates = [each.rate for each in self.on(host.id) if isinstance(each, actions.Clock)]
        rate_ppm = round(rates[-1] * PPM) if rates else PPM
        host.change_clock(lambda clock: clock.run_at(rate_ppm))
