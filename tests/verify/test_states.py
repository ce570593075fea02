"""What takes effect, in which order, how often, and who the members are by the log."""

import pytest

from node.raft.configuration import Configuration
from node.raft.log import EntryId, Placed, RaftLog
from node.raft.messages import LogEntry
from node.raft.ready import HardState
from node.raft.snapshot import Snapshot, SnapshotId
from node.storage.base import Stored
from node.verify.invariants.at_most_once import AtMostOnce
from node.verify.invariants.entries_are_applied_in_order import EntriesAreAppliedInOrder
from node.verify.invariants.members_are_those_of_the_log import MembersAreThoseOfTheLog
from node.verify.invariants.one_change_at_a_time import OneChangeAtATime
from node.verify.invariants.only_committed_entries_are_applied import (
    OnlyCommittedEntriesAreApplied,
)
from node.verify.invariants.same_state_everywhere import SameStateEverywhere
from node.verify.invariants.snapshots_restore_what_they_hold import SnapshotsRestoreWhatTheyHold
from tests.verify.members import THREE, Cluster, caught, command, no_op

PUT, RETRY = LogEntry(1, command(5, 1)), LogEntry(1, command(5, 1))
OTHER = LogEntry(1, command(5, 2))


# -- only what is committed ------------------------------------------------------------------------
def test_committed_entries_are_applied() -> None:
    cluster = Cluster(OnlyCommittedEntriesAreApplied, EntriesAreAppliedInOrder)
    cluster.settled(no_op(1), PUT)
    cluster.applies(1, 1)
    cluster.applies(1, 2)
    cluster.applies(2, 2)


def test_an_entry_that_nobody_committed() -> None:
    cluster = Cluster(OnlyCommittedEntriesAreApplied)
    cluster.settled(no_op(1))
    cluster.replicates(PUT, on=(1,))
    text = "n1: applies entries up to 2, of term 1; entries up to 1 are committed"
    with caught("only_committed_entries_are_applied", text):
        cluster.applies(1, 2)


def test_an_entry_that_a_majority_holds_and_no_leader_committed() -> None:
    """It may be of an earlier term, and be replaced yet (paper, figure 8)."""
    cluster = Cluster(OnlyCommittedEntriesAreApplied)
    cluster.settled(no_op(1))
    cluster.replicates(PUT, on=(1, 2, 3))
    with caught("only_committed_entries_are_applied", "n2: applies entries up to 2"):
        cluster.applies(2, 2)


# -- in order --------------------------------------------------------------------------------------
def test_a_snapshot_takes_a_node_further() -> None:
    cluster = Cluster(EntriesAreAppliedInOrder)
    cluster.settled(no_op(1), PUT, OTHER)
    cluster.applies(1, 2)
    cluster.snapshots(1, 2)
    cluster.restarts(1)
    cluster.applies(1, 3)
    cluster.nodes[2].core.snapshot = Snapshot(SnapshotId(2, 1, 1, b""), THREE)
    cluster.nodes[2].last_applied = 2
    cluster.applies(2, 3)


@pytest.mark.parametrize("first", [1, 3])
def test_an_entry_that_is_applied_again_or_skipped(first: int) -> None:
    cluster = Cluster(EntriesAreAppliedInOrder)
    cluster.settled(no_op(1), PUT, OTHER)
    cluster.applies(1, 1)
    with caught("entries_are_applied_in_order", f"n1: applies entry {first} after entry 1"):
        cluster.applies(1, 3, first=first)


def test_an_entry_that_is_skipped_behind_a_snapshot() -> None:
    cluster = Cluster(EntriesAreAppliedInOrder)
    cluster.settled(no_op(1), PUT, OTHER)
    cluster.nodes[1].core.snapshot = Snapshot(SnapshotId(1, 1, 1, b""), THREE)
    with caught("entries_are_applied_in_order", "applies entry 3 after entry 0 and the snapshot"):
        cluster.applies(1, 3, first=3)


def test_a_state_at_boot_that_is_of_no_snapshot() -> None:
    cluster = Cluster(EntriesAreAppliedInOrder)
    text = "comes up with a state after entry 0; its log begins at 3, its snapshots are of .* none"
    with caught("entries_are_applied_in_order", text):
        cluster.restarts(1, Stored(HardState(1, None), [], base=EntryId(1, 2)))


