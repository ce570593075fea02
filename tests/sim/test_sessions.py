"""Sessions that go while their clients are still there, and those that several calls share."""

from node.scenario.actions import Kill, SnapshotTake
from node.scenario.scenario import Scenario, Step, Workload
from node.scenario.when import At
from node.sim.simulation import Result, Simulation, simulate
from node.verify.observation import Observers, Operation
from tests.mutants import catalogue
from tests.mutants.planting import planted

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


def shared(**sim: int | float) -> Scenario:
    return Scenario(
        "callers",
        nodes=3,
        seed=1,
        duration_us=10 * SECOND,
        workload=Workload(clients=6, rate_per_s=300),
        sim={"callers": 3, "client_loss": 0.1, "latency_ms": 5, **sim},
    )


class Watch:
    """Counts the commands of each three clients that are open at once."""

    def __init__(self) -> None:
        self.most = 0
        self._numbers: set[tuple[int, int]] = set()
        self._open: set[Operation] = set()

    def invoked(self, operation: Operation) -> None:
        group = (operation.client_id - 1) // 3
        if operation.sequence and operation.client_id <= 6:
            assert (group, operation.sequence) not in self._numbers, "each number is one command's"
            self._numbers.add((group, operation.sequence))
            self._open.add(operation)
            near = [each for each in self._open if (each.client_id - 1) // 3 == group]
            self.most = max(self.most, len(near))

    def answered(self, operation: Operation) -> None:
        self._open.discard(operation)


def test_clients_that_share_a_session_have_several_of_its_commands_open() -> None:
    watch = Watch()
    run = Simulation(shared(), invariants=lambda hosts: Observers([watch]))
    assert run.run().verdict == "ok"
    assert len({id(client.session) for client in run.world.clients}) == 2
    assert watch.most == 3


def test_session_that_is_gone_ends_once_for_all_who_share_it() -> None:
    result = simulate(shared(sessions_max=1))
    assert result.verdict == "ok", result.text
    assert result.coverage["session evicted"] > 50
    assert result.operations["ok"] > 200


def with_bug(name: str) -> Result:
    assert name in catalogue.MUTANTS
    with planted(name):
        return simulate(shared())


def test_result_that_is_not_kept_while_it_may_be_asked_for_is_seen() -> None:
    assert with_bug("only_newest_result_kept").invariant in ("at_most_once", "client_oracle")


def test_session_that_is_said_to_be_gone_where_none_had_to_go_is_seen() -> None:
    result = with_bug("lower_sequences_refused")
    assert result.invariant == "sessions_last"
    assert "the session of its" in result.text
