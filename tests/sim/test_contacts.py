"""Connections in a simulated world: a process that ends takes its own with it."""

from dataclasses import replace

from node.scenario.scenario import Scenario
from node.sim.host import Host
from node.sim.options import Options, draw
from node.sim.simulation import simulate
from node.sim.world import MS, SECOND, World
from node.verify.observation import Member, Observers


class Losses:
    """An observer that writes down who lost whom."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    def lost(self, member: Member, peer_id: int) -> None:
        self.seen.append((member.id, peer_id))


def world(losses: Losses, **options: float) -> World:
    """Of three nodes where `options` do not say otherwise, one of them elected."""
    made = World(1, replace(Options(clients=0), **options), lambda hosts: Observers([losses]))  # type: ignore[arg-type]
    made.start_all()
    made.kernel.run(2 * SECOND)
    assert made.leader is not None
    return made


def kill_the_leader(made: World) -> Host:
    leader = made.leader
    assert leader is not None
    made.crash(leader.id)
    return leader


def test_death_that_is_noticed_is_followed_by_an_election_at_once() -> None:
    losses = Losses()
    made = world(losses, noticed=1.0, election_timeout_ms=1000)
    dead = kill_the_leader(made)
    made.kernel.run(made.kernel.now + 200 * MS)
    assert sorted(losses.seen) == [(each, dead.id) for each in (1, 2, 3) if each != dead.id]
    assert made.contacts.deaths_noticed >= 1
    assert made.leader is not None


def test_death_that_nobody_notices_is_found_by_its_silence() -> None:
    losses = Losses()
    made = world(losses, election_timeout_ms=1000)
    kill_the_leader(made)
    made.kernel.run(made.kernel.now + 800 * MS)
    assert made.leader is None
    assert losses.seen == []
    made.kernel.run(made.kernel.now + 4 * SECOND)
    assert made.leader is not None


def test_two_nodes_lose_each_other_while_both_live_and_no_leader_with_that() -> None:
    losses = Losses()
    made = world(losses, nodes=5, heartbeat_ms=10, resets=10.0)
    leader = made.leader
    assert leader is not None
    made.kernel.run(made.kernel.now + 20 * SECOND)
    assert len(losses.seen) > 200
    mutual = {(losses.seen[at], losses.seen[at + 1]) for at in range(0, len(losses.seen), 2)}
    assert all(one == other[::-1] for one, other in mutual)
    assert sum(peer_id == leader.id for _, peer_id in losses.seen) > 50
    assert made.leader is leader


def test_node_loses_all_its_connections_and_leadership_may_go_on_elsewhere() -> None:
    losses = Losses()
    made = world(losses, flaps=1.0)
    term = max(host.core.term for host in made.hosts.values())
    made.kernel.run(made.kernel.now + 20 * SECOND)
    assert len(losses.seen) % 4 == 0, "of three nodes one loses two, and each of these loses it"
    assert max(host.core.term for host in made.hosts.values()) > term


def test_connections_hold_once_all_faults_are_over() -> None:
    losses = Losses()
    made = world(losses, resets=10.0, flaps=10.0)
    made.calm()
    made.kernel.run(made.kernel.now + 1 * MS)
    before = len(losses.seen)
    made.kernel.run(made.kernel.now + 5 * SECOND)
    assert len(losses.seen) == before


def test_lease_reads_are_linearizable_where_leaders_lose_their_connections() -> None:
    noticed = 0
    for seed in range(1, 5):
        sim = {"lease_reads": True, "noticed": 1.0, "resets": 2.0, "flaps": 2.0}
        result = simulate(Scenario("flapping", seed=seed, duration_us=8 * SECOND, sim=sim))
        assert result.verdict == "ok", result.text
        noticed += result.coverage["lease read"]
    assert noticed > 100


def test_seeds_differ_in_whether_connections_end() -> None:
    drawn = [draw(seed) for seed in range(1, 101)]
    for name in ("noticed", "resets", "flaps"):
        some = sum(getattr(options, name) > 0 for options in drawn)
        assert 10 < some < 90, name
