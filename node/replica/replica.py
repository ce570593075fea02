"""Replica: the Raft core, a state machine, client sessions and waiting requests. Synchronous.

It is what a node is, without its sockets, disk and clock: a driver feeds it messages, requests and
the time, and carries out its Readys, in the order that `node.raft.ready` gives:

    send chunks and messages; apply(ready); send take_replies(); save; synced(seq);
    send messages_after_sync

An entry is `bytes`: a session header and the machine's own command (`node.wire.envelope`), encoded
once by the client and opaque to everything up to `apply`. Work that takes long, on snapshots, comes
out of `take_job`.

Every request ends: with its result, or with a Failure that says whether it may still take effect.
"""

import random
from collections.abc import Collection, Hashable, Sequence

from node.machines.base import Snapshotable, StateMachine
from node.raft.config import CoreConfig, InitialState
from node.raft.configuration import Change
from node.raft.core import RaftCore
from node.raft.errors import NotLeaderError, ProposalDroppedError
from node.raft.messages import Message, ProposalRefused
from node.raft.ready import Prompt, Ready
from node.raft.snapshot import Snapshot, SnapshotId
from node.replica.applying import Applying
from node.replica.compaction import CompactionPolicy
from node.replica.forwarding import Forwarded
from node.replica.operations import Operations
from node.replica.outbox import Outbox
from node.replica.pending import Proposal, Proposals, Ticket
from node.replica.queries import Queries
from node.replica.snapshotting import Job, Snapshotting
from node.replica.state import NewMachine, State, capture
from node.storage.base import Stored
from node.wire.envelope import HEADER_BYTES, unseal
from node.wire.messages import ReadMode, WireMessage

STALL_TIMEOUTS = 4
"""A save that takes so many election timeouts means a disk that hangs: a leader gives way."""


