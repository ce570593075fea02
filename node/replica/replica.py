"""Replica: the Raft core, a state machine, client sessions and waiting requests. Synchronous.

It is what a node is, without its sockets, disk and clock: a driver feeds it messages, requests and
the time, and carries out its Readys, in the order that `node.raft.ready` gives:

    send messages; apply(ready); send take_replies(); save; synced(seq); send messages_after_sync

An entry is `bytes`: a session header and the machine's own command (`node.wire.envelope`), encoded
once by the client and opaque to everything up to `apply`.

Every request ends: with its result, or with a Failure that says whether it may still take effect.
"""

import random
from collections.abc import Hashable
from itertools import chain

from node.machines.base import StateMachine
from node.raft.config import CoreConfig, InitialState
from node.raft.core import RaftCore
from node.raft.errors import NotLeaderError, ProposalDroppedError
from node.raft.messages import Message
from node.raft.ready import Prompt, ReadState, Ready
from node.replica.pending import ConfirmedQueries, PendingTransfer, Proposals, Query, Ticket
from node.replica.sessions import SESSIONS_MAX, Sessions
from node.storage.base import Stored
from node.wire.envelope import EnvelopeError, error_result, ok_result, unseal
from node.wire.messages import Answer, Applied, Document, Failure, Outcome, ReadMode, WireMessage

READ_PATIENCE = 8
"""A read waits for its index at most this many election timeouts: the log may never reach here."""
ANSWER_BYTES_MAX = 8 * 1024 * 1024
"""Of answers that nobody took yet; beyond it further reads wait, though their index is reached."""
TRANSFER_PATIENCE = 4
"""After this many election timeouts the one who asked for a transfer hears that nobody took over:
the leader tries for one of them, and the election of whoever leads next may take two more.
"""


