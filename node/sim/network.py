"""The links between nodes: whole frames, late, lost, twice, or in another order.

Each directed link has a queue with a limit, a stream of random numbers that begins anew with every
frame, and the very fault rules that real nodes have (`node.faults`).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from node.faults import LinkPolicy, LinkRule
from node.sim.kernel import Kernel
from node.sim.streams import Numbered

LOCAL_US = 20
"""What a frame takes at least."""
LATE_US_MAX = 3_000_000
"""After so long no copy of a frame is under way any more."""


@dataclass(slots=True)
class NetworkStats:
    sent: int = 0
    delivered: int = 0
    dropped: int = 0
    """Lost, cut off, or too many."""
    duplicated: int = 0
    corrupted: int = 0
    late: int = 0
    """Copies that came long after."""


class Wire:
    """One directed link."""

    __slots__ = (
        "changes",
        "dst",
        "frames",
        "last_at",
        "policy",
        "random",
        "slowing",
        "src",
        "under_way",
    )

    def __init__(self, seed: int, src: int, dst: int) -> None:
        self.src = src
        self.dst = dst
        self.random = Numbered(seed, "link", src, dst)
        self.policy = LinkPolicy(self.random)
        self.slowing: tuple[LinkRule, ...] = ()
        """The faults that hold frames back."""
        self.frames = 0
        self.changes = 0
        """How often its rules became others."""
        self.under_way = 0
        """Frames that were sent since then."""
        self.last_at = 0

    def holds_back(self, kind: str) -> bool:
        return any(rule.applies(self.src, self.dst, kind) for rule in self.slowing)


class Network:
    """`deliver(src, dst, kind, frame)` is called for each frame that arrives; the frame is empty
    where it came in damaged. `is_ordered`: frames of a link arrive in the order of sending.

    What a fault holds back when the faults of a link change is lost, as it is in real nodes. What
    is under way by itself goes on, and takes no room from what is sent from then on.
    """

    def __init__(
        self,
        kernel: Kernel,
        seed: int,
        deliver: Callable[[int, int, str, bytes], None],
        queue_max: int,
        is_ordered: bool,
    ) -> None:
        self.stats = NetworkStats()
        self.late = 0.0
        """How often a frame comes once more, long after it was sent."""
        self._kernel = kernel
        self._seed = seed
        self._deliver = deliver
        self._queue_max = queue_max
        self._is_ordered = is_ordered
        self._wires: dict[tuple[int, int], Wire] = {}
        self._background: LinkRule | None = None
        self._rules: tuple[LinkRule, ...] = ()
        self.hits: dict[int, int] = {}
        """How often each fault took effect."""

    def wire(self, src: int, dst: int) -> Wire:
        wire = self._wires.get((src, dst))
        if wire is None:
            wire = self._wires[src, dst] = Wire(self._seed, src, dst)
            self._set_rules_of(wire)
        return wire

    # -- rules -------------------------------------------------------------------------------------
    def set_background(self, rule: LinkRule | None) -> None:
        """What happens on every link, as `rule` says; its ends do not matter."""
        self._background = rule
        self._set_rules()

    def set_rules(self, rules: Iterable[LinkRule]) -> None:
        """These faults and no others."""
        self._rules = tuple(rules)
        self._set_rules()

    def _set_rules(self) -> None:
        for wire in self._wires.values():
            self._set_rules_of(wire)

    def _set_rules_of(self, wire: Wire) -> None:
        self._count_hits(wire)
        src, dst = wire.src, wire.dst
        mine = [rule for rule in self._rules if rule.src == src and rule.dst == dst]
        slowing = tuple(filter(_holds_back, mine))
        if self._background is not None:
            values = {**self._background.to_map(), "src": src, "dst": dst}
            mine.append(LinkRule.from_map(values))
        if tuple(mine) != wire.policy.rules:
            wire.policy.replace(mine)
            wire.slowing = slowing
            wire.changes += 1
            wire.under_way = wire.last_at = 0

    def _count_hits(self, wire: Wire) -> None:
        for fault, count in wire.policy.hits.items():
            self.hits[fault] = self.hits.get(fault, 0) + count
        wire.policy.hits.clear()

    def count_hits(self) -> dict[int, int]:
        """How often each fault took effect so far."""
        for wire in self._wires.values():
            self._count_hits(wire)
        return self.hits

    # -- frames ------------------------------------------------------------------------------------
    def send(self, src: int, dst: int, kind: str, frame: bytes) -> None:
        """`kind` is the message's type, `frame` its bytes."""
        wire = self._wires.get((src, dst)) or self.wire(src, dst)
        wire.frames += 1
        stats = self.stats
        stats.sent += 1
        if wire.under_way >= self._queue_max:
            stats.dropped += 1
            return
        now = self._kernel.now
        wire.random.begin(wire.frames)
        verdict = wire.policy.on_send(src, dst, kind, len(frame), now, 0.0)
        delays = verdict.delays_us
        if not delays:
            stats.dropped += 1
            return
        stats.duplicated += len(delays) - 1
        if verdict.corrupt:
            stats.corrupted += 1
            frame = b""
        arrive = self._arrive_held if wire.slowing and wire.holds_back(kind) else self._arrive
        for delay in delays:
            at = now + LOCAL_US + delay
            if self._is_ordered:
                at = wire.last_at = max(at, wire.last_at)
            wire.under_way += 1
            self._kernel.at(at, "deliver", arrive, wire, wire.changes, kind, frame)
        if self.late and wire.random.random() < self.late:
            at = now + wire.random.randrange(LATE_US_MAX)
            self._kernel.at(at, "deliver", self._come_again, wire, kind, frame)

    def _come_again(self, wire: Wire, kind: str, frame: bytes) -> None:
        """A copy, which takes no place in the queue."""
        self.stats.late += 1
        self._receive(wire, kind, frame)

    def _arrive_held(self, wire: Wire, changes: int, kind: str, frame: bytes) -> None:
        if changes == wire.changes:
            self._arrive(wire, changes, kind, frame)
        else:
            self.stats.dropped += 1

    def _arrive(self, wire: Wire, changes: int, kind: str, frame: bytes) -> None:
        if changes == wire.changes:
            wire.under_way -= 1
        self._receive(wire, kind, frame)

    def _receive(self, wire: Wire, kind: str, frame: bytes) -> None:
        if wire.policy.on_receive(wire.src, wire.dst, kind, 0.0):
            self.stats.delivered += 1
            self._deliver(wire.src, wire.dst, kind, frame)
        else:
            self.stats.dropped += 1


def _holds_back(rule: LinkRule) -> bool:
    return bool(rule.latency_ms or rule.jitter_ms or rule.reorder or rule.rate_bytes_s)
