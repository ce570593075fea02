"""A load over a link that the test scripts: what is counted, and when it stops."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from node.client import pipeline
from node.client.address import ClusterAddress
from node.client.errors import NoLeaderError, UnreachableError
from node.client.pipeline import Load, Pipeline, Tally, no_reads
from node.wire.batches import (
    BATCH_BYTES_MAX,
    AnswerAll,
    AppliedAll,
    ProposeAll,
    ReadAll,
)
from node.wire.envelope import EXPIRED_RESULT, HEADER_BYTES, error_result, ok_result, unseal
from node.wire.messages import Failure, WireMessage

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


def applied(request_id: int, result: bytes = ok_result(b"")) -> AppliedAll:
    """To a request of one command, as each is where few are in flight."""
    return AppliedAll(request_id, 1, 1, [result])


def refused(request_id: int, code: str) -> Failure:
    return Failure(request_id, code, "because", "unknown", None)


def load(ops: int, inflight: int = 4) -> Load:
    return Load(lambda number: b"", no_reads, inflight, 1, ops, None)


@pytest.fixture
def few_in_a_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of four in flight each is a batch of its own."""
    monkeypatch.setattr(pipeline, "PIECE_MIN", 1)


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


@pytest.mark.usefixtures("few_in_a_batch")
def test_command_at_which_the_machine_raised_is_an_error(connect: Any) -> None:
    results = [ok_result(b""), error_result("ValueError"), EXPIRED_RESULT]
    connect(ScriptedLink(lambda ids: [applied(each, results[each % 3]) for each in ids]))
    (*_, tally) = Pipeline(ADDRESS, load(9)).run()
    assert counts(tally) == (3, 6, 0)


@pytest.mark.usefixtures("few_in_a_batch")
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


@pytest.mark.usefixtures("few_in_a_batch")
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


@pytest.mark.usefixtures("few_in_a_batch")
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


