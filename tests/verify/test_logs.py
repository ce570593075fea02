"""What logs hold, what is committed, and what the disks hold of it."""

import pytest

from node.raft.configuration import Configuration
from node.raft.log import EntryId
from node.raft.messages import (
    AppendEntriesResponse,
    InstallSnapshotResponse,
    LogEntry,
    Message,
    RequestVote,
    RequestVoteResponse,
    StaleTerm,
)
from node.raft.ready import HardState, Ready
from node.sim.disk import SimDisk
from node.storage.base import Stored
from node.verify.invariants.commit_needs_a_durable_quorum import CommitNeedsADurableQuorum
from node.verify.invariants.committed_is_immutable import CommittedIsImmutable
from node.verify.invariants.durable_terms_and_votes import DurableTermsAndVotes
from node.verify.invariants.index_order import IndexOrder
from node.verify.invariants.log_matching import LogMatching
from node.verify.invariants.no_success_after_a_failed_flush import NoSuccessAfterAFailedFlush
from node.verify.invariants.persist_before_reply import PersistBeforeReply
from node.verify.invariants.recovery_holds_what_was_promised import RecoveryHoldsWhatWasPromised
from node.verify.invariants.wiped_nodes_promise_nothing import WipedNodesPromiseNothing
from tests.verify.members import THREE, Cluster, caught, no_op

A, B = LogEntry(1, b"a"), LogEntry(1, b"b")


# -- log matching ----------------------------------------------------------------------------------
def test_logs_that_share_an_entry_share_all() -> None:
    cluster = Cluster(LogMatching)
    cluster.replicates(no_op(1), A, on=(1, 2, 3))
    cluster.restarts(2)
    cluster.nodes[3].core.log.merge(1, [LogEntry(2, b"c")], 0)
    cluster.saves(3)


def test_one_index_and_term_with_two_contents() -> None:
    cluster = Cluster(LogMatching)
    cluster.replicates(A, on=(1,))
    with caught("log_matching", "n2: holds another entry 1 of term 1 than n1"):
        cluster.replicates(B, on=(2,))


def test_one_index_and_term_with_two_configurations() -> None:
    cluster = Cluster(LogMatching)
    cluster.replicates(LogEntry(1, Configuration(frozenset({1}))), on=(1,))
    with caught("log_matching", "n2: holds another configuration 1 of term 1 than n1"):
        cluster.replicates(LogEntry(1, Configuration(frozenset({2}))), on=(2,))


def test_the_same_entry_after_different_ones() -> None:
    cluster = Cluster(LogMatching)
    cluster.replicates(no_op(1), no_op(3), on=(1,))
    with caught("log_matching", "n2: has entry 2 of term 3 after one of term 2, n1 .* term 1"):
        cluster.replicates(no_op(2), no_op(3), on=(2,))


def test_terms_that_fall_along_a_log() -> None:
    cluster = Cluster(LogMatching)
    with caught("log_matching", "entry 2 of term 1 after one of term 2"):
        cluster.replicates(no_op(2), no_op(1), on=(1,))


def test_entries_behind_the_end() -> None:
    cluster = Cluster(LogMatching)
    with caught("log_matching", "saves entries from 3 on, where its log ends at 0"):
        cluster.saves(1, Ready(1, first_index=3, entries=[A]))


def test_a_disk_that_gives_back_another_entry() -> None:
    cluster = Cluster(LogMatching)
    cluster.replicates(A, no_op(1), on=(1,))
    with caught("log_matching", "n1: holds another entry 1 of term 1"):
        cluster.restarts(1, Stored(HardState(1, None), [B, no_op(1)]))


# -- commits ---------------------------------------------------------------------------------------
def test_commits_on_durable_majorities() -> None:
    cluster = Cluster(CommitNeedsADurableQuorum, CommittedIsImmutable)
    cluster.elects(1, 1)
    cluster.appends(1, no_op(1))
    cluster.replicates(no_op(1), on=(2, 3))  # the leader's own copy is on its way
    cluster.crashes(3)
    cluster.commits(1, 1)
    cluster.turns(1)


