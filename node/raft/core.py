"""RaftCore: one node's consensus as a pure state machine. Messages and time in, a Ready out.

    step(message, now)   a message arrived          propose(entries)    append, on the leader
    tick(now)            a deadline passed          read_index(...)     a read without a log entry
    ready()              what is to be done         synced(seq)         that is on the disk now

There is no I/O, no clock, no thread and no randomness of its own in here: `now` is a number of
microseconds on any clock that does not step, and `rng` belongs to the host. So the same calls give
the same effects, always, and a simulator runs the very node that a cluster runs.

At most one Ready is under way. What happens meanwhile piles up in the next one: that is the group
commit, and the reason why a completion (`synced`) never has to be matched to entries.
"""

import random
from collections import OrderedDict
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from node.raft import (
    election,
    gate,
    installing,
    leases,
    membership,
    proposing,
    reading,
    replication,
    sparing,
    transfer,
)
from node.raft.config import CoreConfig, InitialState
from node.raft.configuration import Change, Configuration
from node.raft.errors import LocalProtocolError
from node.raft.events import ConfigurationChanged, Event, LeaderChanged, RoleChanged
from node.raft.hearing import Hearing
from node.raft.log import RaftLog
from node.raft.messages import LogEntry, Message
from node.raft.progress import Progress
from node.raft.promises import Promises
from node.raft.reads import ForwardedRead
from node.raft.ready import Chunk, Envelope, HardState, Prompt, ReadState, Ready
from node.raft.roles import (
    LEGAL_TRANSITIONS,
    ROLE_NAMES,
    Candidate,
    Follower,
    Leader,
    PreCandidate,
    Role,
)
from node.raft.snapshot import Receipt, ReceivedChunk, Snapshot, SnapshotId
from node.raft.tally import Tally

APPLY_ENTRIES_MAX = 4096
"""How many committed entries one Ready holds, so that a long catch-up does not stop heartbeats."""

GIVE_WAY_TIMEOUTS = 64
"""For so many election timeouts a node that gave way waits a timeout more than others."""


