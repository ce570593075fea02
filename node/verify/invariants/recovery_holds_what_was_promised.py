"""A restart."""

from typing import NamedTuple

from node.raft.log import EntryId
from node.raft.ready import HardState, Ready
from node.storage.base import Stored
from node.verify.facts import Facts
from node.verify.observation import Member, Members, Violation


class _Held(NamedTuple):
    hard_state: HardState
    base: EntryId
    last: EntryId
    snapshot_index: int


class RecoveryHoldsWhatWasPromised:
    """A node comes up with all that it had saved, or it refuses to start (paper 5.1, figure 2:
    persistent state; thesis 3.8). The batch that was being saved when it died is there as a whole,
    or not at all.

    What it had acknowledged others count on: a committed entry may be on just a majority of disks.
    """

    __slots__ = ("_held", "_ledger", "_under_way")

    def __init__(self, members: Members, facts: Facts) -> None:
        self._ledger = facts.ledger
        self._held: dict[int, _Held] = {}
        self._under_way: dict[int, _Held] = {}

    def saving(self, member: Member, ready: Ready) -> None:
        held = self._held.get(member.id)
        if held is not None:
            self._under_way[member.id] = _after(held, member, ready)

    def saved(self, member: Member, ready: Ready) -> None:
        held = self._under_way.pop(member.id, None)
        if held is not None:
            self._held[member.id] = held

    def booted(self, member: Member, stored: Stored) -> None:
        base = stored.base
        last = EntryId(stored.log[-1].term, base.index + len(stored.log)) if stored.log else base
        newest = stored.snapshots[0].index if stored.snapshots else 0
        found = _Held(stored.hard_state, base, last, newest)
        held = self._held.get(member.id)
        under_way = self._under_way.pop(member.id, None)
        self._held[member.id] = found
        if member.is_wiped or held is None:
            return
        if stored.commit_index > self._ledger.last_index:
            text = f"takes entries up to {stored.commit_index} for committed; entries up to "
            text += f"{self._ledger.last_index} are"
            raise Violation("recovery_holds_what_was_promised", member.id, text)
        if not _is_all(found, held) and not (under_way is not None and _is_all(found, under_way)):
            text = f"had saved {_named(held)}"
            if under_way is not None:
                text += f", and perhaps {_named(under_way)}"
            text += f"; it comes up with {_named(found)}"
            raise Violation("recovery_holds_what_was_promised", member.id, text)


def _after(held: _Held, member: Member, ready: Ready) -> _Held:
    """What a disk holds when it has taken `ready`."""
    base, last = ready.base or held.base, held.last
    if ready.entries:
        last = EntryId(ready.entries[-1].term, ready.first_index + len(ready.entries) - 1)
    elif ready.truncate_from is not None and ready.truncate_from <= last.index:
        index = ready.truncate_from - 1
        last = EntryId(member.durable.term_at(index) or 0, index)
    if last.index <= base.index:
        last = base
    snapshot_index = held.snapshot_index if ready.snapshot is None else ready.snapshot.index
    return _Held(ready.hard_state or held.hard_state, base, last, snapshot_index)


def _is_all(found: _Held, held: _Held) -> bool:
    return found[:3] == held[:3] and found.snapshot_index >= held.snapshot_index


def _named(held: _Held) -> str:
    term, voted_for = held.hard_state
    vote = "no vote" if voted_for is None else f"a vote for n{voted_for}"
    text = f"term {term} with {vote}, entries {held.base.index + 1} to {held.last.index} (term "
    text += f"{held.last.term})"
    return text + (f", a snapshot of entry {held.snapshot_index}" if held.snapshot_index else "")
