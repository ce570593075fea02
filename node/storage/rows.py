"""The tables of a node's database: what stands in a row, and whether it is what was written.

A checksum in each row covers all of it, its index too, so that a row that rots, or that turns up in
the place of another, is found. The rows of the log must also fit together, and fit what the saved
state says about where it begins and ends.
"""

import zlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from node.raft.configuration import Configuration
from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.ready import HardState, Ready
from node.raft.snapshot import Snapshot, SnapshotId
from node.storage.base import FormatVersionError
from node.wire.entries import EntryError, decode_configuration, encode_configuration

FORMAT_VERSION = 2
SCHEMA = """
CREATE TABLE node (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    format INTEGER NOT NULL, cluster_id TEXT NOT NULL, node_id INTEGER NOT NULL,
    first BLOB NOT NULL, crc INTEGER NOT NULL
) STRICT;
CREATE TABLE hard_state (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    current_term INTEGER NOT NULL, voted_for INTEGER,
    base_index INTEGER NOT NULL, base_term INTEGER NOT NULL,
    last_index INTEGER NOT NULL, commit_index INTEGER NOT NULL, crc INTEGER NOT NULL
) STRICT;
CREATE TABLE log (
    idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, kind INTEGER NOT NULL, entry BLOB,
    crc INTEGER NOT NULL
) STRICT;
CREATE TABLE snapshot (
    idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, size INTEGER NOT NULL, digest BLOB NOT NULL,
    configuration BLOB NOT NULL, crc INTEGER NOT NULL
) STRICT;
"""
INSERT_NODE = "INSERT INTO node VALUES (1, ?, ?, ?, ?, ?)"
SAVE_STATE = "INSERT OR REPLACE INTO hard_state VALUES (1, ?, ?, ?, ?, ?, ?, ?)"
ENTRIES_AT_ONCE = 32
"""Rows that one statement writes: with one each, a batch would be as many turns of SQLite."""
INSERT_ENTRY = "INSERT INTO log VALUES (?, ?, ?, ?, ?)"
INSERT_ENTRIES = INSERT_ENTRY + ", (?, ?, ?, ?, ?)" * (ENTRIES_AT_ONCE - 1)
SAVE_SNAPSHOT = "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?, ?, ?)"

_NO_OP, _COMMAND, _CONFIGURATION = 0, 1, 2
_FORMAT_1_COLUMNS = 4
"""Of the table `node` in format 1."""

Row = tuple[Any, ...]


class DamagedRowError(Exception):
    """A row that is not what was written; the message says which."""


class Identity(NamedTuple):
    """Whose database it is, and the configuration that the cluster was made with."""

    cluster_id: str
    node_id: int
    first: Configuration


class State(NamedTuple):
    """The term and the vote, where the log begins and ends, and what of it was committed."""

    hard_state: HardState
    base: EntryId = EntryId(0, 0)
    last_index: int = 0
    commit_index: int = 0

    def after(self, batch: Ready) -> "State":
        """What it is when `batch` is saved; the same object when there is nothing to save."""
        is_same_log = batch.truncate_from is None and batch.base is None and not batch.entries
        if is_same_log and batch.hard_state is None and batch.snapshot is None:
            return self
        base = batch.base or self.base
        kept = self.last_index
        if batch.truncate_from is not None:
            assert batch.truncate_from > base.index, "only what is kept can be cut off"
            # A log that a snapshot takes the place of may end in front of it.
            kept = max(min(batch.truncate_from - 1, kept), base.index)
        assert base.index <= kept, "the base is an entry of the log"
        assert not batch.entries or batch.first_index == kept + 1, "the log has no holes"
        last = kept + len(batch.entries)
        commit_index = min(max(self.commit_index, batch.commit_index, base.index), last)
        return State(batch.hard_state or self.hard_state, base, last, commit_index)


def _crc(values: Row) -> int:
    """Over the values and their types."""
    return zlib.crc32(repr(values).encode())


# -- one row ---------------------------------------------------------------------------------------
def identity_row(identity: Identity) -> Row:
    values = (
        FORMAT_VERSION,
        identity.cluster_id,
        identity.node_id,
        encode_configuration(identity.first),
    )
    return (*values, _crc(values))


def read_identity(row: Row | None) -> Identity:
    """`row` is all of the table, in whatever format. Raises DamagedRowError, FormatVersionError."""
    if row is not None and len(row) == _FORMAT_1_COLUMNS and row[1] == 1:
        raise FormatVersionError(
            "it was made by an older version of raftctl, whose files this one does not read: make "
            "a new cluster, and write its data anew"
        )
    if row is None or len(row) < 3 or _crc(row[1:-1]) != row[-1]:
        raise DamagedRowError("whose database it is cannot be read")
    if row[1] != FORMAT_VERSION:
        raise FormatVersionError(f"it was made by a newer version of raftctl (format {row[1]})")
    _, _, cluster_id, node_id, first, _ = row
    return Identity(cluster_id, node_id, _configuration(first, "the first configuration"))


