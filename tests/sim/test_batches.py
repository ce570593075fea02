"""Clients that ask for several things at once: each of them is one operation, with its own fate."""

from collections import defaultdict
from itertools import pairwise

import pytest

from node.client.session import Sequences
from node.machines import kv
from node.scenario.actions import Kill
from node.scenario.scenario import Scenario, Step, Workload
from node.scenario.when import At
from node.sim.asking import Asking
from node.sim.options import draw
from node.sim.simulation import Simulation
from node.verify.invariants import every
from node.verify.observation import Observers, Operation, Violation
from node.wire.batches import AnswerAll, AppliedAll, ProposeAll, ReadAll
from node.wire.envelope import EXPIRED_RESULT, ok_result, unseal

SECOND = 1_000_000


class Watch:
    """The batches that were answered, by when their client asked for them."""

    def __init__(self) -> None:
        self.batches: dict[tuple[int, int], list[Operation]] = defaultdict(list)

    def answered(self, operation: Operation) -> None:
        if operation.place is not None:
            self.batches[operation.client_id, operation.invoked_at].append(operation)

    @property
    def of_commands(self) -> list[list[Operation]]:
        return [each for each in self.batches.values() if each[0].sequence]


def run(**sim: int | float) -> tuple[Simulation, Watch]:
    """Leaders die, and some requests and replies are lost; each rule looks."""
    watch = Watch()
    scenario = Scenario(
        "batches",
        nodes=3,
        seed=1,
        duration_us=10 * SECOND,
        workload=Workload(clients=4, rate_per_s=50),
        steps=tuple(Step(At(at * SECOND), Kill(("leader",)), "", SECOND) for at in (2, 5)),
        sim={"client_loss": 0.1, "append_bytes_max": 1, "batches": 1.0, **sim},
    )
    simulation = Simulation(
        scenario, invariants=lambda hosts: Observers([*every(hosts).invariants, watch])
    )
    result = simulation.run()
    assert result.verdict == "ok", result.text or result.why
    assert result.coverage["batch asked"] == len(watch.batches)
    return simulation, watch


def test_each_command_of_a_batch_is_an_operation_also_when_the_batch_is_asked_again() -> None:
    simulation, watch = run()
    assert simulation.coverage.counts["batch asked again"] > 5
    for batch in watch.of_commands:
        assert [each.place for each in batch] == list(range(len(batch)))
        assert len({each.sequence for each in batch}) == len(batch)
        if all(each.outcome == "ok" for each in batch):
            first = batch[0].index
            assert [each.index for each in batch] == list(range(first, first + len(batch)))
    assert any(len({each.key for each in batch}) > 1 for batch in watch.of_commands)
    assert any(len({each.kind for each in batch}) > 1 for batch in watch.of_commands)


def test_some_batches_leave_out_numbers_of_their_session() -> None:
    _, watch = run()
    steps = [
        second.sequence - first.sequence
        for batch in watch.of_commands
        for first, second in pairwise(batch)
    ]
    assert set(steps) == {1, 2, 3}


def test_batch_goes_on_under_another_session_when_its_own_was_evicted() -> None:
    simulation, watch = run(sessions_max=2)
    assert simulation.coverage.counts["session evicted"] > 20
    lost = [each for batch in watch.of_commands for each in batch if each.sessions_lost]
    assert {"ok", "unknown"} <= {each.outcome for each in lost}


def test_reads_of_a_batch_are_of_one_state() -> None:
    _, watch = run(stale_reads=True)
    reads = [each for each in watch.batches.values() if not each[0].sequence]
    assert {each.mode for batch in reads for each in batch} == {"linearizable", "stale"}
    for batch in reads:
        assert len({(each.mode, each.index, each.outcome) for each in batch}) == 1


def test_half_of_the_seeds_have_no_batches() -> None:
    drawn = [draw(seed).batches for seed in range(1, 101)]
    assert 35 < drawn.count(0.0) < 65


def commands(count: int, skipped: int = 0) -> Asking:
    operations = [
        Operation(1, 0, "delete", f"k{place}", None, None, "linearizable", 0, place=place)
        for place in range(count)
    ]
    return Asking(operations, Sequences(7), skipped)


def test_a_batch_is_the_same_request_each_time() -> None:
    asking = commands(4, skipped=2)
    first, second = asking.request(1, False, 9), asking.request(2, False, 12)
    assert isinstance(first, ProposeAll)
    assert isinstance(second, ProposeAll)
    assert first.commands == second.commands
    headers = [unseal(command)[0] for command in first.commands]
    assert [each.sequence for each in headers] == [1, 2, 5, 6]
    assert {(each.client_id, each.acked_below, each.born_at) for each in headers} == {(7, 1, 9)}
    assert [each.attempts for each in asking.operations] == [2] * 4


def test_results_of_a_batch_may_differ() -> None:
    asking = commands(3)
    done = ok_result(b"\xf5")
    lost = asking.take(2, AppliedAll(1, 10, 1, [done, EXPIRED_RESULT, done]))
    assert lost == [asking.operations[1]]
    assert [each.outcome for each in asking.operations] == ["ok", None, "ok"]
    assert [each.index for each in asking.operations] == [10, 0, 12]
    assert [each.sessions_lost for each in asking.operations] == [0, 1, 0]


def test_reply_to_a_batch_has_a_result_for_each() -> None:
    operations = [
        Operation(1, 0, "get", "k", None, None, "stale", 0, place=place) for place in (0, 1)
    ]
    asking = Asking(operations, Sequences(7))
    assert asking.request(3, False, 9) == ReadAll(3, [kv.get("k")] * 2, "stale")
    with pytest.raises(Violation, match="client_oracle: n2: answers 2 in one with 1 results"):
        asking.take(2, AnswerAll(3, 10, [ok_result(b"\xf6")], 4))
    assert asking.take(2, AnswerAll(3, 10, [ok_result(b"\xf6")] * 2, 4)) == []
    assert [(each.index, each.age_ms) for each in operations] == [(10, 4)] * 2
