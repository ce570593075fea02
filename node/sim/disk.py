"""A node's disk: slow, sometimes full, sometimes failing, and after a crash just what it promised.

The storage of real nodes writes a batch in one transaction, so a crash leaves all of the batch that
was under way, or nothing of it. Snapshot files are durable when they are complete, and what came in
of one is lost. A flush that failed may have written its batch all the same, so nothing is believed
afterwards: a new life reads what is there. Bits that flip are found by the checksums when they are
read, which for a log is at the next start.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass

from node.raft.configuration import Configuration
from node.raft.log import EntryId
from node.raft.ready import HardState, Ready
from node.raft.snapshot import SnapshotId
from node.scenario.actions import DiskKind
from node.storage.base import CorruptionError, DiskFullError, StorageError, Stored
from node.storage.memory import MemorySnapshots, MemoryStorage


def _unheard(kind: DiskKind) -> None:
    """Nobody asks."""


@dataclass(slots=True)
class DiskFaults:
    """What is wrong with it now. Durations in microseconds."""

    is_full: bool = False
    fails: bool = False
    """Each flush does."""
    stall_us: int = 0
    """What the next flush takes more than usual."""
    slow_us: int = 0
    """What each of them takes more."""
    bites: Callable[[DiskKind], None] = _unheard
    """Called whenever one of them takes effect."""

    def take_delay(self) -> int:
        """What a flush that begins now takes more."""
        stall_us, self.stall_us = self.stall_us, 0
        if stall_us:
            self.bites("stall")
        if self.slow_us:
            self.bites("slow")
        return stall_us + self.slow_us


class SimSnapshots(MemorySnapshots):
    """Snapshots whose bits may flip."""

    def __init__(self, cluster_id: str) -> None:
        super().__init__(cluster_id)
        self._rotten: set[SnapshotId] = set()

    @property
    def has_rotten(self) -> bool:
        return not self._rotten.isdisjoint(self._complete)

    def rot(self, rng: random.Random) -> bool:
        """A bit of the newest one flips. False: there is none."""
        newest = max(self._complete, key=lambda each: each.index, default=None)
        if newest is None:
            return False
        data = bytearray(self._complete[newest])
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        self._complete[newest] = bytes(data)
        self._rotten.add(newest)
        return True


class SimDisk:
    """One node's. It outlives the node's process. `Durable` for whoever observes it."""

    def __init__(self, cluster_id: str, first: Configuration) -> None:
        self.storage = MemoryStorage(first)
        self.snapshots = SimSnapshots(cluster_id)
        self.faults = DiskFaults()
        self.under_way: Ready | None = None
        self.rotten_index: int | None = None
        """An entry whose bits flipped, which is found when it is read."""

    # -- what is durable ---------------------------------------------------------------------------
    @property
    def hard_state(self) -> HardState:
        return self.storage.state.hard_state

    @property
    def base(self) -> EntryId:
        return self.storage.state.base

    @property
    def last_index(self) -> int:
        return self.storage.state.last_index

    @property
    def snapshot_index(self) -> int:
        return max(self.storage.snapshots, default=0)

    def term_at(self, index: int) -> int | None:
        state = self.storage.state
        offset = index - state.base.index - 1
        if offset >= 0:
            log = self.storage.log
            return log[offset].term if offset < len(log) else None
        return state.base.term if offset == -1 and index > 0 else None

    # -- flushes -----------------------------------------------------------------------------------
    def begin(self, ready: Ready) -> None:
        assert self.under_way is None, "one batch at a time"
        self.under_way = ready

    def end(self, rng: random.Random, saving: Callable[[Ready], None]) -> StorageError | None:
        """The flush is over: what it came to. `saving` is called just before the batch counts."""
        ready, self.under_way = self.under_way, None
        assert ready is not None, "a flush was under way"
        try:
            self.check_space()
        except DiskFullError as error:
            return error
        if self.faults.fails:
            self.faults.bites("fail")
            if rng.random() < 0.5:
                self._write(ready, saving)
            return StorageError("input/output error")
        self._write(ready, saving)
        return None

    def check_space(self) -> None:
        """Something is to be written. Raises DiskFullError."""
        if self.faults.is_full:
            self.faults.bites("full")
            raise DiskFullError("no space is left")

    def _write(self, ready: Ready, saving: Callable[[Ready], None]) -> None:
        saving(ready)
        self.storage.save(ready)
        rotten, rewritten_from = self.rotten_index, ready.truncate_from
        if rotten is not None and rewritten_from is not None and rewritten_from <= rotten:
            self.rotten_index = None

    def put_received(self, ready: Ready) -> StorageError | None:
        """Take the parts of a snapshot that came in, as `Disk` of a real node does."""
        try:
            if ready.received:
                self.check_space()
            for chunk in ready.received:
                self.snapshots.put(chunk)
        except StorageError as error:
            return error
        return None

    def crash(self, rng: random.Random, saving: Callable[[Ready], None]) -> None:
        """The power goes, or the process: the batch under way is there, or it is not."""
        ready, self.under_way = self.under_way, None
        if ready is not None and rng.random() < 0.5:
            self._write(ready, saving)
        self.snapshots.forget_incoming()

    def load(self) -> Stored:
        """What a new life finds. Raises CorruptionError."""
        stored = self.storage.load()
        if self._has_rotten_entry:
            raise CorruptionError(f"entry {self.rotten_index} is not what was written")
        return stored

    # -- damage ------------------------------------------------------------------------------------
    @property
    def is_rotten(self) -> bool:
        """Whether something on it is not what was written, found or not."""
        return self._has_rotten_entry or self.snapshots.has_rotten

    @property
    def _has_rotten_entry(self) -> bool:
        rotten = self.rotten_index
        return rotten is not None and self.base.index < rotten <= self.last_index

    def rot(self, rng: random.Random) -> str | None:
        """Bits flip, in an entry or in a snapshot: which; None: it holds nothing."""
        if rng.random() < 0.5 and self.snapshots.rot(rng):
            return "snapshot"
        if self.last_index > self.base.index:
            self.rotten_index = rng.randint(self.base.index + 1, self.last_index)
            return "entry"
        return "snapshot" if self.snapshots.rot(rng) else None
