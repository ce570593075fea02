"""Bugs of the commit index, and of those who wait for it."""

from node.raft import election, proposing, replication
from node.raft.core import RaftCore
from node.replica.applying import Applying
from node.replica.forwarding import Forwarded
from node.replica.pending import Proposals
from node.replica.replica import Replica
from tests.mutants import needs
from tests.mutants.planting import mutant, rewrite


@mutant("logcabin #44; the paper's figure 8", "commit_needs_a_durable_quorum")
def commit_of_an_old_term_by_count() -> None:
    """A leader commits entries of earlier terms as soon as a majority has them."""
    rewrite(replication.maybe_commit, " and index >= leader.first_index", "")


@mutant("the paper's figure 8", "only_committed_entries_are_applied", shows_in=needs.two_disks)
def old_term_announced_as_committed() -> None:
    """A leader keeps the rule itself, but tells its followers that what a majority holds is
    committed.
    """
    rewrite(
        replication._send_append,
        "leader.sequence += 1",
        "held = {peer: each.match_index for peer, each in leader.progress.items()}\n"
        "    held[core.id] = core.log.stable_index\n"
        "    held_by_most = core.configuration.reached(held)\n"
        "    leader.sequence += 1",
    )
    rewrite(
        replication._send_append,
        "core.commit_index,\n            leader",
        "max(core.commit_index, held_by_most),\n            leader",
    )


@mutant("etcd #14370, d-engine #329", "commit_needs_a_durable_quorum")
def leader_counts_itself_before_sync() -> None:
    """A leader counts its own copy of an entry that it has not written yet."""
    rewrite(replication.maybe_commit, "core.log.stable_index", "core.log.last_index")


@mutant("hashicorp/raft #79", "index_order", "only_committed_entries_are_applied")
def apply_uncommitted() -> None:
    """Entries take effect when they are on the disk, committed or not."""
    rewrite(
        RaftCore.ready,
        "self.commit_index, self.log.stable_index, self._handed_out_index",
        "self.log.stable_index, self._handed_out_index",
    )


@mutant("PySyncObj #166, raftos #25", "index_order")
def commit_index_goes_back() -> None:
    """A follower takes on the leader's commit index, also a lower one than its own."""
    rewrite(
        replication.handle_append,
        "max(core.commit_index, min(message.leader_commit, match_index))",
        "min(message.leader_commit, match_index)",
    )


@mutant("zaft", "gets_well")
def no_no_op() -> None:
    """A new leader appends nothing, so what earlier terms left open stays so until a client
    writes.
    """
    rewrite(election._become_leader, "core.log.append([LogEntry(core.term, None)])", "pass")
    rewrite(proposing.committed, "leader.first_index) + 1", "leader.first_index - 1) + 1")


@mutant("PySyncObj, zaft", "every_request_is_answered_once")
def waiters_lost_with_leadership() -> None:
    """A leader that is deposed forgets whose writes it has not committed, and tells nobody."""
    rewrite(
        Proposals.pop_above,
        "yield from reversed(lost)",
        "yield from ()",
    )


@mutant("this project, once", "every_request_is_answered_once")
def forwarded_commands_lost_with_the_leader() -> None:
    """A node forgets what it had handed to a leader that leads no longer, and whom to tell."""
    rewrite(Forwarded.fail_all, "for each in waiting.values():", "for each in ():")


@mutant("a review of the simulator", "gets_well", shows_in=needs.two_disks)
def forwarded_writes_refused() -> None:
    """A leader takes no command from another node."""
    rewrite(
        proposing.handle_forwarded,
        "propose(core, [message.entry])",
        'raise ProposalDroppedError("never")',
    )


@mutant("zaft", "client_oracle", "every_request_is_answered_once")
def waiter_matched_by_index_only() -> None:
    """A client hears that its write took effect when anything is applied at its index, though
    another leader's entry is there.
    """
    rewrite(Applying._answer, "if term != proposal.term:", "if False:")
    rewrite(Replica.fail_lost_proposals, "self.core.is_leader and", "not self.core.is_leader or")
