"""A cluster that does what a test says: real logs and disks, and nobody who decides anything.

Each method makes something true and tells the observers, as a world would. So a test reads like a
story, and the wrong turn in it is one line.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pytest

from node.raft.config import CoreConfig
from node.raft.configuration import Configuration
from node.raft.events import LeaderElected
from node.raft.log import EntryId, Placed, RaftLog
from node.raft.messages import LogEntry, Message
from node.raft.ready import HardState, Ready
from node.raft.snapshot import Snapshot, SnapshotId
from node.sim.disk import SimDisk
from node.storage.base import Stored
from node.verify.invariants import Invariant, every
from node.verify.observation import Member, Members, Operation, Violation
from node.wire.envelope import Header, seal

THREE = Configuration(frozenset({1, 2, 3}))


@dataclass
class Core:
    """The part of a core that invariants look at."""

    id: int
    log: RaftLog
    term: int = 0
    voted_for: int | None = None
    transferring_to: int | None = None
    commit_index: int = 0
    is_leader: bool = False
    snapshot: Snapshot | None = None
    progress: dict[int, Any] = field(default_factory=dict)
    role: Any = None
    config: Any = field(default_factory=lambda: CoreConfig(1, frozenset({1, 2, 3})))
    forwarded_reads: dict[int, Any] = field(default_factory=dict)

    @property
    def configuration(self) -> Configuration:
        return self.log.configured.configuration


class Node:
    def __init__(self, node_id: int, first: Configuration) -> None:
        self.id = node_id
        self.is_running = True
        self.is_wiped = False
        self.last_applied = 0
        self.state = b""
        self.durable = SimDisk("test", first)
        self.core = Core(node_id, RaftLog([], EntryId(0, 0), Placed(0, first)))

    def digest(self) -> bytes:
        return self.state


def command(client_id: int, sequence: int, payload: bytes = b"x") -> bytes:
    return seal(Header(client_id, sequence, 0, 0), payload)


class Cluster:
    """Nodes 1, 2 and 3, unless said otherwise, and one rule that watches them."""

    def __init__(self, *rules: type[Invariant], first: Configuration = THREE) -> None:
        self.nodes = {node_id: Node(node_id, first) for node_id in sorted(first.members)}
        self.observers = every(cast(Members, self.nodes), rules)
        self.operations = 0
        for node_id in self.nodes:
            self.boots(node_id)

    def tell(self, happening: str, *what: Any) -> None:
        for look in getattr(self.observers, happening):
            look(*what)

    def member(self, node_id: int) -> Member:
        return cast(Member, self.nodes[node_id])

    # -- lives -------------------------------------------------------------------------------------
    def boots(self, node_id: int, stored: Stored | None = None) -> None:
        """Come up with what is on the disk, or with `stored`."""
        node = self.nodes[node_id]
        stored = stored or node.durable.load()
        snapshot = stored.snapshots[0] if stored.snapshots else None
        placed = Placed(0, stored.first)
        if snapshot is not None:
            placed = Placed(snapshot.index, snapshot.configuration)
        index = 0 if snapshot is None else snapshot.index
        log = RaftLog(stored.log, stored.base, placed)
        term, voted_for = stored.hard_state
        node.core = Core(node_id, log, term, voted_for, commit_index=index, snapshot=snapshot)
        node.last_applied = index
        node.is_running = True
        self.tell("booted", node, stored)

    def crashes(self, node_id: int) -> None:
        self.nodes[node_id].is_running = False
        self.tell("crashed", self.nodes[node_id])

    def restarts(self, node_id: int, stored: Stored | None = None) -> None:
        self.crashes(node_id)
        self.boots(node_id, stored)

    # -- disks -------------------------------------------------------------------------------------
    def saves(self, node_id: int, ready: Ready | None = None, lands: bool = True) -> None:
        """Write `ready`, or what is new in the log; without `lands` the disk forgets it."""
        node = self.nodes[node_id]
        if ready is None:
            batch = node.core.log.take_unsaved()
            ready = Ready(1, None, None, *batch, commit_index=node.core.commit_index)
        self.tell("saving", node, ready)
        if lands:
            node.durable.storage.save(ready)
        node.core.log.write_done()
        self.tell("saved", node, ready)

    def enters(self, node_id: int, term: int, vote: int | None = None) -> None:
        self.nodes[node_id].core.term = term
        self.saves(node_id, Ready(1, HardState(term, vote)))

    def snapshots(self, node_id: int, index: int, configuration: Configuration = THREE) -> Snapshot:
        """A snapshot of entry `index` counts from now on, and the log up to it goes."""
        node = self.nodes[node_id]
        term = node.core.log.term_at(index)
        assert term is not None
        snapshot = Snapshot(SnapshotId(index, term, 1, b""), configuration)
        node.core.log.compact(index)
        node.core.snapshot = snapshot
        batch = node.core.log.take_unsaved()
        self.saves(node_id, Ready(1, None, snapshot, *batch))
        return snapshot

    # -- logs --------------------------------------------------------------------------------------
    def elects(self, node_id: int, term: int, voters: tuple[int, ...] = (1, 2)) -> None:
        for voter in voters:
            self.enters(voter, term, node_id)
        self.leads(node_id, term, voters)

    def leads(self, node_id: int, term: int, votes: tuple[int, ...] = (1, 2)) -> None:
        """Say that it won, whatever is on the disks."""
        for node in self.nodes.values():
            node.core.is_leader = False
        core = self.nodes[node_id].core
        core.is_leader, core.term = True, term
        self.tell("elected", self.nodes[node_id], LeaderElected(term, votes, 0))

    def appends(self, node_id: int, *entries: LogEntry) -> None:
        self.nodes[node_id].core.log.append(entries)

    def replicates(self, *entries: LogEntry, on: tuple[int, ...] = (1, 2)) -> None:
        """Onto the disks of some."""
        for node_id in on:
            self.appends(node_id, *entries)
            self.saves(node_id)

    def commits(self, node_id: int, index: int) -> None:
        core = self.nodes[node_id].core
        core.commit_index = index
        if core.is_leader:
            self.tell("commit_advanced", self.nodes[node_id])

    def applies(
        self, node_id: int, last: int, runs: dict[int, bytes] | None = None, first: int = 0
    ) -> None:
        """Apply up to `last`; `runs`: entries that run the machine, and their results."""
        node = self.nodes[node_id]
        first = first or node.last_applied + 1
        entries = node.core.log.entries(first, last)
        ready = Ready(1, committed_first_index=first, committed=entries)
        for index, result in (runs or {}).items():
            payload = entries[index - first].entry[32:]
            self.tell("executed", node, index, payload, result)
        node.last_applied = last
        self.tell("applied", node, ready)

    def turns(self, node_id: int) -> None:
        self.tell("turned", self.nodes[node_id])

    def sends(self, node_id: int, to: int, message: Message) -> None:
        self.tell("sending", self.nodes[node_id], to, message)

    def settled(self, *entries: LogEntry) -> None:
        """Node 1 leads term 1; `entries` are on all disks and committed."""
        self.elects(1, 1)
        self.enters(3, 1, 1)
        self.replicates(*entries, on=(1, 2, 3))
        self.commits(1, len(entries))
        for node_id in (1, 2, 3):
            self.nodes[node_id].core.commit_index = len(entries)

    # -- clients -----------------------------------------------------------------------------------
    def asks(self, kind: Any, value: bytes | None = None, **other: Any) -> Operation:
        self.operations += 1
        mode = other.pop("mode", "linearizable")
        operation = Operation(
            7, self.operations, kind, "k", value, other.pop("expected", None), mode, 1000
        )
        self.tell("invoked", operation)
        return operation

    def tells(
        self, operation: Operation, index: int = 0, result: Any = None, outcome: Any = "ok"
    ) -> None:
        operation.outcome, operation.index, operation.result = outcome, index, result
        operation.node_id = 1
        self.tell("answered", operation)


def no_op(term: int) -> LogEntry:
    return LogEntry(term, None)


def progress(match_index: int) -> Any:
    return SimpleNamespace(match_index=match_index)


@contextmanager
def caught(rule: str, text: str) -> Iterator[None]:
    """The block breaks `rule`, and the violation says `text`, a regular expression."""
    with pytest.raises(Violation, match=text) as raised:
        yield
    assert raised.value.invariant == rule
