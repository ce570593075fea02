"""The messages that wait for the disk.

A disk may be slow, or full for hours, and messages go on arriving and being answered. What is kept
for each peer and kind is what its receiver can still learn from: an answer goes once a newer one
covers it, as if it had been lost. Answers to a leader's messages that nothing covers are bounded:
whoever waits for one beyond that asks again.
"""

from node.raft.messages import AppendEntriesResponse, InstallSnapshotResponse, Message
from node.raft.ready import Envelope

ANSWERS_MAX = 1024


class Promises:
    """Envelopes in the order of their sending, without those that a newer one covers."""

    def __init__(self) -> None:
        self._envelopes: list[Envelope] = []
        self._newest: dict[tuple[int, type[Message]], int] = {}
        """Where the newest message of a kind to a peer stands in the list."""

    def add(self, to: int, message: Message) -> None:
        key = (to, type(message))
        position = self._newest.get(key)
        if position is not None and covers(message, self._envelopes[position].message):
            self._envelopes[position] = Envelope(to, message)
            return
        is_answer = isinstance(message, AppendEntriesResponse | InstallSnapshotResponse)
        if is_answer and len(self._envelopes) >= ANSWERS_MAX:
            return
        self._newest[key] = len(self._envelopes)
        self._envelopes.append(Envelope(to, message))

    def __bool__(self) -> bool:
        return bool(self._envelopes)

    def take(self) -> list[Envelope]:
        """Remove and return all of them."""
        envelopes, self._envelopes = self._envelopes, []
        self._newest.clear()
        return envelopes


def covers(newer: Message, older: Message) -> bool:
    """Whether who gets `newer`, of the same kind, has no use for `older`.

    Of an earlier term nothing is of use. An acknowledgement covers those of no more entries, or of
    no more of the same snapshot; a refusal, one that differs in the number of the append alone; any
    message its own repetition.
    """
    if newer.term != older.term:
        return newer.term > older.term
    if isinstance(newer, AppendEntriesResponse) and isinstance(older, AppendEntriesResponse):
        if newer.sequence < older.sequence:
            return False
        if newer.success and older.success:
            return newer.match_index >= older.match_index
        return older._replace(sequence=newer.sequence) == newer
    if isinstance(newer, InstallSnapshotResponse) and isinstance(older, InstallSnapshotResponse):
        return _covers_snapshot(newer, older)
    return newer == older


def _covers_snapshot(newer: InstallSnapshotResponse, older: InstallSnapshotResponse) -> bool:
    is_later = newer.sequence >= older.sequence and newer.offset >= older.offset
    is_same = newer.snapshot_index == older.snapshot_index
    return is_same and is_later and newer.installed >= older.installed and not older.damaged
