"""A simulated run as a recording: frames as real nodes send them, in virtual time.

It only looks on: the run is the same with it. What is done to the cluster as a whole has its id;
the monotonic clock and Unix time are both the run's, from zero.
"""

from collections.abc import Callable
from typing import Any

from node.replica.describing import replica_document
from node.replica.telling import Telling
from node.sim.host import Host
from node.sim.trace import Line, UntoldError
from node.verify.observation import Observers
from node.wire.messages import Bulk, Changed, Frame, Happened, Keyframe, Recording
from node.wire.recording import CLUSTER, FORMAT
from node.wire.words import node_name

FOLD_US = 100_000
QUIET_US = 1_000_000
KEYFRAME_US = 1_000_000
KEYFRAME_FRAMES_MAX = 1000

Invariants = Callable[[dict[int, Host]], Observers]


class _Stream:
    """What is told of a node in one life, or of the cluster."""

    def __init__(self, node_id: int, boot: int) -> None:
        self.node_id = node_id
        self.boot = boot
        self.seq = 0
        self.frames = 0
        """Since the whole status."""

    def head(self, now: int) -> tuple[int, int, int, int, int]:
        """How a frame begins that has the number of the last one."""
        return self.node_id, self.boot, self.seq, now * 1000, now * 1000

    def next_head(self, now: int) -> tuple[int, int, int, int, int]:
        self.seq += 1
        self.frames += 1
        return self.head(now)


class _Life:
    """A node from its start to its end."""

    def __init__(self, host: Host, now: int) -> None:
        self.stream = _Stream(host.id, host.lives)
        self.telling = Telling(host.process.replica)
        self.began_at = now
        self.told_at = now
        self.keyframe_at = now
        self._host = host

    def status(self, now: int) -> dict[str, Any]:
        """As a node gives it, as far as a simulated one has that."""
        return {
            **replica_document(self._host.process.replica, self._host.clock.now()),
            "boot": self.stream.boot,
            "up_ms": (now - self.began_at) // 1000,
            "faults": [],
            "links": {},
            "machine": "kv",
        }


class SimRecorder:
    """Makes frames of what happens in a run, and hands them to `put`, the head first. Give `take`
    to the simulation as its trace, and what `watching` makes as its invariants.
    """

    def __init__(self, put: Callable[[Recording | Frame], object], name: str) -> None:
        self.now: Callable[[], int] = lambda: 0
        """The run's time, in microseconds."""
        self._hand_on = put
        self._cluster = _Stream(CLUSTER, 1)
        self._lives: dict[int, _Life] = {}
        put(Recording(FORMAT, name, CLUSTER, 0, 0, 0))

    def watching(self, invariants: Invariants) -> Invariants:
        """These, and this recorder."""
        return lambda hosts: Observers([*invariants(hosts).invariants, self])

    def take(self, line: Line) -> None:
        """A line of the trace."""
        life = self._lives.get(line.node)
        stream = self._cluster if life is None else life.stream
        data = {name: _plain(value) for name, value in line.data.items()}
        if life is None and line.node:  # it has no stream yet
            data = {"node": node_name(line.node), **data}
        self._put(Happened(*stream.next_head(line.time), line.kind, line.term, data))

    # -- what an observer is told ------------------------------------------------------------------
    def booted(self, host: Host, stored: object) -> None:
        life = self._lives[host.id] = _Life(host, self.now())
        self._put_keyframe(life)

    def turned(self, host: Host) -> None:
        life, now = self._lives[host.id], self.now()
        if not life.telling.is_urgent and now - life.told_at < FOLD_US:
            return
        stream, telling = life.stream, life.telling
        applied = telling.take_applied()
        if applied is not None:
            first, last, entries = applied
            window_ms = (now - life.told_at) // 1000
            self._put(Bulk(*stream.next_head(now), first, last, window_ms, entries))
        values, is_news = telling.differences(life.status(now))
        if is_news or now - life.told_at >= QUIET_US:
            life.told_at = now
            self._put(Changed(*stream.next_head(now), values))
        is_due = now - life.keyframe_at >= KEYFRAME_US
        if is_due or stream.frames >= KEYFRAME_FRAMES_MAX:
            self._put_keyframe(life)

    def _put_keyframe(self, life: _Life) -> None:
        now = self.now()
        life.keyframe_at, life.stream.frames = now, 0
        status = life.status(now)
        life.telling.showed(status)
        self._put(Keyframe(*life.stream.head(now), status))

    def _put(self, frame: Frame) -> None:
        """Raises UntoldError."""
        try:
            self._hand_on(frame)
        except OSError as error:
            raise UntoldError(error) from error


def _plain(value: object) -> object:
    """What a frame can carry."""
    return value if isinstance(value, int | float | str | None) else str(value)
