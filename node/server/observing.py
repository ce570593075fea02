"""What becomes different in a node, as frames of its stream: ten times a second at most.

Made once for all who follow, and by a task of its own: the driver never waits for it. What decides
who leads is told at once.
"""

import trio

from node.raft.events import Event
from node.replica import Replica
from node.replica.telling import Telling
from node.server.clock import Clock
from node.server.eventhub import EventHub
from node.server.status import Status

FOLD_SECONDS = 0.1
HEARTBEATS_MISSED = 2
QUIET_SECONDS = 1.0
"""So often a frame comes even if nothing happens."""


STALL_SECONDS = 0.5
"""A process that runs so much too late was paused, or starved: its peers gave it up meanwhile."""


class Observing:
    """Publishes what changes in the status, and which entries take effect."""

    def __init__(self, replica: Replica, status: Status, hub: EventHub, clock: Clock) -> None:
        self._replica = replica
        self._clock = clock
        self._status = status
        self._hub = hub
        self._telling = Telling(replica)
        hub.showed = self._telling.showed
        self._looked = trio.Event()
        self._told_at = 0.0
        self._told_state: object = None

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
            began = trio.current_time()
            with trio.move_on_after(FOLD_SECONDS):
                await self._looked.wait()
            self._look_at_pause(trio.current_time() - began)

    def _look_at_pause(self, seconds: float) -> None:
        """It waits no longer than FOLD_SECONDS, if the process runs."""
        if seconds > FOLD_SECONDS + STALL_SECONDS:
            term = self._replica.core.term
            self._hub.publish("stall", term, "warn", ms=round(seconds * 1000))

    def _is_time(self, now: float) -> bool:
        if self._telling.is_urgent or now - self._told_at >= QUIET_SECONDS:
            return True
        return now - self._told_at >= FOLD_SECONDS and self._state() != self._told_state

    def _state(self) -> object:
        """Cheap to make, and different when the status is, but for what can wait for a second."""
        core = self._replica.core
        return (
            *(core.first_index, core.last_index, core.commit_index, self._replica.last_applied),
            *(progress.match_index for progress in core.progress.values()),
            self._hub.last,
            self._runs_out_since(),
        )

    def _runs_out_since(self) -> int | None:
        """When the election timer began that no heartbeat is about to wind up again; None: none is
        running out. Whoever watches can count on from there.
        """
        core = self._replica.core
        timer = core.election_timer
        if timer is None or not core.is_voter:
            return None
        began_at, _ = timer
        waits = core.leader_id is not None
        is_late = self._clock.now() - began_at > HEARTBEATS_MISSED * core.config.heartbeat_us
        return None if waits and not is_late else began_at

    def _tell(self, now: float) -> None:
        window_ms = round((now - self._told_at) * 1000)
        self._told_at, self._told_state = now, self._state()
        applied = self._telling.take_applied()
        if applied is not None:
            self._hub.publish_bulk(applied.first, applied.last, window_ms, applied.entries)
        values, is_news = self._telling.differences(self._status.document())
        self._hub.publish_changed(values, is_news)
