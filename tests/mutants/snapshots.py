"""Bugs of snapshots: where they are taken, what they hold, and what is left beside them."""

from node.raft import installing
from node.raft.core import RaftCore
from node.raft.log import RaftLog
from node.raft.snapshot import SnapshotTransfer
from node.replica import state
from node.replica.replica import Replica
from node.replica.snapshotting import Snapshotting
from node.storage.snapshot_format import SnapshotReader
from tests.mutants import needs
from tests.mutants.planting import mutant, rewrite


@mutant(
    "dragonboat's lesson; ra #145",
    "snapshots_restore_what_they_hold",
    "same_state_everywhere",
    "at_most_once",
    shows_in=needs.snapshots,
)
def snapshot_without_sessions() -> None:
    """A snapshot holds the machine alone: who starts from it does not know a retry."""
    rewrite(state.capture, "of_sessions = sessions.snapshot()", "of_sessions = ()")


@mutant("a review of the simulator", "turns_end", shows_in=needs.snapshots)
def install_hands_out_its_last_entry_for_ever() -> None:
    """What an installed snapshot stands for is taken for an entry that is to be applied yet."""
    rewrite(
        RaftCore.replace_log,
        "self.commit_index = self._handed_out_index = snapshot.index",
        "self.commit_index = snapshot.index\n"
        "    self._handed_out_index = max(self._handed_out_index, snapshot.index - 1)",
    )


@mutant(
    "etcd #13766",
    "snapshots_restore_what_they_hold",
    "same_state_everywhere",
    "at_most_once",
    "operators_are_told_what_happened",
    shows_in=needs.snapshots,
)
def snapshot_at_wrong_index() -> None:
    """A snapshot says that it ends one entry earlier than it does: that one is applied twice."""
    rewrite(
        Replica._capture,
        "self.snapshots.capture(self.last_applied, term,",
        "at = max(self.last_applied - 1, self.core.log.first_index - 1, 1)\n"
        "    self.snapshots.capture(at, self.core.log.term_at(at) or term,",
    )


@mutant(
    "PySyncObj",
    "snapshots_restore_what_they_hold",
    "same_state_everywhere",
    shows_in=needs.damages,
)
def snapshot_believed_unchecked() -> None:
    """A snapshot is taken as it is read, whatever its checksums say, and so is one that comes from
    a leader whose disk is damaged.
    """
    rewrite(SnapshotReader._next_record, "self._crc != checksum", "False")
    rewrite(
        SnapshotReader.parts_of,
        "(self.tally.size, self.tally.digest) != (snapshot.size, snapshot.digest)",
        "False",
    )


@mutant(
    "PySyncObj's reason to fork",
    "snapshots_restore_what_they_hold",
    "same_state_everywhere",
    shows_in=needs.snapshots,
)
def snapshot_of_a_later_state() -> None:
    """The machine is written down when its snapshot's turn comes, not as it was at the entry."""
    rewrite(state.capture, "for part in of_machine:", "for part in machine.snapshot():")


@mutant(
    "canonical/raft #250, async-raft #133", "members_are_those_of_the_log", shows_in=needs.snapshots
)
def snapshot_with_the_newest_members() -> None:
    """A snapshot carries the last configuration of the log, not the one at its entry."""
    rewrite(
        Snapshotting.capture,
        "self._core.log.configuration_at(index)",
        "self._core.configuration",
    )


@mutant("PySyncObj", "index_order", shows_in=needs.snapshots)
def compaction_beyond_the_snapshot() -> None:
    """The log is shortened up to the commit index, which the snapshot does not reach."""
    rewrite(
        installing.snapshot_saved,
        "min(compact_to, snapshot.index)",
        "min(core.commit_index, core.log.stable_index)",
    )


@mutant(
    "hashicorp/raft #85",
    "entries_are_applied_in_order",
    "same_state_everywhere",
    shows_in=needs.snapshots,
)
def skip_an_entry_after_install() -> None:
    """After a snapshot was installed the first entry behind it is taken for applied."""
    rewrite(
        RaftCore.replace_log,
        "self.commit_index = self._handed_out_index = snapshot.index",
        "self.commit_index, self._handed_out_index = snapshot.index, snapshot.index + 1",
    )


@mutant("camunda #14671", "gets_well", shows_in=needs.snapshots)
def lost_chunk_not_sent_again() -> None:
    """A leader goes on with a snapshot although the follower says that a part is missing."""
    rewrite(
        SnapshotTransfer.answered,
        "self.next_offset is None or offset < chunk_offset",
        "self.next_offset is None",
    )


@mutant(
    "hashicorp/raft #697, #704",
    "log_matching",
    "same_state_everywhere",
    "persist_before_reply",
    shows_in=needs.snapshots,
)
def snapshot_keeps_old_log() -> None:
    """Who installs a snapshot keeps what its log holds behind it, which no leader has."""
    rewrite(
        RaftLog.reset,
        "self._entries.clear()",
        "del self._entries[: max(base.index - self.base.index, 0)]",
    )
    rewrite(
        RaftLog.reset,
        "base.index + 1, base.index",
        "base.index + 1, base.index + len(self._entries)",
    )


@mutant("openraft #543, #560, etcd #1763", "index_order", shows_in=needs.snapshots)
def stale_snapshot_rolls_back() -> None:
    """A snapshot that comes late is taken, although the node has got further by then."""
    rewrite(installing.handle_chunk, "message.snapshot_index <= core.commit_index", "False")
    rewrite(installing.install, "snapshot.index <= core.commit_index", "False")


@mutant(
    "the paper, 7, read in haste",
    "installs_keep_the_tail",
    "commit_needs_a_durable_quorum",
    shows_in=needs.snapshots,
)
def install_drops_the_tail() -> None:
    """Who has a snapshot's last entry, and more behind it, drops all of that for the snapshot."""
    rewrite(
        installing.install,
        "core.log.term_at(snapshot.index) == snapshot.id.term",
        "False",
    )


@mutant(
    "many first drafts",
    "recovery_holds_what_was_promised",
    shows_in=needs.snapshots,
)
def needed_snapshot_is_removed() -> None:
    """What is kept of the snapshots is none of them, though the log is shortened to the newest."""
    rewrite(Replica.kept_snapshots, "return frozenset(kept)", "return frozenset()")


@mutant(
    "a review of the simulator",
    "operators_are_told_what_happened",
    shows_in=needs.snapshots_by_hand,
)
def snapshot_done_before_it_is_written() -> None:
    """Who asked for a snapshot hears that it is done while it is being written."""
    rewrite(
        Snapshotting.ask,
        "self._waiting.append(_Asked(ticket, index))",
        "of_old = {} if saved is None else _document(saved)\n"
        "    now = {'index': index, 'term': self._core.log.term_at(index), 'digest': ''}\n"
        "    self._outbox.reply(ticket, Document(ticket.id, {**of_old, **now}))",
    )
