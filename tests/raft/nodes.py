"""One node of a test's cluster: a core, its disk, its snapshots and its state machine.

The machine is the list of all the entries applied, and a hash over them. A snapshot's bytes follow
from that hash and the configuration alone, so that two nodes that are in the same state write the
same ones; what state they stand for, the cluster knows by their digest.
"""

import hashlib
import random
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, NamedTuple

from node.raft.config import NO_ENTRY, CoreConfig, InitialState
from node.raft.configuration import Configuration
from node.raft.core import RaftCore
from node.raft.events import Event
from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.ready import Chunk, Envelope, HardState, ReadState, Ready
from node.raft.snapshot import ReceivedChunk, Snapshot, SnapshotId

if TYPE_CHECKING:
    from tests.raft.cluster import Cluster


class Taken(NamedTuple):
    """A snapshot with what it stands for: the machine, and the members."""

    snapshot: Snapshot
    data: bytes
    applied: tuple[LogEntry, ...]
    state: str


def digest_of(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()[:8]


class Disk:
    """What survives a crash."""

    def __init__(self) -> None:
        self.hard_state = HardState(0, None)
        self.log: list[LogEntry] = []
        self.base = NO_ENTRY
        self.snapshot: Snapshot | None = None
        self.commit_index = 0
        self.files: dict[SnapshotId, bytes] = {}
        self.incoming: tuple[SnapshotId, bytearray] | None = None
        self.writes = 0

    @property
    def last_index(self) -> int:
        return self.base.index + len(self.log)

    def term_at(self, index: int) -> int | None:
        if index == self.base.index:
            return self.base.term
        inside = self.base.index < index <= self.last_index
        return self.log[index - self.base.index - 1].term if inside else None

    def save(self, ready: Ready) -> None:
        self.commit_index = max(self.commit_index, min(ready.commit_index, self.last_index))
        if not ready.must_sync:
            return
        self.writes += 1
        for chunk in ready.received:
            self._receive(chunk)
        if ready.hard_state is not None:
            self.hard_state = ready.hard_state
        if ready.snapshot is not None:
            assert ready.snapshot.id in self.files, "a snapshot counts that is not on the disk"
            self.snapshot = ready.snapshot
        if ready.truncate_from is not None:
            del self.log[max(ready.truncate_from - 1 - self.base.index, 0) :]
        if ready.base is not None:
            self._forget(ready.base)
        if ready.entries:
            assert ready.first_index == self.last_index + 1, "a hole in the log on disk"
            self.log.extend(ready.entries)
        self.commit_index = ready.commit_index

    def _forget(self, base: EntryId) -> None:
        assert base.index > self.base.index or base == self.base, "a base only rises"
        del self.log[: base.index - self.base.index]
        self.base = base

    def _receive(self, chunk: ReceivedChunk) -> None:
        if chunk.offset == 0:
            self.incoming = (chunk.snapshot, bytearray())
        assert self.incoming is not None, "it begins at 0"
        which, data = self.incoming
        assert (which, len(data)) == (chunk.snapshot, chunk.offset), "a hole in what arrives"
        data += chunk.data
        assert chunk.is_last == (len(data) == which.size)


class Node:
    """One core with its disk and its state machine."""

    def __init__(self, cluster: "Cluster", node_id: int, joins: bool = False) -> None:
        self.cluster = cluster
        self.id = node_id
        self.disk = Disk()
        self.is_up = True
        self.joins = joins
        self.holds_disk = False
        self.holds_install = False
        self.held: Ready | None = None
        self.voting = True
        self.lives = 0
        self.boot()

    def boot(self) -> None:
        voters: Collection[int] = () if self.joins else self.cluster.voters
        config = CoreConfig(self.id, frozenset(voters), **self.cluster.settings)
        disk = self.disk
        initial = InitialState(
            *disk.hard_state,
            log=tuple(disk.log),
            base=disk.base,
            snapshot=disk.snapshot,
            commit_index=disk.commit_index if self.cluster.saves_commit else 0,
        )
        rng = random.Random(f"{self.cluster.seed}/{self.id}/{self.lives}")
        self.lives += 1  # no life repeats the random numbers of another
        self.core = RaftCore(config, initial, rng, self.cluster.now, self.voting)
        self.applied: list[LogEntry] = []
        self._hash = hashlib.sha256()
        if disk.snapshot is not None:
            self._restore(disk.snapshot.id)
        self.arrived: list[tuple[SnapshotId, bytes]] = []
        self.reads: list[ReadState] = []
        self.events: list[Event] = []
        self.cluster.watch(self)

    @property
    def values(self) -> list[Any]:
        """The applied entries, without no-ops and configurations."""
        return [
            entry.entry
            for entry in self.applied
            if entry.entry is not None and type(entry.entry) is not Configuration
        ]

    @property
    def state(self) -> str:
        """Equal on two machines that applied the same."""
        return self._hash.hexdigest()

    @property
    def terms(self) -> list[int]:
        """The terms of the whole log, as far as it is kept."""
        return [entry.term for entry in self.core.entries(1, self.core.last_index)]

    def of_type(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]

    # -- effects -----------------------------------------------------------------------------------
    def work(self) -> bool:
        """Carry out one Ready. Returns whether there was one."""
        if self.arrived and not self.holds_install:
            self._install(*self.arrived.pop(0))
        ready = self.core.ready()
        if ready is None:
            return False
        self._send_chunks(ready.chunks)
        self.cluster.send(self.id, ready.messages)
        self._apply(ready.committed_first_index, ready.committed)
        self.reads.extend(ready.reads)
        self.events.extend(ready.events)
        if self.holds_disk and ready.must_sync:
            self.held = ready
        else:
            self.finish(ready)
        return True

    def prompt(self) -> None:
        """Send what need not wait for the disk, if it is writing."""
        if self.held is not None:
            prompt = self.core.take_prompt()
            self._send_chunks(prompt.chunks)
            self.cluster.send(self.id, prompt.messages)
            self.reads.extend(prompt.reads)
            self.events.extend(prompt.events)

    def finish(self, ready: Ready) -> None:
        self.disk.save(ready)
        for chunk in ready.received:
            if chunk.is_last and self.disk.incoming is not None:
                self.arrived.append((chunk.snapshot, bytes(self.disk.incoming[1])))
        self.core.synced(ready.seq, self.cluster.now)
        self.cluster.watch(self)
        self.cluster.send(self.id, ready.messages_after_sync)

    def _apply(self, first_index: int, entries: list[LogEntry]) -> None:
        assert not entries or first_index == len(self.applied) + 1, "entries are applied in order"
        for entry in entries:
            self._hash.update(repr(entry).encode())
        self.applied.extend(entries)

    def release_disk(self) -> None:
        """The held write reaches the disk, and later writes are not held any more."""
        self.holds_disk = False
        if self.held is not None:
            held, self.held = self.held, None
            self.finish(held)

    def crash(self) -> None:
        self.is_up = False
        self.held = None

    def restart(self) -> None:
        self.is_up = True
        self.boot()

    def wipe(self) -> None:
        """Lose the disk and come back as a node that knows it."""
        self.disk = Disk()
        self.voting = False
        self.restart()

    # -- snapshots ---------------------------------------------------------------------------------
    def begin_snapshot(self) -> Taken:
        """Write the machine down as it is now; nobody counts on it yet."""
        index = len(self.applied)
        configuration = self.core.log.configuration_at(index)
        term = self.core.log.term_at(index)
        assert term is not None, "what was applied last is in the log, or its base"
        content = f"{self.state} {configuration.to_map()}"
        data = random.Random(content).randbytes(self.cluster.snapshot_bytes)
        snapshot = Snapshot(SnapshotId(index, term, len(data), digest_of(data)), configuration)
        taken = Taken(snapshot, data, tuple(self.applied), self.state)
        self.cluster.library[snapshot.id] = taken
        return taken

    def finish_snapshot(self, taken: Taken, keep: int = 0) -> bool:
        """It is on the disk: the log goes, but for what is needed and `keep` entries."""
        self.disk.files[taken.snapshot.id] = taken.data
        compact_to = min(taken.snapshot.index - keep, self.core.needed_index)
        return self.core.snapshot_saved(taken.snapshot, compact_to)

    def take_snapshot(self, keep: int = 0) -> Snapshot:
        taken = self.begin_snapshot()
        assert self.finish_snapshot(taken, keep)
        return taken.snapshot

    def _send_chunks(self, chunks: list[Chunk]) -> None:
        for chunk in chunks:
            file = self.disk.files.get(chunk.snapshot)
            if file is None:
                self.core.snapshot_unreadable(chunk.snapshot)
                continue
            data = file[chunk.offset : chunk.offset + chunk.length]
            self.cluster.send(self.id, [Envelope(chunk.to, chunk.message(data))])

    def release_install(self) -> None:
        """What arrived is verified and installed by the next `work`."""
        self.holds_install = False

    def _install(self, which: SnapshotId, data: bytes) -> None:
        if digest_of(data) != which.digest:
            self.core.refuse_snapshot(which)
            return
        self.disk.files[which] = data
        if self.core.install_snapshot(self.cluster.library[which].snapshot):
            self._restore(which)
        self.cluster.watch(self)

    def _restore(self, which: SnapshotId) -> None:
        taken = self.cluster.library[which]
        self.applied = []
        self._hash = hashlib.sha256()
        self._apply(1, list(taken.applied))
        assert self.state == taken.state
