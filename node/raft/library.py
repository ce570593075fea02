"""Raft over callbacks: bring a log on disk, a way to send messages and a state machine.

The instance never blocks, waits or starts a thread; its host calls it when a message arrives, when
the time that `tick` gave has passed, and to append. Each call does all that follows from it before
it returns, through the callbacks: first what must be durable, then what promises it to others, then
what is settled goes to the state machine. This is a facade over `RaftCore`, whose Ready batches an
asynchronous host should use directly.

Not thread-safe: one call at a time. A callback may call back in (a `make_rpc` that delivers at once
ends in `handle_rpc` again): what comes in then waits until the call under way is through.
"""

import random
import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from typing import Any

from node.raft.callbacks import Callbacks
from node.raft.config import CoreConfig, InitialState
from node.raft.configuration import Change, Configuration
from node.raft.core import RaftCore
from node.raft.effects import Effects
from node.raft.entrystate import EntryState
from node.raft.errors import RemoteProtocolError, StoppedError
from node.raft.log import EntryId
from node.raft.messages import Message
from node.raft.ready import ReadState, Ready
from node.raft.snapshot import Snapshot, SnapshotId


def monotonic_ms() -> float:
    """Milliseconds on a clock that never steps."""
    return time.monotonic() * 1000


@dataclass(frozen=True, slots=True)
class Config:
    """One member. Durations in milliseconds.

    Members are 0 to `server_no - 1`, or those in `voters`: give one of the two. They are the first
    ones of the cluster, until the log says something else; a member that is to be added to a
    running cluster gives no voters at all (`voters=()`).

    An election timeout is drawn from [`election_timeout`, twice that) with `rng`; heartbeats come
    more often than that. `clock` gives milliseconds and must not step. Below a `priority` of 100
    others are elected first; 0 waits another election timeout. `pre_vote` keeps a member that was
    cut off from deposing a leader (thesis 9.6); with `check_quorum` a leader that lost touch with
    the majority steps down, and nobody helps to depose one that it hears (thesis 6.2, 4.2.3).

    `entry_size` gives an entry's bytes, by which messages are bounded (1 MiB, but always one
    entry); without it they hold at most 64 entries. Beyond `uncommitted_max` entries without a
    majority, `append_entry` fails.

    Raises ValueError, here or when the instance is made, for what cannot work together.
    """

    id: int
    server_no: int | None = None
    voters: Collection[int] | None = None
    election_timeout: float = 1000
    heartbeat_timeout: float = 500
    clock: Callable[[], float] = monotonic_ms
    rng: random.Random = field(default_factory=random.Random)
    entry_size: Callable[[Any], int] | None = None
    uncommitted_max: int = 4096
    pre_vote: bool = True
    check_quorum: bool = True
    priority: int = 100

    def __post_init__(self) -> None:
        if (self.server_no is None) == (self.voters is None):
            raise ValueError("give server_no or voters, one of them")

    @property
    def member_ids(self) -> frozenset[int]:
        """The first members of the cluster."""
        return frozenset(range(self.server_no or 0) if self.voters is None else self.voters)

    def _core_config(self) -> CoreConfig:
        return CoreConfig(
            node_id=self.id,
            voters=self.member_ids,
            election_timeout_us=_microseconds(self.election_timeout),
            heartbeat_us=_microseconds(self.heartbeat_timeout),
            pre_vote=self.pre_vote,
            check_quorum=self.check_quorum,
            uncommitted_max=self.uncommitted_max,
            priority=self.priority,
            entry_size=self.entry_size,
        )


