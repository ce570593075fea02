"""Who leads, who may send, and what a new leader holds."""

import pytest

from node.raft.configuration import Configuration
from node.raft.events import LogTruncated
from node.raft.messages import (
    AppendEntries,
    AppendEntriesResponse,
    InstallSnapshot,
    LogEntry,
)
from node.verify.invariants.appends_from_the_leader_only import AppendsFromTheLeaderOnly
from node.verify.invariants.leader_append_only import LeaderAppendOnly
from node.verify.invariants.leader_completeness import LeaderCompleteness
from node.verify.invariants.one_leader_per_term import OneLeaderPerTerm
from tests.verify.members import Cluster, caught, no_op


def test_leaders_of_different_terms_by_durable_majorities() -> None:
    cluster = Cluster(OneLeaderPerTerm)
    cluster.elects(1, 1, (1, 2))
    cluster.elects(3, 2, (2, 3))


def test_a_second_leader_of_a_term() -> None:
    cluster = Cluster(OneLeaderPerTerm)
    cluster.elects(1, 1, (1, 2))
    with caught("one_leader_per_term", "n3: elected in term 1, which n1 was elected in"):
        cluster.leads(3, 1, (3,))


@pytest.mark.parametrize(
    ("durable", "text"),
    [((1,), "the votes of n1, n2, of which n1 reached a disk"), ((), "of which nobody reached")],
)
def test_an_election_by_votes_that_are_on_no_disk(durable: tuple[int, ...], text: str) -> None:
    cluster = Cluster(OneLeaderPerTerm)
    for voter in durable:
        cluster.enters(voter, 1, 1)
    with caught("one_leader_per_term", text):
        cluster.leads(1, 1, (1, 2))


def test_a_vote_in_whose_stead_a_later_term_was_written_counts() -> None:
    """A slow disk had it all in one batch: the voter can never vote in the earlier term again."""
    cluster = Cluster(OneLeaderPerTerm)
    cluster.enters(1, 1, 1)
    cluster.enters(2, 5)
    cluster.nodes[1].core.term = 1
    cluster.leads(1, 1, (1, 2))


def test_an_election_by_half_of_the_voters() -> None:
    cluster = Cluster(OneLeaderPerTerm, first=Configuration(frozenset({1, 2, 3, 4})))
    with caught("one_leader_per_term", "no majority of n1 n2 n3 n4"):
        cluster.elects(1, 1, (1, 2))


def test_a_joint_configuration_elects_by_both_majorities() -> None:
    joint = Configuration(frozenset({3, 4, 5}), outgoing=frozenset({1, 2, 3}))
    cluster = Cluster(OneLeaderPerTerm, first=joint)
    cluster.elects(3, 1, (2, 3, 4))
    with caught("one_leader_per_term", r"no majority of n3 n4 n5 \(leaving n1 n2 n3\)"):
        cluster.elects(3, 2, (3, 4, 5))


def test_a_vote_that_came_back_with_a_restart_counts() -> None:
    cluster = Cluster(OneLeaderPerTerm)
    cluster.elects(1, 1, (1, 2))
    cluster.restarts(2)
    cluster.leads(1, 1, (1, 2))


# -- appends ---------------------------------------------------------------------------------------
def append(term: int, leader: int, prev: int = 0, *entries: LogEntry) -> AppendEntries:
    return AppendEntries(term, leader, prev, 1 if prev else 0, list(entries), 0, 1)


def test_the_leader_sends_what_its_log_holds() -> None:
    cluster = Cluster(AppendsFromTheLeaderOnly)
    cluster.elects(1, 1)
    cluster.appends(1, no_op(1), LogEntry(1, b"a"))
    cluster.sends(1, 2, append(1, 1, 0, no_op(1), LogEntry(1, b"a")))
    cluster.sends(1, 2, append(1, 1, 2))
    cluster.sends(2, 1, AppendEntriesResponse(1, 2, True, 2, 1, 2))


