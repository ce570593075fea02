"""The tables of a node's database: what stands in a row, and whether it is what was written.

A checksum in each row covers all of it, its index too, so that a row that rots, or that turns up in
the place of another, is found. The rows of the log must also fit together, and fit what the saved
state says about where it begins and ends.

A row of the log holds a run: entries that follow each other, of one term and written by one save,
as the wire has them. So the work for a row is shared by all its entries. A run is short, since what
is cut off, deleted or damaged is a run, or makes one be written anew.
"""

import struct
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import cbor2

from node.raft.configuration import Configuration
from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.raft.ready import HardState, Ready
from node.raft.snapshot import Snapshot, SnapshotId
from node.storage.base import FormatVersionError
from node.wire.cbor import COUNTED_FROM_BYTES, CborError, PlainReaders
from node.wire.entries import (
    EntryError,
    command_sizes,
    decode_configuration,
    encode_configuration,
    read_entries,
    write_entries,
    write_entry,
)

FORMAT_VERSION = 4
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
    last_index INTEGER NOT NULL, commit_index INTEGER NOT NULL, generation INTEGER NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
CREATE TABLE log (
    idx INTEGER PRIMARY KEY, last INTEGER NOT NULL, term INTEGER NOT NULL, entries BLOB NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
CREATE TABLE snapshot (
    idx INTEGER PRIMARY KEY, term INTEGER NOT NULL, size INTEGER NOT NULL, digest BLOB NOT NULL,
    configuration BLOB NOT NULL, crc INTEGER NOT NULL
) STRICT;
"""
INSERT_NODE = "INSERT INTO node VALUES (1, ?, ?, ?, ?, ?)"
SAVE_STATE = "INSERT OR REPLACE INTO hard_state VALUES (1, ?, ?, ?, ?, ?, ?, ?, ?)"
INSERT_RUN = "INSERT INTO log VALUES (?, ?, ?, ?, ?)"
SAVE_SNAPSHOT = "INSERT OR REPLACE INTO snapshot VALUES (?, ?, ?, ?, ?, ?)"

RUN_ENTRIES_MAX = 256
"""More are damage."""
RUN_BYTES_MAX = COUNTED_FROM_BYTES
"""Of a run of more than one entry: so that it cannot have too many elements to be read."""

_FORMAT_1_COLUMNS = 4
"""Of the table `node` in format 1."""
_OLDER = (
    "it was made by an older version of raftctl, whose files this one does not read: make a new "
    "cluster, and write its data anew"
)
_RUN_DEPTH_MAX = 3
"""An array of entries, in which a configuration is a map of arrays."""
_READERS = PlainReaders(_RUN_DEPTH_MAX)
_PLACE = struct.Struct(">3q")  # first index, last index, term

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
        kept_state = self._replace(base=base, last_index=kept)
        hard_state = batch.hard_state or self.hard_state
        return kept_state.with_saved(hard_state, len(batch.entries), batch.commit_index)

    def with_saved(self, hard_state: HardState, count: int, commit_index: int) -> "State":
        """With so many entries more. How far is committed may be known for more than is saved."""
        last = self.last_index + count
        commit_index = min(max(self.commit_index, commit_index, self.base.index), last)
        return State(hard_state, self.base, last, commit_index)


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
        raise FormatVersionError(_OLDER)
    if row is None or len(row) < 3 or _crc(row[1:-1]) != row[-1]:
        raise DamagedRowError("whose database it is cannot be read")
    if row[1] in (2, 3):
        raise FormatVersionError(_OLDER)
    if row[1] != FORMAT_VERSION:
        raise FormatVersionError(f"it was made by a newer version of raftctl (format {row[1]})")
    _, _, cluster_id, node_id, first, _ = row
    return Identity(cluster_id, node_id, _configuration(first, "the first configuration"))


def state_row(state: State, generation: int) -> Row:
    """`generation` is the number of the transaction that writes it."""
    (term, vote), base, last_index, commit_index = state
    values = (term, vote, base.index, base.term, last_index, commit_index, generation)
    return (*values, _crc(values))


def read_state(row: Row | None) -> tuple[State, int]:
    """With the generation. Raises DamagedRowError."""
    if row is None or _crc(row[:-1]) != row[-1]:
        raise DamagedRowError("the saved term and vote are damaged")
    term, vote, base_index, base_term, last_index, commit_index, generation, _ = row
    if not base_index <= commit_index <= last_index or base_term > term:
        raise DamagedRowError("the saved state contradicts itself")
    base = EntryId(base_term, base_index)
    return State(HardState(term, vote), base, last_index, commit_index), generation


def run_rows(first_index: int, entries: Sequence[LogEntry]) -> list[Row]:
    """The entries from `first_index` on, as rows of a run each."""
    rows: list[Row] = []
    index = first_index
    for term, values in write_entries(entries):
        rows += _rows_of_term(index, term, values)
        index += len(values)
    return rows


def _rows_of_term(index: int, term: int, values: Sequence[Any]) -> list[Row]:
    """One row, nearly always; else that of the one half and of the other."""
    # Of what is too long, nothing is encoded: the encoder lets nobody else in meanwhile.
    if len(values) == 1 or (
        len(values) <= RUN_ENTRIES_MAX and sum(command_sizes(values)) <= RUN_BYTES_MAX
    ):
        data = cbor2.dumps(values, default=write_entry)
        if len(data) <= RUN_BYTES_MAX or len(values) == 1:
            last = index + len(values) - 1
            return [(index, last, term, data, _run_crc(index, last, term, data))]
    half = len(values) // 2
    rows = _rows_of_term(index, term, values[:half])
    return rows + _rows_of_term(index + half, term, values[half:])


def _run_crc(index: int, last: int, term: int, data: bytes) -> int:
    return zlib.crc32(data, zlib.crc32(_PLACE.pack(index, last, term)))


def read_run(row: Row) -> list[LogEntry]:
    """Raises DamagedRowError."""
    index, last, term, data, crc = row
    is_typed = type(last) is int and type(term) is int and type(data) is bytes
    if not is_typed or _run_crc(index, last, term, data) != crc:
        raise _damaged(row, "(checksum)")
    try:
        entries = read_entries([[term, _READERS.read(data)]])
    except (CborError, EntryError) as error:
        raise _damaged(row, f"({error})") from error
    if len(entries) != last - index + 1 or not 0 < len(entries) <= RUN_ENTRIES_MAX:
        raise _damaged(row, f"(it is a row of {len(entries)})")
    return entries


def _damaged(row: Row, why: str) -> DamagedRowError:
    are = "is" if _presumed_last(row) == row[0] else "are"
    return DamagedRowError(f"{run_name(row)} {are} damaged {why}")


def run_name(row: Row) -> str:
    """Which entries are in a row of the log; `row` may be damaged."""
    index, last = row[0], _presumed_last(row)
    return f"entry {index}" if last == index else f"entries {index} to {last}"


def _presumed_last(row: Row) -> int:
    index, last, *_ = row
    return last if type(last) is int and index < last < index + RUN_ENTRIES_MAX else index


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
    """The entries from the one behind the base on, up to the first run about which something is
    reported. `rows` are those that reach above the base, in order; `report` may raise.
    """
    log: list[LogEntry] = []
    is_sound = True
    index, term = state.base.index, state.base.term
    for row in rows:
        expected, first = index + 1, max(row[0], state.base.index + 1)
        if first != expected:
            is_sound = False
            report(_misplaced(expected, first))
        index = _presumed_last(row)
        try:
            entries = read_run(row)
            of_run = entries[0].term
            if of_run < term:
                raise DamagedRowError(f"entry {first} has term {of_run}, after term {term}")
            term = of_run
            if is_sound:
                log += entries[first - row[0] :]
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


def _misplaced(expected: int, found: int) -> str:
    if found < expected:
        return f"entry {found} is there twice"
    rest = "" if found == expected + 1 else f", and all up to {found - 1}"
    return f"entry {expected} is missing{rest}"


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
