"""What a capture of sessions costs, and that it does not change: counted, not timed."""

from typing import Any

import cbor2

from node.replica.sessions import Session, Sessions
from node.wire.envelope import Header, seal

CLIENTS = 5
RESULTS = 100


def filled() -> Sessions:
    sessions = Sessions()
    for sequence in range(RESULTS):
        for client in range(CLIENTS):
            use(sessions, client, sequence)
    return sessions


def use(sessions: Sessions, client: int, sequence: int, acked: int = 0) -> None:
    index = sequence * CLIENTS + client + 1
    command = seal(Header(client, sequence, acked, 0), b"")
    sessions.apply(command, index, lambda _, at: b"%d" % at)


def held(sessions: Sessions) -> dict[int, Session]:
    return dict(sessions._sessions)


def rows(parts: list[bytes]) -> list[Any]:
    return [row for part in parts for row in cbor2.loads(part)[1]]


def test_a_capture_copies_no_results_and_the_next_use_copies_one_session_once() -> None:
    sessions = filled()
    before = held(sessions)
    parts = sessions.snapshot()
    assert held(sessions) == before
    assert all(held(sessions)[client] is before[client] for client in before)
    use(sessions, 2, RESULTS)
    copied = held(sessions)[2]
    use(sessions, 2, RESULTS + 1)
    assert [c for c in before if held(sessions)[c] is not before[c]] == [2]
    assert held(sessions)[2] is copied
    assert len(rows(list(parts))) == CLIENTS


def test_a_capture_does_not_change_with_what_comes_later() -> None:
    sessions, same = filled(), filled()
    expected = list(same.snapshot())
    parts = sessions.snapshot()
    for client in (3, 1):
        use(sessions, client, RESULTS, acked=RESULTS // 2)
    use(sessions, CLIENTS, 0)
    sessions._evict()
    assert list(parts) == expected
    assert [row[0] for row in rows(expected)] == list(range(CLIENTS)), "least recently used first"


def test_a_retry_after_a_capture_finds_its_result() -> None:
    sessions = filled()
    sessions.snapshot()
    results = [
        sessions.apply(
            seal(Header(0, 7, 0, 0), b"again"), 10_000 + turn, lambda payload, _: payload
        )
        for turn in range(2)
    ]
    assert results == [b"%d" % (7 * CLIENTS + 1)] * 2


def test_sessions_are_dismantled_one_with_each_step() -> None:
    sessions = filled()
    parts = sessions.snapshot()
    sizes = [len(sessions) for _ in sessions.dismantle()]
    assert sizes == list(reversed(range(CLIENTS)))
    assert len(rows(list(parts))) == CLIENTS, "a snapshot that is under way stays whole"
