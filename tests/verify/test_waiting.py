"""What a node takes on before a majority has answered."""

from typing import Any

import pytest

from node.raft.config import CoreConfig
from node.raft.messages import LogEntry
from node.raft.reads import LocalRead
from node.raft.roles import Follower, Leader
from node.verify.invariants.what_waits_is_bounded import WhatWaitsIsBounded
from tests.verify.members import Cluster, caught, no_op

CONFIG = CoreConfig(
    1,
    frozenset({1, 2, 3}),
    uncommitted_max=2,
    uncommitted_bytes_max=10,
    reads_max=1,
    entry_size=len,
)


def leading(*commands: bytes, reads: int = 0) -> Cluster:
    """Node 1 has committed the first entry of its term, and not what follows it."""
    cluster = Cluster(WhatWaitsIsBounded)
    cluster.leads(1, 1)
    cluster.appends(1, no_op(1), *(LogEntry(1, each) for each in commands))
    core: Any = cluster.nodes[1].core
    core.config, core.commit_index = CONFIG, 1
    core.role = Leader(0, 0, 0, 1, {}, uncommitted_bytes=sum(map(len, commands)))
    for number in range(reads):
        core.role.reads.register(LocalRead(number, 0), 1, 0)
    return cluster


@pytest.mark.parametrize(
    "commands",
    [
        (),
        (b"a", b"b"),
        (b"alone and long",),
        (b"client 1 a", b"client 1 b"),
        (b"of one client",) * 8,
    ],
)
def test_what_is_within_its_bounds(commands: tuple[bytes, ...]) -> None:
    leading(*commands, reads=1).turns(1)


def test_what_an_earlier_leader_left_does_not_count() -> None:
    cluster = leading(b"a", b"b", b"c")
    core: Any = cluster.nodes[1].core
    core.role.first_index = 2
    cluster.turns(1)


def test_too_many_commands() -> None:
    with caught("what_waits_is_bounded", "n1: 3 commands are not committed"):
        leading(b"a", b"b", b"c").turns(1)


def test_more_behind_a_request_that_was_too_much_already() -> None:
    """Though they are all of one client."""
    cluster = leading(*[b"client 1"] * 3)
    cluster.turns(1)
    cluster.turns(1)
    cluster.appends(1, LogEntry(1, b"client 1"))
    with caught("what_waits_is_bounded", "n1: 4 commands are not committed"):
        cluster.turns(1)


def test_another_request_once_there_was_room() -> None:
    cluster = leading(*[b"client 1"] * 3)
    cluster.turns(1)
    core: Any = cluster.nodes[1].core
    core.commit_index, core.role.uncommitted_bytes = 4, 0
    cluster.turns(1)
    cluster.appends(1, *[LogEntry(1, b"client 1")] * 3)
    cluster.turns(1)


def test_too_many_bytes() -> None:
    with caught("what_waits_is_bounded", "n1: 12 bytes of commands are not committed"):
        leading(b"123456", b"654321").turns(1)


def test_bytes_of_nothing() -> None:
    cluster = leading(b"abc")
    cluster.nodes[1].core.commit_index = 2
    with caught("what_waits_is_bounded", "n1: 3 bytes count for no entry"):
        cluster.turns(1)


def test_too_many_reads() -> None:
    with caught("what_waits_is_bounded", "n1: 2 reads wait for a majority"):
        leading(reads=2).turns(1)


@pytest.mark.parametrize("count", [1, 2])
def test_reads_that_are_forwarded(count: int) -> None:
    cluster = leading()
    core: Any = cluster.nodes[1].core
    core.role, core.forwarded_reads = Follower(0), dict.fromkeys(range(count))
    if count == 1:
        cluster.turns(1)
        return
    with caught("what_waits_is_bounded", "n1: 2 reads wait for the leader"):
        cluster.turns(1)