def test_a_leader_that_counts_itself_before_its_disk_has_it() -> None:
    cluster = Cluster(CommitNeedsADurableQuorum)
    cluster.elects(1, 1)
    cluster.appends(1, no_op(1))
    cluster.replicates(no_op(1), on=(2,))
    text = "n1: commits entry 1 of term 1, which is durable on n2: no majority of n1 n2 n3"
    with caught("commit_needs_a_durable_quorum", text):
        cluster.commits(1, 1)


def test_an_entry_of_an_earlier_term_by_count() -> None:
    cluster = Cluster(CommitNeedsADurableQuorum)
    cluster.replicates(no_op(1), on=(1, 2, 3))
    cluster.elects(1, 2)
    with caught("commit_needs_a_durable_quorum", "leads term 2 and commits entry 1 of term 1"):
        cluster.commits(1, 1)


def test_an_old_copy_at_the_same_index_does_not_count() -> None:
    cluster = Cluster(CommitNeedsADurableQuorum)
    cluster.replicates(no_op(1), on=(2, 3))
    cluster.elects(1, 2)
    cluster.replicates(no_op(2), on=(1,))
    with caught("commit_needs_a_durable_quorum", "durable on n1: no majority"):
        cluster.commits(1, 1)


def test_a_joint_configuration_commits_by_both_majorities() -> None:
    joint = Configuration(frozenset({3, 4, 5}), outgoing=frozenset({1, 2, 3}))
    cluster = Cluster(CommitNeedsADurableQuorum, first=joint)
    cluster.elects(3, 1)
    cluster.replicates(no_op(1), on=(2, 3, 4))
    cluster.commits(3, 1)
    cluster.replicates(no_op(1), on=(5,))
    cluster.replicates(no_op(1), on=(3, 4, 5))
    with caught("commit_needs_a_durable_quorum", r"n3 n4 n5: .*\(leaving n1 n2 n3\)"):
        cluster.commits(3, 2)


@pytest.mark.parametrize("holders", [(2, 3, 4), (3, 4, 5)])
def test_the_commit_of_a_joint_configuration_appends_the_next(holders: tuple[int, ...]) -> None:
    """In the same turn, so that afterwards another one is in force than was counted by."""
    joint = Configuration(frozenset({3, 4, 5}), outgoing=frozenset({1, 2, 3}))
    cluster = Cluster(
        CommitNeedsADurableQuorum, first=Configuration(frozenset({1, 2, 3}), frozenset({4, 5}))
    )
    cluster.elects(3, 1)
    cluster.appends(3, LogEntry(1, joint))
    cluster.turns(3)
    cluster.replicates(LogEntry(1, joint), on=tuple(h for h in holders if h != 3))
    cluster.saves(3)
    cluster.appends(3, LogEntry(1, joint.leaving()))
    if 2 in holders:
        cluster.commits(3, 1)
    else:
        with caught("commit_needs_a_durable_quorum", "entry 1 .* on n3 n4 n5"):
            cluster.commits(3, 1)


def test_a_disk_that_was_wiped_counts_for_what_it_held() -> None:
    """And for nothing that came later."""
    cluster = Cluster(CommitNeedsADurableQuorum)
    cluster.elects(1, 1)
    cluster.replicates(no_op(1), on=(1, 2))
    cluster.crashes(2)
    cluster.nodes[2].is_wiped, cluster.nodes[2].durable = True, SimDisk("test", THREE)
    cluster.commits(1, 1)
    cluster.replicates(no_op(1), on=(1,))
    with caught("commit_needs_a_durable_quorum", "entry 2 of term 1, which is durable on n1: no"):
        cluster.commits(1, 2)


