"""One node as the viewer knows it, with the age of what is known. Pure."""

import re
import signal
from collections import deque
from copy import copy
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, NamedTuple

from node.wire.following import Following
from tui.entries import RUNS_MAX, Growth, Rate, Run

STALE_NS = 2_500_000_000
"""A node sends something once a second: after so long without it is not live."""


HEARTBEATS_MISSED = 2
"""An election timer that ran for longer than so many heartbeats is not about to be wound up."""


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


SILENT = frozenset({Condition.STALE, Condition.PAUSED})
"""It takes connections, and says nothing."""


class Process(NamedTuple):
    """A node's process. `state` is running, paused, exited or unknown; `how` says how it ended on
    purpose, empty: it did not; `ended_at` in Unix seconds. `last_words`: why it ended by itself,
    where it said so; `fault`: the number of the fault in force that makes its disk fail.
    """

    state: str = "unknown"
    pid: int | None = None
    how: str = ""
    ended_at: float | None = None
    last_words: str = ""
    fault: int | None = None

    @property
    def ending(self) -> str:
        """How its end came about: SIGKILL by cli."""
        if not self.how:
            return self.last_words or "ended by itself"
        number = self._signal
        return f"{self.how if number is None else signal.Signals(number).name} by cli"

    @property
    def exit_code(self) -> int | None:
        """As its parent would be told; None: nobody knows. Only SIGKILL leaves no choice."""
        return -signal.SIGKILL if self._signal == signal.SIGKILL else None

    @property
    def _signal(self) -> int | None:
        found = re.fullmatch(r"killed -(\d+)", self.how)
        number = int(found[1]) if found else None
        return number if number in set(signal.Signals) else None


class ElectionTimer(NamedTuple):
    """So much of `timeout_ms` has run. `is_running_out`: no heartbeat is about to wind it up."""

    run_ms: float
    timeout_ms: int
    is_running_out: bool


class InTouch(NamedTuple):
    """`have` of the voters, of which `need` are a majority, are in touch with their leader."""

    have: int
    need: int
    voters: int


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
    told_ns: int = 0
    """When its status was as it is here, at the latest."""
    leading_since_ns: int | None = None
    """When it began to lead, by its own word; None: it does not."""
    runs: deque[Run] = field(default_factory=lambda: deque(maxlen=RUNS_MAX))
    rate: Rate = field(default_factory=Rate)
    growth: Growth = field(default_factory=Growth)
    tail: dict[int, int] = field(default_factory=dict)
    """The terms of the last entries by index, committed or not, when they were asked for last."""
    reach: Reach = UNTRIED
    process: Process = UNSEEN
    looked_ns: int = 0
    """When the viewer found last that its process had ended, was frozen, or went on."""

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
            if not self.boot:
                return Condition.CONNECTING
            return Condition.LIVE if now_ns - self.seen_ns <= STALE_NS else Condition.STALE
        if self.reach.is_refusal:
            return Condition.REFUSES
        return Condition.UNREACHABLE if self.reach.why else Condition.CONNECTING

    def is_live(self, now_ns: int) -> bool:
        return self.condition(now_ns) is Condition.LIVE

    def age_s(self, now_ns: int) -> float | None:
        """How old what is known is, in seconds; None: nothing is known."""
        return max(now_ns - self.seen_ns, 0) / 1e9 if self.boot else None

    @property
    def up_s(self) -> float | None:
        """How long its process ran when it told of that, in seconds; None: nothing is known."""
        return self.number("up_ms") / 1000 if "up_ms" in self.status else None

    @property
    def heartbeat_ms(self) -> int | None:
        raft = self.table("settings").get("raft")
        return None if raft is None else raft.get("heartbeat_ms")

    def election_timer(self, now_ns: int) -> ElectionTimer | None:
        """None: it has none, or nothing is known of it. One that runs out is counted on from when
        it was told of; any other one is shown as it was then.
        """
        left_ms, timeout_ms = self.status.get("election_in_ms"), self.number("election_timeout_ms")
        if left_ms is None or not timeout_ms:
            return None
        run_ms: float = timeout_ms - left_ms
        missed = run_ms > HEARTBEATS_MISSED * (self.heartbeat_ms or timeout_ms)
        is_running_out = missed or self.status.get("leader") is None
        if is_running_out:
            run_ms += max(now_ns - self.told_ns, 0) / 1e6
        return ElectionTimer(min(run_ms, timeout_ms), timeout_ms, is_running_out)

    def is_counting(self, now_ns: int) -> bool:
        """Whether its election timer is to be shown as it runs on."""
        timer = self.election_timer(now_ns) if self.is_live(now_ns) else None
        return timer is not None and timer.is_running_out and timer.run_ms < timer.timeout_ms

    @property
    def in_touch(self) -> InTouch | None:
        """Of a leader: how many of the voters are in touch with it, not how many run, which is what
        a quorum counts. While the voters change: of the half that has fewer to spare.
        """
        in_touch = self.status.get("in_touch")
        configuration = self.table("configuration")
        halves = [configuration.get(name) for name in ("voters", "outgoing")]
        counts = [
            InTouch(len(set(half).intersection(in_touch)), len(half) // 2 + 1, len(half))
            for half in halves
            if half and in_touch
        ]
        return min(counts, key=lambda count: count.have - count.need, default=None)

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
