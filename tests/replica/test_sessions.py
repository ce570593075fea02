"""What a capture of sessions costs, and that it does not change: counted, not timed."""

import pickle
from typing import Any

import cbor2
from hypothesis import given, settings
from hypothesis import strategies as st

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
    sessions.apply([command], index, lambda _, at: b"%d" % at)


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
    retry = seal(Header(0, 7, 0, 0), b"again")
    results = sessions.apply([retry, retry], 10_000, lambda payload, _: payload)
    assert results == [b"%d" % (7 * CLIENTS + 1)] * 2


def test_sessions_are_dismantled_one_with_each_step() -> None:
    sessions = filled()
    parts = sessions.snapshot()
    sizes = [len(sessions) for _ in sessions.dismantle()]
    assert sizes == list(reversed(range(CLIENTS)))
    assert len(rows(list(parts))) == CLIENTS, "a snapshot that is under way stays whole"


# -- batches ---------------------------------------------------------------------------------------
COMMANDS = st.lists(
    st.tuples(st.integers(1, 3), st.integers(0, 6), st.integers(0, 6), st.integers(0, 30)).map(
        lambda header: seal(Header(*header), b"x" * header[1])
    )
    | st.sampled_from([b"short", b"", None]),
    max_size=40,
)


@settings(max_examples=300)
@given(
    COMMANDS,
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=9),
    st.integers(1, 3),
)
def test_what_comes_of_commands_is_the_same_in_whatever_batches(
    commands: list[bytes | None], batches: list[tuple[int, bool]], sessions_max: int
) -> None:
    """Each node applies others at once, as much as happens to be committed, and takes snapshots
    between them.
    """

    def run(payload: bytes, index: int) -> bytes:
        return b"%d %s" % (index, payload)

    one, other = (Sessions(sessions_max, 3, 30, 50) for _ in range(2))
    given_alone = [
        result for i, each in enumerate(commands, 1) for result in one.apply([each], i, run)
    ]
    given_together: list[bytes] = []
    captures = []
    for size, is_captured in [*batches, (len(commands), False)]:
        if is_captured:
            captures.append((other.snapshot(), pickle.dumps(held(other))))
        begin = len(given_together)
        given_together += other.apply(commands[begin : begin + size], begin + 1, run)
    assert given_together == given_alone
    for parts, before in captures:
        assert rows(list(parts)) == [
            [client, s.last_index, s.acked_below, [list(item) for item in s.results.items()]]
            for client, s in pickle.loads(before).items()
        ]
    assert list(other.snapshot()) == list(one.snapshot())
    assert other._bytes == sum(s.results_bytes for s in held(other).values())
    assert all(s.results_bytes == sum(map(len, s.results.values())) for s in held(other).values())
