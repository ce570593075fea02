"""What of a node was told to those who watch it, and what is different since."""

from typing import Any, NamedTuple

from node.replica.describing import log_document
from node.replica.replica import Replica

ENTRIES_MAX = 20
"""Described at a time, of those that took effect."""
ENTRIES_BYTES_MAX = 64 * 1024

VOLATILE = frozenset(
    {
        *("age_ms", "election_in_ms", "election_timeout_ms", "last_event", "leading_ms", "up_ms"),
        *("peers", "process"),
    }
)
"""What is always different. It is told along with the rest, and is no reason to tell anything."""


class Differences(NamedTuple):
    """Keys of the status with their new values; `is_news`: more than what is always different."""

    values: dict[str, Any]
    is_news: bool


class Applied(NamedTuple):
    """Entries that took effect; `entries` describes the newest of them."""

    first: int
    last: int
    entries: list[dict[str, Any]]


class Telling:
    """Remembers what was told of a replica."""

    def __init__(self, replica: Replica) -> None:
        """What took effect before is not told."""
        self._replica = replica
        self._status: dict[str, Any] = {}
        self._shown: set[str] = set()
        self._showed_news = False
        self._leadership: object = None
        self._applied = replica.last_applied

    @property
    def is_urgent(self) -> bool:
        """What decides who leads is another than what was told."""
        return self._leadership != self._leadership_now

    @property
    def _leadership_now(self) -> object:
        core = self._replica.core
        return core.role_name, core.term, core.voted_for, core.leader_id, core.configuration_index

    def differences(self, status: dict[str, Any]) -> Differences:
        """What is to be told of the present status, which is taken for told from here on."""
        self._leadership = self._leadership_now
        before, self._status = self._status, status
        shown, self._shown = self._shown, set()
        values = {
            key: value for key, value in status.items() if key in shown or before.get(key) != value
        }
        is_news = self._showed_news or _steady(before) != _steady(status)
        self._showed_news = False
        return Differences(values, is_news)

    def showed(self, status: dict[str, Any]) -> None:
        """Somebody was given this whole status. What is another value there than was told has to be
        told again: it may be what it was by then, which would be no difference.
        """
        keys = self._status.keys() | status.keys()
        self._shown |= {key for key in keys if self._status.get(key) != status.get(key)}
        self._showed_news |= _steady(self._status) != _steady(status)

    def take_applied(self) -> Applied | None:
        """What took effect since the last time; None: nothing did."""
        first, last = self._applied + 1, self._replica.last_applied
        if last < first:
            return None
        self._applied = last
        newest = max(first, last - ENTRIES_MAX + 1)
        document = log_document(self._replica, newest, last, ENTRIES_MAX, ENTRIES_BYTES_MAX)
        return Applied(first, last, document["entries"])


def _steady(status: dict[str, Any]) -> dict[str, Any]:
    """Without what is always different."""
    steady = {key: value for key, value in status.items() if key not in VOLATILE}
    steady["progress"] = {
        peer: {**progress, "heard_ms": None}
        for peer, progress in status.get("progress", {}).items()
    }
    return steady