class RaftCore:
    """See the module. Not thread-safe. `voting=False` is for a node that lost its disk: it may have
    promised anything, so it follows, and never votes, acknowledges, appends or campaigns.

    Raises ValueError for a saved vote that went to none of the voters.
    """

    def __init__(
        self,
        config: CoreConfig,
        initial: InitialState,
        rng: random.Random,
        now: int,
        voting: bool = True,
    ) -> None:
        self.config = config
        self.id = config.node_id
        self.voting = voting
        self.term = initial.current_term
        self.voted_for = initial.voted_for
        first = Configuration(config.voters, addresses=config.addresses)
        self.log = RaftLog(initial.log, initial.base, initial.configured(first))
        self.commit_index = max(initial.applied_index, initial.commit_index)
        self.snapshot = initial.snapshot
        self.receipt: Receipt | None = None
        self.tally = Tally()
        self.last_leader: tuple[int, int] | None = None
        """The term and the id of whom this node knew to lead last."""
        # Ordered so that the oldest is found at once, however many have gone before it.
        self.forwarded_reads: OrderedDict[int, ForwardedRead] = OrderedDict()
        # Ids that no earlier life of this node used: a late answer must not find a new question.
        self.next_read_id = rng.getrandbits(48)
        self._rng = rng
        self._gives_way_until = now
        self._timer_began_at = now
        self.role: Role = Follower(self.draw_election_deadline(now))
        """Set by `become` alone."""
        # An earlier life may have heard a leader just now, which counts on that for its lease.
        promised_us = config.election_timeout_us if initial.current_term else 0
        self.hearing = Hearing(config.election_timeout_us, now + promised_us)
        self._announced: tuple[int, int] | None = None
        self._saved_hard_state = HardState(self.term, self.voted_for)
        self._handed_out_index = initial.applied_index
        self._announced_configuration = self.log.configured
        self._unsaved_snapshot: Snapshot | None = None
        self._seq = 0
        self._writing: Ready | None = None
        self._messages: list[Envelope] = []
        self._chunks: list[Chunk] = []
        self._received: list[ReceivedChunk] = []
        self._promises = Promises()
        self._reads: list[ReadState] = []
        self._events: list[Event] = []

    # -- looking at it -----------------------------------------------------------------------------
    @property
    def role_name(self) -> str:
        """follower, precandidate, candidate or leader."""
        return ROLE_NAMES[type(self.role)]

    @property
    def is_leader(self) -> bool:
        return isinstance(self.role, Leader)

    @property
    def leader_id(self) -> int | None:
        """Who leads the present term as far as this node knows, and it has heard lately."""
        match self.role:
            case Leader():
                return self.id
            case Follower(leader_id=leader_id):
                return leader_id
            case _:
                return None

    @property
    def leader_heard_at(self) -> int | None:
        """When a leader was heard last, in microseconds; None: never, or since this node led."""
        return self.hearing.heard_at

    @property
    def leading_since(self) -> int | None:
        """When this node was elected, in microseconds on the clock of `now`; None: not leading."""
        return self.role.elected_at if isinstance(self.role, Leader) else None

    @property
    def election_timer(self) -> tuple[int, int] | None:
        """When it began to run and when it ends, in microseconds; None: a leader has none."""
        if isinstance(self.role, Leader):
            return None
        return self._timer_began_at, self.role.election_deadline

    @property
    def configuration(self) -> Configuration:
        """The members: the last configuration in the log, committed or not."""
        return self.log.configured.configuration

    @property
    def configuration_index(self) -> int:
        """Where its entry stands, or the index of the snapshot that it came with."""
        return self.log.configured.index

    @property
    def is_voter(self) -> bool:
        """Whether this node's vote counts, as far as it knows."""
        return self.id in self.configuration.electorate

    @property
    def may_campaign(self) -> bool:
        """Voters do, and whoever loses its vote with a change that may not be committed: it may be
        the only one that holds the change's entry, and then none but it can be elected, since the
        others need its vote and their logs are shorter (thesis 4.2.2).
        """
        index = self.configuration_index
        if self.is_voter or index <= self.commit_index:
            return self.is_voter
        return self.id in self.log.configuration_at(index - 1).electorate

    @property
    def is_hard_state_durable(self) -> bool:
        """Whether the present term and vote are on the disk."""
        return self._saved_hard_state == (self.term, self.voted_for)

    @property
    def first_index(self) -> int:
        return self.log.first_index

    @property
    def last_index(self) -> int:
        return self.log.last_index

    @property
    def progress(self) -> Mapping[int, Progress]:
        """The other members as the leader sees them; empty on any other node."""
        return self.role.progress if isinstance(self.role, Leader) else {}

    @property
    def transferring_to(self) -> int | None:
        """The node that leadership is being handed to."""
        leading = self.role
        under_way = leading.transfer if isinstance(leading, Leader) else None
        return None if under_way is None else under_way.target_id

    def entries(self, first: int, last: int) -> list[LogEntry]:
        """Entries `first`..`last` of this node's log, committed or not, as many as there are."""
        return self.log.entries(first, last)

    @property
    def next_deadline(self) -> int:
        """When `tick` has something to do next, in microseconds on the clock of `now`."""
        role = self.role
        if not isinstance(role, Leader):
            deadline = role.election_deadline
            forwarded = reading.next_forwarded_deadline(self) if self.forwarded_reads else None
            return deadline if forwarded is None else min(deadline, forwarded)
        deadline = role.next_deadline
        return min(deadline, role.quorum_deadline) if self.config.check_quorum else deadline

    # -- what comes in -----------------------------------------------------------------------------
    def step(self, message: Message, now: int) -> None:
        """Take a message from a peer.

        Raises RemoteProtocolError for one that no correct peer sends. The log is as it was, but a
        later term counts, whatever came with it: carry out the next Ready all the same.
        """
        gate.step(self, message, now)

    def peer_lost(self, peer_id: int, now: int) -> None:
        """All connections with a peer ended, as they do when its process does: a hint that it is
        gone; see `election.peer_lost`.
        """
        election.peer_lost(self, peer_id, now)

    def tick(self, now: int) -> None:
        """Do what is due. Calls that come early do nothing, late ones do it once."""
        role = self.role
        if isinstance(role, Leader):
            self._tick_leader(role, now)
            return
        reading.expire_forwarded_reads(self, now)
        if now >= role.election_deadline:
            may_campaign = self.voting and self.may_campaign
            if may_campaign and not self._is_vote_stuck:
                election.campaign(self, now)
            elif may_campaign and isinstance(role, Candidate):
                # Its election begins when the disk has its vote.
                role.election_deadline = self.draw_election_deadline(now)
            else:
                self.become(Follower(self.draw_election_deadline(now)), "no word from a leader")

    def campaign(self, at: int, now: int) -> None:
        """Let the election timer run out by `at`: for who has reason to think that nobody leads, or
        that answers to its pre-vote were lost.
        """
        if isinstance(self.role, Follower | PreCandidate):
            self.role.election_deadline = min(self.role.election_deadline, at)
            self.tick(now)

    @property
    def _is_vote_stuck(self) -> bool:
        """Whether a disk that takes its time holds back this term: entering more of them, one each
        timeout, would only depose a leader later.
        """
        return self._writing is not None and not self.is_hard_state_durable

    def _tick_leader(self, leader: Leader, now: int) -> None:
        if self.config.check_quorum and now >= leader.quorum_deadline:
            active = [peer for peer, progress in leader.progress.items() if progress.is_active]
            if not self.configuration.has_quorum([*active, self.id]):
                self.become_follower(self.term, None, now, "lost touch with the majority")
                return
            for progress in leader.progress.values():
                progress.is_active = False
            leader.quorum_deadline = now + self.config.election_timeout_us
        if leader.transfer is not None and now >= leader.transfer.deadline:
            transfer.end_transfer(self, leader, ok=False)
        reading.expire_leader_reads(self, leader, now)
        sparing.expire(leader, now)
        self.beat(now)

    def beat(self, now: int) -> None:
        """Let heartbeats become due, and nothing else that time asks for.

        For a host between two Readys that has not taken in what its peers sent meanwhile: it may
        not conclude from their silence, as `tick` does, but its own must not last.
        """
        leader = self.role
        if isinstance(leader, Leader) and now >= leader.heartbeat_deadline:
            leases.note_round(self, leader, now)
            leases.forget_wish(leader, now)
            installing.end_rests(leader, now)
            leader.heartbeat_deadline = now + self.config.heartbeat_us
            for progress in leader.progress.values():
                progress.heartbeat_due = True

    def propose(self, entries: Sequence[Any]) -> int:
        """Append `entries` on the leader, in one piece, and give the index of the first.

        They are committed when they come out of a Ready; until then a new leader may replace them,
        so remember the pair (index, `term`).

        Raises NotLeaderError; ProposalDroppedError when too much is uncommitted or leadership is
        being transferred; ValueError for no entries, and for None, which stands for the no-op.
        """
        return proposing.propose(self, entries)

    def forward(self, proposal_id: int, entry: Any) -> None:  # noqa: ANN401 - of the host's own type
        """Hand `entry` to the leader, which may take it. That it did shows when it is committed;
        that it did not, in a ProposalRefused with `proposal_id`, unless that is lost. Even then it
        may have taken another copy of the message.

        Raises NotLeaderError, with None, when no other node is known to lead.
        """
        proposing.forward(self, proposal_id, entry)

    def change_membership(self, changes: Collection[Change], now: int) -> int:
        """Change who belongs to the cluster; see `membership.change`. Gives the entry's index."""
        return membership.change(self, changes, now)

    def read_index(self, context: object, now: int) -> None:
        """Start a linearizable read, here or through the leader; see `reading.read_index`."""
        reading.read_index(self, context, now)

    def want_lease(self, now: int) -> None:
        """A read under a lease is asked for: claim one, for a while; see `leases.want`."""
        leases.want(self, now)

    def lease_index(self, now: int) -> int | None:
        """Where a read may be served without asking anyone; see `leases.lease_index`."""
        return leases.lease_index(self, now)

    def age_us(self, now: int) -> int | None:
        """How long ago this node was in touch with its leader, or with a majority; see `leases`."""
        return leases.age_us(self, now)

    @property
    def best_successor(self) -> int | None:
        """Whom a leader would hand over to best; None on any other node, or without such a one."""
        return transfer.best_successor(self)

    def transfer_leadership(self, target_id: int, now: int) -> None:
        """Hand leadership to `target_id`; see `transfer.transfer_leadership`."""
        transfer.transfer_leadership(self, target_id, now)

    def step_down(self, now: int, why: str) -> None:
        """Stop leading or campaigning, for a reason of the host's, such as a full disk."""
        if not isinstance(self.role, Follower):
            self.become_follower(self.term, None, now, why)

    def give_way(self, now: int, why: str) -> None:
        """Stop leading in favour of whoever holds most, and let others be elected first for a
        while: for a host that may not be up to it, whose disk hangs. It votes and follows as ever.

        The only voter goes on: it would never be elected if it gave up while its vote is written.
        """
        if self.configuration.electorate == {self.id}:
            return
        self._gives_way_until = now + GIVE_WAY_TIMEOUTS * self.config.election_timeout_us
        if isinstance(self.role, Leader):
            transfer.name_successor(self)
        self.step_down(now, why)

    # -- snapshots ---------------------------------------------------------------------------------
    def snapshot_saved(self, snapshot: Snapshot, compact_to: int) -> bool:
        """The host took `snapshot` of the machine as it was after its last entry, which is durable:
        it counts from now on, and the entries up to `compact_to` may go.

        Gives False, and changes nothing, for one that a newer snapshot has overtaken, and for one
        without members: a newcomer that applies the beginning of the log does not know them yet.
        """
        return installing.snapshot_saved(self, snapshot, compact_to)

    def install_snapshot(self, snapshot: Snapshot) -> bool:
        """What `received` held is complete, durable and good, and the machine can take its state.

        Gives False, and changes nothing, if this node got as far in another way meanwhile: the
        machine stays as it is then.
        """
        return installing.install(self, snapshot)

    @property
    def needed_index(self) -> int:
        """The entries after this one are needed by a follower that is sent a snapshot."""
        return installing.needed_index(self)

    def snapshot_unreadable(self, which: SnapshotId) -> None:
        """A chunk of `which` could not be read and was not sent: it is gone, or its disk fails. A
        follower that waits for it would wait for ever, so it gets the newest snapshot instead, if
        that is another one.
        """
        installing.unreadable(self, which)

    def refuse_snapshot(self, which: SnapshotId | None = None) -> None:
        """What `received` held of `which` is damaged: begin again. To verify it may have taken so
        long that another one is arriving by now, which goes on; None means whatever arrives.
        """
        installing.refuse(self, which)

    # -- what goes out -----------------------------------------------------------------------------
    def ready(self) -> Ready | None:
        """The next batch of effects; None when there is nothing to do, or one is under way."""
        if self._writing is not None:
            return None
        if isinstance(self.role, Leader):
            reading.start_round(self.role)
            replication.send_appends(self, self.role)
        committed_last = min(
            self.commit_index, self.log.stable_index, self._handed_out_index + APPLY_ENTRIES_MAX
        )
        is_same_state = (self.term, self.voted_for) == self._saved_hard_state
        if is_same_state and committed_last <= self._handed_out_index and not self._has_effects:
            return None
        unsaved = self.log.take_unsaved()
        batch = Ready(
            seq=self._seq + 1,
            hard_state=None if is_same_state else HardState(self.term, self.voted_for),
            snapshot=self._unsaved_snapshot,
            base=unsaved.base,
            truncate_from=unsaved.truncate_from,
            first_index=unsaved.first_index,
            entries=unsaved.entries,
            commit_index=self.commit_index,
            received=self._received,
            messages=self._messages,
            chunks=self._chunks,
            messages_after_sync=self._promises.take(),
            committed_first_index=self._handed_out_index + 1,
            committed=self.log.entries(self._handed_out_index + 1, committed_last),
            reads=self._reads,
            events=self._events,
        )
        self._seq = batch.seq
        self._writing = batch
        self._handed_out_index += len(batch.committed)
        self._unsaved_snapshot, self._received = None, []
        self._messages, self._chunks, self._reads, self._events = [], [], [], []
        return batch

    @property
    def _has_effects(self) -> bool:
        """Whether anything came together since the last Ready, beside its state and commits."""
        return bool(
            self._messages
            or self._promises
            or self.log.has_unsaved
            or self._events
            or self._reads
            or self._chunks
            or self._received
            or self._unsaved_snapshot is not None
        )

    def take_prompt(self) -> Prompt:
        """What may leave while a Ready is under way, heartbeats first of all.

        A disk may take longer than an election timeout: it must not look like a leader that died.
        New entries wait for the next Ready, which makes one batch of them.
        """
        if isinstance(self.role, Leader):
            reading.start_round(self.role)
            replication.send_heartbeats(self, self.role)
        prompt = Prompt(self._messages, self._chunks, self._reads, self._events)
        self._messages, self._chunks, self._reads, self._events = [], [], [], []
        return prompt

    def synced(self, seq: int, now: int) -> None:
        """Ready number `seq` is on the disk. Raises LocalProtocolError when none such was due."""
        if self._writing is None or self._writing.seq != seq:
            raise LocalProtocolError(f"no Ready number {seq} is under way")
        written, self._writing = self._writing, None
        self.log.write_done()
        installing.received_saved(self, written.received)
        if written.hard_state is not None:
            self._saved_hard_state = written.hard_state
        if self._saved_hard_state == (self.term, self.id):
            election.count_own_vote(self, now)
        if isinstance(self.role, Leader):
            replication.maybe_commit(self, self.role, now)

    # -- for the handlers --------------------------------------------------------------------------
    def send(self, to: int, message: Message) -> None:
        """Send at once: the message promises nothing."""
        self._messages.append(Envelope(to, message))

    def send_after_sync(self, to: int, message: Message) -> None:
        """Send when all that happened so far is durable: the message is a promise."""
        self._promises.add(to, message)

    def send_chunk(self, chunk: Chunk) -> None:
        """Send a part of a snapshot, as soon as the host has read it."""
        self._chunks.append(chunk)

    def receive_chunk(self, chunk: ReceivedChunk) -> None:
        self._received.append(chunk)

    def record_snapshot(self, snapshot: Snapshot) -> None:
        """The only writer of the snapshot, which only grows newer."""
        assert self.snapshot is None or snapshot.index >= self.snapshot.index
        self.snapshot = self._unsaved_snapshot = snapshot

    def replace_log(self, snapshot: Snapshot) -> None:
        """A snapshot takes the log's place: all that it stands for is committed and applied."""
        self.log.reset(snapshot.id.last_entry, snapshot.configuration)
        self.record_snapshot(snapshot)
        self.commit_index = self._handed_out_index = snapshot.index
        self.configuration_changed()

    def configuration_changed(self) -> None:
        """Say who the members are, if the log says something new about that."""
        placed = self.log.configured
        if placed != self._announced_configuration:
            self._announced_configuration = placed
            self.emit(ConfigurationChanged(self.term, placed.index, placed.configuration))

    def emit(self, event: Event) -> None:
        self._events.append(event)

    def finish_read(self, state: ReadState) -> None:
        self._reads.append(state)

    def draw_election_deadline(self, now: int) -> int:
        timeout = self.config.election_timeout_us
        self._timer_began_at = now
        return now + timeout + self._rng.randrange(timeout) + self.handicap_us(now)

    def handicap_us(self, now: int) -> int:
        """How much longer than others this node waits before it campaigns."""
        timeout = self.config.election_timeout_us
        handicap = timeout * (100 - self.config.priority) // 100
        return handicap + timeout if now < self._gives_way_until else handicap

    def hears_leader(self, now: int) -> bool:
        """Whether a leader is known to be there: this node, or another one; see `hearing`."""
        return isinstance(self.role, Leader) or self.hearing.lasts(now)

    def promised_leader(self, now: int) -> bool:
        """Whether a leader may count on this node to elect no other yet; see `leases`."""
        return self.config.check_quorum and self.hears_leader(now)

    def heard_leader(self, leader_id: int, now: int, claims_lease: bool) -> None:
        """A valid message of this term's leader: wait for it again, a full timeout."""
        assert isinstance(self.role, Follower), "candidates have stepped down by now"
        self.hearing.heard(now, claims_lease)
        self.role.election_deadline = self.draw_election_deadline(now)
        self.role.leader_id = leader_id
        self._announce_leader()

    def set_hard_state(self, term: int, voted_for: int | None) -> None:
        """The only writer of term and vote: terms rise, and a term's vote is cast once."""
        assert term > self.term or (term == self.term and self.voted_for is None)
        self.term = term
        self.voted_for = voted_for

    def become_follower(self, term: int, leader_id: int | None, now: int, why: str) -> None:
        """Follow, in this term or a later one. The vote of this term stays.

        Only a leader, which has no election timer, gets a new one here: any other timer runs on,
        or messages that prove nothing could put off elections for ever.
        """
        old = self.role
        old_term = self.term
        if term > self.term:
            self.set_hard_state(term, None)
        if isinstance(old, Leader):
            reading.fail_reads_of_leader(self, old)
            if old.transfer is not None:
                transfer.end_transfer(self, old, ok=term > old_term)
            deadline = self.draw_election_deadline(now)
            self.hearing.led()
        else:
            deadline = old.election_deadline
        self.become(Follower(deadline, leader_id), why)

    def become(self, role: Role, why: str) -> None:
        """The only writer of the role."""
        old = self.role
        assert type(role) in LEGAL_TRANSITIONS[type(old)], f"{type(old)} to {type(role)}"
        self.role = role
        self._announce_leader()
        if type(role) is not type(old):
            self.emit(RoleChanged(self.term, self.role_name, why))

    def _announce_leader(self) -> None:
        """Say who leads, if that or the term that it leads is news. What the last one was asked
        ends here: it may not be there to answer any more.
        """
        leader_id = self.leader_id
        news = None if leader_id is None else (self.term, leader_id)
        if news == self._announced:
            return
        self._announced = news
        self.last_leader = news or self.last_leader
        reading.fail_forwarded_reads(self)
        self.emit(LeaderChanged(self.term, leader_id))
