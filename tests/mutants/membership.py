"""Bugs of membership changes and of the transfer of leadership."""

from node.raft import membership
from node.raft.configuration import Configuration
from node.raft.core import RaftCore
from node.raft.log import RaftLog
from node.raft.progress import CatchUpRound
from node.raft.roles import Leader
from node.replica.operations import Operations
from tests.mutants import needs
from tests.mutants.planting import mutant, rewrite

REPORTED = ("operators_are_told_what_happened",)


@mutant(
    "etcd's confchange_v2 scripts guard it",
    "commit_needs_a_durable_quorum",
    "one_leader_per_term",
    shows_in=needs.changes,
)
def joint_with_one_majority() -> None:
    """In a joint configuration a majority of the new voters decides alone."""
    rewrite(
        Configuration._halves,
        "(self.voters, self.outgoing) if self.outgoing else (self.voters,)",
        "(self.voters,)",
    )


@mutant("PySyncObj's dead guard", "one_change_at_a_time", shows_in=needs.changes)
def two_changes_in_flight() -> None:
    """A change is taken though the one before it is not committed."""
    rewrite(
        membership._check_nothing_pending,
        "core.configuration_index > core.commit_index or core.configuration.is_joint",
        "core.configuration.is_joint",
    )
    rewrite(Operations.change, "assert self._change is None,", "assert True,")


@mutant("Ongaro 2015, raft-dev", "one_change_at_a_time", shows_in=needs.changes)
def change_before_own_term_commit() -> None:
    """A new leader changes the members before it has committed an entry of its own term."""
    rewrite(membership._check_nothing_pending, "core.commit_index < leader.first_index", "False")


@mutant(
    "camunda #57393, scylladb #30936, rafter #34",
    "members_are_those_of_the_log",
    shows_in=needs.changes,
)
def configuration_not_rolled_back() -> None:
    """A configuration stays in force though its entry was truncated."""
    rewrite(RaftLog._truncate, "self._forget_configurations(from_index)", "pass")


@mutant("etcd #10563, #11038", "leaders_are_voters", shows_in=needs.changes)
def removed_leader_goes_on() -> None:
    """A leader that is no voter any more goes on leading."""
    rewrite(membership.maybe_advance, "core.id not in configuration.voters", "False")


@mutant(
    "hashicorp/raft's AddStaging, which was AddVoter",
    "voters_have_caught_up",
    shows_in=needs.changes,
)
def promote_before_caught_up() -> None:
    """A learner becomes a voter whatever it holds."""
    rewrite(
        membership.keeps_up,
        "is_there and progress.round.keeps_up(now, timeout_us)",
        "True",
    )


@mutant("thesis 4.2.1", "voters_have_caught_up", shows_in=needs.changes)
def promote_after_one_long_round() -> None:
    """A learner that has once held all there was becomes a voter, however long ago that is."""
    rewrite(membership.keeps_up, "now - progress.heard_at < timeout_us", "True")
    rewrite(CatchUpRound.reached, "now - self.began_at < timeout_us", "True")
    rewrite(CatchUpRound.keeps_up, "now - self.began_at < timeout_us", "True")


@mutant(
    "hashicorp/raft #696, redpanda #2606",
    "transfers_end",
    "gets_well",
    shows_in=needs.transfers,
)
def transfer_never_ends() -> None:
    """A transfer that comes to nothing is never given up, and no write is taken meanwhile."""
    rewrite(
        RaftCore._tick_leader,
        "if leader.transfer is not None and now >= leader.transfer.deadline:",
        "if False:",
    )
    rewrite(Leader.next_deadline, "if self.transfer is None", "if True")


@mutant(
    "TiKV's and etcd's restore, where the list of changes was kept beside the log",
    "members_are_those_of_the_log",
    shows_in=needs.changes_and_snapshots,
)
def configuration_outlives_its_entry() -> None:
    """A node that installs a snapshot goes on with a configuration of its old log behind it."""
    rewrite(
        RaftLog.reset,
        "[Placed(base.index, configuration)]",
        "[Placed(base.index, configuration),"
        " *[each for each in self._configurations if each.index > base.index]]",
    )


@mutant("a review of the simulator", *REPORTED, shows_in=needs.changes)
def change_done_before_it_is_committed() -> None:
    """Who asked for a change of the members hears at once that it is done."""
    rewrite(
        Operations._look_at_change,
        "index <= core.commit_index and not configuration.is_joint",
        "True",
    )


@mutant("a review of the simulator", *REPORTED, shows_in=needs.transfers)
def transfer_done_whoever_leads() -> None:
    """Who asked for a transfer hears that it succeeded as soon as somebody leads."""
    rewrite(
        Operations._look_at_transfer,
        "core.leader_id == transfer.target",
        "core.leader_id is not None",
    )