@pytest.mark.parametrize(
    ("message", "is_promise"),
    [
        (RequestVote(1, 2, 0, 0), True),
        (RequestVoteResponse(1, 2, True), True),
        (RequestVoteResponse(1, 2, False), False),
        (AppendEntriesResponse(1, 2, True, 0, 1, 1), True),
        (AppendEntriesResponse(1, 2, False, 0, 1), False),
        (StaleTerm(1, 2), False),
    ],
)
def test_a_wiped_node_promises_nothing(message: Message, is_promise: bool) -> None:
    cluster = Cluster(WipedNodesPromiseNothing)
    cluster.sends(2, 1, message)
    cluster.nodes[2].is_wiped = True
    if is_promise:
        with caught("wiped_nodes_promise_nothing", "n2: lost its disk, and sends n1 "):
            cluster.sends(2, 1, message)
    else:
        cluster.sends(2, 1, message)


def test_a_follower_that_commits_beyond_what_matches() -> None:
    cluster = Cluster(CommittedIsImmutable)
    cluster.elects(1, 2)
    cluster.replicates(no_op(2), no_op(2), on=(1, 2))
    cluster.commits(1, 2)
    cluster.replicates(no_op(1), no_op(1), on=(3,))
    cluster.commits(3, 2)
    text = "n3: counts entry 2 as committed and has an entry of term 1 there; n1 had .* term 2"
    with caught("committed_is_immutable", text):
        cluster.turns(3)


def test_a_leader_that_commits_another_entry() -> None:
    cluster = Cluster(CommittedIsImmutable)
    cluster.settled(no_op(1))
    cluster.nodes[3].core.log = cluster.nodes[2].core.log.__class__(
        [no_op(3)], EntryId(0, 0), cluster.nodes[2].core.log.configured
    )
    cluster.nodes[3].core.commit_index = 0
    cluster.leads(3, 3)
    with caught("committed_is_immutable", "counts entry 1 as committed"):
        cluster.commits(3, 1)


# -- promises --------------------------------------------------------------------------------------
def ack(term: int, responder: int, match_index: int) -> AppendEntriesResponse:
    return AppendEntriesResponse(term, responder, True, 0, 1, match_index)


def test_what_is_answered_is_on_the_disk() -> None:
    cluster = Cluster(PersistBeforeReply)
    cluster.sends(1, 2, RequestVoteResponse(0, 1, False))
    cluster.elects(1, 1)
    cluster.sends(1, 2, RequestVote(1, 1, 0, 0))
    cluster.sends(2, 1, RequestVoteResponse(1, 2, True))
    cluster.replicates(no_op(1))
    cluster.sends(2, 1, ack(1, 2, 1))
    cluster.enters(2, 2)
    cluster.sends(2, 1, ack(1, 2, 1))
    cluster.sends(2, 1, StaleTerm(2, 2))


@pytest.mark.parametrize(
    ("message", "text"),
    [
        (RequestVoteResponse(2, 2, True), "RequestVoteResponse of term 2, and its disk is in ter"),
        (StaleTerm(2, 2), "sends n1 StaleTerm of term 2, and its disk is in term 1"),
        (RequestVoteResponse(1, 2, True), "its vote for n1, and its disk has a vote for n3"),
        (RequestVote(1, 2, 0, 0), "its vote for n2, and its disk has a vote for n3"),
        (ack(1, 2, 3), "acknowledges entries up to 3 to n1 in term 1, .* up to 2"),
        (
            InstallSnapshotResponse(1, 2, 9, 0, 1, 5, True, False),
            "has the snapshot of entry 9, and its disk holds entries up to 2",
        ),
    ],
)
def test_what_is_answered_before_the_disk_has_it(message: Message, text: str) -> None:
    cluster = Cluster(PersistBeforeReply)
    cluster.enters(2, 1, 3)
    cluster.replicates(no_op(1), no_op(1))
    with caught("persist_before_reply", text):
        cluster.sends(2, 1, message)


