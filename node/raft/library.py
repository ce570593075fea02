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
from enum import Enum
from heapq import heappop, heappush
from itertools import count
from typing import Any, Protocol, runtime_checkable

from node.raft.config import CoreConfig, InitialState
from node.raft.core import RaftCore
from node.raft.errors import RemoteProtocolError, StoppedError
from node.raft.messages import LogEntry, Message
from node.raft.ready import Envelope, ReadState, Ready
from node.raft.roles import Follower


def monotonic_ms() -> float:
    """Milliseconds on a clock that never steps."""
    return time.monotonic() * 1000


class Callbacks(Protocol):
    """What the host brings. An error out of `make_rpc` is ignored: the message counts as lost, and
    is repeated in time. An error out of any other callback stops the instance for good.
    """

    def make_rpc(self, peer_id: int, rpc: Message) -> None:
        """Send `rpc` to `peer_id`, without waiting for anything."""
        ...

    def apply_entry(self, entry: Any) -> None:  # noqa: ANN401 - of the host's own type
        """Apply a committed entry. Deterministic: the same entries give the same state."""
        ...

    def log_append(self, log_entry: LogEntry) -> None:
        """Put an entry at the end of the log on disk."""
        ...

    def log_pop(self) -> LogEntry:
        """Remove the last entry of the log on disk, and give it."""
        ...

    def persist_current_term(self, term: int) -> None:
        """Overwrite the saved term."""
        ...

    def persist_voted_for(self, voted_for: int | None) -> None:
        """Overwrite the saved vote."""
        ...


@runtime_checkable
class Syncs(Protocol):
    """Callbacks may have this too: then the others need not be durable when they return."""

    def sync(self) -> None:
        """Make all that was appended, popped and persisted durable before returning."""
        ...


@dataclass(frozen=True, slots=True)
class Config:
    """One member. Durations in milliseconds.

    Members are 0 to `server_no - 1`, or those in `voters`: give one of the two. An election timeout
    is drawn from [`election_timeout`, twice that). `clock` gives milliseconds and must not step;
    `entry_size` gives an entry's bytes, by which messages are bounded (1 MiB); without it they hold
    at most 64 entries. Beyond `uncommitted_max` entries without a majority, `append_entry` fails.

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

    def __post_init__(self) -> None:
        if (self.server_no is None) == (self.voters is None):
            raise ValueError("give server_no or voters, one of them")

    @property
    def member_ids(self) -> frozenset[int]:
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
            entry_size=self.entry_size,
        )


class EntryState(Enum):
    """What became of an appended entry."""

    PENDING = "pending"
    APPLIED = "applied"
    SUPERSEDED = "superseded"
    """Another leader's entry was committed in its place: it will never be applied."""


