"""A load over a link that the test scripts: what is counted, and when it stops."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from node.client import pipeline
from node.client.address import ClusterAddress
from node.client.errors import NoLeaderError, UnreachableError
from node.client.pipeline import Load, Pipeline, Tally
from node.wire.envelope import EXPIRED_RESULT, error_result, ok_result
from node.wire.messages import Applied, Failure, WireMessage

ADDRESS = ClusterAddress("c1", b"", {1: ("127.0.0.1", 1)}, 1024)
Script = Callable[[list[int]], list[WireMessage]]


class ScriptedLink:
    """`script` gets the ids that wait for an answer and gives what arrives next; none: silence."""

    node_id = 1
    last_applied = 0

    def __init__(self, script: Script) -> None:
        self._script = script
        self._waiting: list[int] = []
        self.sent = 0

    def new_id(self) -> int:
        self.sent += 1
        return self.sent

    def queue(self, message: Any) -> None:
        self._waiting.append(message.id)

    def flush(self) -> None:
        pass

    def next_messages(self, until: float) -> list[WireMessage]:
        messages = self._script(list(self._waiting))
        if not messages:
            raise UnreachableError("silent", "n1 does not answer")
        for message in messages:
            self._waiting.remove(message.id)  # type: ignore[union-attr]
        return messages

    def close(self) -> None:
        pass


def applied(request_id: int, result: bytes = ok_result(b"")) -> Applied:
    return Applied(request_id, 1, 1, result)


def refused(request_id: int, code: str) -> Failure:
    return Failure(request_id, code, "because", "unknown", None)


def load(ops: int, inflight: int = 4) -> Load:
    return Load(lambda number: b"", False, inflight, 1, ops, None)


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[float]]:
    """Gives these links, one for each connection, and then nobody leads; returns the timeouts."""

    def patch(*links: ScriptedLink) -> list[float]:
        left = list(links)
        timeouts: list[float] = []

        def link_to_leader(address: ClusterAddress, first: object, timeout: float) -> Any:
            timeouts.append(timeout)
            if not left:
                raise NoLeaderError("no_leader", "n1: no leader is known here")
            return left.pop(0)

        monkeypatch.setattr(pipeline, "link_to_leader", link_to_leader)
        return timeouts

    return patch


def counts(tally: Tally) -> tuple[int, int, int]:
    return len(tally.latencies), tally.errors, tally.unknown


def test_command_at_which_the_machine_raised_is_an_error(connect: Any) -> None:
    results = [ok_result(b""), error_result("ValueError"), EXPIRED_RESULT]
    connect(ScriptedLink(lambda ids: [applied(each, results[each % 3]) for each in ids]))
    (*_, tally) = Pipeline(ADDRESS, load(9)).run()
    assert counts(tally) == (3, 6, 0)


def test_load_that_loses_its_leader_keeps_what_it_has_and_says_why(connect: Any) -> None:
    def script(ids: list[int]) -> list[WireMessage]:
        return [applied(each) for each in ids] if max(ids) < 9 else []

    timeouts = connect(ScriptedLink(script))
    running = Pipeline(ADDRESS, load(100), timeout=3)
    with pytest.raises(NoLeaderError):
        list(running.run())
    assert counts(running.tally) == (8, 0, 4)
    assert running.tally.elapsed > 0
    assert timeouts[1] <= 3


def test_node_that_leads_no_longer_gets_no_new_requests(connect: Any) -> None:
    def script(ids: list[int]) -> list[WireMessage]:
        return [refused(ids[0], "leadership_lost")]  # one after the other

    link = ScriptedLink(script)
    connect(link, ScriptedLink(lambda ids: [applied(each) for each in ids]))
    (*_, tally) = Pipeline(ADDRESS, load(10)).run()
    assert link.sent == 4
    assert counts(tally) == (6, 0, 4)


def test_refusals_that_are_final_or_soon_over_do_not_look_for_another_leader(connect: Any) -> None:
    codes = ["busy", "too_large"]
    timeouts = connect(
        ScriptedLink(lambda ids: [refused(each, codes[each % 2]) for each in ids]),
    )
    (*_, tally) = Pipeline(ADDRESS, load(10)).run()
    assert (counts(tally), len(timeouts)) == ((0, 0, 10), 1)


def test_load_that_is_interrupted_counts_what_was_in_flight_as_unknown(connect: Any) -> None:
    def script(ids: list[int]) -> list[WireMessage]:
        if max(ids) > 8:
            raise KeyboardInterrupt
        return [applied(each) for each in ids]

    connect(ScriptedLink(script))
    running = Pipeline(ADDRESS, load(100))
    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        list(running.run())
    assert counts(running.tally) == (8, 0, 4)
    assert 0 < running.tally.elapsed <= time.monotonic() - before