class Replica:
    """One member of a replicated state machine. Not thread-safe."""

    def __init__(
        self,
        config: CoreConfig,
        stored: Stored,
        state: State,
        new_machine: NewMachine,
        rng: random.Random,
        now: int,
        voting: bool = True,
        policy: CompactionPolicy = CompactionPolicy(),  # noqa: B008 - a value
    ) -> None:
        """`state` is what the newest good snapshot of `stored` holds (`state.at_boot`), on which
        the log goes on. `now` in microseconds; `voting=False` for a node whose disk was wiped (see
        RaftCore).
        """
        term, voted_for = stored.hard_state
        initial = InitialState(
            term,
            voted_for,
            stored.log,
            state.index,
            stored.base,
            state.snapshot,
            stored.commit_index,
        )
        self.core = RaftCore(config, initial, rng, now, voting)
        self.is_disk_full = False
        self.is_overloaded = False
        """The host has too much to do, and wants new requests refused."""
        self.state = state
        """What the log has made so far."""
        self._new_machine = new_machine
        self._outbox = Outbox()
        self._operations = Operations(self.core, self._outbox)
        self._forwarded = Forwarded(self.core, self._outbox)
        self.snapshots = Snapshotting(self.core, self._outbox, policy)
        self._proposals = Proposals()
        self._applying = Applying(
            state, self.snapshots, self._proposals, self._forwarded, self._outbox, self._capture
        )
        self._queries = Queries(self.core, state, self._outbox)
        self._timed = (self._queries, self._operations, self._forwarded)
        self._saved_snapshot = state.snapshot

    @property
    def machine(self) -> StateMachine:
        return self.state.machine

    @property
    def last_applied(self) -> int:
        """The last entry whose effect the machine holds."""
        return self.state.index

    @property
    def next_deadline(self) -> int:
        """When `tick` has something to do next, in microseconds."""
        deadline = self.core.next_deadline
        for part in self._timed:
            other = part.next_deadline
            if other is not None and other < deadline:
                deadline = other
        return deadline

    # -- what comes in -----------------------------------------------------------------------------
    def step(self, message: Message, now: int) -> None:
        """Take a message from a peer. Raises RemoteProtocolError; the replica goes on."""
        self.core.step(message, now)
        if type(message) is ProposalRefused:
            self._forwarded.refused(message.proposal_id)

    def tick(self, now: int) -> None:
        """Let time pass."""
        self.core.tick(now)
        self._queries.answer_confirmed()
        self._queries.expire(now)
        self._operations.expire(now)
        self._forwarded.expire(now)

    def submit(self, ticket: Ticket, command: bytes, now: int, here: bool = False) -> None:
        """Propose a sealed command; `here`: through whoever leads. Its reply is Applied or a
        Failure.
        """
        if self._takes(ticket, (command,)) and not (here and self._handed_on(ticket, command, now)):
            self._propose(ticket, (command,), is_batch=False)

    def submit_all(self, ticket: Ticket, commands: Sequence[bytes]) -> None:
        """Propose sealed commands in one piece. Their reply is AppliedAll or a Failure."""
        if self._takes(ticket, commands):
            self._propose(ticket, commands, is_batch=True)

    def _takes(self, ticket: Ticket, commands: Sequence[bytes]) -> bool:
        """Whether this node takes writes, and these are some. Else that is told."""
        if self._is_overloaded(ticket) or not self._accepts_writes(ticket):
            return False
        shortest = min(map(len, commands))
        if shortest < HEADER_BYTES:
            text = f"a command of {shortest} bytes is shorter than its header"
            self._outbox.fail(ticket, "bad_request", text)
        return shortest >= HEADER_BYTES

    def _handed_on(self, ticket: Ticket, command: bytes, now: int) -> bool:
        """Whether another node has to propose it, which is seen to."""
        if not self.core.is_leader:
            header, _ = unseal(command)
            self._forwarded.forward(ticket, header, command, now)
        return not self.core.is_leader

    def _propose(self, ticket: Ticket, commands: Sequence[bytes], is_batch: bool) -> None:
        try:
            first = self.core.propose(commands)
        except NotLeaderError as error:
            self._outbox.fail_not_leader(ticket, error.leader)
        except ProposalDroppedError as error:
            code = "busy" if self.core.transferring_to is None else "transferring"
            self._outbox.fail(ticket, code, str(error))
        else:
            self.fail_lost_proposals()  # of an earlier term: these may have taken their places
            last = first + len(commands) - 1
            self._proposals.add(Proposal(ticket, self.core.term, first, last, is_batch))

    def _is_overloaded(self, ticket: Ticket) -> bool:
        if self.is_overloaded:
            self._outbox.fail(ticket, "busy", "too many requests wait on this node")
        return self.is_overloaded

    def _is_wiped(self, ticket: Ticket) -> bool:
        if not self.core.voting:
            self._outbox.fail(ticket, "wiped", "this node lost its disk and only follows")
        return not self.core.voting

    def _accepts_writes(self, ticket: Ticket) -> bool:
        if self._is_wiped(ticket):
            return False
        if self.is_disk_full:
            self._outbox.fail(ticket, "disk_full", "no space is left on this node's disk")
        return not self.is_disk_full

    def read(self, ticket: Ticket, query: bytes, mode: ReadMode, here: bool, now: int) -> None:
        """Query the machine. Its reply is Answer or a Failure.

        `stale`: from the state as it is. `linearizable`: at an index that the leader confirms,
        through which a follower may answer too, if asked to (`here`). `lease`: a leader that a
        majority has answered lately need not ask it again; else as linearizable.
        """
        if not (self._is_overloaded(ticket) or self._is_wiped(ticket)):
            self._queries.read(ticket, query, mode, here, now)

    def read_all(self, ticket: Ticket, queries: Sequence[bytes], mode: ReadMode, now: int) -> None:
        """Query the machine, each time in the same state. The reply is AnswerAll or a Failure."""
        if not (self._is_overloaded(ticket) or self._is_wiped(ticket)):
            self._queries.read_all(ticket, queries, mode, now)

    def transfer(self, ticket: Ticket, target: int, now: int) -> None:
        """Hand leadership over; `target` 0 takes the voter that holds most of the log, of several
        the one that was heard last.

        The reply is a Document once the target leads, or a Failure.
        """
        if not self._is_overloaded(ticket):
            self._operations.transfer(ticket, target, now)

    def change_membership(self, ticket: Ticket, changes: Collection[Change], now: int) -> None:
        """Change the members. The reply is a Document once the change is done, or a Failure."""
        if not self._is_overloaded(ticket):
            self._operations.change(ticket, changes, now)

    def take_snapshot(self, ticket: Ticket) -> None:
        """Keep the present state. The reply is a Document once that is durable, or a Failure."""
        if self._is_overloaded(ticket):
            return
        if not isinstance(self.machine, Snapshotable):
            kind = type(self.machine).__name__
            self._outbox.fail(ticket, "bad_request", f"a {kind} cannot be written down")
        elif self.last_applied == 0:
            self._outbox.fail(ticket, "bad_request", "nothing was applied yet")
        elif self.snapshots.ask(ticket, self.last_applied):
            self._capture(self.machine)

    def forget(self, source: Hashable) -> None:
        """Nobody waits for the replies to `source` any more."""
        self._proposals.forget(source)
        self._queries.forget(source)
        self._operations.forget(source)
        self._forwarded.forget(source)
        self.snapshots.forget(source)

    def disk_full(self, now: int) -> None:
        """The disk took nothing of the Ready under way: no writes until it does (`synced`), which
        may take hours. Nothing is applied before that, whatever the others have committed.
        """
        self.is_disk_full = True
        self.core.step_down(now, "the disk is full")
        self._give_up_proposals("leadership_lost", "this node's disk is full")

    def disk_stalls(self, now: int) -> None:
        """The disk may never take the Ready under way: give way, and let nobody wait for it.

        There is no other way than that disk for the only voter, which goes on leading.
        """
        self.core.give_way(now, "the disk stalls")
        if not self.core.is_leader:
            self._give_up_proposals("leadership_lost", "this node's disk stalls")

    def stop(self) -> None:
        """Answer everything that waits, before the node goes."""
        message = "the node is stopping"
        self._give_up_proposals("stopping", message)
        self._queries.stop(message)
        self._operations.stop(message)
        self._forwarded.fail_all("stopping", message)
        self.snapshots.stop(message)

    # -- what goes out -----------------------------------------------------------------------------
    def ready(self) -> Ready | None:
        """The core's next batch; None when there is nothing to do, or one is under way."""
        self.fail_lost_proposals()
        self._operations.look()
        self._forwarded.look()
        return self.core.ready()

    def apply(self, ready: Ready) -> None:
        """Apply the batch's committed entries and answer what waited for them."""
        if ready.committed:
            self._applying.apply(ready.committed_first_index, ready.committed)
        for state in ready.reads:
            self._queries.finish(state)
        self._queries.answer_confirmed()

    def synced(self, ready: Ready, now: int) -> None:
        """The batch is durable."""
        self.is_disk_full = False
        self._saved_snapshot = ready.snapshot or self._saved_snapshot
        self.core.synced(ready.seq, now)
        for chunk in ready.received:
            if chunk.is_last:
                sessions_max = self.state.sessions.sessions_max
                self.snapshots.load(chunk.snapshot, self._new_machine, sessions_max)

    def take_prompt(self) -> Prompt:
        """What need not wait for the batch that is being saved; reads that may be are answered."""
        self.fail_lost_proposals()
        self._operations.look()
        self._forwarded.look()
        prompt = self.core.take_prompt()
        for state in prompt.reads:
            self._queries.finish(state)
        self._queries.answer_confirmed()
        return prompt

    def fail_lost_proposals(self) -> None:
        """Whoever lost leadership cannot tell what becomes of the rest: say so at once.

        The client asks the new leader, under the same sequence number, and learns it there.
        """
        waiting = self._proposals.waiting
        if not waiting or (self.core.is_leader and waiting[-1].term == self.core.term):
            return
        for ticket in self._proposals.pop_above(self.core.commit_index):
            self._outbox.fail(ticket, "leadership_lost", "this node leads no longer", "unknown")

    def _give_up_proposals(self, code: str, message: str) -> None:
        for ticket in self._proposals.pop_above(0):
            self._outbox.fail(ticket, code, message, "unknown")

    @property
    def has_replies(self) -> bool:
        """Whether `take_replies` would give something."""
        return bool(self._outbox.replies or self._queries.leased)

    def take_replies(self, now: int) -> list[tuple[Hashable, WireMessage]]:
        """The replies since the last call: to whom, and what. `now` is the time of this call."""
        self._queries.hand_out(now)
        return self._outbox.take()

    # -- snapshots ---------------------------------------------------------------------------------
    def take_job(self) -> Job | None:
        """Something to run on another thread: then call one of the next three."""
        return self.snapshots.take_job()

    def snapshot_written(self, snapshot: Snapshot) -> bool:
        """False for one that a newer one overtook: it can go."""
        counts = self.snapshots.written(snapshot)
        if self.snapshots.is_wanted:
            self.renew_snapshot()
        return counts

    def snapshot_loaded(self, state: State) -> bool:
        """Take on the state that came from the leader. False if this node got as far without it.

        What nobody uses any more is in `state` afterwards, to be dismantled on another thread.
        """
        self.snapshots.load_ended()
        snapshot = state.snapshot
        assert snapshot is not None, "it was loaded from one"
        if not self.core.install_snapshot(snapshot):
            return False
        self.state.change_places(state)
        self.snapshots.installed(self.state)
        text = "this node was given a state that may hold the command's effect, without its result"
        for ticket in self._proposals.pop_up_to(self.last_applied):
            self._outbox.fail(ticket, "leadership_lost", text, "unknown")
        self._forwarded.fail_all("leadership_lost", text)
        self._queries.answer_confirmed()
        return True

    def snapshot_unreadable(self, which: SnapshotId) -> None:
        """A part of it could not be sent: another one has to take its place."""
        self.core.snapshot_unreadable(which)
        newest = self.core.snapshot
        if newest is not None and newest.id == which:
            self.renew_snapshot()

    def renew_snapshot(self) -> None:
        """The newest one may be damaged, or not be new enough: take another, if the machine can."""
        machine = self.state.machine
        if isinstance(machine, Snapshotable) and self.last_applied > 0:
            self._capture(machine)

    def snapshot_failed(self, message: str) -> None:
        """The job came to nothing."""
        self.snapshots.failed(message)

    def snapshot_refused(self, which: SnapshotId | None = None) -> None:
        """What came in of `which`, or comes in at all, is damaged, or there is no room for it."""
        if which is not None:
            self.snapshots.load_ended()
        self.core.refuse_snapshot(which)

    @property
    def kept_snapshots(self) -> frozenset[SnapshotId]:
        """Those that something may still be read from."""
        kept = {each.id for each in (self._saved_snapshot, self.core.snapshot) if each is not None}
        for progress in self.core.progress.values():
            if progress.transfer is not None:
                kept.add(progress.transfer.snapshot)
        return frozenset(kept)

    # -- inside ------------------------------------------------------------------------------------
    def _capture(self, machine: Snapshotable) -> None:
        if self.snapshots.is_writing:
            return
        term = self.core.log.term_at(self.last_applied)
        assert term is not None, "what was applied last is in the log, or its base"
        self.snapshots.capture(self.last_applied, term, capture(machine, self.state.sessions))
