"""What a simulated node's lives have around them: time, its disk's pace, and whom they tell."""

import random
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

from node.raft.events import ConfigurationChanged, Event, LeaderElected, LogTruncated
from node.replica import Replica
from node.sim.clock import Clock
from node.sim.kernel import Kernel
from node.verify.observation import Member, Observers
from node.wire.messages import WireMessage

Send = Callable[[int, int, str, bytes], None]
"""From, to, kind of message, its bytes."""
Reply = Callable[[int, Hashable, WireMessage], None]
"""From, to whom, and what."""
Tell = Callable[[int, Event], None]
"""Which node's core reports what."""
Request = Callable[[Replica, int], None]
"""Something asked of the replica; the number is its time."""

HAPPENING_OF: Mapping[type[Event], str] = {
    LeaderElected: "elected",
    LogTruncated: "truncated",
    ConfigurationChanged: "reconfigured",
}
"""What those who observe hear of what a core reports."""


@dataclass(slots=True)
class Pace:
    """How long things take, at least and at most, in microseconds; it may change in a run."""

    disk_us: tuple[int, int]
    """A flush."""
    snapshot_us: tuple[int, int]
    """To write a snapshot."""
    load_us: tuple[int, int]
    """To load one that came in."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a node's lives have in common."""

    kernel: Kernel
    clock: Clock
    disk_random: random.Random
    pace: Pace
    observers: Observers
    send: Send
    reply: Reply
    tell: Tell
    flushes: Callable[[int], None]
    """Something else than entries is written, which takes so many microseconds."""

    def report(self, member: Member, event: Event) -> None:
        """The core of `member` reports it."""
        happening = HAPPENING_OF.get(type(event))
        if happening is not None:
            for look in getattr(self.observers, happening):
                look(member, event)
        self.tell(member.id, event)
