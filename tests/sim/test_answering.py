"""B63: whoever asks a node for something hears what came of it, once."""

import pytest

from node.replica import Ticket
from node.replica.pending import Proposals
from node.scenario.actions import Partition
from node.scenario.scenario import Scenario, Step, Workload
from node.scenario.when import At
from node.sim.answering import Owed
from node.sim.simulation import simulate
from node.verify.observation import Violation
from node.wire.messages import Failure

SECOND = 1_000_000
FAILURE = Failure(7, "busy", "not now", "none", None)


def deposed() -> Scenario:
    """A leader is cut off from the others with writes under way."""
    cut = Step(At(3 * SECOND), Partition(("leader",)), "", SECOND)
    return Scenario(
        "deposed",
        nodes=3,
        seed=1,
        duration_us=5 * SECOND,
        workload=Workload(clients=8, rate_per_s=100),
        steps=(cut,),
    )


def test_everybody_who_asked_has_an_answer_at_the_end() -> None:
    assert simulate(deposed()).verdict == "ok"


def test_whoever_waits_for_ever_is_found_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    pop_above = Proposals.pop_above

    def forget(proposals: Proposals, index: int) -> list[Ticket]:
        list(pop_above(proposals, index))
        return []

    monkeypatch.setattr(Proposals, "pop_above", forget)
    result = simulate(deposed())
    assert result.invariant == "every_request_is_answered_once"
    assert "is at rest and has not answered" in result.text


def test_an_answer_is_given_once() -> None:
    owed = Owed()
    owed.take(Ticket("client", 7), "Propose", 1000)
    with pytest.raises(
        Violation, match=r"n1: stops and has not answered 1 .* a Propose of 1000 us"
    ):
        owed.check(1, "stops")
    owed.answer(1, "client", FAILURE)
    owed.check(1, "stops")
    with pytest.raises(Violation, match="n1: answers what nobody asked, or once more"):
        owed.answer(1, "client", FAILURE)