def test_an_acknowledgement_of_more_than_the_leader_sent() -> None:
    cluster = Cluster(PersistBeforeReply)
    cluster.replicates(no_op(1), on=(2,))
    cluster.replicates(no_op(2), on=(1,))
    cluster.elects(1, 3)
    text = "n2: acknowledges entries up to 1 to n1, the last of term 1; .* has term 2 there"
    with caught("persist_before_reply", text):
        cluster.sends(2, 1, ack(3, 2, 1))


def test_two_votes_in_one_term() -> None:
    """The disk agrees with the second: it forgot the first."""
    cluster = Cluster(PersistBeforeReply)
    cluster.enters(2, 1, 1)
    cluster.sends(2, 1, RequestVoteResponse(1, 2, True))
    cluster.enters(2, 1, 3)
    with caught("persist_before_reply", "gives n3 its vote of term 1, which n1 has"):
        cluster.sends(2, 3, RequestVoteResponse(1, 2, True))


def test_a_disk_that_failed_promises_nothing() -> None:
    cluster = Cluster(NoSuccessAfterAFailedFlush)
    cluster.tell("disk_failed", cluster.nodes[2])
    cluster.sends(1, 2, ack(1, 1, 0))
    cluster.sends(2, 1, StaleTerm(1, 2))
    with caught("no_success_after_a_failed_flush", "its disk failed, and it sends n1 Append"):
        cluster.sends(2, 1, ack(1, 2, 0))
    with caught("no_success_after_a_failed_flush", "calls batch 1 durable"):
        cluster.enters(2, 1)
    cluster.restarts(2)
    cluster.sends(2, 1, ack(1, 2, 0))


# -- terms and votes, over all lives ---------------------------------------------------------------
def test_terms_rise_and_votes_stay() -> None:
    cluster = Cluster(DurableTermsAndVotes)
    cluster.enters(1, 1)
    cluster.enters(1, 1, 2)
    cluster.restarts(1)
    cluster.enters(1, 2)


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (HardState(1, None), "term 1 after term 2"),
        (HardState(2, None), "a vote for nobody in term 2, after one for n3"),
        (HardState(2, 1), "a vote for n1 in term 2, after one for n3"),
    ],
)
def test_terms_and_votes_that_go_back(state: HardState, text: str) -> None:
    cluster = Cluster(DurableTermsAndVotes)
    cluster.enters(1, 2, 3)
    with caught("durable_terms_and_votes", f"n1: comes up with {text}"):
        cluster.restarts(1, Stored(state, []))
    cluster = Cluster(DurableTermsAndVotes)
    cluster.enters(1, 2, 3)
    with caught("durable_terms_and_votes", f"n1: saves {text}"):
        cluster.saves(1, Ready(1, state))


def test_a_start_that_forgets_the_vote() -> None:
    cluster = Cluster(DurableTermsAndVotes)
    cluster.enters(1, 4, 2)
    node = cluster.nodes[1]
    cluster.restarts(1)
    node.core.voted_for = None
    with caught("durable_terms_and_votes", "n1: begins in term 4 with no vote; its disk holds"):
        cluster.tell("booted", node, node.durable.load())


def test_a_wiped_node_is_bound_by_nothing() -> None:
    cluster = Cluster(DurableTermsAndVotes, RecoveryHoldsWhatWasPromised)
    cluster.enters(1, 2, 3)
    cluster.nodes[1].is_wiped = True
    cluster.restarts(1, Stored(HardState(0, None), []))


# -- restarts --------------------------------------------------------------------------------------
def test_a_restart_finds_what_was_saved() -> None:
    cluster = Cluster(RecoveryHoldsWhatWasPromised)
    cluster.settled(no_op(1), A)
    cluster.replicates(A, on=(1,))
    cluster.nodes[1].core.log.merge(2, [no_op(2)], 0)
    cluster.saves(1)
    cluster.snapshots(1, 2)
    cluster.restarts(1)


