"""Reads of the state machine: when each may be answered, and with what.

stale         at once, from the state as it is
linearizable  at an index that a majority confirms, here or through the leader (thesis 6.4)
lease         at the leader's commit index, as long as a majority answered it lately
"""

from collections.abc import Hashable
from itertools import chain

from node.raft.core import RaftCore
from node.raft.errors import NotLeaderError, ProposalDroppedError
from node.raft.ready import ReadState
from node.replica.outbox import Outbox
from node.replica.pending import ConfirmedQueries, Query, Ticket
from node.replica.state import State
from node.wire.messages import Answer, ReadMode

READ_PATIENCE = 8
"""A read waits for its index at most this many election timeouts: the log may never reach here."""
ANSWER_BYTES_MAX = 8 * 1024 * 1024
"""Of answers that nobody took yet; beyond it further reads wait, though their index is reached."""


class Queries:
    """The reads of one replica that were not answered yet. Times in microseconds."""

    def __init__(self, core: RaftCore, state: State, outbox: Outbox) -> None:
        self._core = core
        self._state = state
        self._outbox = outbox
        self._asked: dict[Query, None] = {}  # waiting for a majority, in the order of asking
        self._confirmed = ConfirmedQueries()
        self._leased: list[tuple[Query, Answer]] = []
        self._answer_bytes = 0

    @property
    def next_deadline(self) -> int | None:
        """When there is something to do next; None: nothing waits."""
        if self._confirmed.has_ready(self._state.index):
            return 0
        return self._confirmed.next_deadline

    def read(self, ticket: Ticket, query: bytes, mode: ReadMode, here: bool, now: int) -> None:
        """Its reply is Answer or a Failure. `here`: this node answers, whoever leads."""
        core = self._core
        if mode == "stale":
            self._answer(Query(ticket, query, now), core.age_us(now))
            return
        if not (here or core.is_leader):
            self._outbox.fail_not_leader(ticket, core.leader_id)
            return
        waiting = Query(ticket, query, now + READ_PATIENCE * core.config.election_timeout_us)
        leased_index = None
        if mode == "lease":
            core.want_lease(now)
            leased_index = core.lease_index(now)
        if leased_index is None:
            self._ask_for_index(waiting, now)
        else:
            waiting.lease_term = core.term
            self._confirmed.add(leased_index, waiting)
            self.answer_confirmed()

    def _ask_for_index(self, waiting: Query, now: int) -> None:
        ticket = waiting.ticket
        try:
            self._core.read_index(waiting, now)
        except NotLeaderError:
            self._outbox.fail(ticket, "no_leader", "no leader is known here to confirm the read")
        except ProposalDroppedError as error:
            self._outbox.fail(ticket, "busy", str(error))
        else:
            self._asked[waiting] = None

    def finish(self, read: ReadState) -> None:
        """A majority confirmed the index of a read, or did not in time."""
        query = read.context
        assert isinstance(query, Query), "read contexts are queries"
        self._asked.pop(query, None)
        if read.read_index is None:
            self._outbox.fail(query.ticket, "no_quorum", "no majority confirmed who leads")
        else:
            self._confirmed.add(read.read_index, query)

    def expire(self, now: int) -> None:
        for query in self._confirmed.pop_overdue(now):
            self._outbox.fail(query.ticket, "no_quorum", "this node does not catch up")

    def answer_confirmed(self) -> None:
        """Answer queries whose index is reached, as long as the answers that wait are not large.

        `next_deadline` has come while there are more: whoever hands out the answers comes back.
        """
        for query in self._confirmed.pop_ready(self._state.index):
            self._answer(query)
            if self._answer_bytes > ANSWER_BYTES_MAX:
                return

    def _answer(self, query: Query, age_us: int | None = 0) -> None:
        if query.forgotten:
            return
        try:
            result = self._state.machine.query(query.query)
        except Exception as error:  # the machine is the user's
            text = f"the machine raised {type(error).__name__}"
            self._outbox.fail(query.ticket, "bad_request", text)
            return
        if type(result) is not bytes:
            kind = type(result).__name__
            text = f"the machine answered {kind}, not bytes"
            self._outbox.fail(query.ticket, "bad_request", text)
            return
        self._answer_bytes += len(result)
        age_ms = None if age_us is None else -(-age_us // 1000)
        answer = Answer(query.ticket.id, self._state.index, result, age_ms)
        if query.lease_term is None:
            self._outbox.reply(query.ticket, answer)
        else:
            self._leased.append((query, answer))

    def hand_out(self, now: int) -> None:
        """The answers are about to leave, at `now`, which is read after all of them were made.

        What was read under a lease counts only if the lease lasts until now: this process may have
        stood still between looking at the clock and at the machine.
        """
        leased, self._leased = self._leased, []
        for query, answer in leased:
            is_same_term = self._core.term == query.lease_term
            if is_same_term and self._core.lease_index(now) is not None:
                self._outbox.reply(query.ticket, answer)
            else:
                query.lease_term = None
                self._ask_for_index(query, now)
        self._answer_bytes = 0

    def forget(self, source: Hashable) -> None:
        """Nobody waits for the answers to `source` any more."""
        for query in chain(self._asked, self._confirmed):
            query.forgotten = query.forgotten or query.ticket.source == source

    def stop(self, message: str) -> None:
        leased = [query for query, _ in self._leased]
        for query in [*self._asked, *self._confirmed.pop_all(), *leased]:
            self._outbox.fail(query.ticket, "stopping", message)
        self._asked.clear()
        self._leased.clear()
