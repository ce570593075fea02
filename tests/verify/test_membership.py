"""Who the members are after a truncation, and leaders that are members no more."""

import pytest

from node.raft.configuration import Configuration
from node.raft.events import LogTruncated
from node.raft.messages import LogEntry
from node.verify.invariants.leaders_are_voters import LeadersAreVoters
from node.verify.invariants.members_are_those_of_the_log import MembersAreThoseOfTheLog
from tests.verify.members import THREE, Cluster, caught, no_op

FOUR = Configuration(frozenset({1, 2, 3, 4}))
JOINT = THREE.entering(FOUR)
OTHERS = Configuration(frozenset({2, 3}))


def truncated(cluster: Cluster) -> None:
    """Node 1 gives up its entries from 2 on."""
    cluster.tell("truncated", cluster.nodes[1], LogTruncated(2, 2, 3))


def test_a_configuration_goes_with_its_entry() -> None:
    cluster = Cluster(MembersAreThoseOfTheLog)
    log = cluster.nodes[1].core.log
    cluster.appends(1, no_op(1), no_op(1), LogEntry(1, JOINT))
    log.merge(1, [no_op(2)], 1)
    truncated(cluster)
    log.merge(2, [LogEntry(2, JOINT)], 1)
    truncated(cluster)


def test_a_configuration_that_outlives_its_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster(MembersAreThoseOfTheLog)
    log = cluster.nodes[1].core.log
    cluster.appends(1, no_op(1), no_op(1), LogEntry(1, JOINT))
    monkeypatch.setattr(type(log), "_forget_configurations", lambda log, index: None)
    log.merge(1, [no_op(2)], 1)
    with caught("members_are_those_of_the_log", r"n1 n2 n3 n4 \(leaving .* of entry 3, which was"):
        truncated(cluster)


def leading(*entries: LogEntry, commit: int) -> Cluster:
    cluster = Cluster(LeadersAreVoters)
    cluster.appends(1, no_op(1), *entries)
    cluster.leads(1, 1)
    cluster.nodes[1].core.commit_index = commit
    return cluster


def test_a_leader_that_goes_leads_until_that_is_committed() -> None:
    leading(LogEntry(1, THREE.entering(OTHERS)), commit=2).turns(1)
    cluster = leading(LogEntry(1, THREE.entering(OTHERS)), LogEntry(1, OTHERS), commit=2)
    cluster.turns(1)
    cluster.nodes[1].core.commit_index = 3
    cluster.nodes[1].core.is_leader = False
    cluster.turns(1)


def test_a_leader_that_does_not_go() -> None:
    cluster = leading(LogEntry(1, THREE.entering(OTHERS)), LogEntry(1, OTHERS), commit=3)
    with caught("leaders_are_voters", "n1: leads term 1 on, though the voters are n2 n3 as of"):
        cluster.turns(1)
