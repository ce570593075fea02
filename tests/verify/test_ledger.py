"""The established log, and that it forgets what nobody can ask for."""

from typing import Any

import pytest

from node.raft.configuration import Configuration
from node.raft.messages import LogEntry
from node.verify import ledger as ledger_module
from node.verify.invariants import ALL, every
from node.verify.ledger import Ledger, hash_of
from tests.verify.members import THREE, Cluster, command, no_op

FOUR = Configuration(frozenset({1, 2, 3, 4}))


def ledger_of(cluster: Cluster) -> Ledger:
    found = cluster.observers.invariants[0]
    assert isinstance(found, Ledger)
    return found


def test_what_it_says_about_committed_entries() -> None:
    cluster = Cluster()
    cluster.settled(no_op(1), LogEntry(1, b"a"), LogEntry(1, FOUR))
    ledger = ledger_of(cluster)
    assert [ledger.term_at(index) for index in range(5)] == [None, 1, 1, 1, None]
    assert ledger.hash_at(2) == hash_of(b"a")
    assert ledger.who(2) == 1
    assert ledger.configuration_at(2) == THREE
    assert ledger.configuration_at(3) == FOUR
    assert ledger.last_committed_before(2) == 3
    assert ledger.last_committed_before(1) == 0
    entries = [no_op(1), LogEntry(1, b"a"), LogEntry(1, THREE), no_op(9)]
    assert ledger.first_difference(1, entries) == 3
    assert ledger.first_difference(2, entries[1:2]) is None


def test_hashes_differ_by_what_stands_in_an_entry() -> None:
    payloads: list[Any] = [None, b"", b"a", THREE, FOUR, "text"]
    assert len({hash_of(payload) for payload in payloads}) == len(payloads)


def run(cluster: Cluster, first: int, last: int, on: tuple[int, ...]) -> None:
    """Commit, apply and compact, entry by entry."""
    for index in range(first, last + 1):
        cluster.replicates(LogEntry(1, command(5, index)), on=on)
        cluster.commits(1, index)
        for node_id in on:
            cluster.nodes[node_id].core.commit_index = index
            cluster.applies(node_id, index)
            cluster.turns(node_id)
        if index % 10 == 0:
            for node_id in on:
                cluster.tell("captured", cluster.nodes[node_id], index, b"%d" % index)
                cluster.snapshots(node_id, index)


def sizes(cluster: Cluster) -> int:
    """Of all that the observers keep."""
    total = 0
    for observer in cluster.observers.invariants:
        for name in getattr(type(observer), "__slots__", ()):
            kept = getattr(observer, name)
            total += len(kept) if isinstance(kept, dict | list) else 0
    return total


def test_memory_stays_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "PRUNE_EVERY", 32)
    cluster = Cluster(*ALL)
    cluster.elects(1, 1)
    cluster.enters(3, 1, 1)
    run(cluster, 1, 200, (1, 2, 3))
    early = sizes(cluster)
    run(cluster, 201, 600, (1, 2, 3))
    assert sizes(cluster) < early + 100
    ledger = ledger_of(cluster)
    assert ledger.base > 500
    assert ledger.term_at(ledger.base) is None
    assert ledger.configuration_at(ledger.base) == THREE


def test_a_node_that_is_away_holds_it_back_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "PRUNE_EVERY", 32)
    monkeypatch.setattr(ledger_module, "ENTRIES_MAX", 200)
    cluster = Cluster(*ALL)
    cluster.elects(1, 1)
    cluster.enters(3, 1, 1)
    run(cluster, 1, 20, (1, 2, 3))
    cluster.crashes(3)
    run(cluster, 21, 150, (1, 2))
    assert ledger_of(cluster).base == 0
    run(cluster, 151, 500, (1, 2))
    assert 200 < ledger_of(cluster).base <= 300
    cluster.restarts(3)


def test_all_rules_are_wired_once() -> None:
    assert len(set(ALL)) == len(ALL)
    observers = every({})
    assert sum(isinstance(each, Ledger) for each in observers.invariants) == 1
    assert len(observers.invariants) == len(ALL) + 5
