"""The first election of a cluster does not wait for a timer."""

from pathlib import Path
from random import Random

import pytest
import trio
import trio.testing

from node.config import ClusterSpec, NodeAddress, RaftSettings, first_configuration
from node.machines.kv import KvMachine
from node.raft.config import CoreConfig, InitialState
from node.raft.core import RaftCore
from node.raft.messages import AppendEntries, LogEntry
from node.server.firstelection import maybe_stand, stands_in_us
from node.server.node import Node
from node.server.nodefaults import NodeFaults
from node.server.run import Stores, assemble
from node.storage.memory import MemorySnapshots, MemoryStorage
from node.transport.channel import Channel
from tests.server.test_driver import Caller

NEW = InitialState()


def nodes(*priorities: int) -> tuple[NodeAddress, ...]:
    return tuple(
        NodeAddress(number, "127.0.0.1", number, priority)
        for number, priority in enumerate(priorities, 1)
    )


def core(
    node_id: int, voters: frozenset[int], initial: InitialState = NEW, pre_vote: bool = False
) -> RaftCore:
    return RaftCore(CoreConfig(node_id, voters, pre_vote=pre_vote), initial, Random(1), 0)


FIVE = frozenset(range(1, 6))


LATE_US = CoreConfig(1, FIVE).heartbeat_us * 3 // 2


@pytest.mark.parametrize(
    ("node_id", "connected", "later", "delay_us"),
    [
        (1, [], [], None),
        (1, [3], [2, 3, 4, 5], None),
        (1, [3, 5], [3, 5], 0),
        (1, [3, 5], [2, 4], 0),
        (1, [3, 5], [2, 7], LATE_US),  # three may have elected one of them
        (1, [2, 3, 4, 5], [], LATE_US),
        (1, [7, 8], [7, 8], None),  # no members
        (2, [1, 3, 4, 5], [1, 3, 4, 5], None),  # it is the turn of another one
    ],
)
def test_one_node_stands_once_a_majority_can_hear_it(
    node_id: int, connected: list[int], later: list[int], delay_us: int | None
) -> None:
    found = stands_in_us(core(node_id, FIVE), nodes(*[100] * 8), connected, later)
    assert found == delay_us
    asking = core(node_id, FIVE, pre_vote=True)
    found = stands_in_us(asking, nodes(*[100] * 8), connected, later)
    assert found == (None if delay_us is None else 0), "pre-votes disturb nobody"


def test_node_that_is_preferred_stands() -> None:
    voters, all_three = frozenset({1, 2, 3}), [1, 2, 3]
    these = nodes(50, 100, 100)
    stands = [stands_in_us(core(each, voters), these, all_three, all_three) for each in all_three]
    assert stands == [None, 0, None]


@pytest.mark.parametrize(
    "later", [InitialState(1, None, []), InitialState(1, 1, [LogEntry(1, b"x")])]
)
def test_who_has_been_in_a_term_waits_for_its_timer(later: InitialState) -> None:
    assert stands_in_us(core(1, FIVE, later), nodes(*[100] * 5), [2, 3, 4, 5], [2, 3, 4, 5]) is None


def alone(election_timeout_ms: int) -> Node:
    raft = RaftSettings(heartbeat_ms=50, election_timeout_ms=election_timeout_ms)
    return assembled(nodes(100), raft)


def assembled(members: tuple[NodeAddress, ...], raft: RaftSettings) -> Node:
    """Its first node."""
    spec = ClusterSpec("demo", "c1", members, raft=raft)
    stores = Stores(
        MemoryStorage(first_configuration(spec.nodes)),
        MemorySnapshots("c1"),
        False,
        NodeFaults(Random(1)),
    )
    return assemble(Path("nowhere"), spec, b"t" * 32, 1, stores, KvMachine)


def test_node_that_is_alone_leads_at_once() -> None:
    async def scenario() -> None:
        node = alone(election_timeout_ms=100_000)
        driver = node.driver
        elected = trio.Event()
        driver.on_event(lambda event: elected.set() if driver.replica.core.is_leader else None)
        with trio.fail_after(20):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(driver.run)
                maybe_stand(driver, node.links, node.spec.nodes)
                await elected.wait()
                driver.stop()

    trio.run(scenario)


@pytest.mark.parametrize("pre_vote", [True, False])
def test_who_hears_of_a_leader_before_its_turn_does_not_stand(pre_vote: bool) -> None:
    """Both wait in the inbox, and messages come first."""

    async def scenario() -> None:
        raft = RaftSettings(heartbeat_ms=50, election_timeout_ms=100_000, pre_vote=pre_vote)
        node = assembled(nodes(100, 100, 100), raft)
        driver = node.driver
        heartbeat = AppendEntries(1, 2, 0, 0, [], 0, 1, False)
        for link in node.links.values():
            link._channel, link.came_later = Channel.__new__(Channel), True
        driver.deliver(Caller(), [heartbeat])
        maybe_stand(driver, node.links, node.spec.nodes)
        for link in node.links.values():
            link._channel = None
        roles: list[str] = []
        driver.on_event(lambda _: roles.append(driver.replica.core.role_name))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(driver.run)
            await trio.testing.wait_all_tasks_blocked(0.01)
            driver.stop()
        assert driver.replica.core.leader_id == 2
        assert set(roles) == {"follower"}

    trio.run(scenario)