class Raft:
    """One member of a cluster that agrees on a log of entries (Raft paper, sections 5 and 8)."""

    def __init__(self, config: Config, initial_state: InitialState, callbacks: Callbacks) -> None:
        """Start from `initial_state`, which is what the callbacks saved in an earlier life.

        Entries up to `initial_state.last_applied` are not applied again; with the default 0 the
        whole log is, once it is known to be committed.
        """
        self._effects = Effects(callbacks, initial_state)
        self._clock = config.clock
        self._tick_ms_max = max(int(config.heartbeat_timeout), 1)
        self._core = RaftCore(config._core_config(), initial_state, config.rng, self._now())
        self._last_applied = initial_state.applied_index
        self._inbox: deque[Message] = deque()
        self._read_numbers = count()
        self._open_reads: dict[int, Callable[[bool], None]] = {}
        self._confirmed: list[tuple[int, int]] = []  # a heap of (read index, number of the read)
        self._is_draining = False
        self._error: BaseException | None = None

    # -- looking at it -----------------------------------------------------------------------------
    @property
    def current_leader(self) -> int | None:
        """Who leads, as far as this member knows and has heard lately; where to send clients."""
        return None if self._error is not None else self._core.leader_id

    @property
    def error(self) -> BaseException | None:
        """What stopped this instance for good, out of a callback; None while it works."""
        return self._error

    @property
    def is_leader(self) -> bool:
        """Whether this member leads, as far as it knows: another may, in a later term."""
        return self._error is None and self._core.is_leader

    @property
    def current_term(self) -> int:
        """The present term.

        A trap: after `append_entry` it need not be the term of the new entry, since messages that
        came in during the call may have begun a later one. `append` gives index and term.
        """
        return self._core.term

    @property
    def commit_index(self) -> int:
        """Entries up to this index are known to be committed."""
        return self._core.commit_index

    @property
    def last_applied(self) -> int:
        """Entries up to this index were applied, or are part of the snapshot that was restored."""
        return self._last_applied

    def is_applied(self, index: int) -> bool:
        """Whether *an* entry at `index` was applied here.

        A trap: after a change of leaders it may not be the one that you appended. To acknowledge a
        client's write use `append` and `entry_state`, which know the term too.
        """
        return index <= self._last_applied

    def entry_state(self, index: int, term: int) -> EntryState:
        """What became of the entry that was appended at `index` in `term`, as `append` gave them.

        It ends as APPLIED or SUPERSEDED as soon as this member knows, and may be FORGOTTEN much
        later, once the log does not reach back so far: only APPLIED means that it took effect.
        """
        if index <= self._last_applied:
            found = self._core.log.term_at(index)
            if found is None:
                return EntryState.FORGOTTEN
            return EntryState.APPLIED if found == term else EntryState.SUPERSEDED
        # Terms never fall along a log: after an entry of a later term there is none of `term`.
        applied_term = self._core.log.term_at(self._last_applied)
        assert applied_term is not None, "applied entries stay in the log"
        return EntryState.SUPERSEDED if applied_term > term else EntryState.PENDING

    # -- what comes in -----------------------------------------------------------------------------
    def tick(self) -> int:
        """Do what is due. Returns the milliseconds until the next call, if nothing comes before.

        That is at most `heartbeat_timeout`: any member may come to lead inside `handle_rpc`, and
        has to send heartbeats from then on.
        """
        self._check_alive()
        self._core.tick(self._now())
        self._drain()
        left_us = max(self._core.next_deadline - self._now(), 0)
        return min(-(-left_us // 1000), self._tick_ms_max)

    def handle_rpc(self, rpc: Message) -> None:
        """Take a message from another member.

        That it is from who it says, `sender_of(rpc)`, is the host's to know. Whether that is a
        member is not asked: this member's configuration may be the older one (thesis 4.2.2).

        Raises RemoteProtocolError for one that no correct member sends: drop it and go on;
        StoppedError after a callback failed, and what a callback raises.
        """
        self._check_alive()
        if self._is_draining:
            self._inbox.append(rpc)
            return
        try:
            self._core.step(rpc, self._now())
        except RemoteProtocolError:
            self._drain()  # a later term counts, and has to be saved, whatever came with it
            raise
        self._drain()

    def peer_lost(self, peer_id: int) -> None:
        """All connections with a member ended, as they do when its process dies. Then call `tick`.

        A hint, and never needed: who lost its leader asks at once whether it could be elected, and
        waits for no timeout. Whoever still hears that leader refuses, so a wrong hint unseats
        nobody; with `pre_vote=False` none is taken.

        Raises StoppedError after a callback failed, and what a callback raises.
        """
        self._check_alive()
        self._core.peer_lost(peer_id, self._now())
        self._drain()

    def append(self, *entries: Any) -> EntryId:  # noqa: ANN401 - of the host's own type
        """Append to the replicated log, in one piece. Gives the term and the index of the first
        entry; the others follow it. `entry_state(index, term)` says what became of each.

        Raises NotLeaderError, with the leader's id where it is known; ProposalDroppedError when
        the leader cannot take more now; ValueError for no entries, and for None, which stands for
        a leader's no-op; StoppedError after a callback failed, and what a callback raises.
        """
        self._check_alive()
        index = self._core.propose(entries)
        entry_id = EntryId(self._core.term, index)  # what follows may end this leadership
        self._drain()
        return entry_id

    def append_entry(self, entry: Any) -> int:  # noqa: ANN401 - of the host's own type
        """Append an entry and give its index alone. Raises what `append` raises.

        A trap: to learn later that *this* entry was applied takes its term too, which
        `current_term` need not tell after the call. Use `append` for that.
        """
        return self.append(entry).index

    def append_entries(self, entries: Sequence[Any]) -> int:
        """Append several entries in one piece, and give the index of the first alone; see
        `append_entry`. Raises what `append` raises.
        """
        return self.append(*entries).index

    def read(self, on_ready: Callable[[bool], None]) -> None:
        """Read linearizably, without a log entry (thesis 6.4).

        Calls `on_ready(True)` once the state machine holds every write that was acknowledged before
        this call, on whatever member; `on_ready(False)` if no majority confirmed it, or the
        instance stopped. Raises NotLeaderError when no leader is known, ProposalDroppedError when
        too many reads wait.
        """
        self._check_alive()
        number = next(self._read_numbers)
        self._core.read_index(number, self._now())
        self._open_reads[number] = on_ready
        self._drain()

    def transfer_leadership(self, target_id: int) -> None:
        """Hand leadership to `target_id`, within one election timeout or not at all (thesis 3.10).

        Returns at once: `current_leader` tells later whether it came about.

        Raises NotLeaderError, and ValueError for a target that is not another voter.
        """
        self._check_alive()
        self._core.transfer_leadership(target_id, self._now())
        self._drain()

    # -- members and snapshots ---------------------------------------------------------------------
    @property
    def configuration(self) -> Configuration:
        """Who belongs to the cluster: the last configuration in the log, committed or not."""
        return self._core.configuration

    def change_membership(self, *changes: Change) -> EntryId:
        """Change who belongs to the cluster, all of `changes` at once (paper 6, thesis 4).

        Gives the entry that begins it; when voters change, another one follows by itself. The
        change is over once the last configuration in the log is not joint and is committed.

        Raises NotLeaderError; ConfigurationError for a change that cannot be; ChangePendingError
        while another one is under way, or the leader is new; NotCaughtUpError for a learner that is
        too far behind to vote; ProposalDroppedError while leadership is being transferred.
        """
        self._check_alive()
        index = self._core.change_membership(changes, self._now())
        entry_id = EntryId(self._core.term, index)
        self._drain()
        return entry_id

    @property
    def applied_configuration(self) -> Configuration:
        """The configuration that belongs into a snapshot of the machine as it is now."""
        return self._core.log.configuration_at(self._last_applied)

    def snapshot_saved(self, size: int, digest: bytes, keep: int = 0) -> Snapshot:
        """The machine as it is now, after `last_applied`, was written down durably, in `size` bytes
        that have `digest`, together with `applied_configuration`. The log may begin later from now
        on, but for the last `keep` of the entries in it.

        Raises ValueError when nothing was applied yet, or the callbacks do not take snapshots.
        """
        self._check_alive()
        if not self._effects.takes_snapshots:
            raise ValueError("these callbacks have no snapshots")
        index = self._last_applied
        term = self._core.log.term_at(index)
        if index == 0 or term is None:
            raise ValueError("nothing was applied yet")
        which = SnapshotId(index, term, size, digest)
        snapshot = Snapshot(which, self.applied_configuration)
        self._core.snapshot_saved(snapshot, min(index - keep, self._core.needed_index))
        self._drain()
        return snapshot

    # -- inside ------------------------------------------------------------------------------------
    def _now(self) -> int:
        return _microseconds(self._clock())

    def _check_alive(self) -> None:
        if self._error is not None:
            raise StoppedError(f"stopped by {self._error!r}") from self._error

    def _drain(self) -> None:
        """Carry out Readys until the core is quiet. Calls out of a callback only queue up."""
        if self._is_draining:
            return
        self._is_draining = True
        try:
            while True:
                while self._inbox:
                    self._step_queued(self._inbox.popleft())
                ready = self._core.ready()
                if ready is None:
                    return
                self._carry_out(ready)
                if ready.committed:
                    self._core.beat(self._now())  # to apply takes time, and more may follow
        except BaseException as error:
            self._stop(error)
            raise
        finally:
            self._is_draining = False

    def _stop(self, error: BaseException) -> None:
        """Nothing is done any more, so every read that waits ends here."""
        self._error = error
        self._inbox.clear()
        self._confirmed.clear()
        while self._open_reads:
            on_ready = self._open_reads.pop(next(iter(self._open_reads)))
            try:
                on_ready(False)
            except Exception:
                continue  # `error` is the one to report

    def _step_queued(self, rpc: Message) -> None:
        try:
            self._core.step(rpc, self._now())
        except RemoteProtocolError:
            return  # its sender has returned from `handle_rpc` already: nobody is left to tell

    def _carry_out(self, ready: Ready) -> None:
        effects = self._effects
        effects.send_chunks(ready.chunks, self._core)
        effects.send(ready.messages)
        effects.save(ready, self._core)
        self._core.synced(ready.seq, self._now())
        effects.send(ready.messages_after_sync)
        for entry in ready.committed:
            effects.apply(entry)
            self._last_applied += 1
        effects.tell(ready.events)
        for chunk in ready.received:
            if chunk.is_last:
                installed = effects.install(chunk.snapshot, self._core)
                self._last_applied = max(self._last_applied, installed)
        for state in ready.reads:
            self._finish_read(state)
        while self._confirmed and self._confirmed[0][0] <= self._last_applied:
            _, number = heappop(self._confirmed)
            self._open_reads.pop(number)(True)

    def _finish_read(self, state: ReadState) -> None:
        number: Any = state.context
        if state.read_index is None:
            self._open_reads.pop(number)(False)
        else:
            heappush(self._confirmed, (state.read_index, number))


def _microseconds(milliseconds: float) -> int:
    return round(milliseconds * 1000)
