"""What a leader knows about one follower, and how much it may send it.

    probe      where the logs part is not known: one append at a time, its answer moves
               `next_index`. An unanswered probe is repeated, empty, with each heartbeat.
    replicate  the logs agree up to `match_index`: appends follow each other without waiting, and
               `next_index` runs ahead of the answers, at most `inflight_max` appends or
               `inflight_bytes_max` bytes ahead.
    snapshot   the log does not reach back far enough any more: a snapshot is under way (`transfer`)
               and no append is sent. Heartbeats are chunks without bytes.

A lost append shows up as a rejection of what came after it, at the latest of a heartbeat, and takes
the follower back to probe. So a follower is never stuck, whatever message was lost.
"""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from node.raft.snapshot import SnapshotId, SnapshotTransfer


class ProgressState(StrEnum):
    PROBE = "probe"
    REPLICATE = "replicate"
    SNAPSHOT = "snapshot"


class Inflight(NamedTuple):
    """An append on its way: its last index, and the bytes of its entries."""

    last_index: int
    size: int


@dataclass(slots=True)
class CatchUpRound:
    """A learner gets what the log held when the round began; meanwhile the log grows, which is the
    next round. One that took less than an election timeout shows that the learner keeps up: as a
    voter it would not hold up the others for longer than an election does (thesis 4.2.1).
    """

    target_index: int
    began_at: int
    is_caught_up: bool = False

    def reached(self, match_index: int, last_index: int, now: int, timeout_us: int) -> None:
        """The learner holds entries up to `match_index`, of `last_index`."""
        if match_index < self.target_index:
            return
        self.is_caught_up = now - self.began_at < timeout_us
        self.target_index = last_index
        self.began_at = now

    def keeps_up(self, now: int, timeout_us: int) -> bool:
        """Whether the last round was short, and the one under way is not too long already. Each
        answer of a learner that holds everything ends one, and begins the next.
        """
        return self.is_caught_up and now - self.began_at < timeout_us


@dataclass(slots=True)
class Progress:
    """One follower, as its leader sees it."""

    next_index: int
    """The next entry to send. Always above `match_index`."""

    inflight_max: int

    inflight_bytes_max: int

    added_at: int = 0
    """The newest message, by sequence, when it became a member: answers up to that number are from
    an earlier membership, and it may have been given a new disk since.
    """

    match_index: int = 0
    """Known equal and durable up to here. Falls only when the follower has lost its log."""

    state: ProgressState = ProgressState.PROBE

    inflight: deque[Inflight] = field(default_factory=deque)
    """The appends with entries that were not answered yet, in order."""

    inflight_bytes: int = 0
    """The bytes of all of them."""

    probe_sent: bool = False
    """A probe is under way."""

    heartbeat_due: bool = True
    """The next batch of messages has to hold one for this follower."""

    is_active: bool = False
    """Whether it answered since the last quorum check."""

    acked_sequence: int = 0
    """The newest append, by sequence, that it is known to have seen in this term."""

    probe_began_at: int = 0
    """The newest append that had been sent when the probe began: only answers to later ones are
    about it. Without that a burst of old answers could start and end probes by turns, each time
    with a whole window of entries.
    """

    match_sequence: int = 0
    """The newest append that had been sent when `match_index` rose last."""

    heard_at: int | None = None
    """When it answered last, in microseconds; None: it never did in this term."""

    transfer: SnapshotTransfer | None = None

    rests_until: int | None = None
    """A snapshot was refused: the next attempt waits for this time, in microseconds."""

    tail_to: int = 0
    """It installed a snapshot, and needs the entries behind it up to this one."""

    round: CatchUpRound | None = None
    """How a learner catches up; None for a voter."""

    @property
    def needed_after(self) -> int | None:
        """The log must not begin later than this, or a snapshot that it is sent, or was just sent,
        does not help it; None: it needs nothing that is not on its way.
        """
        if self.transfer is not None:
            return self.transfer.snapshot.index
        return self.match_index if self.match_index < self.tail_to else None

    @property
    def may_send_entries(self) -> bool:
        if self.state is ProgressState.SNAPSHOT:
            return False
        if self.state is ProgressState.PROBE:
            return not self.probe_sent
        return (
            len(self.inflight) < self.inflight_max and self.inflight_bytes < self.inflight_bytes_max
        )

    def sent(self, last_index: int, size: int) -> None:
        """An append with entries up to `last_index`, of `size` bytes, is on its way."""
        if self.state is ProgressState.PROBE:
            self.probe_sent = True
            return
        self.inflight.append(Inflight(last_index, size))
        self.inflight_bytes += size
        self.next_index = last_index + 1

    def matched(self, index: int, sequence: int, newest_sequence: int) -> bool:
        """The follower holds everything up to `index`, in answer to append number `sequence`.

        Returns whether that is news.
        """
        while self.inflight and self.inflight[0].last_index <= index:
            self.inflight_bytes -= self.inflight.popleft().size
        is_news = index > self.match_index
        if is_news:
            self.match_index = index
            self.match_sequence = newest_sequence
        is_of_probe = sequence > self.probe_began_at
        if self.state is ProgressState.PROBE and (is_of_probe or is_news):
            self.state = ProgressState.REPLICATE
            self.probe_sent = False
            self.next_index = self.match_index + 1
        self.next_index = max(self.next_index, index + 1)
        return is_news

    def become_probe(self, next_index: int, newest_sequence: int) -> None:
        self.probe_began_at = newest_sequence
        self.state = ProgressState.PROBE
        self.inflight.clear()
        self.inflight_bytes = 0
        self.probe_sent = False
        self.next_index = max(next_index, self.match_index + 1)

    def become_snapshot(self, snapshot: SnapshotId, newest_sequence: int) -> None:
        """The entries that it needs are gone: begin with `snapshot`."""
        self.become_probe(self.next_index, newest_sequence)
        self.state = ProgressState.SNAPSHOT
        self.transfer = SnapshotTransfer(snapshot, newest_sequence)

    def rest(self, until: int) -> None:
        """It has no use for the snapshot that it got, and may have none for the next: wait."""
        self.transfer = None
        self.rests_until = until

    def end_snapshot(self, match_index: int, newest_sequence: int) -> None:
        """It holds the snapshot, or all that is in it: go on with what follows."""
        self.transfer = self.rests_until = None
        self.match_index = max(self.match_index, match_index)
        self.match_sequence = newest_sequence
        self.become_probe(self.match_index + 1, newest_sequence)
