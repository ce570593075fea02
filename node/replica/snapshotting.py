"""The replica's side of snapshots: when one is taken, and what has to be done for it elsewhere.

Writing a snapshot down, and reading one back, take longer than an election timeout. So both are
jobs: plain functions over what nobody else touches, which the host runs on a thread of its own, one
at a time. The replica hears of the result in its own turn, and only then does anything change.
"""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate
from typing import Any, NamedTuple, Protocol, TypeVar

from node.raft.configuration import Configuration
from node.raft.core import RaftCore
from node.raft.messages import value_of
from node.raft.snapshot import Snapshot, SnapshotId
from node.replica.compaction import CompactionPolicy
from node.replica.outbox import Outbox
from node.replica.pending import Ticket
from node.replica.state import NewMachine, State, empty, fill
from node.storage.base import SnapshotStore
from node.wire.entries import command_sizes
from node.wire.messages import Document

Step = TypeVar("Step")


class Pace(Protocol):
    def __call__(self, steps: Iterator[Step], /) -> Iterator[Step]:
        """The same steps, with time for others between them."""
        ...


class WriteSnapshot(NamedTuple):
    """Keep the state after entry `index`, whose parts were captured then."""

    index: int  # type: ignore[assignment]  # not the method of tuples
    term: int
    configuration: Configuration
    parts: Iterator[bytes]

    def run(self, store: SnapshotStore, pace: Pace) -> Snapshot:
        """Raises StorageError, and what the machine's `snapshot` raises."""
        try:
            return store.write(self.index, self.term, self.configuration, pace(self.parts))
        finally:
            # Parts let go of the state as they are taken. What a failure left would go at once.
            with suppress(Exception):  # the machine is the user's
                deque(pace(self.parts), maxlen=0)


class LoadSnapshot(NamedTuple):
    """Check what came in from the leader, and make a machine of it."""

    snapshot: SnapshotId
    new_machine: NewMachine
    sessions_max: int

    def run(self, store: SnapshotStore, pace: Pace) -> State:
        """Raises StorageError, CorruptionError among them."""
        received = store.receive(self.snapshot)
        state = empty(self.new_machine, self.sessions_max)
        try:
            fill(state, received, pace(store.load(self.snapshot)))
        except Exception:
            dismantle(state, pace)
            raise
        return state


Job = WriteSnapshot | LoadSnapshot


def dismantle(state: State, pace: Pace) -> None:
    """Let go of a state that nobody uses; to be run where jobs are."""
    with suppress(Exception):  # the machine is the user's, and goes in any case
        deque(pace(state.dismantle()), maxlen=0)


class _Asked(NamedTuple):
    ticket: Ticket
    at: int


