"""Whole clusters of the real driver, sessions and links, in virtual time and under faults."""

import socket
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import trio

from node.raft.configuration import Demote
from node.raft.events import Event, LeaderChanged
from node.raft.leases import lease_index
from tests.sim.virtual_clients import ClientLink
from tests.sim.virtual_cluster import Cluster, Settings, run_cluster
from tests.sim.virtual_faults import Hostile
from tests.sim.virtual_hosts import HERE, Host, Pace

SEEDS = range(1, 21)


@pytest.mark.parametrize("seed", SEEDS)
def test_cluster_keeps_its_promises_and_gets_well(seed: int) -> None:
    run_cluster(Hostile(seed))


def test_same_seed_is_the_same_run() -> None:
    runs = [Hostile(7), Hostile(7)]
    for each in runs:
        run_cluster(each)
    first, again = (each.world.lines for each in runs)
    assert first == again
    assert len(first) > 20


LAPTOP = -1
"""A machine that is no node's."""
CALM = Settings(
    nodes=3,
    clients=1,
    heartbeat_ms=50,
    latency=0.0005,
    pace=Pace(0.0001, 0.002, 0.01, 0, 0),
    snapshot_entries=1000,
    chunk_bytes=1000,
)


class Staged(Cluster):
    """One in which nothing but this happens, once it has a leader."""

    def __init__(
        self,
        scene: Callable[["Staged", Host], Awaitable[None]],
        seed: int = 1,
        settings: Settings = CALM,
    ) -> None:
        super().__init__(seed, settings)
        self._scene = scene

    async def meanwhile(self, nursery: trio.Nursery) -> None:
        await trio.sleep(1)
        leader = self.world.leader
        assert leader is not None
        await self._scene(self, leader)

    def others(self, host: Host) -> list[Host]:
        return [other for other in self.world.hosts.values() if other is not host]


@pytest.mark.parametrize("seed", range(4))
def test_leader_that_stops_while_its_followers_lose_their_votes_stops_cleanly(seed: int) -> None:
    """Whom it hands over to is chosen when it hands over, not some time before."""

    async def scene(cluster: Staged, leader: Host) -> None:
        changes = [Demote(other.id) for other in cluster.others(leader)]
        assert leader.node is not None

        def demote(now: int) -> None:
            leader.core.change_membership(changes, now)

        token = HERE.set(leader)
        leader.node.driver.submit([demote])
        HERE.reset(token)
        leader.told_to_stop.set()
        await leader.over.wait()
        leader.start()

    run_cluster(Staged(scene, seed))


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="this system cannot")
def test_links_are_there_soon_after_a_long_cut() -> None:
    """TCP alone would send again what was lost only after about as long as the cut was."""

    async def scene(cluster: Staged, leader: Host) -> None:
        world = cluster.world
        ids = sorted(world.hosts)
        pairs = [(one, other) for one in ids for other in ids if one != other]
        world.network.cut(pairs)
        await trio.sleep(20)
        assert world.leader is None
        world.network.heal(pairs)
        await trio.sleep(4)
        assert world.leader is not None

    run_cluster(Staged(scene))


def test_connections_of_machines_that_are_gone_end() -> None:
    """Or they would keep others out in the end: their number is limited."""

    async def scene(cluster: Staged, leader: Host) -> None:
        world, gone = cluster.world, cluster.others(leader)[0]
        link = ClientLink(world, leader.id, "client", bytes(16), origin=LAPTOP)
        await link.open(trio.current_time() + 1)
        gone.crash(silently=True)
        world.network.darken(LAPTOP)
        await gone.over.wait()
        before = [session for session in leader.sessions if not session.is_gone]
        await trio.sleep(40)
        left = [session for session in before if not session.is_gone]
        world.network.lighten(LAPTOP)
        gone.start()
        assert len(before) - len(left) >= 2

    run_cluster(Staged(scene))


async def until_it_has_a_lease(leader: Host) -> None:
    """That is, until a client has read under one, and a majority has promised it."""
    with trio.fail_after(60):
        while True:
            assert leader.node is not None
            if lease_index(leader.core, leader.node.driver.clock.now()) is not None:
                return
            await trio.sleep(0.01)


@pytest.mark.parametrize(("silently", "clients"), [(False, 0), (True, 0), (False, 1)])
def test_death_of_a_leader_is_noticed_by_the_end_of_its_connections(
    silently: bool, clients: int
) -> None:
    """A machine that is gone says nothing, so that takes an election timeout; and clients that read
    under a lease have the others wait for as long.
    """

    async def scene(cluster: Staged, leader: Host) -> None:
        timeout_us = leader.core.config.election_timeout_us
        if clients:
            await until_it_has_a_lease(leader)
        leader.crash(silently)
        await leader.over.wait()
        await trio.sleep(timeout_us / 2e6)
        elected = [host for host in cluster.others(leader) if host.core.is_leader]
        leader.start()
        assert bool(elected) is not (silently or clients > 0)

    run_cluster(Staged(scene, settings=replace(CALM, clients=clients)))


def test_connections_that_end_while_both_sides_live_change_no_leader() -> None:
    async def scene(cluster: Staged, leader: Host) -> None:
        term, follower = leader.core.term, cluster.others(leader)[0]
        seen: list[Event] = []
        assert follower.node is not None
        follower.node.driver.on_event(seen.append)
        for connection in list(cluster.world.network.connections):
            if set(connection.node_ids) == {leader.id, follower.id}:
                connection.reset()
        await trio.sleep(1)
        changes = [event.leader_id for event in seen if isinstance(event, LeaderChanged)]
        assert changes == [None, leader.id], "it is lost, and found again"
        assert leader.core.is_leader
        assert leader.core.term == term
        assert follower.core.tally.elections_tried == 0

    run_cluster(Staged(scene))