@pytest.mark.parametrize(
    ("stored", "found"),
    [
        (Stored(HardState(1, 1), [A]), r"entries 1 to 1 \(term 1\)"),
        (Stored(HardState(1, 1), [A, LogEntry(2, b"")]), r"entries 1 to 2 \(term 2\)"),
        (Stored(HardState(1, None), [A, A]), "term 1 with no vote"),
        (Stored(HardState(1, 1), [A], base=EntryId(1, 1)), "entries 2 to 2"),
    ],
)
def test_a_restart_that_lost_something(stored: Stored, found: str) -> None:
    cluster = Cluster(RecoveryHoldsWhatWasPromised)
    cluster.enters(1, 1, 1)
    cluster.replicates(A, A, on=(1,))
    text = (
        r"n1: had saved term 1 with a vote for n1, entries 1 to 2 \(term 1\); it comes up with .*"
    )
    with caught("recovery_holds_what_was_promised", text + found):
        cluster.restarts(1, stored)


@pytest.mark.parametrize(("lands", "is_right"), [(0, True), (1, False), (2, True)])
def test_the_batch_under_way_at_a_crash_is_there_or_not(lands: int, is_right: bool) -> None:
    cluster = Cluster(RecoveryHoldsWhatWasPromised)
    cluster.replicates(A, on=(1,))
    ready = Ready(1, first_index=2, entries=[A, A])
    cluster.tell("saving", cluster.nodes[1], ready)
    stored = Stored(HardState(0, None), [A] * (1 + lands))
    if is_right:
        cluster.restarts(1, stored)
    else:
        with caught("recovery_holds_what_was_promised", "and perhaps .* entries 1 to 3"):
            cluster.restarts(1, stored)


def test_a_restart_that_takes_too_much_for_committed() -> None:
    cluster = Cluster(RecoveryHoldsWhatWasPromised)
    cluster.replicates(A, on=(1,))
    with caught("recovery_holds_what_was_promised", "takes entries up to 1 for committed; .* to 0"):
        cluster.restarts(1, Stored(HardState(0, None), [A], commit_index=1))


# -- the order of indices --------------------------------------------------------------------------
def test_indices_in_order() -> None:
    cluster = Cluster(IndexOrder)
    cluster.settled(no_op(1), A, A)
    cluster.applies(1, 2)
    cluster.turns(1)
    cluster.snapshots(1, 2)
    cluster.turns(1)
    cluster.restarts(1)
    cluster.turns(1)


@pytest.mark.parametrize(
    ("commit", "applied", "text"),
    [
        (3, 0, "committed 3 <= last 2"),
        (1, 2, "applied 2 <= committed 1"),
        (1, 1, "goes back from entry 2 committed and 1 applied to 1 and 1"),
        (2, 0, "goes back from entry 2 committed and 1 applied to 2 and 0"),
    ],
)
def test_indices_out_of_order(commit: int, applied: int, text: str) -> None:
    cluster = Cluster(IndexOrder)
    cluster.settled(no_op(1), A)
    cluster.applies(1, 1)
    cluster.turns(1)
    cluster.nodes[1].core.commit_index, cluster.nodes[1].last_applied = commit, applied
    with caught("index_order", text):
        cluster.turns(1)


def test_a_log_that_is_compacted_beyond_the_snapshot() -> None:
    cluster = Cluster(IndexOrder)
    cluster.settled(no_op(1), A, A)
    cluster.applies(1, 3)
    with caught("index_order", "its disk holds the log from 3 to 3, .* snapshot is of entry 0"):
        cluster.saves(1, Ready(1, base=EntryId(1, 2)))
    cluster.nodes[1].core.log.compact(2)
    with caught("index_order", "base 2 <= snapshot 0"):
        cluster.turns(1)