def state_row(state: State) -> Row:
    (term, vote), base, last_index, commit_index = state
    values = (term, vote, base.index, base.term, last_index, commit_index)
    return (*values, _crc(values))


def read_state(row: Row | None) -> State:
    """Raises DamagedRowError."""
    if row is None or _crc(row[:-1]) != row[-1]:
        raise DamagedRowError("the saved term and vote are damaged")
    term, vote, base_index, base_term, last_index, commit_index, _ = row
    if not base_index <= commit_index <= last_index or base_term > term:
        raise DamagedRowError("the saved state contradicts itself")
    return State(HardState(term, vote), EntryId(base_term, base_index), last_index, commit_index)


def entry_row(index: int, entry: LogEntry) -> Row:
    term, value = entry
    if type(value) is bytes:
        return (index, term, _COMMAND, value, _entry_crc(index, term, _COMMAND, value))
    if value is None:
        return (index, term, _NO_OP, None, _entry_crc(index, term, _NO_OP, b""))
    data = encode_configuration(value)
    return (index, term, _CONFIGURATION, data, _entry_crc(index, term, _CONFIGURATION, data))


def _entry_crc(index: int, term: int, kind: int, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(b"%d %d %d" % (index, term, kind)))


def read_entry(row: Row) -> LogEntry:
    """Raises DamagedRowError."""
    index, term, kind, data, crc = row
    is_typed = type(term) is int and type(kind) is int
    is_typed = is_typed and type(data) is (type(None) if kind == _NO_OP else bytes)
    if not is_typed or _entry_crc(index, term, kind, data or b"") != crc:
        raise DamagedRowError(f"entry {index} is damaged (checksum)")
    if kind == _CONFIGURATION:
        return LogEntry(term, _configuration(data, f"the configuration in entry {index}"))
    return LogEntry(term, data)


def snapshot_row(snapshot: Snapshot) -> Row:
    index, term, size, digest = (
        snapshot.id.index,
        snapshot.id.term,
        snapshot.id.size,
        snapshot.id.digest,
    )
    values = (index, term, size, digest, encode_configuration(snapshot.configuration))
    return (*values, _crc(values))


def read_snapshot(row: Row) -> Snapshot:
    """Raises DamagedRowError."""
    if _crc(row[:-1]) != row[-1]:
        raise DamagedRowError(f"what is known of snapshot {row[0]} is damaged (checksum)")
    index, term, size, digest, data, _ = row
    configuration = _configuration(data, f"the configuration of snapshot {index}")
    return Snapshot(SnapshotId(index, term, size, digest), configuration)


def _configuration(data: bytes, what: str) -> Configuration:
    try:
        return decode_configuration(data)
    except EntryError as error:
        raise DamagedRowError(f"{what} cannot be read: {error}") from error


# -- what the rows make ----------------------------------------------------------------------------
def read_log(state: State, rows: Iterable[Row], report: Callable[[str], None]) -> list[LogEntry]:
    """The entries from the one behind the base on, up to the first about which something is
    reported. `rows` are those above the base, in order; `report` may raise.
    """
    log: list[LogEntry] = []
    is_sound = True
    index, term = state.base.index, state.base.term
    for row in rows:
        expected, index = index + 1, row[0]
        if index != expected:
            is_sound = False
            rest = "" if index == expected + 1 else f", and all up to {index - 1}"
            report(f"entry {expected} is missing{rest}")
        try:
            entry = read_entry(row)
            if entry.term < term:
                raise DamagedRowError(f"entry {index} has term {entry.term}, after term {term}")
            term = entry.term
            if is_sound:
                log.append(entry)
        except DamagedRowError as error:
            is_sound = False
            report(str(error))
    if index < state.last_index:
        report(f"entry {index + 1} is missing, the log went on to {state.last_index}")
    elif index > state.last_index:
        report(f"entry {index} is there, though the log ended at {state.last_index}")
    if term > state.hard_state.current_term:
        current = state.hard_state.current_term
        report(f"entry {index} has term {term}, above the saved term {current}")
    return log


def read_snapshots(
    state: State, log: list[LogEntry], rows: Iterable[Row], report: Callable[[str], None]
) -> tuple[Snapshot, ...]:
    """The snapshots that `log` follows without a hole, the newest first. `report` may raise."""
    found = []
    base = state.base
    for row in rows:
        try:
            snapshot = read_snapshot(row)
            index = snapshot.index
            if index > state.last_index:
                raise DamagedRowError(f"snapshot {index} is ahead of the log")
            if index < base.index:
                continue
            term = base.term if index == base.index else _term_at(log, index - base.index)
            if term not in (None, snapshot.id.term):
                raise DamagedRowError(f"snapshot {index} is not of this log")
            found.append(snapshot)
        except DamagedRowError as error:
            report(str(error))
    if base.index and not found:
        report(f"no snapshot stands for the entries up to {base.index}, which are gone")
    return tuple(sorted(found, key=lambda snapshot: snapshot.index, reverse=True))


def _term_at(log: list[LogEntry], position: int) -> int | None:
    """The term of the entry at `position`, counted from 1; None where the log was not readable."""
    return log[position - 1].term if position <= len(log) else None
