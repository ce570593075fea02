"""What a simulated node's lives have around them: time, its disk's pace, and whom they tell."""

import random
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from node.raft.events import Event
from node.replica import Replica
from node.sim.clock import Clock
from node.sim.kernel import Kernel
from node.verify.observation import Observers
from node.wire.messages import WireMessage

Send = Callable[[int, int, str, bytes], None]
"""From, to, kind of message, its bytes."""
Reply = Callable[[int, Hashable, WireMessage], None]
"""From, to whom, and what."""
Tell = Callable[[int, Event], None]
"""Which node's core reports what."""
Request = Callable[[Replica, int], None]
"""Something asked of the replica; the number is its time."""


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
