"""What operators are told is so."""

from typing import Any

import pytest

from node.raft.configuration import Configuration
from node.raft.messages import LogEntry
from node.verify.invariants.operators_are_told_what_happened import OperatorsAreToldWhatHappened
from tests.verify.members import THREE, Cluster, caught, no_op

RULE = "operators_are_told_what_happened"
FOUR = Configuration(frozenset({1, 2, 3, 4}))
JOINT = THREE.entering(FOUR)


def changed() -> Cluster:
    """From three voters to four: entries 2 and 3, of which the last is not committed."""
    cluster = Cluster(OperatorsAreToldWhatHappened)
    cluster.settled(no_op(1), LogEntry(1, JOINT))
    cluster.replicates(LogEntry(1, FOUR))
    return cluster


def hears(cluster: Cluster, **document: Any) -> None:
    cluster.tell("reported", cluster.nodes[1], document)


def test_a_change_that_is_done() -> None:
    cluster = changed()
    cluster.commits(1, 3)
    hears(cluster, index=3, term=1, configuration=FOUR.to_map())


@pytest.mark.parametrize(
    ("index", "configuration", "text"),
    [
        (3, FOUR, "entry 3 is done; entries up to 2 are committed"),
        (2, JOINT, "entry 2 is done, and tells of a joint configuration"),
        (1, FOUR, "entry 1 is done and tells of other members than are committed: n1 n2 n3$"),
    ],
)
def test_a_change_that_is_not_done(index: int, configuration: Configuration, text: str) -> None:
    with caught(RULE, text):
        hears(changed(), index=index, term=1, configuration=configuration.to_map())


def test_a_transfer() -> None:
    cluster = changed()
    cluster.elects(2, 2)
    document = {"from": 1, "target": 2}
    hears(cluster, **document, term=2)
    with caught(RULE, "n2 has taken over; n1 was elected in term 1"):
        hears(cluster, **document, term=1)
    with caught(RULE, "n2 has taken over; nobody was elected in term 3"):
        hears(cluster, **document, term=3)


def test_a_snapshot() -> None:
    cluster = changed()
    cluster.tell("captured", cluster.nodes[1], 2, b"state")
    document: dict[str, Any] = {"digest": "", "configuration": JOINT.to_map()}
    with caught(RULE, "a snapshot of entry 2, and does not have it"):
        hears(cluster, index=2, term=1, **document)
    cluster.snapshots(1, 2, JOINT)
    hears(cluster, index=2, term=1, **document)
    with caught(RULE, "a snapshot of entry 2 of term 7, which is of term 1"):
        hears(cluster, index=2, term=7, **document)
    with caught(RULE, "a snapshot of entry 1, after which nobody wrote a state down"):
        hears(cluster, index=1, term=1, **document)
    with caught(RULE, "a snapshot of entry 3; entries up to 2 are committed"):
        hears(cluster, index=3, term=1, **document)
