"""Reads of the state machine: when each may be answered, and with what.

stale         at once, from the state as it is
linearizable  at an index that a majority confirms, here or through the leader (thesis 6.4)
lease         at the leader's commit index, as long as a majority answered it lately
"""

from collections.abc import Hashable, Sequence
from itertools import chain

from node.raft.core import RaftCore
from node.raft.errors import NotLeaderError, ProposalDroppedError
from node.raft.ready import ReadState
from node.replica.outbox import Outbox
from node.replica.pending import ConfirmedQueries, Query, Ticket
from node.replica.state import State
from node.wire.batches import AnswerAll
from node.wire.envelope import error_result, ok_result
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
        self.leased: list[tuple[Query, Answer | AnswerAll]] = []
        """Answers that count only if the lease lasts until they leave."""
        self._answer_bytes = 0

    @property
    def next_deadline(self) -> int | None:
        """When there is something to do next; None: nothing waits."""
        deadline = self._confirmed.next_deadline
        if deadline is not None and self._confirmed.has_ready(self._state.index):
            return 0
        return deadline

    def read(self, ticket: Ticket, query: bytes, mode: ReadMode, here: bool, now: int) -> None:
        """Its reply is Answer or a Failure. `here`: this node answers, whoever leads."""
        self._take(Query(ticket, (query,), self._deadline(now)), mode, here, now)

    def read_all(self, ticket: Ticket, queries: Sequence[bytes], mode: ReadMode, now: int) -> None:
        """Reads of one state, on the leader unless they may be stale. Their reply is AnswerAll or a
        Failure.
        """
        self._take(Query(ticket, queries, self._deadline(now), is_batch=True), mode, False, now)

    def _deadline(self, now: int) -> int:
        return now + READ_PATIENCE * self._core.config.election_timeout_us

    def _take(self, waiting: Query, mode: ReadMode, here: bool, now: int) -> None:
        core = self._core
        if mode == "stale":
            self._answer(waiting, core.age_us(now))
            return
        if not (here or core.is_leader):
            self._outbox.fail_not_leader(waiting.ticket, core.leader_id)
            return
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
        age_ms = None if age_us is None else -(-age_us // 1000)
        answer = self._all_of(query, age_ms) if query.is_batch else self._one_of(query, age_ms)
        if answer is None:
            return
        if query.lease_term is None:
            self._outbox.reply(query.ticket, answer)
        else:
            self.leased.append((query, answer))

    def _one_of(self, query: Query, age_ms: int | None) -> Answer | None:
        """The answer to its one query; None: there is none, and that is told."""
        why = None
        try:
            result = self._state.machine.query(query.queries[0])
        except Exception as error:  # the machine is the user's
            why = f"the machine raised {type(error).__name__}"
        else:
            if type(result) is not bytes:
                why = f"the machine answered {type(result).__name__}, not bytes"
        if why is not None:
            self._outbox.fail(query.ticket, "bad_request", why)
            return None
        self._answer_bytes += len(result)
        return Answer(query.ticket.id, self._state.index, result, age_ms)

    def _all_of(self, query: Query, age_ms: int | None) -> AnswerAll | None:
        results = []
        size = 0
        for each in query.queries:
            result = self._result_of(each)
            size += len(result)
            if size > ANSWER_BYTES_MAX:
                self._answer_bytes += size  # what was read took its time, told or not
                text = f"the answers have more than {ANSWER_BYTES_MAX} bytes"
                self._outbox.fail(query.ticket, "too_large", text)
                return None
            results.append(result)
        self._answer_bytes += size
        return AnswerAll(query.ticket.id, self._state.index, results, age_ms)

    def _result_of(self, query: bytes) -> bytes:
        try:
            result = self._state.machine.query(query)
        except Exception as error:  # the machine is the user's
            return error_result(type(error).__name__)
        return ok_result(result) if type(result) is bytes else error_result("TypeError")

    def hand_out(self, now: int) -> None:
        """The answers are about to leave, at `now`, which is read after all of them were made.

        What was read under a lease counts only if the lease lasts until now: this process may have
        stood still between looking at the clock and at the machine.
        """
        leased, self.leased = self.leased, []
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
        leased = [query for query, _ in self.leased]
        for query in [*self._asked, *self._confirmed.pop_all(), *leased]:
            self._outbox.fail(query.ticket, "stopping", message)
        self._asked.clear()
        self.leased.clear()
