"""The log in memory: its entries, which of them the disk holds, and the configurations in it.

Indices start at 1; index 0 with term 0 is the empty prefix that all logs share. Where a snapshot
stands for the beginning, the log is what follows its `base`, and only the base's own term is known.
The fields

    applied  <=  stable_index  <=  saved_index  <=  last_index

split the log by durability: up to `saved_index` entries were handed to the host for writing, up to
`stable_index` the write is known to have reached the disk. A write takes time, and a new leader
may replace entries meanwhile. So the completion of a write says nothing by itself: it stands for
the entries up to `saved_index`, which every truncation lowers and only the next batch raises.
Otherwise the completion for the old entries would vouch for new ones at the same indices (an ABA
race).
"""

from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from node.raft.configuration import Configuration
from node.raft.errors import RemoteProtocolError
from node.raft.messages import LogEntry, has_configuration, term_of


class EntryId(NamedTuple):
    """Where an entry stands and who put it there. Two logs that share one share all before it."""

    term: int
    index: int  # type: ignore[assignment]  # not the method of tuples


class Dropped(NamedTuple):
    """A suffix that conflicted with a leader's log: the first and last index that went."""

    first: int
    last: int


class UnsavedBatch(NamedTuple):
    """What the disk lacks: forget all up to `base`, drop all from `truncate_from`, then put
    `entries` at `first_index`.
    """

    base: EntryId | None
    truncate_from: int | None
    first_index: int
    entries: list[LogEntry]


class Placed(NamedTuple):
    """A configuration and the index of its entry."""

    index: int  # type: ignore[assignment]  # not the method of tuples
    configuration: Configuration


