"""Batches to save, and the configurations and snapshots in them."""

from collections.abc import Sequence

from node.raft.configuration import Configuration
from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.ready import HardState, Ready
from node.raft.snapshot import Snapshot, SnapshotId

FIRST = Configuration(frozenset({1, 2, 3}), addresses=((1, "h:1"), (2, "h:2"), (3, "h:3")))
LARGER = Configuration(frozenset({1, 2, 3}), frozenset({4}), promotable=frozenset({4}))


def batch(
    hard_state: HardState | None = None,
    truncate_from: int | None = None,
    first_index: int = 0,
    entries: Sequence[LogEntry] = (),
    commit_index: int = 0,
) -> Ready:
    """What a log without snapshots saves."""
    kept = entries if isinstance(entries, list) else list(entries)
    return Ready(
        1,
        hard_state,
        truncate_from=truncate_from,
        first_index=first_index,
        entries=kept,
        commit_index=commit_index,
    )


def snapshot(index: int, term: int, configuration: Configuration = FIRST) -> Snapshot:
    return Snapshot(SnapshotId(index, term, 1000 + index, bytes(16)), configuration)


def compaction(index: int, term: int, base: EntryId | None = None) -> Ready:
    """A snapshot of one's own, after which the log begins behind `base`, or behind it."""
    return Ready(1, snapshot=snapshot(index, term), base=base or EntryId(term, index))


def installation(index: int, term: int) -> Ready:
    """A leader's snapshot takes the place of the log."""
    base = EntryId(term, index)
    return Ready(
        1,
        HardState(term, None),
        snapshot=snapshot(index, term, LARGER),
        base=base,
        truncate_from=index + 1,
        commit_index=index,
    )


def numbered(first: int, last: int, term: int = 1) -> list[LogEntry]:
    """Entries that say where they are."""
    return [LogEntry(term, b"entry %d" % index) for index in range(first, last + 1)]


def addition(first: int, last: int, term: int = 1) -> Ready:
    """Entries that follow what is committed, of a node that voted for node 2."""
    return batch(HardState(term, 2), None, first, numbered(first, last, term), first - 1)
