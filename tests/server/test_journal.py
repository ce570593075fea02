"""A node's log stays readable, and small, whatever others do."""

import pytest
import trio
import trio.testing

from node.raft import events
from node.server import journal
from node.server.eventhub import EventHub
from node.server.journal import FOLD_LINES_MAX, FOLD_SECONDS, Folded

Capture = pytest.CaptureFixture[str]


def refuse(folded: Folded, now: float, code: str, count: int) -> None:
    for _ in range(count):
        folded.log(now, "warn", "refused", code, who="127.0.0.1:1")


def test_refusals_without_end_are_a_few_lines_and_their_number(capfd: Capture) -> None:
    folded = Folded()
    refuse(folded, 100.0, "bad_frame", 100_000)
    refuse(folded, 100.0, "wrong_token", 1)
    refuse(folded, 100.0 + FOLD_SECONDS, "bad_frame", 1)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == FOLD_LINES_MAX + 3
    assert f"left out code=bad_frame lines={100_000 - FOLD_LINES_MAX}" in lines[-2]
    assert "refused code=bad_frame" in lines[-1]


def test_number_of_what_was_left_out_is_written_when_nothing_follows(
    capfd: Capture, autojump_clock: trio.testing.MockClock
) -> None:
    async def main() -> None:
        folded = Folded()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(folded.report_in_time)
            refuse(folded, 100.0, "bad_frame", FOLD_LINES_MAX + 2)
            await trio.sleep(FOLD_SECONDS + 1)
            assert "left out code=bad_frame lines=2" in capfd.readouterr().err
            refuse(folded, 200.0, "bad_frame", 1)
            refuse(folded, 300.0, "bad_frame", FOLD_LINES_MAX + 3)
            await trio.sleep(FOLD_SECONDS + 1)
            assert "left out code=bad_frame lines=3" in capfd.readouterr().err
            nursery.cancel_scope.cancel()

    trio.run(main, clock=autojump_clock)


@pytest.fixture
def autojump_clock() -> trio.testing.MockClock:
    return trio.testing.MockClock(autojump_threshold=0)


def test_what_repeats_within_a_term_is_logged_ever_more_rarely_and_kept(capfd: Capture) -> None:
    hub = EventHub(1)
    told: list[object] = []
    for _ in range(1000):
        hub.publish_raft(events.RoleChanged(3, "precandidate", "no word from a leader"))
        hub.publish_raft(events.RoleChanged(3, "follower", "no majority"))
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) == 20
    assert lines[-1].endswith("stepdown term=3 why=no majority times=512")
    hub.subscribe(self_key := object(), told.append, history=True)
    assert len(told) == 2001, "and the whole status"
    hub.unsubscribe(self_key)
    hub.publish_raft(events.RoleChanged(4, "precandidate", "no word from a leader"))
    assert capfd.readouterr().err.endswith("prevote term=4 why=no word from a leader\n")


def test_long_texts_of_events_are_cut() -> None:
    hub = EventHub(1)
    hub.publish("disk", 1, why="x" * 100_000, syncs=3)
    assert hub.last is not None
    assert len(hub.last.data["why"]) == 1024
    assert hub.last.data["syncs"] == 3


def test_line_that_cannot_be_written_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def write(self, text: str) -> None:
            raise OSError

    monkeypatch.setattr("sys.stderr", Broken())
    journal.log("info", "nobody reads this")
