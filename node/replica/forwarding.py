"""Commands that this node handed to its leader, for clients that reach no other node.

That the leader took one shows when its entry is applied here, under the session header that the
client gave it; a retry that was applied earlier is answered the same way, with its first result.
"""

from collections.abc import Hashable
from typing import NamedTuple

from node.raft.core import RaftCore
from node.raft.errors import NotLeaderError
from node.replica.outbox import Outbox
from node.replica.pending import Ticket
from node.wire.envelope import Header
from node.wire.messages import Applied

FORWARDED_MAX = 4096
FORWARD_PATIENCE = 8
"""A command is waited for at most this many election timeouts: its message may be lost."""

_Key = tuple[int, int]
"""Client and sequence."""


class _Waiting(NamedTuple):
    ticket: Ticket
    proposal_id: int
    term: int
    deadline: int


class Forwarded:
    """Deadlines in microseconds; they rise in the order of asking."""

    def __init__(self, core: RaftCore, outbox: Outbox) -> None:
        self._core = core
        self._outbox = outbox
        self.waiting: dict[_Key, _Waiting] = {}
        """Who hears of a command, by its client and number."""
        self._last_id = core.next_read_id  # random: an answer to an earlier life finds nothing

    @property
    def next_deadline(self) -> int | None:
        if not self.waiting:
            return None
        return next(iter(self.waiting.values())).deadline

    def forward(self, ticket: Ticket, header: Header, command: bytes, now: int) -> None:
        """Its reply is Applied or a Failure."""
        if len(self.waiting) >= FORWARDED_MAX:
            self._outbox.fail(ticket, "busy", "too many commands wait for the leader")
            return
        self._last_id += 1
        try:
            self._core.forward(self._last_id, command)
        except NotLeaderError:
            self._outbox.fail(ticket, "no_leader", "no leader is known here")
            return
        key = (header.client_id, header.sequence)
        before = self.waiting.pop(key, None)
        if before is not None:
            self._outbox.fail(before.ticket, "superseded", "it was asked again", "unknown")
        deadline = now + FORWARD_PATIENCE * self._core.config.election_timeout_us
        self.waiting[key] = _Waiting(ticket, self._last_id, self._core.term, deadline)

    def applied(self, header: Header, index: int, term: int, result: bytes) -> None:
        """A command took effect, or had taken it earlier: tell whoever waits for it here."""
        waiting = self.waiting.pop((header.client_id, header.sequence), None)
        if waiting is not None:
            ticket = waiting.ticket
            self._outbox.reply(ticket, Applied(ticket.id, index, term, result))

    def refused(self, proposal_id: int) -> None:
        """The leader did not take it; what came of other copies of the message nobody knows."""
        for key, waiting in self.waiting.items():
            if waiting.proposal_id == proposal_id:
                del self.waiting[key]
                text = "the leader does not take it now"
                self._outbox.fail(waiting.ticket, "busy", text, "unknown")
                return

    def look(self) -> None:
        """Whoever leads a later term may not have what an earlier leader was given."""
        if self.waiting and next(iter(self.waiting.values())).term != self._core.term:
            self.fail_all("leadership_lost", "the leader that was asked leads no longer")

    def expire(self, now: int) -> None:
        while self.waiting:
            key, waiting = next(iter(self.waiting.items()))
            if waiting.deadline > now:
                return
            del self.waiting[key]
            self._outbox.fail(waiting.ticket, "timeout", "the leader did not answer", "unknown")

    def forget(self, source: Hashable) -> None:
        """Nobody waits for the replies to `source` any more."""
        gone = [key for key, waiting in self.waiting.items() if waiting.ticket.source == source]
        for key in gone:
            del self.waiting[key]

    def fail_all(self, code: str, message: str) -> None:
        waiting, self.waiting = self.waiting, {}
        for each in waiting.values():
            self._outbox.fail(each.ticket, code, message, "unknown")
