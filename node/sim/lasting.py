"""The faults that last, and what they come to where several hold at once.

One that ends takes back only what no other one keeps up: a disk that is full stays full when
another fault, of the same disk, is over.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from node.faults import LinkRule
from node.scenario import actions
from node.scenario.actions import Action
from node.scenario.errors import ScenarioError
from node.scenario.names import link_of
from node.sim.clock import PPM
from node.sim.host import Host
from node.sim.outcome import Outcome


@dataclass(slots=True)
class Fault:
    """One that lasts: what `heal` or a verb of its own ends."""

    number: int
    name: str
    action: Action
    outcome: Outcome
    nodes: tuple[int, ...] = ()
    rules: list[LinkRule] = field(default_factory=list)

    @property
    def sign(self) -> str:
        """What a recording knows it by."""
        return f"#{self.number}"


class Lasting:
    """Those in force now, in the order in which they began, by name."""

    def __init__(self) -> None:
        self.faults: dict[str, Fault] = {}
        self._stalls: dict[int, Outcome] = {}
        """Of the stall that a node's disk is to have next, or had last."""
        self._rots: dict[int, list[Outcome]] = {}
        """Of what rotted on a node's disk."""
        self._numbers = 0

    def begin(
        self, action: Action, name: str, outcome: Outcome, nodes: Iterable[int] = ()
    ) -> Fault:
        self._numbers += 1
        fault = Fault(self._numbers, name or str(self._numbers), action, outcome, tuple(nodes))
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

    def holds(self, fault: Fault) -> bool:
        return self.faults.get(fault.name) is fault

    def called(self, what: str) -> list[Fault]:
        """Those that `heal` means by a name, by a link that is among theirs, or by `all`.

        Raises ScenarioError where there is none.
        """
        link = link_of(what)
        chosen = [
            each
            for each in self.faults.values()
            if (not _is_of_processes(each) if what == "all" else each.name == what)
            or any((rule.src, rule.dst) == link for rule in each.rules)
        ]
        if not chosen:
            raise ScenarioError(
                "there is no fault" if what == "all" else f"there is no fault {what}"
            )
        return chosen

    def on(self, node_id: int) -> list[Action]:
        """What this node suffers from, but for its links."""
        return [each.action for each in self.faults.values() if node_id in each.nodes]

    def holds_down(self, node_id: int) -> bool:
        """Whether it must not start, though something wants it to."""
        return self._holds(node_id, actions.Kill, actions.Stop)

    def holds_still(self, node_id: int) -> bool:
        """Whether it must not go on, though something wants it to."""
        return self._holds(node_id, actions.Pause)

    def _holds(self, node_id: int, *kinds: type[Action]) -> bool:
        holding = [
            each
            for each in self.faults.values()
            if node_id in each.nodes and isinstance(each.action, kinds)
        ]
        for each in holding:
            each.outcome.changed()
        return bool(holding)

    # -- disks -------------------------------------------------------------------------------------
    def stall(self, host: Host, delay_us: int, outcome: Outcome) -> None:
        """The next flush takes so much longer."""
        self._stalls[host.id] = outcome
        host.disk.faults.stall_us = delay_us
        self.set_disk(host)

    def rot(self, host: Host, outcome: Outcome) -> None:
        """It takes effect when somebody finds it."""
        self._rots.setdefault(host.id, []).append(outcome)
        self.set_disk(host)

    def set_disk(self, host: Host) -> None:
        """Of several delays the last one that began holds."""
        held = [each for each in self.on(host.id) if isinstance(each, actions.Disk)]
        faults = host.disk.faults
        faults.bites = partial(self._bites, host.id)
        faults.is_full = any(each.kind == "full" for each in held)
        faults.fails = any(each.kind == "fail" for each in held)
        slow = [each.delay_us for each in held if each.kind == "slow"]
        faults.slow_us = slow[-1] if slow else 0

    def _bites(self, node_id: int, kind: actions.DiskKind) -> None:
        if kind == "stall":
            self._stalls[node_id].changed()
            return
        if kind == "rot":
            for outcome in self._rots.get(node_id, ()):
                outcome.changed()
            return
        biting = [
            each
            for each in self.faults.values()
            if node_id in each.nodes
            and isinstance(each.action, actions.Disk)
            and each.action.kind == kind
        ]
        for each in biting[-1:] if kind == "slow" else biting:
            each.outcome.changed()

    # -- clocks ------------------------------------------------------------------------------------
    def set_clock(self, host: Host) -> None:
        """Of several rates the last one that began holds; without one the clock is right."""
        rates = [each.rate for each in self.on(host.id) if isinstance(each, actions.Clock)]
        rate_ppm = round(rates[-1] * PPM) if rates else PPM
        host.change_clock(lambda clock: clock.run_at(rate_ppm))

    def started(self, host: Host) -> None:
        """It goes by its clock now, however that runs."""
        if host.clock.rate_ppm != PPM:
            for each in self.faults.values():
                if host.id in each.nodes and isinstance(each.action, actions.Clock):
                    each.outcome.changed()


def _is_of_processes(fault: Fault) -> bool:
    return isinstance(fault.action, actions.Kill | actions.Stop | actions.Pause)