class RaftLog:
    """A contiguous run of entries after a base."""

    __slots__ = (
        "_configurations",
        "_entries",
        "_is_base_saved",
        "_truncate_from",
        "base",
        "first_index",
        "last_index",
        "saved_index",
        "stable_index",
    )

    def __init__(self, entries: Sequence[LogEntry], base: EntryId, configured: Placed) -> None:
        """`entries`, after `base`, are what the disk holds; `configured` is the configuration that
        those above its index build on.
        """
        self._entries = list(entries)
        self.base = base
        """The entry in front of the first that is kept."""
        self.first_index = base.index + 1
        """The lowest index that can be read; above `last_index` when the log is empty."""
        self.last_index = base.index + len(self._entries)
        self._configurations = [configured]
        self._note_configurations(base.index, self._entries)
        self._is_base_saved = True
        self._truncate_from: int | None = None
        self.saved_index = self.last_index
        self.stable_index = self.last_index

    @property
    def last_term(self) -> int:
        return self._entries[-1].term if self._entries else self.base.term

    def term_at(self, index: int) -> int | None:
        """The term of the entry at `index`; None when the log has no such entry."""
        if self.first_index <= index <= self.last_index:
            return self._entries[index - self.first_index].term
        return self.base.term if index == self.base.index else None

    def entries(self, first: int, last: int) -> list[LogEntry]:
        """Entries `first`..`last`, as many of them as there are."""
        if first > self.last_index:
            return []
        begin = self.first_index
        return self._entries[max(first - begin, 0) : max(last + 1 - begin, 0)]

    def is_up_to_date(self, last_index: int, last_term: int) -> bool:
        """Whether a log that ends so is at least as up to date as this one (paper 5.4.1)."""
        return (last_term, last_index) >= (self.last_term, self.last_index)

    def last_index_at_or_below(self, index: int, term: int) -> EntryId:
        """The last entry at or below `index` whose term is at or below `term`.

        Terms never fall along a log, so nothing between it and `index` can match a log whose term
        at `index` is `term`: this skips whole terms when two logs look for where they part.
        """
        end = min(index, self.last_index) - self.base.index
        if end <= 0:
            return self.base
        position = bisect_right(self._entries, term, 0, end, key=term_of)
        if position == 0:
            return self.base
        return EntryId(self._entries[position - 1].term, self.base.index + position)

    # -- configurations ----------------------------------------------------------------------------
    @property
    def configured(self) -> Placed:
        """The configuration in force: the last one in the log, committed or not (thesis 4.1)."""
        return self._configurations[-1]

    def configuration_at(self, index: int) -> Configuration:
        """The configuration in force at `index`, which is no lower than the base."""
        for placed in reversed(self._configurations):
            if placed.index <= index:
                return placed.configuration
        return self._configurations[0].configuration

    def _note_configurations(self, prev_index: int, entries: Sequence[LogEntry]) -> None:
        if not has_configuration(entries):
            return
        for index, entry in enumerate(entries, prev_index + 1):
            if type(entry.entry) is Configuration and index > self._configurations[-1].index:
                self._configurations.append(Placed(index, entry.entry))

    def _forget_configurations(self, from_index: int) -> None:
        while self._configurations[-1].index >= from_index:
            self._configurations.pop()

    # -- changes -----------------------------------------------------------------------------------
    def append(self, entries: Sequence[LogEntry]) -> None:
        """Put `entries` at the end. Their terms are at least `last_term`."""
        self._note_configurations(self.last_index, entries)
        self._entries.extend(entries)
        self.last_index += len(entries)

    def merge(
        self, prev_index: int, entries: Sequence[LogEntry], commit_index: int
    ) -> Dropped | None:
        """Store `entries` after `prev_index`, which is known to match.

        `prev_index` is not below the base. Entries that are here already stay, and so does all that
        follows them: only an entry of another term at the same index, a conflict, drops the rest
        (paper 5.3). A message that was delayed, or that carries only a part of the leader's log,
        never shortens a log.

        Returns what was dropped, None for nothing. Raises RemoteProtocolError, before anything is
        changed, for a conflict at or below `commit_index`.
        """
        for position, entry in enumerate(entries):
            index = prev_index + 1 + position
            term = self.term_at(index)
            if term == entry.term:
                continue
            dropped = None
            if term is not None:
                if index <= commit_index:
                    raise RemoteProtocolError(
                        f"entry {index} of term {entry.term} conflicts with the committed entry of "
                        f"term {term}"
                    )
                dropped = Dropped(index, self.last_index)
                self._truncate(index)
            self.append(entries[position:])
            return dropped
        return None

    def _truncate(self, from_index: int) -> None:
        del self._entries[from_index - self.first_index :]
        self._forget_configurations(from_index)
        self.last_index = last = from_index - 1
        if from_index <= self.saved_index:
            self._truncate_from = from_index  # below any earlier one: that lowered saved_index
            self.saved_index = last
        self.stable_index = min(self.stable_index, last)

    def compact(self, index: int) -> None:
        """Forget the entries up to `index`, for which a snapshot stands; `index` is in the log."""
        term = self.term_at(index)
        assert term is not None, "the log is compacted where it is known"
        if index <= self.base.index:
            return
        assert index <= self.stable_index, "what is forgotten was applied, so it is durable"
        del self._entries[: index - self.base.index]
        self.base = EntryId(term, index)
        self.first_index = index + 1
        self._is_base_saved = False
        while len(self._configurations) > 1 and self._configurations[1].index <= index:
            del self._configurations[0]

    def reset(self, base: EntryId, configuration: Configuration) -> None:
        """A snapshot takes the place of everything: what is here goes, none of it is kept.

        Nothing of it is durable yet. A write under way that ends now says nothing about it, since
        it vouches for what lies up to `saved_index`.
        """
        self._entries.clear()
        self.base = base
        self.first_index, self.last_index = base.index + 1, base.index
        self._configurations = [Placed(base.index, configuration)]
        self._is_base_saved = False
        self._truncate_from = base.index + 1
        self.saved_index = 0
        self.stable_index = 0

    @property
    def has_unsaved(self) -> bool:
        """Whether the disk lacks anything that was not handed out yet."""
        return (
            self.last_index > max(self.saved_index, self.base.index)
            or self._truncate_from is not None
            or not self._is_base_saved
        )

    def take_unsaved(self) -> UnsavedBatch:
        """Hand out what the disk lacks. One batch at a time: `write_done` comes before the next."""
        first = max(self.saved_index, self.base.index) + 1
        base = None if self._is_base_saved else self.base
        entries = self.entries(first, self.last_index)
        batch = UnsavedBatch(base, self._truncate_from, first, entries)
        self._truncate_from = None
        self._is_base_saved = True
        self.saved_index = self.last_index
        return batch

    def write_done(self) -> None:
        """The batch handed out last is durable, as far as it is still in the log."""
        self.stable_index = self.saved_index