@pytest.mark.parametrize(
    ("sender", "message", "text"),
    [
        (2, append(1, 2), "n2: sends n3 AppendEntries of term 1 as n2; n1 was elected"),
        (2, append(1, 1), "n2: sends n3 AppendEntries of term 1 as n1; n1 was elected"),
        (1, append(2, 1), "of term 2 as n1; nobody was elected in that term"),
        (2, InstallSnapshot(1, 2, 1, 1, 1, b"", 0, b"", 1), "n2: sends n3 InstallSnapshot"),
        (1, append(1, 1, 1, LogEntry(1, b"")), "ends at 2 in term 1; its own log has nothing"),
    ],
)
def test_appends_that_are_not_the_leaders(sender: int, message: AppendEntries, text: str) -> None:
    cluster = Cluster(AppendsFromTheLeaderOnly)
    cluster.elects(1, 1)
    cluster.appends(1, no_op(1))
    with caught("appends_from_the_leader_only", text):
        cluster.sends(sender, 3, message)


# -- the leader's log ------------------------------------------------------------------------------
def test_a_leader_appends_and_a_follower_may_drop() -> None:
    cluster = Cluster(LeaderAppendOnly)
    cluster.elects(1, 1)
    for _ in range(3):
        cluster.appends(1, no_op(1))
        cluster.turns(1)
    cluster.tell("truncated", cluster.nodes[2], LogTruncated(1, 1, 2))
    cluster.elects(2, 2)
    cluster.nodes[1].core.log.merge(1, [no_op(2)], 0)
    cluster.turns(1)


def test_a_leader_that_drops_entries() -> None:
    cluster = Cluster(LeaderAppendOnly)
    cluster.elects(1, 1)
    with caught("leader_append_only", "n1: drops its entries 2 to 3 in its own term 1"):
        cluster.tell("truncated", cluster.nodes[1], LogTruncated(1, 2, 3))


def test_a_leader_whose_log_got_shorter() -> None:
    cluster = Cluster(LeaderAppendOnly)
    cluster.elects(1, 2)
    cluster.appends(1, no_op(1), no_op(1), no_op(1))
    cluster.turns(1)
    cluster.nodes[1].core.log.merge(1, [no_op(2)], 0)
    with caught("leader_append_only", "had entry 3 of term 1.*now the log ends at 2"):
        cluster.turns(1)


def test_a_leader_whose_last_entry_was_replaced() -> None:
    cluster = Cluster(LeaderAppendOnly)
    cluster.elects(1, 2)
    cluster.appends(1, no_op(1))
    cluster.turns(1)
    cluster.nodes[1].core.log.merge(0, [no_op(2)], 0)
    with caught("leader_append_only", "entry 1 of term 1.*with term 2 at 1"):
        cluster.turns(1)


# -- leader completeness ---------------------------------------------------------------------------
def test_a_new_leader_has_what_is_committed() -> None:
    cluster = Cluster(LeaderCompleteness)
    cluster.settled(no_op(1))
    cluster.elects(2, 2)


def test_a_new_leader_that_lacks_a_committed_entry() -> None:
    cluster = Cluster(LeaderCompleteness)
    cluster.elects(1, 1)
    cluster.replicates(no_op(1))
    cluster.commits(1, 1)
    with caught("leader_completeness", "n3: elected in term 2 without entry 1 of term 1, which n1"):
        cluster.elects(3, 2, (2, 3))


def test_a_new_leader_that_has_another_entry() -> None:
    cluster = Cluster(LeaderCompleteness)
    cluster.elects(1, 2)
    cluster.replicates(no_op(2))
    cluster.commits(1, 1)
    cluster.appends(3, no_op(1))
    with caught("leader_completeness", "it has term 1 there"):
        cluster.elects(3, 3, (2, 3))


def test_who_was_elected_before_the_commit_need_not_have_it() -> None:
    cluster = Cluster(LeaderCompleteness)
    cluster.elects(1, 5)
    cluster.replicates(no_op(5))
    cluster.commits(1, 1)
    cluster.leads(3, 4, (3,))  # it hears of its votes late