class Snapshotting:
    """The snapshots of one replica."""

    def __init__(self, core: RaftCore, outbox: Outbox, policy: CompactionPolicy) -> None:
        self.policy = policy
        self._core = core
        self._outbox = outbox
        self._since = 0 if core.snapshot is None else core.snapshot.index
        self.bytes_since = 0
        """Of the commands that were applied since the last one was taken."""
        self._waiting: list[_Asked] = []
        self._next_write: WriteSnapshot | None = None
        self._next_load: LoadSnapshot | None = None
        self._under_way: Job | None = None

    @property
    def is_busy(self) -> bool:
        """Whether a snapshot is being written or loaded."""
        return self._under_way is not None

    # -- jobs --------------------------------------------------------------------------------------
    def take_job(self) -> Job | None:
        """What to run next, if nothing is under way; its end is told by `written`, `end`."""
        if self._under_way is not None:
            return None
        if self._next_load is not None:
            self._under_way, self._next_load = self._next_load, None
        elif self._next_write is not None:
            self._under_way, self._next_write = self._next_write, None
        return self._under_way

    def load(self, snapshot: SnapshotId, new_machine: NewMachine, sessions_max: int) -> None:
        """The last part of `snapshot` came in."""
        self._next_load = LoadSnapshot(snapshot, new_machine, sessions_max)

    # -- taking one --------------------------------------------------------------------------------
    def stretches(self, first: int, values: Sequence[Any]) -> Iterator[int]:
        """How many of `values`, which the entries from index `first` on hold, are applied when one
        may be due, the next one, and so on, and at last all of them: so many are to be applied
        before the next is asked for. They count as applied.
        """
        every, bytes_max = self.policy.bounds
        sizes = command_sizes(values)
        end = 0
        while end < len(values):
            begin, end = end, min(len(values), end + every - (first + end - 1) % every)
            since = self.bytes_since + sum(sizes[begin:end])
            if since >= bytes_max and not self.is_writing:
                reached = list(accumulate(sizes[begin:end], initial=self.bytes_since))
                count = bisect_left(reached, bytes_max, 1)
                since, end = reached[count], begin + count
            self.bytes_since = since
            yield end

    def is_due(self, index: int) -> bool:
        """Whether to take one now that entry `index` was applied."""
        return self.policy.is_due(index, self._since, self.bytes_since)

    def ask(self, ticket: Ticket, index: int) -> bool:
        """Somebody wants a snapshot of the state after `index`, or a later one, and hears of it
        when it is there. One that is being written holds less, so another one follows it.

        Gives whether it has to be captured now.
        """
        saved = self._core.snapshot
        if saved is not None and saved.index == index and not self.is_writing:
            self._outbox.reply(ticket, Document(ticket.id, _document(saved)))
            return False
        self._waiting.append(_Asked(ticket, index))
        return not self.is_writing

    @property
    def is_wanted(self) -> bool:
        """Whether somebody waits for a snapshot that is not being written."""
        return bool(self._waiting) and not self.is_writing

    @property
    def is_writing(self) -> bool:
        return self._next_write is not None or isinstance(self._under_way, WriteSnapshot)

    def capture(self, index: int, term: int, parts: Iterator[bytes]) -> None:
        """`parts` describe the state after `index`."""
        configuration = self._core.log.configuration_at(index)
        self._next_write = WriteSnapshot(index, term, configuration, parts)
        self._since, self.bytes_since = index, 0

    def written(self, snapshot: Snapshot) -> bool:
        """It is durable: record it and shorten the log. False: a newer one came in meanwhile."""
        self._under_way = None
        counts = self._core.snapshot_saved(snapshot, self._compact_to(snapshot.index))
        newest = self._core.snapshot
        if newest is None or newest.index < snapshot.index:
            self._fail_waiting("this node does not know yet who the members are")
            return counts
        waiting, self._waiting = self._waiting, []
        for asked in waiting:
            if asked.at <= newest.index:
                document = _document(newest)
                self._outbox.reply(asked.ticket, Document(asked.ticket.id, document))
            else:
                self._waiting.append(asked)
        return counts

    def _compact_to(self, index: int) -> int:
        """Up to where the log may go, behind a snapshot at `index`."""
        core, policy = self._core, self.policy
        tail = core.entries(index - policy.tail + 1, index)
        reached = list(accumulate(reversed(command_sizes(map(value_of, tail)))))
        compact_to = index - bisect_right(reached, policy.bytes_max // 2)
        if core.needed_index >= compact_to:  # nobody needs more: the log is not looked through
            return compact_to
        entries = core.entries(core.first_index, core.last_index)
        size = sum(command_sizes(map(value_of, entries)))
        return core.needed_index if policy.holds_back(len(entries), size) else compact_to

    # -- ends --------------------------------------------------------------------------------------
    def failed(self, message: str) -> None:
        """The job under way came to nothing."""
        is_write = isinstance(self._under_way, WriteSnapshot)
        self._under_way = None
        if is_write:
            self._fail_waiting(message)

    def _fail_waiting(self, message: str) -> None:
        waiting, self._waiting = self._waiting, []
        for asked in waiting:
            self._outbox.fail(asked.ticket, "snapshot_failed", message)

    def installed(self, state: State) -> None:
        self._since, self.bytes_since = state.index, 0

    def load_ended(self) -> None:
        self._under_way = None

    def forget(self, source: Hashable) -> None:
        self._waiting = [asked for asked in self._waiting if asked.ticket.source != source]

    def stop(self, message: str) -> None:
        waiting, self._waiting = self._waiting, []
        for asked in waiting:
            self._outbox.fail(asked.ticket, "stopping", message, "unknown")


def _document(snapshot: Snapshot) -> dict[str, object]:
    which = snapshot.id
    return {
        "index": which.index,
        "term": which.term,
        "bytes": which.size,
        "digest": which.digest.hex(),
        "configuration": snapshot.configuration.to_map(),
    }
