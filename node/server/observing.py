"""What becomes different in a node, as frames of its stream: ten times a second at most.

Made once for all who follow, and by a task of its own: the driver never waits for it. What decides
who leads is told at once.
"""

from typing import Any

import trio

from node.raft.events import Event
from node.replica import Replica
from node.server.eventhub import EventHub
from node.server.status import Status

FOLD_SECONDS = 0.1
QUIET_SECONDS = 1.0
"""So often a frame comes even if nothing happens."""
ENTRIES_MAX = 20
"""Described in a frame, of those that took effect since the last one."""
ENTRIES_BYTES_MAX = 64 * 1024

VOLATILE = frozenset({"age_ms", "election_in_ms", "last_event", "leading_ms", "up_ms"})
"""What is always different. It is sent along, and is no reason to send anything."""


class Observing:
    """Publishes what changes in the status, and which entries take effect."""

    def __init__(self, replica: Replica, status: Status, hub: EventHub) -> None:
        self._replica = replica
        self._status = status
        self._hub = hub
        self._looked = trio.Event()
        self._told: dict[str, Any] = {}
        self._told_at = 0.0
        self._told_state: object = None
        self._told_leadership: object = None
        self._told_applied = replica.last_applied

    def look(self, event: Event) -> None:
        """The core reports something: it may be what is told at once."""
        self._looked.set()

    async def run(self) -> None:
        """Publish until cancelled."""
        self._told_at = trio.current_time()
        while True:
            self._looked = trio.Event()
            if self._hub.is_followed and self._is_time(trio.current_time()):
                self._tell(trio.current_time())
            with trio.move_on_after(FOLD_SECONDS):
                await self._looked.wait()

    def _is_time(self, now: float) -> bool:
        if self._leadership() != self._told_leadership or now - self._told_at >= QUIET_SECONDS:
            return True
        return now - self._told_at >= FOLD_SECONDS and self._state() != self._told_state

    def _leadership(self) -> object:
        """What is told at once."""
        core = self._replica.core
        return core.role_name, core.term, core.voted_for, core.leader_id, core.configuration_index

    def _state(self) -> object:
        """Cheap to make, and different when the status is, but for what can wait for a second."""
        core = self._replica.core
        return (
            *(core.first_index, core.last_index, core.commit_index, self._replica.last_applied),
            *(progress.match_index for progress in core.progress.values()),
            self._hub.last,
        )

    def _tell(self, now: float) -> None:
        self._told_leadership, self._told_state = self._leadership(), self._state()
        window_ms = round((now - self._told_at) * 1000)
        self._told_at = now
        document = self._status.document()
        before, self._told = self._told, document
        values = {key: value for key, value in document.items() if before.get(key) != value}
        is_news = _steady(document) != _steady(before)
        self._tell_applied(window_ms)
        self._hub.publish_changed(values, is_news)

    def _tell_applied(self, window_ms: int) -> None:
        first, last = self._told_applied + 1, self._replica.last_applied
        if last < first:
            return
        self._told_applied = last
        newest = max(first, last - ENTRIES_MAX + 1)
        described = self._status.log_document(newest, last, ENTRIES_MAX, ENTRIES_BYTES_MAX)
        self._hub.publish_bulk(first, last, window_ms, described["entries"])


def _steady(document: dict[str, Any]) -> dict[str, Any]:
    """Without what is always different."""
    steady = {key: value for key, value in document.items() if key not in VOLATILE}
    steady["progress"] = {
        peer: {**progress, "heard_ms": None}
        for peer, progress in document.get("progress", {}).items()
    }
    return steady
