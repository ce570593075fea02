"""Watches: streams of what the state machine changed, batch by batch."""

from dataclasses import dataclass
from typing import Protocol

from node.machines.base import HistoryLostError, StateMachine, Watchable
from node.replica import Replica
from node.wire.messages import Changes, Failure, Watch, WireMessage

WATCHES_MAX = 1024


class Watcher(Protocol):
    def reply_nowait(self, message: WireMessage) -> None: ...


@dataclass(slots=True)
class _Following:
    query: bytes
    sent_through: int


class Watches:
    """All watches of a node, by connection and request id."""

    def __init__(self, replica: Replica, machine: StateMachine) -> None:
        self._replica = replica
        self._machine = machine
        self._following: dict[tuple[Watcher, int], _Following] = {}

    def add(self, watcher: Watcher, message: Watch) -> None:
        """Start a watch; what is kept since `message.since` comes at once."""
        if not isinstance(self._machine, Watchable):
            self._fail(watcher, message.id, "bad_request", "this state machine has no changes")
            return
        if len(self._following) >= WATCHES_MAX:
            self._fail(watcher, message.id, "busy", f"there are {WATCHES_MAX} watches already")
            return
        since = message.since or self._replica.last_applied
        following = self._following[watcher, message.id] = _Following(message.query, since)
        self._send(watcher, message.id, following, is_first=True)

    def remove(self, watcher: Watcher, request_id: int) -> None:
        self._following.pop((watcher, request_id), None)

    def drop(self, watcher: Watcher) -> None:
        """The connection is gone."""
        for key in [key for key in self._following if key[0] is watcher]:
            del self._following[key]

    def send_changes(self) -> None:
        """The machine has changed."""
        for (watcher, request_id), following in list(self._following.items()):
            self._send(watcher, request_id, following, is_first=False)

    def _send(
        self, watcher: Watcher, request_id: int, following: _Following, is_first: bool
    ) -> None:
        machine = self._machine
        assert isinstance(machine, Watchable), "checked when the watch began"
        try:
            changes = machine.changes(following.query, following.sent_through)
        except HistoryLostError as error:
            self._fail(watcher, request_id, "history_lost", str(error))
        except Exception as error:  # the machine is the user's
            name = type(error).__name__
            self._fail(watcher, request_id, "bad_request", f"the machine raised {name}")
        else:
            following.sent_through = max(following.sent_through, self._replica.last_applied)
            if changes or is_first:  # the first frame says from where on it watches
                index = following.sent_through
                watcher.reply_nowait(Changes(request_id, index, changes))
            return
        self.remove(watcher, request_id)

    def _fail(self, watcher: Watcher, request_id: int, code: str, text: str) -> None:
        watcher.reply_nowait(Failure(request_id, code, text, "none", None))