class Clock:
    """Virtual time, in the place of the module: a look at it takes a microsecond."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        self.now += 1e-6
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pipeline, "time", made)
    return made


class StallingLink(ScriptedLink):
    """Answers all that waits, but for a time nothing at all. Keeps what was asked."""

    def __init__(self, clock: Clock, stalls_from: float, stalls_to: float) -> None:
        super().__init__(lambda ids: [])
        self._clock = clock
        self._from, self._to = clock.now + stalls_from, clock.now + stalls_to
        self.asked: list[ProposeAll | ReadAll] = []

    def queue(self, message: Any) -> None:
        super().queue(message)
        self.asked.append(message)

    def has_more(self, seconds: float) -> bool:
        now = self._clock.now
        is_stalled = self._from <= now < self._to
        if is_stalled or not self._waiting:
            self._clock.sleep(min(seconds, self._to - now) if is_stalled else seconds)
            return False
        return True

    def next_messages(self, until: float) -> list[WireMessage]:
        while not self.has_more(until - self._clock.now):
            if self._clock.now >= until:
                raise UnreachableError("silent", "n1 does not answer")
        waiting = set(self._waiting)
        self._waiting.clear()
        return [reply_to(each) for each in self.asked if each.id in waiting]


def reply_to(message: ProposeAll | ReadAll) -> AppliedAll | AnswerAll:
    if isinstance(message, ReadAll):
        return AnswerAll(message.id, 1, [ok_result(b"")] * len(message.queries))
    return AppliedAll(message.id, 1, 1, [ok_result(b"")] * len(message.commands))


def open_loop(inflight: int, seconds: float | None, ops: int | None = None) -> Load:
    return Load(lambda number: b"", no_reads, inflight, 1, ops, seconds, rate=500)


def test_stall_is_seen_by_all_that_were_due_meanwhile_also_by_those_not_sent(
    connect: Any, clock: Clock
) -> None:
    for inflight in (1, 1000):
        connect(StallingLink(clock, 0.1, 0.3))
        (*_, tally) = Pipeline(ADDRESS, open_loop(inflight, 0.5)).run()
        waited = [each for each in tally.latencies if each > 0.05]
        assert len(waited) == pytest.approx(75, abs=2), "those due in the first 150 ms of 200"
        assert max(waited) == pytest.approx(0.2, abs=0.005)
        assert tally.errors == tally.unknown == 0


def test_requests_that_were_due_and_not_sent_are_counted(connect: Any, clock: Clock) -> None:
    link = StallingLink(clock, 0.1, 0.4)
    connect(link)
    (*_, tally) = Pipeline(ADDRESS, open_loop(1, 0.3)).run()
    assert tally.unsent == pytest.approx(0.2 * 500, abs=2)
    assert len(tally.latencies) + tally.unsent == 150


def test_rate_is_kept_where_there_is_no_stall(connect: Any, clock: Clock) -> None:
    link = StallingLink(clock, 0, 0)
    connect(link)
    (*_, tally) = Pipeline(ADDRESS, open_loop(100, None, ops=100)).run()
    assert tally.elapsed == pytest.approx(0.2, abs=0.005)
    assert (len(tally.latencies), tally.unsent) == (100, 0)


def test_leader_that_is_silent_is_left_while_there_is_time_for_another(
    connect: Any, clock: Clock
) -> None:
    timeouts = connect(StallingLink(clock, 0, 60), StallingLink(clock, 0, 0))
    running = Pipeline(ADDRESS, open_loop(1000, 0.5), timeout=0.4)
    (*_, tally) = running.run()
    assert len(timeouts) == 2
    assert tally.unknown == pytest.approx(0.2 * 500, abs=2)
    assert len(tally.latencies) == 250 - tally.unknown


def test_reads_and_commands_of_one_load_are_asked_and_counted_apart(
    connect: Any, clock: Clock
) -> None:
    link = StallingLink(clock, 0, 0)
    connect(link)
    mixed = Load(
        lambda number: b"", lambda number: number % 4 > 0, 1, 1, 100, None, read_mode="lease"
    )
    (*_, tally) = Pipeline(ADDRESS, mixed).run()
    assert (len(tally.latencies), len(tally.read_latencies)) == (25, 75)
    assert {each.mode for each in link.asked if isinstance(each, ReadAll)} == {"lease"}


def test_reads_that_are_lost_are_errors_and_commands_that_are_lost_are_unknown(
    connect: Any,
) -> None:
    connect(ScriptedLink(lambda ids: []))
    mixed = Load(lambda number: b"", lambda number: number % 4 > 0, 8, 1, 100, None)
    running = Pipeline(ADDRESS, mixed)
    with pytest.raises(NoLeaderError):
        list(running.run())
    assert counts(running.tally) == (0, 6, 2)


def asked_of(connect: Any, clock: Clock, load: Load) -> list[ProposeAll]:
    link = StallingLink(clock, 0, 0)
    connect(link)
    (*_, tally) = Pipeline(ADDRESS, load).run()
    assert counts(tally) == (load.ops, 0, 0)
    return [each for each in link.asked if isinstance(each, ProposeAll)]


@pytest.mark.parametrize(
    ("inflight", "largest"), [(1, 1), (16, 16), (64, 32), (256, 64), (2000, 500)]
)
def test_what_may_be_in_flight_leaves_in_pieces_and_each_command_once(
    connect: Any, clock: Clock, inflight: int, largest: int
) -> None:
    ops = 3 * inflight
    made = Load(lambda number: b"%d" % number, no_reads, inflight, 3, ops, None)
    asked = asked_of(connect, clock, made)
    assert max(len(each.commands) for each in asked) == largest
    sealed = [unseal(command) for each in asked for command in each.commands]
    assert [int(payload) for _, payload in sealed] == list(range(ops))
    names = {(header.client_id, header.sequence) for header, _ in sealed}
    assert len(names) == ops, "no command has the number of another"
    assert len({header.client_id for header, _ in sealed}) == min(3, len(asked))


def test_batch_of_long_commands_is_no_longer_than_a_node_takes(connect: Any, clock: Clock) -> None:
    asked = asked_of(connect, clock, Load(lambda number: bytes(9000), no_reads, 64, 1, 64, None))
    sizes = [sum(map(len, each.commands)) for each in asked]
    assert max(sizes) <= BATCH_BYTES_MAX + 9000 + HEADER_BYTES
    assert len(asked) < 64, "and yet they are batches"


def test_only_the_requests_of_a_batch_at_which_the_machine_raised_are_errors(connect: Any) -> None:
    results = [ok_result(b""), error_result("ValueError"), ok_result(b"")]
    connect(ScriptedLink(lambda ids: [AppliedAll(ids[0], 1, 1, results)]))
    (*_, tally) = Pipeline(ADDRESS, load(3, inflight=12)).run()
    assert counts(tally) == (2, 1, 0)


def test_what_is_asked_in_one_frame_has_its_answers_in_one(connect: Any, clock: Clock) -> None:
    """256 answers of 200,000 bytes are more than a node gives at once: no get succeeded."""
    link = StallingLink(clock, 0, 0)
    connect(link)
    gets = Load(lambda number: b"", lambda _: True, 256, 1, 64, None, answer_bytes=200_000)
    (*_, tally) = Pipeline(ADDRESS, gets).run()
    assert len(tally.read_latencies) == 64
    assert {len(each.queries) for each in link.asked if isinstance(each, ReadAll)} == {1}
