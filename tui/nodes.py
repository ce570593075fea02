"""One node as the viewer knows it, with the age of what is known. Pure."""

from collections import deque
from copy import copy
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from node.wire.following import Following
from tui.entries import RUNS_MAX, Growth, Rate, Run

STALE_NS = 2_500_000_000
"""A node sends something once a second: after so long without it is not live."""


class Condition(StrEnum):
    """What can be said of a node right now."""

    CONNECTING = "CONNECTING"
    LIVE = "LIVE"
    STALE = "STALE"
    PAUSED = "PAUSED"
    STOPPED = "STOPPED"
    EXITED = "EXITED"
    UNREACHABLE = "UNREACHABLE"
    REFUSES = "REFUSES"


class Process(NamedTuple):
    """A node's process. `state` is running, paused, exited or unknown; `how` says how it ended on
    purpose, empty: it did not; `ended_at` in Unix seconds.
    """

    state: str = "unknown"
    pid: int | None = None
    how: str = ""
    ended_at: float | None = None


class Reach(NamedTuple):
    """The connection to a node. `why` says why there is none; empty while it is first tried.
    `is_refusal`: the node is there, and does not serve the viewer.
    """

    is_open: bool = False
    why: str = ""
    is_refusal: bool = False


UNTRIED = Reach()
UNSEEN = Process()


@dataclass(slots=True)
class NodeView:
    """`status` is the node's own document, empty as long as nothing is known. `seen_ns` is when the
    newest frame was, on the nodes' clock, `wall_ns` in Unix time. `lost` counts frames that never
    came.
    """

    node_id: int
    status: dict[str, Any] = field(default_factory=dict)
    following: Following = field(default_factory=Following)
    seen_ns: int = 0
    wall_ns: int = 0
    odd: frozenset[str] = frozenset()
    """What it told in a form that is not known here, and that is left out."""
    has_stopped: bool = False
    """It said that it ends, in good order."""
    gaps: int = 0
    lost: int = 0
    applied_index: int = 0
    leading_since_ns: int | None = None
    """When it began to lead, by its own word; None: it does not."""
    runs: deque[Run] = field(default_factory=lambda: deque(maxlen=RUNS_MAX))
    rate: Rate = field(default_factory=Rate)
    growth: Growth = field(default_factory=Growth)
    tail: dict[int, int] = field(default_factory=dict)
    """The terms of the last entries by index, committed or not, when they were asked for last."""
    reach: Reach = UNTRIED
    process: Process = UNSEEN

    @property
    def name(self) -> str:
        return f"n{self.node_id}"

    @property
    def boot(self) -> int:
        """Which life of the node is shown."""
        return self.following.boot

    @property
    def seq(self) -> int:
        """The newest frame of that."""
        return self.following.seq

    @property
    def is_whole(self) -> bool:
        """Whether the status is, since the last gap."""
        return self.following.is_whole

    def number(self, key: str) -> int:
        """A number of the status, 0 where it is not known."""
        value = self.status.get(key)
        return value if type(value) is int else 0

    def text(self, key: str) -> str:
        value = self.status.get(key)
        return value if type(value) is str else ""

    def table(self, key: str) -> dict[str, Any]:
        """A map of the status, empty where it is not known."""
        value = self.status.get(key)
        return value if type(value) is dict else {}

    def condition(self, now_ns: int) -> Condition:
        """`now_ns` on the nodes' monotonic clock."""
        if self.process.state == "paused":
            return Condition.PAUSED
        if self.process.state == "exited":
            return Condition.EXITED
        if self.has_stopped:
            return Condition.STOPPED
        if self.reach.is_open:
            if not self.seen_ns:
                return Condition.CONNECTING
            return Condition.LIVE if now_ns - self.seen_ns <= STALE_NS else Condition.STALE
        if self.reach.is_refusal:
            return Condition.REFUSES
        return Condition.UNREACHABLE if self.reach.why else Condition.CONNECTING

    def is_live(self, now_ns: int) -> bool:
        return self.condition(now_ns) is Condition.LIVE

    def age_s(self, now_ns: int) -> float | None:
        """How old what is known is, in seconds; None: nothing is known."""
        return None if not self.seen_ns else max(now_ns - self.seen_ns, 0) / 1e9

    def applied_at(self, index: int) -> int | None:
        """When it applied the entry (monotonic nanoseconds); None: it did not, or long ago."""
        for run in reversed(self.runs):
            if run.first <= index <= run.last:
                return run.mono_ns
            if run.last < index:
                return None
        return None

    def copy(self) -> "NodeView":
        return replace(
            self,
            status=dict(self.status),
            following=copy(self.following),
            runs=self.runs.copy(),
            rate=self.rate.copy(),
            growth=self.growth.copy(),
        )
