"""Bugs of replication: what a follower takes, keeps and vouches for."""

from node.raft import proposing, replication
from node.raft.log import RaftLog
from node.raft.progress import Progress
from tests.mutants import needs
from tests.mutants.planting import mutant, rewrite


@mutant(
    "zaft, openraft, nebula #5905",
    "commit_needs_a_durable_quorum",
    "leader_completeness",
    "persist_before_reply",
)
def truncate_on_any_append() -> None:
    """A follower drops what follows the entries of an append, though nothing conflicts: one that
    comes late takes away what was acknowledged.
    """
    rewrite(
        RaftLog.merge,
        "    return None\n",
        "    last = max(prev_index + len(entries), commit_index)\n"
        "    if last < self.last_index:\n"
        "        self._truncate(last + 1)\n"
        "    return None\n",
    )


@mutant(
    "zaft",
    "log_matching",
    "commit_needs_a_durable_quorum",
    "persist_before_reply",
    "same_state_everywhere",
)
def conflicting_entry_kept() -> None:
    """A follower keeps an entry of its own where the leader has another one, and acknowledges."""
    rewrite(RaftLog.merge, "if term == entry.term:", "if term is not None:")


@mutant("zaft, etcd #7042's opposite", "appends_keep_to_the_window")
def window_without_an_end() -> None:
    """A leader sends on and on, however much of it nobody has answered."""
    rewrite(Progress.may_send_entries, "len(self.inflight) < self.inflight_max and ", "")


@mutant("the paper, 5.3, left out", "log_matching", "persist_before_reply", "same_state_everywhere")
def no_prev_term_check() -> None:
    """A follower only looks whether it has an entry before the new ones, not of which term."""
    rewrite(
        replication.handle_append,
        "core.log.term_at(prev_log_index) != message.prev_log_term",
        "core.log.term_at(prev_log_index) is None",
    )


@mutant("PySyncObj, NuRaft #57", "persist_before_reply", "commit_needs_a_durable_quorum")
def ack_of_own_last_index() -> None:
    """A follower acknowledges all that its log holds, not what the append showed to be equal."""
    rewrite(
        replication.handle_append,
        "_acknowledge(core, message, match_index)",
        "_acknowledge(core, message, core.log.last_index)",
    )


@mutant(
    "hashicorp/raft, scylladb #9965, ra #508", "committed_is_immutable", "same_state_everywhere"
)
def commit_index_beyond_match() -> None:
    """A follower commits up to its own last entry, not up to what the append showed to be equal."""
    rewrite(
        replication.handle_append,
        "min(message.leader_commit, match_index)",
        "min(message.leader_commit, core.log.last_index)",
    )


@mutant("zaft", "gets_well")
def next_index_never_backs_up() -> None:
    """A leader sends the same append again to a follower whose log does not reach that far."""
    rewrite(replication._handle_rejection, "min(rejected, hint + 1)", "progress.next_index")


@mutant("etcd #7042, #14633", "gets_well", "commits_while_a_quorum_is_connected")
def window_never_reopens() -> None:
    """Appends that were answered count as under way for ever."""
    rewrite(Progress.matched, "while self.inflight and", "while not self and")


@mutant(
    "etcd, async_storage_writes_append_aba_race",
    "persist_before_reply",
    "commit_needs_a_durable_quorum",
)
def stale_write_vouches_for_new_entries() -> None:
    """A write that ends vouches for all entries, also for those that took the place of the written
    ones meanwhile.
    """
    rewrite(RaftLog.write_done, "self.saved_index", "self.last_index")


@mutant("etcd before its MaxUncommittedEntriesSize", "what_waits_is_bounded", shows_in=needs.bounds)
def uncommitted_unbounded() -> None:
    """A leader takes entries without end, whether a majority answers or not."""
    rewrite(
        proposing._check_room,
        "open_entries + count > core.config.uncommitted_max",
        "False",
    )


@mutant("etcd before its MaxUncommittedEntriesSize", "what_waits_is_bounded", shows_in=needs.bounds)
def uncommitted_bytes_unbounded() -> None:
    """A leader takes few entries without a majority, however long they are."""
    rewrite(
        proposing._check_room,
        "open_bytes and open_bytes + size > core.config.uncommitted_bytes_max",
        "False",
    )


@mutant(
    "etcd's reduceUncommittedSize guards it",
    "what_waits_is_bounded",
    "gets_well",
    shows_in=needs.bounds,
)
def uncommitted_bytes_never_freed() -> None:
    """What is committed counts as uncommitted for ever, until nothing more is taken."""
    rewrite(proposing.committed, "leader.uncommitted_bytes = 0", "pass")
    rewrite(proposing.committed, "leader.uncommitted_bytes -=", "leader.uncommitted_bytes -= 0 *")
