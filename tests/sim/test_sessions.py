"""Sessions that go while their clients are still there."""

from node.scenario.actions import Kill, SnapshotTake
from node.scenario.scenario import Scenario, Step, Workload
from node.scenario.when import At
from node.sim.simulation import simulate

SECOND = 1_000_000


def test_clients_go_on_under_another_session_when_theirs_was_evicted() -> None:
    """Also on nodes that have the sessions from a snapshot, and what is evicted is so on all."""
    result = simulate(
        Scenario(
            "evictions",
            nodes=3,
            seed=1,
            duration_us=20 * SECOND,
            workload=Workload(clients=6, rate_per_s=30),
            steps=(
                Step(At(5 * SECOND), SnapshotTake(("all",))),
                Step(At(6 * SECOND), Kill(("leader",)), "", 2 * SECOND),
            ),
            sim={"sessions_max": 3},
        )
    )
    assert result.verdict == "ok", result.text
    assert result.coverage["session evicted"] > 100
    assert result.operations["ok"] > 200
