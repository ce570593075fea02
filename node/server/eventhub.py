"""What happened on this node, for whoever watches. Watching never slows the node down.

The last events are kept for those who come later. A subscriber that does not keep up is cut off by
its channel's bound, not waited for.
"""

import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from node.raft.events import Event
from node.server.journal import log
from node.wire.messages import Happened
from node.wire.words import Level, told

HISTORY_MAX = 4096
TEXT_MAX = 1024
"""Characters of a text of an event: it also stands in the status."""

REPEATING = frozenset({"prevote", "stepdown", "leaderless", "follow"})

Subscriber = Callable[[Happened], None]


class EventHub:
    """The node's history and those who follow it."""

    def __init__(self, boot: int) -> None:
        self._boot = boot
        self._seq = 0
        self._history: deque[Happened] = deque(maxlen=HISTORY_MAX)
        self._subscribers: dict[object, Subscriber] = {}
        self._repeated: Counter[str] = Counter()
        self._repeated_term = 0
        self.last: Happened | None = None

    def publish(self, kind: str, term: int, level: Level = "info", **data: Any) -> None:  # noqa: ANN401
        """Record an event, log it, and tell the subscribers."""
        self._seq += 1
        data = {name: _cut(value) for name, value in data.items()}
        happened = Happened(
            0, self._boot, self._seq, time.monotonic_ns(), time.time_ns(), kind, term, data
        )
        self.last = happened
        self._history.append(happened)
        self._log(level, kind, term, data)
        for subscriber in self._subscribers.values():
            subscriber(happened)

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

    def subscribe(self, key: object, subscriber: Subscriber, history: bool) -> None:
        """Call `subscriber` for each event from now on, and for the kept ones first if asked."""
        if history:
            for happened in self._history:
                subscriber(happened)
        self._subscribers[key] = subscriber

    def unsubscribe(self, key: object) -> None:
        self._subscribers.pop(key, None)

    def publish_raft(self, event: Event) -> None:
        """Record what the core reports, in the words of operators."""
        words = told(event)
        if words is not None:
            self.publish(words.kind, words.term, words.level, **words.data)


def _cut(value: object) -> object:
    return value[:TEXT_MAX] if type(value) is str else value
