"""Snapshots that come in where the log holds what they stand for."""

from node.raft.messages import LogEntry
from node.verify.invariants.installs_keep_the_tail import InstallsKeepTheTail
from tests.verify.members import Cluster, caught, no_op

ENTRIES = [no_op(1), LogEntry(1, b"a"), LogEntry(1, b"b")]


def loaded(index: int, holds: bool = True) -> Cluster:
    """Node 2 has loaded a snapshot of entry `index`, and holds it in its log, or another one."""
    cluster = Cluster(InstallsKeepTheTail)
    cluster.elects(1, 1)
    cluster.replicates(*ENTRIES, on=(1, 3))
    cluster.replicates(*(ENTRIES if holds else [no_op(1)]), on=(2,))
    cluster.commits(1, 3)
    cluster.tell("restored", cluster.nodes[2], index, b"")
    return cluster


def test_log_is_dropped_for_a_snapshot_whose_entry_it_holds() -> None:
    with caught("installs_keep_the_tail", "n2: drops its log for the snapshot of entry 2"):
        loaded(2).snapshots(2, 2)


def test_snapshot_that_is_declined_and_another_one_that_the_node_takes_itself() -> None:
    cluster = loaded(2)
    cluster.tell("declined", cluster.nodes[2], 2, 1)
    cluster.snapshots(2, 2)


def test_snapshot_of_what_the_log_lacks() -> None:
    cluster = loaded(3, holds=False)
    cluster.replicates(*ENTRIES[1:], on=(2,))
    cluster.snapshots(2, 3)


def test_snapshot_that_is_forgotten_with_the_process() -> None:
    cluster = loaded(2)
    cluster.restarts(2)
    cluster.snapshots(2, 2)