class Raft:
    """One member of a cluster that agrees on a log of entries (Raft paper, sections 5 and 8)."""

    def __init__(self, config: Config, initial_state: InitialState, callbacks: Callbacks) -> None:
        """Start from `initial_state`, which is what the callbacks saved in an earlier life.

        Entries up to `initial_state.last_applied` are not applied again; with the default 0 the
        whole log is, once it is known to be committed.
        """
        self._callbacks = callbacks
        self._clock = config.clock
        self._heartbeat_us = _microseconds(config.heartbeat_timeout)
        self._core = RaftCore(config._core_config(), initial_state, config.rng, self._now())
        self._disk_last_index = len(initial_state.log)
        self._disk_term = initial_state.current_term
        self._disk_voted_for = initial_state.voted_for
        self._last_applied = initial_state.last_applied
        self._inbox: deque[Message] = deque()
        self._reads: list[tuple[int, int, Callable[[bool], None]]] = []
        self._read_order = count()
        self._is_draining = False
        self._error: BaseException | None = None

    # -- looking at it -----------------------------------------------------------------------------
    @property
    def current_leader(self) -> int | None:
        """Who leads, as far as this member knows and has heard lately; where to send clients."""
        return self._core.leader_id

    @property
    def is_leader(self) -> bool:
        return self._core.is_leader

    @property
    def current_term(self) -> int:
        """The present term; after `append_entry`, that of the new entry."""
        return self._core.term

    @property
    def commit_index(self) -> int:
        return self._core.commit_index

    @property
    def last_applied(self) -> int:
        return self._last_applied

    def is_applied(self, index: int) -> bool:
        """Whether *an* entry at `index` was applied here.

        A trap: after a change of leaders it may not be the one that you appended. To acknowledge a
        client's write use `entry_state`, which knows the term too.
        """
        return index <= self._last_applied

    def entry_state(self, index: int, term: int) -> EntryState:
        """What became of the entry that was appended at `index` in `term`."""
        if index > self._last_applied:
            return EntryState.PENDING
        if self._core.log.term_at(index) == term:
            return EntryState.APPLIED
        return EntryState.SUPERSEDED

    # -- what comes in -----------------------------------------------------------------------------
    def tick(self) -> int:
        """Do what is due. Returns the milliseconds until the next call, if nothing comes before.

        For all but followers that is at most `heartbeat_timeout`: such a member may come to lead
        inside `handle_rpc`, and has to send heartbeats from then on.
        """
        self._check_alive()
        now = self._now()
        self._core.tick(now)
        self._drain(now)
        left_us = max(self._core.next_deadline - self._now(), 0)
        if not isinstance(self._core.role, Follower):
            left_us = min(left_us, self._heartbeat_us)
        return -(-left_us // 1000)

    def handle_rpc(self, rpc: Message) -> None:
        """Take a message from another member.

        Raises RemoteProtocolError for one that no correct member sends: drop it and go on.
        """
        self._check_alive()
        if self._is_draining:
            self._inbox.append(rpc)
            return
        now = self._now()
        self._core.step(rpc, now)
        self._drain(now)

    def append_entry(self, entry: Any) -> int:  # noqa: ANN401 - of the host's own type
        """Append to the replicated log and give the index; `entry_state` says what became of it.

        Raises NotLeaderError, with the leader's id where it is known; ProposalDroppedError when
        the leader cannot take more now; ValueError for None, which stands for a leader's no-op.
        """
        return self.append_entries([entry])

    def append_entries(self, entries: Sequence[Any]) -> int:
        """Append several entries in one piece, and give the index of the first."""
        self._check_alive()
        index = self._core.propose(entries)
        self._drain(self._now())
        return index

    def read(self, on_ready: Callable[[bool], None]) -> None:
        """Read linearizably, without a log entry (thesis 6.4).

        Calls `on_ready(True)` once the state machine holds every write that was acknowledged before
        this call, on whatever member; `on_ready(False)` if no majority confirmed it. Raises
        NotLeaderError when no leader is known.
        """
        self._check_alive()
        now = self._now()
        self._core.read_index(on_ready, now)
        self._drain(now)

    def transfer_leadership(self, target_id: int) -> None:
        """Hand leadership to `target_id`, within one election timeout or not at all (thesis 3.10).

        Raises NotLeaderError, and ValueError for a target that is not another member.
        """
        self._check_alive()
        now = self._now()
        self._core.transfer_leadership(target_id, now)
        self._drain(now)

    # -- inside ------------------------------------------------------------------------------------
    def _now(self) -> int:
        return _microseconds(self._clock())

    def _check_alive(self) -> None:
        if self._error is not None:
            raise StoppedError(f"stopped by {self._error!r}") from self._error

    def _drain(self, now: int) -> None:
        """Carry out Readys until the core is quiet. Calls out of a callback only queue up."""
        if self._is_draining:
            return
        self._is_draining = True
        try:
            while True:
                while self._inbox:
                    self._step_queued(self._inbox.popleft(), now)
                ready = self._core.ready()
                if ready is None:
                    return
                self._carry_out(ready, now)
        except Exception as error:
            self._error = error
            raise
        finally:
            self._is_draining = False

    def _step_queued(self, rpc: Message, now: int) -> None:
        try:
            self._core.step(rpc, now)
        except RemoteProtocolError:
            return  # its sender has returned from `handle_rpc` already: nobody is left to tell

    def _carry_out(self, ready: Ready, now: int) -> None:
        self._send(ready.messages)
        self._save(ready)
        self._core.synced(ready.seq, now)
        self._send(ready.messages_after_sync)
        for entry in ready.committed:
            if entry.entry is not None:
                self._callbacks.apply_entry(entry.entry)
            self._last_applied += 1
        for state in ready.reads:
            self._finish_read(state)
        while self._reads and self._reads[0][0] <= self._last_applied:
            heappop(self._reads)[2](True)

    def _send(self, envelopes: list[Envelope]) -> None:
        for peer_id, rpc in envelopes:
            try:
                self._callbacks.make_rpc(peer_id, rpc)
            except Exception:
                continue  # a lost message, which Raft repeats in time

    def _save(self, ready: Ready) -> None:
        if not ready.must_sync:
            return
        callbacks = self._callbacks
        if ready.hard_state is not None:
            # The term first: a stale vote beside a new term only makes this member refuse votes.
            term, voted_for = ready.hard_state
            if term != self._disk_term:
                callbacks.persist_current_term(term)
                self._disk_term = term
            if voted_for != self._disk_voted_for:
                callbacks.persist_voted_for(voted_for)
                self._disk_voted_for = voted_for
        if ready.truncate_from is not None:
            while self._disk_last_index >= ready.truncate_from:
                callbacks.log_pop()
                self._disk_last_index -= 1
        for entry in ready.entries:
            callbacks.log_append(entry)
            self._disk_last_index += 1
        if isinstance(callbacks, Syncs):
            callbacks.sync()

    def _finish_read(self, state: ReadState) -> None:
        on_ready: Any = state.context
        if state.read_index is None:
            on_ready(False)
        else:
            heappush(self._reads, (state.read_index, next(self._read_order), on_ready))


def _microseconds(milliseconds: float) -> int:
    return round(milliseconds * 1000)
