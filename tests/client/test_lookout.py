"""Who waits for a silent node looks whether another one leads by now."""

import time
from collections.abc import Callable
from itertools import pairwise

import pytest

from node.client import lookout
from node.client.address import ClusterAddress
from node.client.errors import UnreachableError
from node.client.lookout import FIRST_LOOK_SECONDS, Lookout
from node.client.survey import Survey

ADDRESS = ClusterAddress("c1", b"t" * 32, {n: ("127.0.0.1", n) for n in (1, 2, 3)}, 1 << 20)
FOLLOWS = {"id": 2, "role": "follower", "term": 3}
LEADS = {"id": 3, "role": "leader", "term": 3}
GONE = UnreachableError("refused", "n3 is gone")


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[float]]:
    """What the others say, one look after the other; gives the times of the looks."""

    def say(*surveys: Survey) -> list[float]:
        left, looked = list(surveys), []

        def status_of_all(
            address: ClusterAddress, timeout: float, leave_out: tuple[int, ...]
        ) -> Survey:
            assert leave_out == (1,), "that one is known to be silent"
            looked.append(time.monotonic())
            return left.pop(0) if len(left) > 1 else left[0]

        monkeypatch.setattr(lookout, "status_of_all", status_of_all)
        return looked

    return say


def silence(until: float) -> str:
    time.sleep(max(until - time.monotonic(), 0))
    raise UnreachableError("silent", "n1 does not answer")


def test_answer_that_comes_soon_costs_no_look(others: Callable[..., list[float]]) -> None:
    looked = others({2: LEADS})
    assert Lookout(ADDRESS, 1).wait(lambda until: "answer", time.monotonic() + 9) == "answer"
    assert looked == []


def test_wait_ends_when_another_one_leads(others: Callable[..., list[float]]) -> None:
    looked = others({2: FOLLOWS, 3: GONE}, {2: FOLLOWS, 3: LEADS})
    waiting, began = Lookout(ADDRESS, 1), time.monotonic()
    with pytest.raises(UnreachableError, match="n1 does not answer"):
        waiting.wait(silence, began + 9)
    assert waiting.successor == 3
    assert len(looked) == 2
    assert looked[0] >= began + FIRST_LOOK_SECONDS


def test_leader_of_an_earlier_term_is_none(others: Callable[..., list[float]]) -> None:
    others({2: FOLLOWS | {"term": 4}, 3: LEADS})
    waiting = Lookout(ADDRESS, 1)
    with pytest.raises(UnreachableError):
        waiting.wait(silence, time.monotonic() + 2 * FIRST_LOOK_SECONDS)
    assert waiting.successor is None


def test_node_that_is_slow_and_leads_is_waited_for_with_fewer_and_fewer_looks(
    others: Callable[..., list[float]],
) -> None:
    looked = others({2: FOLLOWS, 3: FOLLOWS})
    answers_at = time.monotonic() + 1.0

    def slow(until: float) -> str:
        if until < answers_at:
            return silence(until)
        return "late"

    assert Lookout(ADDRESS, 1).wait(slow, answers_at + 9) == "late"
    gaps = [after - before for before, after in pairwise(looked)]
    assert len(looked) == 4
    assert gaps == sorted(gaps)


def test_broken_connection_ends_the_wait_at_once(others: Callable[..., list[float]]) -> None:
    looked = others({2: LEADS})

    def broken(until: float) -> str:
        raise UnreachableError("gone", "the connection to n1 broke")

    with pytest.raises(UnreachableError, match="broke"):
        Lookout(ADDRESS, 1).wait(broken, time.monotonic() + 9)
    assert looked == []