class Replica:
    """One member of a replicated state machine. Not thread-safe."""

    def __init__(
        self,
        config: CoreConfig,
        stored: Stored,
        machine: StateMachine,
        rng: random.Random,
        now: int,
        voting: bool = True,
        sessions_max: int = SESSIONS_MAX,
    ) -> None:
        """`now` in microseconds; `voting=False` for a node whose disk was wiped (see RaftCore)."""
        initial = InitialState(
            stored.hard_state.current_term, stored.hard_state.voted_for, stored.log
        )
        self.core = RaftCore(config, initial, rng, now, voting)
        self.machine = machine
        self.last_applied = 0
        self.is_disk_full = False
        self.is_overloaded = False
        """The host has too much to do, and wants new requests refused."""
        self._sessions = Sessions(sessions_max)
        self._proposals = Proposals()
        self._queries: dict[Query, None] = {}  # waiting for a majority, in the order of asking
        self._confirmed = ConfirmedQueries()
        self._transfer: PendingTransfer | None = None
        self._replies: list[tuple[Hashable, WireMessage]] = []
        self._answer_bytes = 0

    @property
    def next_deadline(self) -> int:
        """When `tick` has something to do next, in microseconds."""
        if self._confirmed.has_ready(self.last_applied):
            return 0
        deadline = self.core.next_deadline
        if self._confirmed.next_deadline is not None:
            deadline = min(deadline, self._confirmed.next_deadline)
        if self._transfer is not None:
            deadline = min(deadline, self._transfer.deadline)
        return deadline

    # -- what comes in -----------------------------------------------------------------------------
    def step(self, message: Message, now: int) -> None:
        """Take a message from a peer. Raises RemoteProtocolError; the replica goes on."""
        self.core.step(message, now)

    def tick(self, now: int) -> None:
        """Let time pass."""
        self.core.tick(now)
        self._answer_confirmed()
        for query in self._confirmed.pop_overdue(now):
            self._fail(query.ticket, "no_quorum", "this node does not catch up")
        if self._transfer is not None and now >= self._transfer.deadline:
            self._fail_transfer(self._transfer, "nobody is known to have taken over")

    def submit(self, ticket: Ticket, command: bytes, now: int) -> None:
        """Propose a sealed command. Its reply is Applied or a Failure."""
        if self._is_overloaded(ticket) or not self._accepts_writes(ticket):
            return
        try:
            unseal(command)
        except EnvelopeError as error:
            self._fail(ticket, "bad_request", str(error))
            return
        try:
            index = self.core.propose([command])
        except NotLeaderError as error:
            self._fail_not_leader(ticket, error.leader)
        except ProposalDroppedError as error:
            code = "busy" if self.core.transferring_to is None else "transferring"
            self._fail(ticket, code, str(error))
        else:
            self._proposals.add(index, self.core.term, ticket)

    def _is_overloaded(self, ticket: Ticket) -> bool:
        if self.is_overloaded:
            self._fail(ticket, "busy", "too many requests wait on this node")
        return self.is_overloaded

    def _accepts_writes(self, ticket: Ticket) -> bool:
        if not self.core.voting:
            self._fail(ticket, "wiped", "this node lost its disk and only follows")
        elif self.is_disk_full:
            self._fail(ticket, "disk_full", "no space is left on this node's disk")
        else:
            return True
        return False

    def read(self, ticket: Ticket, query: bytes, mode: ReadMode, here: bool, now: int) -> None:
        """Query the machine. Its reply is Answer or a Failure.

        `stale`: from the state as it is. `linearizable`: at an index that the leader confirms,
        through which a follower may answer too, if asked to (`here`).
        """
        if self._is_overloaded(ticket):
            return
        if not self.core.voting:
            self._fail(ticket, "wiped", "this node lost its disk and only follows")
            return
        if mode == "stale":
            self._answer(Query(ticket, query, now))
            return
        if not (here or self.core.is_leader):
            self._fail_not_leader(ticket, self.core.leader_id)
            return
        waiting = Query(ticket, query, now + READ_PATIENCE * self.core.config.election_timeout_us)
        try:
            self.core.read_index(waiting, now)
        except NotLeaderError:
            self._fail(ticket, "no_leader", "no leader is known here to confirm the read")
        except ProposalDroppedError as error:
            self._fail(ticket, "busy", str(error))
        else:
            self._queries[waiting] = None

    def transfer(self, ticket: Ticket, target: int, now: int) -> None:
        """Hand leadership over; `target` 0 takes the follower that holds most of the log.

        The reply is a Document once the target leads, or a Failure.
        """
        if self._is_overloaded(ticket):
            return
        if self._transfer is not None:
            self._fail(ticket, "transferring", "another transfer is under way")
            return
        if target == 0 and self.core.progress:
            progress = self.core.progress
            target = max(progress, key=lambda peer: (progress[peer].match_index, -peer))
        try:
            self.core.transfer_leadership(target, now)
        except NotLeaderError as error:
            self._fail_not_leader(ticket, error.leader)
        except ValueError as error:
            self._fail(ticket, "bad_request", str(error))
        else:
            patience = TRANSFER_PATIENCE * self.core.config.election_timeout_us
            self._transfer = PendingTransfer(ticket, target, self.core.term, now + patience)

    def forget(self, source: Hashable) -> None:
        """Nobody waits for the replies to `source` any more."""
        self._proposals.forget(source)
        for query in chain(self._queries, self._confirmed):
            query.forgotten = query.forgotten or query.ticket.source == source
        if self._transfer is not None and self._transfer.ticket.source == source:
            self._transfer = None

    def disk_full(self, now: int) -> None:
        """The disk took nothing of the Ready under way: no writes until it does (`synced`)."""
        self.is_disk_full = True
        self.core.step_down(now, "the disk is full")

    def disk_stalls(self, now: int) -> None:
        """The disk may never take the Ready under way: give way, and let nobody wait for it."""
        self.core.step_down(now, "the disk stalls")
        for ticket in self._proposals.pop_above(0):
            self._fail(ticket, "leadership_lost", "this node's disk stalls", "unknown")

    def stop(self) -> None:
        """Answer everything that waits, before the node goes."""
        message = "the node is stopping"
        for ticket in self._proposals.pop_above(0):
            self._fail(ticket, "stopping", message, "unknown")
        for query in [*self._queries, *self._confirmed.pop_all()]:
            self._fail(query.ticket, "stopping", message)
        self._queries.clear()
        if self._transfer is not None:
            self._fail(self._transfer.ticket, "stopping", message, "unknown")
            self._transfer = None

    # -- what goes out -----------------------------------------------------------------------------
    def ready(self) -> Ready | None:
        """The core's next batch; None when there is nothing to do, or one is under way."""
        self.fail_lost_proposals()
        self._look_at_transfer()
        return self.core.ready()

    def apply(self, ready: Ready) -> None:
        """Apply the batch's committed entries and answer what waited for them."""
        index = ready.committed_first_index
        for term, command in ready.committed:
            self._apply_entry(index, term, command)
            index += 1
        for state in ready.reads:
            self._finish_read(state)
        self._answer_confirmed()

    def synced(self, seq: int, now: int) -> None:
        """Batch `seq` is durable."""
        self.is_disk_full = False
        self.core.synced(seq, now)

    def take_prompt(self) -> Prompt:
        """What need not wait for the batch that is being saved; reads that may be are answered."""
        self.fail_lost_proposals()
        self._look_at_transfer()
        prompt = self.core.take_prompt()
        for state in prompt.reads:
            self._finish_read(state)
        self._answer_confirmed()
        return prompt

    def fail_lost_proposals(self) -> None:
        """Whoever lost leadership cannot tell what becomes of the rest: say so at once.

        The client asks the new leader, under the same sequence number, and learns it there.
        """
        if not self._proposals or self.core.is_leader:
            return
        for ticket in self._proposals.pop_above(self.core.commit_index):
            self._fail(ticket, "leadership_lost", "this node leads no longer", "unknown")

    def _answer_confirmed(self) -> None:
        """Answer queries whose index is reached, as long as the answers that wait are not large.

        `next_deadline` has come while there are more: whoever hands out the answers comes back.
        """
        for query in self._confirmed.pop_ready(self.last_applied):
            self._answer(query)
            if self._answer_bytes > ANSWER_BYTES_MAX:
                return

    def take_replies(self) -> list[tuple[Hashable, WireMessage]]:
        """The replies since the last call: to whom, and what."""
        replies, self._replies = self._replies, []
        self._answer_bytes = 0
        return replies

    # -- inside ------------------------------------------------------------------------------------
    def _apply_entry(self, index: int, term: int, command: bytes | None) -> None:
        result = b"" if command is None else self._run(command, index)
        self.last_applied = index
        proposal = self._proposals.pop(index)
        if proposal is None:
            return
        ticket = proposal.ticket
        if proposal.term == term:
            self._replies.append((ticket.source, Applied(ticket.id, index, term, result)))
        else:
            self._fail(ticket, "superseded", f"another leader's entry took index {index}")

    def _run(self, command: bytes, index: int) -> bytes:
        try:
            header, payload = unseal(command)
        except EnvelopeError as error:
            return error_result(type(error).__name__)

        def run_machine() -> bytes:
            try:
                return ok_result(self.machine.apply(payload, index))
            except (MemoryError, RecursionError):
                # What this process had to spare, not the command, decided that: another node may
                # have applied it. Going on would make the two differ.
                raise
            except Exception as error:
                # The machine is the user's: whatever it raises is the command's result, and by
                # its type alone the same on every node.
                return error_result(type(error).__name__)

        return self._sessions.apply(header, index, run_machine)

    def _finish_read(self, state: ReadState) -> None:
        query = state.context
        assert isinstance(query, Query), "read contexts are queries"
        self._queries.pop(query, None)
        if state.read_index is None:
            self._fail(query.ticket, "no_quorum", "no majority confirmed who leads")
        else:
            self._confirmed.add(state.read_index, query)

    def _answer(self, query: Query) -> None:
        if query.forgotten:
            return
        try:
            result = self.machine.query(query.query)
        except Exception as error:  # as in _run: the machine is the user's
            self._fail(query.ticket, "bad_request", f"the machine raised {type(error).__name__}")
            return
        if type(result) is not bytes:
            kind = type(result).__name__
            self._fail(query.ticket, "bad_request", f"the machine answered {kind}, not bytes")
            return
        self._answer_bytes += len(result)
        source, request_id = query.ticket
        self._replies.append((source, Answer(request_id, self.last_applied, result)))

    def _look_at_transfer(self) -> None:
        """Answer whoever asked for a transfer, once it is known how it ended.

        That this node gave way says little: another node may have taken the next term. And who was
        told to campaign may do so yet, as long as that term lasts.
        """
        transfer, core = self._transfer, self.core
        if transfer is None:
            return
        if core.term == transfer.term:
            if core.is_leader and core.transferring_to != transfer.target:
                self._fail_transfer(transfer, f"n{transfer.target} did not take over in time")
        elif core.leader_id == transfer.target:
            source, request_id = transfer.ticket
            document = {"from": core.id, "target": transfer.target, "term": core.term}
            self._replies.append((source, Document(request_id, document)))
            self._transfer = None
        elif core.leader_id is not None:
            self._fail_transfer(transfer, f"n{core.leader_id} leads, not n{transfer.target}")

    def _fail_transfer(self, transfer: PendingTransfer, message: str) -> None:
        self._fail(transfer.ticket, "timeout", message, "unknown")
        self._transfer = None

    def _fail_not_leader(self, ticket: Ticket, leader: int | None) -> None:
        if leader is None:
            self._fail(ticket, "no_leader", "no leader is known here")
        else:
            self._fail(ticket, "not_leader", f"n{leader} leads", leader=leader)

    def _fail(
        self,
        ticket: Ticket,
        code: str,
        message: str,
        outcome: Outcome = "none",
        leader: int | None = None,
    ) -> None:
        source, request_id = ticket
        failure = Failure(request_id, code, message, outcome, leader)
        self._replies.append((source, failure))
