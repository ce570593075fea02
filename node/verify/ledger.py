"""The established log: which entry is committed at each index, as soon as any leader committed it.

Every invariant about committed entries asks here, so each fact is found out once: the term of the
entry, a hash of what stands in it, and who was the first to count it as committed. A hash is 32
bits: two different entries share one once in four thousand million times, and a mistake that is
missed in one run shows in the next.

What nobody can ask for again goes, in batches of PRUNE_EVERY entries: all that lies below the base
of every disk and below what every running node has applied. A node that was away for very long
would keep all of it alive, so there is a limit as well, ENTRIES_MAX. Below `base` nothing is known,
and nothing is checked.
"""

from collections.abc import Callable, Sequence
from typing import Any
from zlib import crc32

from node.raft.configuration import Configuration
from node.raft.log import Placed
from node.raft.messages import LogEntry
from node.verify.observation import Member, Members

PRUNE_EVERY = 1024
ENTRIES_MAX = 1 << 18
NO_OP_HASH = -1

Forget = Callable[[int], None]


def hash_of(payload: Any) -> int:  # noqa: ANN401 - of whatever type the host's entries are
    """Of what stands in an entry: the same in every process, unlike `hash`."""
    if type(payload) is bytes:
        return crc32(payload)
    if payload is None:
        return NO_OP_HASH
    if type(payload) is Configuration:
        return crc32(repr(payload.to_map()).encode())
    return crc32(repr(payload).encode())


class Ledger:
    """Terms and hashes by index, above `base`. An observer itself, the first of all."""

    __slots__ = (
        "_committed_in",
        "_configurations",
        "_forgetful",
        "_hashes",
        "_members",
        "_terms",
        "_who",
        "base",
        "last_index",
    )

    def __init__(self, members: Members) -> None:
        self.base = 0
        self.last_index = 0
        self._members = members
        self._terms: list[int] = []
        self._hashes: list[int] = []
        self._who: list[int] = []
        self._committed_in: list[tuple[int, int]] = []
        """(term of the leader that committed, last index that it did), both rising."""
        self._configurations: list[Placed] = []
        self._forgetful: list[Forget] = []

    def when_forgetting(self, forget: Forget) -> None:
        """Call `forget(index)` when nothing up to `index` is of use any more."""
        self._forgetful.append(forget)

    # -- looking at it -----------------------------------------------------------------------------
    def knows(self, index: int) -> bool:
        return self.base < index <= self.last_index

    def term_at(self, index: int) -> int | None:
        """The term of the committed entry; None where it is not known."""
        return self._terms[index - self.base - 1] if self.base < index <= self.last_index else None

    def hash_at(self, index: int) -> int:
        """Of an entry that it `knows`."""
        return self._hashes[index - self.base - 1]

    def who(self, index: int) -> int:
        """Who was the first that counted an entry as committed which it `knows`."""
        return self._who[index - self.base - 1]

    def last_committed_before(self, term: int) -> int:
        """The last index that a leader of an earlier term than `term` committed; 0: none."""
        for committed_in, index in reversed(self._committed_in):
            if committed_in < term:
                return index
        return 0

    def configuration_at(self, index: int) -> Configuration | None:
        """Who the members are at `index`, by the committed log; None: not known."""
        for placed in reversed(self._configurations):
            if placed.index <= index:
                return placed.configuration
        return None

    def first_difference(self, first_index: int, entries: Sequence[LogEntry]) -> int | None:
        """The lowest index at which another entry than one of `entries` is committed."""
        skipped = max(self.base + 1 - first_index, 0)
        at = first_index + skipped - self.base - 1
        terms, hashes = self._terms, self._hashes
        for term, payload in entries[skipped:] if skipped else entries:
            if at >= len(terms):
                return None
            found = crc32(payload) if type(payload) is bytes else hash_of(payload)
            if terms[at] != term or hashes[at] != found:
                return self.base + 1 + at
            at += 1
        return None

    # -- what happens ------------------------------------------------------------------------------
    def founded(self, configuration: Configuration) -> None:
        """The members that the cluster was made with."""
        if not self._configurations and configuration.voters:
            self._configurations.append(Placed(0, configuration))

    def commit_advanced(self, member: Member) -> None:
        core = member.core
        if core.commit_index > self.last_index:
            entries = core.log.entries(self.last_index + 1, core.commit_index)
            self._establish(member.id, core.commit_index, entries, core.term)

    def _establish(
        self, node_id: int, last_index: int, entries: Sequence[LogEntry], committed_in: int
    ) -> None:
        """`entries`, the last of which is at `last_index`, are committed."""
        first = last_index - len(entries) + 1
        if first > self.last_index + 1:  # what lies between was never seen
            self._forget_all(first - 1)
        for index, (term, payload) in enumerate(entries, first):
            if index <= self.last_index:
                continue
            self._terms.append(term)
            self._hashes.append(crc32(payload) if type(payload) is bytes else hash_of(payload))
            self._who.append(node_id)
            if type(payload) is Configuration:
                self._configurations.append(Placed(index, payload))
        self.last_index = last_index
        marks = self._committed_in
        if marks and marks[-1][0] == committed_in:
            marks[-1] = (committed_in, last_index)
        else:
            marks.append((committed_in, last_index))
        if last_index - self.base >= 2 * PRUNE_EVERY:
            self._prune()

    # -- what goes ---------------------------------------------------------------------------------
    def _prune(self) -> None:
        floor = max(self._floor(), self.last_index - ENTRIES_MAX)
        gone = floor - self.base
        if gone < PRUNE_EVERY:
            return
        del self._terms[:gone], self._hashes[:gone], self._who[:gone]
        self.base = floor
        marks = self._committed_in
        while len(marks) > 1 and marks[1][1] <= floor:
            del marks[0]
        while len(self._configurations) > 1 and self._configurations[1].index <= floor:
            del self._configurations[0]
        for forget in self._forgetful:
            forget(floor)

    def _floor(self) -> int:
        """Below it nobody asks for an entry: not a disk that is read again, nor who goes on."""
        floor = self.last_index - PRUNE_EVERY
        for member in self._members.values():
            if member.is_wiped:
                continue
            floor = min(floor, member.durable.base.index)
            if member.is_running:
                floor = min(floor, member.last_applied)
        return floor

    def _forget_all(self, index: int) -> None:
        self._terms.clear()
        self._hashes.clear()
        self._who.clear()
        self.base = self.last_index = index
