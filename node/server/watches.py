"""Watches: streams of what the state machine changed, batch by batch.

A batch that does not fit into one frame comes in several. All but the last of them carry the index
of the batch before: who starts a new watch from there gets some changes twice, and misses none.
"""

from dataclasses import dataclass
from typing import Protocol

from node.machines.base import HistoryLostError, Watchable
from node.server.driver import Driver
from node.wire.messages import Changes, Failure, Watch, WireMessage

WATCHES_MAX = 1024
TURN_US_MAX = 20_000
"""Watchers that come later hear in the driver's next turn: heartbeats go between."""


CHANGE_OVERHEAD_BYTES = 9
"""What encoding adds to a change, at most."""
FRAME_OVERHEAD_BYTES = 64
"""What a frame of changes holds beside them, at most."""


class Watcher(Protocol):
    def push_nowait(self, message: WireMessage) -> None: ...


@dataclass(slots=True)
class _Following:
    query: bytes
    sent_through: int


_Found = dict[tuple[bytes, int], list[bytes]]
"""Changes by query and the index before them."""


class Watches:
    """All watches of a node, by connection and request id."""

    def __init__(self, driver: Driver, frame_bytes_max: int) -> None:
        self._changes_bytes_max = frame_bytes_max - FRAME_OVERHEAD_BYTES
        self._driver = driver
        self._replica = driver.replica
        self._behind: dict[tuple[Watcher, int], None] = {}  # who was not told yet, first come first
        self._goes_on = False
        self._following: dict[tuple[Watcher, int], _Following] = {}

    def add(self, watcher: Watcher, message: Watch) -> None:
        """Start a watch; what is kept since `message.since` comes at once."""
        if not isinstance(self._replica.machine, Watchable):
            self._fail(watcher, message.id, "bad_request", "this state machine has no changes")
            return
        if len(self._following) >= WATCHES_MAX:
            self._fail(watcher, message.id, "busy", f"there are {WATCHES_MAX} watches already")
            return
        since = message.since or self._replica.last_applied
        following = self._following[watcher, message.id] = _Following(message.query, since)
        self._send(watcher, message.id, following, {}, is_first=True)

    def remove(self, watcher: Watcher, request_id: int) -> None:
        self._following.pop((watcher, request_id), None)

    def drop(self, watcher: Watcher) -> None:
        """The connection is gone."""
        for key in [key for key in self._following if key[0] is watcher]:
            del self._following[key]

    def send_changes(self) -> None:
        """The machine has changed."""
        if not self._following:
            return
        self._behind.update(dict.fromkeys(self._following))
        if not self._goes_on:
            self._tell(self._driver.clock.now())

    def _tell(self, now: int) -> None:
        """Tell those that are behind, as many as the time of one turn allows."""
        self._goes_on = False
        found: _Found = {}  # most watchers want the same, from the same index on
        while self._behind:
            if self._driver.clock.elapsed_us(now) > TURN_US_MAX:
                self._goes_on = True
                self._driver.submit([self._tell])
                return
            watcher, request_id = key = next(iter(self._behind))
            del self._behind[key]
            if key in self._following:
                self._send(watcher, request_id, self._following[key], found, is_first=False)

    def _changes(self, query: bytes, since: int, found: _Found) -> list[bytes]:
        machine = self._replica.machine
        assert isinstance(machine, Watchable), "checked when the watch began"
        key = (query, since)
        if key not in found:
            found[key] = machine.changes(query, since)
        return found[key]

    def _send(
        self,
        watcher: Watcher,
        request_id: int,
        following: _Following,
        found: _Found,
        is_first: bool,
    ) -> None:
        try:
            changes = self._changes(following.query, following.sent_through, found)
        except HistoryLostError as error:
            self._fail(watcher, request_id, "history_lost", str(error))
        except Exception as error:  # the machine is the user's
            name = type(error).__name__
            self._fail(watcher, request_id, "bad_request", f"the machine raised {name}")
        else:
            if max(map(len, changes), default=0) + CHANGE_OVERHEAD_BYTES > self._changes_bytes_max:
                self._fail(watcher, request_id, "too_large", "a change does not fit into a frame")
                self.remove(watcher, request_id)
                return
            before = following.sent_through
            following.sent_through = max(before, self._replica.last_applied)
            if changes or is_first:  # the first frame says from where on it watches
                *parts, last = _parts(changes, self._changes_bytes_max)
                for part in parts:
                    watcher.push_nowait(Changes(request_id, before, part))
                watcher.push_nowait(Changes(request_id, following.sent_through, last))
            return
        self.remove(watcher, request_id)

    def _fail(self, watcher: Watcher, request_id: int, code: str, text: str) -> None:
        watcher.push_nowait(Failure(request_id, code, text, "none", None))


def _parts(changes: list[bytes], bytes_max: int) -> list[list[bytes]]:
    """`changes` in order, cut so that each part fits into a frame; one part at least."""
    parts: list[list[bytes]] = [[]]
    size = 0
    for change in changes:
        size += len(change) + CHANGE_OVERHEAD_BYTES
        if size > bytes_max and parts[-1]:
            parts.append([])
            size = len(change) + CHANGE_OVERHEAD_BYTES
        parts[-1].append(change)
    return parts
