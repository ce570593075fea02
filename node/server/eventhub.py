"""What happens on this node, for whoever watches. Watching never slows the node down.

Each frame is made and encoded once, whoever follows. The last ones are kept in a ring, out of which
a subscriber that was cut off goes on where it was. One that does not keep up is given nothing more
until it has read what it has: then it goes on from the ring, or is told of a gap and gets the whole
status anew. Nobody waits for it.
"""

import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from node.raft.events import Event
from node.server.journal import log
from node.wire.codec import encode
from node.wire.messages import Bulk, Changed, Frame, Gap, Happened, Keyframe
from node.wire.words import REPEATING, Level, told

HISTORY_MAX = 4096
RING_BYTES_MAX = 2 * 1024 * 1024
TEXT_MAX = 1024
"""Characters of a text of an event: it also stands in the status."""


class Sealed(NamedTuple):
    """A frame of the stream as bytes, with the id 0 (see `codec.with_id`)."""

    seq: int
    payload: bytes
    is_news: bool = True
    """Something is different from before."""
    is_gap: bool = False
    """The events that were kept come next, which are older, and then the whole status."""


@dataclass(slots=True)
class _Subscriber:
    take: Callable[[Sealed], None]
    has_room: Callable[[], bool]
    seen: int
    """The number of the last frame that it was given."""


class EventHub:
    """The node's stream of frames and those who follow it."""

    def __init__(self, boot: int) -> None:
        self._boot = boot
        self.seq = 0
        """Of the last frame."""
        self.describe: Callable[[], dict[str, Any]] = dict
        """Gives the whole status."""
        self.showed: Callable[[dict[str, Any]], None] = lambda status: None
        """Is given the whole status that somebody was given."""
        self._history: deque[Sealed] = deque(maxlen=HISTORY_MAX)
        self._ring: deque[Sealed] = deque()
        self._ring_bytes = 0
        self._subscribers: dict[object, _Subscriber] = {}
        self._repeated: Counter[str] = Counter()
        self._repeated_term = 0
        self.last: Happened | None = None

    # -- what happens ------------------------------------------------------------------------------
    def publish(self, kind: str, term: int, level: Level = "info", **data: Any) -> None:  # noqa: ANN401
        """Record an event, log it, and tell the subscribers."""
        data = {name: _cut(value) for name, value in data.items()}
        self.last = Happened(*self._next(), kind, term, data)
        self._log(level, kind, term, data)
        self._send(self.last)

    def publish_raft(self, event: Event) -> None:
        """Record what the core reports, in the words of operators."""
        words = told(event)
        if words is not None:
            self.publish(words.kind, words.term, words.level, **words.data)

    def publish_changed(self, values: dict[str, Any], is_news: bool) -> None:
        """Tell what is different in the status; `is_news` False: only that the node lives."""
        self._send(Changed(*self._next(), values), is_news)

    def publish_bulk(
        self, first: int, last: int, window_ms: int, entries: list[dict[str, Any]]
    ) -> None:
        """Tell which entries took effect."""
        self._send(Bulk(*self._next(), first, last, window_ms, entries))

    def _next(self) -> tuple[int, int, int, int, int]:
        """How the next frame of all begins."""
        self.seq += 1
        return self._now()

    def _now(self) -> tuple[int, int, int, int, int]:
        return 0, self._boot, self.seq, time.monotonic_ns(), time.time_ns()

    def _send(self, frame: Frame, is_news: bool = True) -> None:
        sealed = Sealed(self.seq, encode(frame), is_news)
        if isinstance(frame, Happened):
            self._history.append(sealed)
        self._ring.append(sealed)
        self._ring_bytes += len(sealed.payload)
        while self._ring_bytes > RING_BYTES_MAX and len(self._ring) > 1:
            self._ring_bytes -= len(self._ring.popleft().payload)
        for subscriber in list(self._subscribers.values()):  # one may go while it is told
            self._go_on(subscriber)

    def _log(self, level: Level, kind: str, term: int, data: dict[str, Any]) -> None:
        """Write a line, of what repeats itself within a term at the 1st, 2nd, 4th, 8th ... time.

        A node that is cut off asks for a pre-vote several times a second, for as long as it lasts.
        """
        if kind not in REPEATING:
            log(level, kind, term=term, **data)
            return
        if term != self._repeated_term:
            self._repeated_term = term
            self._repeated.clear()
        self._repeated[kind] += 1
        times = self._repeated[kind]
        if times == 1:
            log(level, kind, term=term, **data)
        elif times.bit_count() == 1:
            log(level, kind, term=term, **data, times=times)

    # -- who follows -------------------------------------------------------------------------------
    @property
    def is_followed(self) -> bool:
        return bool(self._subscribers)

    def subscribe(
        self,
        key: object,
        take: Callable[[Sealed], None],
        *,
        history: bool = False,
        behind: tuple[int, int] | None = None,
        has_room: Callable[[], bool] = lambda: True,
    ) -> None:
        """Give `take` the whole status, and each frame from now on.

        With `behind`, a boot and the number of its last frame that was seen: all that came after
        that; of which some may be lost, which a Gap tells. `history`: the kept events first. While
        `has_room` is false it is given nothing.
        """
        subscriber = self._subscribers[key] = _Subscriber(take, has_room, self.seq)
        boot, since = behind or (0, 0)
        if boot == self._boot and self._holds(since + 1):
            subscriber.seen = since
            self._go_on(subscriber)
            return
        is_known = boot == self._boot and since <= self.seq
        if behind is not None:
            why = "they are no longer kept" if is_known else "the node was started anew"
            self._tell_gap(subscriber, since + 1 if is_known else 1, why)
        self._begin(subscriber, 0 if history else self.seq)

    def unsubscribe(self, key: object) -> None:
        self._subscribers.pop(key, None)

    def _holds(self, seq: int) -> bool:
        """Whether everything from frame `seq` on is still there."""
        first = self._ring[0].seq if self._ring else self.seq + 1
        return first <= seq <= self.seq + 1

    def _go_on(self, subscriber: _Subscriber) -> None:
        """Give it what it has not seen, as much as it has room for."""
        if subscriber.seen == self.seq - 1 and subscriber.has_room():
            subscriber.seen = self.seq
            subscriber.take(self._ring[-1])
            return
        while subscriber.seen < self.seq and subscriber.has_room():
            if not self._holds(subscriber.seen + 1):
                self._tell_gap(subscriber, subscriber.seen + 1, "it did not read them in time")
                self._begin(subscriber, subscriber.seen)
                return
            sealed = self._ring[subscriber.seen + 1 - self._ring[0].seq]
            subscriber.seen = sealed.seq
            subscriber.take(sealed)

    def _tell_gap(self, subscriber: _Subscriber, first: int, why: str) -> None:
        gap = Gap(*self._now(), first, self.seq, why)
        subscriber.take(Sealed(self.seq, encode(gap), is_gap=True))

    def _begin(self, subscriber: _Subscriber, since: int) -> None:
        """Give it the kept events after `since`, which are never folded, and the whole status."""
        for sealed in self._history:
            if sealed.seq > since:
                subscriber.take(sealed)
        subscriber.seen = self.seq
        subscriber.take(self.keyframe())

    def keyframe(self) -> Sealed:
        """The whole status, as it is now."""
        status = self.describe()
        self.showed(status)
        keyframe = Keyframe(*self._now(), status)
        return Sealed(self.seq, encode(keyframe), is_news=False)


def _cut(value: object) -> object:
    """A text that every frame can carry."""
    if type(value) is not str:
        return value
    return value[:TEXT_MAX].encode("utf-8", "replace").decode()