# -- the same everywhere ---------------------------------------------------------------------------
def test_the_same_entries_results_and_states() -> None:
    cluster = Cluster(SameStateEverywhere, SnapshotsRestoreWhatTheyHold)
    cluster.settled(no_op(1), PUT)
    for node_id in (1, 2, 3):
        cluster.applies(node_id, 2, {2: b"done"})
        cluster.nodes[node_id].state = b"digest"
        cluster.tell("captured", cluster.nodes[node_id], 2, b"digest")
    cluster.tell("restored", cluster.nodes[1], 2, b"digest")
    cluster.tell("finished", cluster.nodes)


def test_another_entry_is_applied() -> None:
    cluster = Cluster(SameStateEverywhere)
    cluster.settled(no_op(1), PUT)
    placed = Placed(0, THREE)
    cluster.nodes[3].core.log = RaftLog([no_op(1), OTHER], EntryId(0, 0), placed)
    text = "n3: applies another entry 2, of term 1, than the one of term 1 that n1 had committed"
    with caught("same_state_everywhere", text):
        cluster.applies(3, 2)


def test_another_result() -> None:
    cluster = Cluster(SameStateEverywhere)
    cluster.settled(PUT)
    cluster.applies(1, 1, {1: b"done"})
    with caught("same_state_everywhere", "n2: gets another result of entry 1 than n1: b'not done'"):
        cluster.applies(2, 1, {1: b"not done"})


def test_another_state() -> None:
    cluster = Cluster(SameStateEverywhere, SnapshotsRestoreWhatTheyHold)
    cluster.tell("captured", cluster.nodes[1], 5, b"one")
    with caught("same_state_everywhere", "n2: has another state after entry 5 than n1 had"):
        cluster.tell("captured", cluster.nodes[2], 5, b"other")
    with caught("snapshots_restore_what_they_hold", "of entry 5 that differs from what n1 had"):
        cluster.tell("restored", cluster.nodes[3], 5, b"other")


def test_a_node_that_is_behind_at_the_end() -> None:
    cluster = Cluster(SameStateEverywhere)
    cluster.settled(no_op(1), PUT)
    cluster.applies(1, 2)
    cluster.applies(2, 1)
    cluster.nodes[3].is_wiped = True
    with caught("same_state_everywhere", "n2: has applied entries up to 1 at the end, .* up to 2"):
        cluster.tell("finished", cluster.nodes)


def test_a_node_with_another_state_at_the_end() -> None:
    cluster = Cluster(SameStateEverywhere)
    cluster.settled(no_op(1), PUT)
    for node_id in (1, 2, 3):
        cluster.applies(node_id, 2)
    cluster.nodes[3].is_wiped = True
    cluster.tell("finished", cluster.nodes)
    cluster.nodes[3].state = b"other"
    with caught("same_state_everywhere", "n3: has another state after entry 2 than n1 had"):
        cluster.tell("finished", cluster.nodes)


def test_another_state_in_the_midst_of_an_entry() -> None:
    """Which is no other than the one after it, and is compared with its like."""
    cluster = Cluster(SameStateEverywhere)
    cluster.tell("captured", cluster.nodes[1], 5, b"after")
    cluster.tell("digested", cluster.nodes[1], 5, b"midway")
    with caught("same_state_everywhere", "n2: has another state while entry 5 takes effect"):
        cluster.tell("digested", cluster.nodes[2], 5, b"after")


# -- at most once ----------------------------------------------------------------------------------
def test_a_retry_runs_nothing() -> None:
    cluster = Cluster(AtMostOnce)
    cluster.settled(PUT, RETRY, OTHER)
    cluster.applies(1, 3, {1: b"", 3: b""})
    cluster.applies(2, 1, {1: b""})
    cluster.restarts(2)
    cluster.applies(2, 3, {1: b"", 3: b""})


def test_a_retry_that_runs() -> None:
    cluster = Cluster(AtMostOnce)
    cluster.settled(PUT, RETRY)
    text = "n1: runs its machine for entry 2 with command 1 of client 0x5, which .* at entry 1"
    with caught("at_most_once", text):
        cluster.applies(1, 2, {1: b"", 2: b""})


def test_a_command_that_does_not_run_on_all_nodes() -> None:
    cluster = Cluster(AtMostOnce)
    cluster.settled(PUT, OTHER)
    cluster.applies(1, 2, {1: b"", 2: b""})
    with caught("at_most_once", "n2: does not run its machine for entry 2 with command 2"):
        cluster.applies(2, 2, {1: b""})


# -- members ---------------------------------------------------------------------------------------
FOUR = Configuration(frozenset({1, 2, 3, 4}))
JOINT = THREE.entering(FOUR)
LEARNING = Configuration(frozenset({1, 2, 3}), frozenset({4}))


