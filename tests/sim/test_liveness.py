"""A cluster gets well when its faults end, and half a cut node does not keep it busy."""

from dataclasses import replace

import pytest

from node.raft.events import RoleChanged
from node.scenario.actions import Kill, Partition
from node.scenario.scenario import Scenario, Step, Workload
from node.scenario.when import At
from node.sim.simulation import Simulation, simulate

SECOND = 1_000_000


def scenario(*steps: Step, nodes: int = 3, seconds: int = 20, **sim: float) -> Scenario:
    return Scenario(
        "test",
        nodes=nodes,
        seed=1,
        duration_us=seconds * SECOND,
        workload=Workload(clients=2, rate_per_s=20),
        steps=steps,
        sim=sim,
    )


@pytest.mark.parametrize("nodes", [3, 5])
@pytest.mark.parametrize("link", ["any-follower:rest", "not:n3:n3", "leader:rest"])
def test_node_that_is_cut_off_one_way_for_ever_costs_few_terms(nodes: int, link: str) -> None:
    """At most one term in ten election timeouts, with pre-vote and check-quorum."""
    seconds = 30
    run = Simulation(
        scenario(Step(At(2 * SECOND), Partition(one_way=(link,))), nodes=nodes, seconds=seconds)
    )
    terms = set[int]()

    def tell(node_id: int, event: object) -> None:
        if isinstance(event, RoleChanged):
            terms.add(event.term)

    run.world.listeners.append(tell)
    result = run.run()
    assert result.verdict == "ok", result.text
    election_timeouts = seconds * 1000 / 150
    assert len(terms) <= election_timeouts / 10
    assert result.operations["ok"] > 300


def test_cluster_without_a_quorum_gets_well_when_it_comes_back() -> None:
    steps = [Step(At(5 * SECOND), Kill(("n1",))), Step(At(6 * SECOND), Kill(("n2",)))]
    result = simulate(scenario(*steps))
    assert result.verdict == "ok", result.text


def test_run_that_asks_for_nothing_proves_nothing() -> None:
    result = simulate(scenario(clients=0))
    assert (result.verdict, result.why) == (
        "inconclusive",
        "nothing was asked of it, or nothing answered",
    )


def test_run_in_which_nothing_was_answered_before_the_faults_ended_proves_nothing() -> None:
    for options in ({"drop": 1.0}, {"client_loss": 1.0}):
        result = simulate(scenario(seconds=5, **options))  # type: ignore[arg-type]
        assert (result.verdict, result.why) == (
            "inconclusive",
            "nothing was asked of it, or nothing answered",
        )


@pytest.mark.parametrize(
    ("election_timeout_ms", "heartbeat_ms"), [(2, 1), (150, 50), (1000, 999), (60_000, 30_000)]
)
def test_cluster_gets_well_however_impatient_clients_were(
    election_timeout_ms: int, heartbeat_ms: int
) -> None:
    result = simulate(
        replace(
            scenario(
                seconds=3,
                election_timeout_ms=election_timeout_ms,
                heartbeat_ms=heartbeat_ms,
            ),
            workload=Workload(clients=2, rate_per_s=20, timeout_us=2_000),
        )
    )
    assert result.verdict != "failed", result.text


def test_cluster_that_lost_the_disks_of_a_quorum_has_no_verdict() -> None:
    run = Simulation(scenario(Step(At(3 * SECOND), Kill(("n1", "n2")))))
    run.world.listeners.append(lambda node_id, event: None)
    for node_id in (1, 2):
        run.world.hosts[node_id].disk.rotten_index = 1
    result = run.run()
    assert result.verdict == "inconclusive"
    assert result.why == "no quorum of its members has a disk that is whole"