def test_snapshots_hold_the_members_of_their_entry() -> None:
    cluster = Cluster(MembersAreThoseOfTheLog)
    cluster.settled(no_op(1), LogEntry(1, LEARNING), PUT)
    cluster.turns(1)
    cluster.snapshots(1, 1, THREE)
    cluster.snapshots(2, 3, LEARNING)
    cluster.restarts(2)


@pytest.mark.parametrize(("index", "members"), [(1, FOUR), (2, THREE), (3, JOINT)])
def test_a_snapshot_with_other_members(index: int, members: Configuration) -> None:
    cluster = Cluster(MembersAreThoseOfTheLog)
    cluster.settled(no_op(1), LogEntry(1, LEARNING), PUT)
    with caught("members_are_those_of_the_log", f"n1: has a snapshot of entry {index} with the"):
        cluster.snapshots(1, index, members)


def test_a_node_that_goes_on_with_other_members() -> None:
    cluster = Cluster(MembersAreThoseOfTheLog)
    cluster.settled(no_op(1), LogEntry(1, JOINT), LogEntry(1, FOUR))
    cluster.nodes[2].core.log.reset(EntryId(1, 3), THREE)
    text = "n2: goes by the members n1 n2 n3 as of entry 3; by the committed log .* n1 n2 n3 n4"
    with caught("members_are_those_of_the_log", text):
        cluster.turns(2)


def test_a_node_that_goes_on_with_other_learners() -> None:
    cluster = Cluster(MembersAreThoseOfTheLog)
    promotable = Configuration(THREE.voters, frozenset({4}), promotable=frozenset({4}))
    cluster.settled(no_op(1), LogEntry(1, LEARNING))
    cluster.nodes[2].core.log.reset(EntryId(1, 2), promotable)
    with caught("members_are_those_of_the_log", r"learners n4\+ as of .* the learners n4$"):
        cluster.turns(2)


def change(cluster: Cluster, *configurations: Configuration, commit: int) -> None:
    """The leader appends `configurations` in one turn."""
    cluster.nodes[1].core.commit_index = commit
    cluster.appends(1, *(LogEntry(2, each) for each in configurations))
    cluster.turns(1)


def leading() -> Cluster:
    """Node 1 leads term 2, with the entries 1 and 2, of which the second is of this term."""
    cluster = Cluster(OneChangeAtATime)
    cluster.appends(1, no_op(1), no_op(2))
    cluster.leads(1, 2)
    cluster.turns(1)
    return cluster


def test_one_change_after_the_other() -> None:
    cluster = leading()
    change(cluster, JOINT, commit=2)
    change(cluster, FOUR, commit=3)
    change(cluster, FOUR.entering(THREE), commit=4)
    change(cluster, THREE, commit=5)
    change(cluster, LEARNING, commit=6)


def test_what_came_from_an_earlier_leader_is_its_own_affair() -> None:
    cluster = Cluster(OneChangeAtATime)
    cluster.appends(1, LogEntry(1, JOINT), LogEntry(1, FOUR))
    cluster.leads(1, 2)
    cluster.turns(1)


@pytest.mark.parametrize(
    ("changes", "commit", "text"),
    [
        ([LEARNING], 1, "the configuration 3 in term 2 before an entry of that term is committed"),
        ([LEARNING, THREE], 2, "the configuration 4 while that of entry 3 is not committed"),
        ([Configuration(frozenset({3, 4, 5}))], 2, "n1 n2 n3 of entry 0 to n3 n4 n5 of entry 3"),
        ([FOUR.entering(THREE)], 2, r"to n1 n2 n3 \(leaving n1 n2 n3 n4\) .* not joined"),
    ],
)
def test_changes_that_are_not_right(changes: list[Configuration], commit: int, text: str) -> None:
    with caught("one_change_at_a_time", text):
        change(leading(), *changes, commit=commit)


def test_a_change_while_another_is_under_way() -> None:
    cluster = leading()
    change(cluster, JOINT, commit=2)
    with caught("one_change_at_a_time", "configuration 4 while that of entry 3 is not committed"):
        change(cluster, FOUR, commit=2)


def test_the_right_half_is_left() -> None:
    cluster = leading()
    change(cluster, JOINT, commit=2)
    with caught("one_change_at_a_time", "to n1 n2 n3 of entry 4, which are not joined"):
        change(cluster, THREE, commit=3)
