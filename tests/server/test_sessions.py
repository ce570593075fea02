"""Connections that do what they should not, or go when it is least convenient: in one process."""

import time
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from node.config import Limits
from node.machines import kv
from node.machines.kv import KvMachine
from node.server import sessions
from node.server.clock import now_us
from node.server.sessions import HALF_CLOSE_SECONDS_MAX, REQUESTS_MAX, SUBMIT_MAX
from node.server.subscriptions import SUBSCRIPTIONS_MAX
from node.wire.framing import frame
from node.wire.messages import (
    Answer,
    Applied,
    Cancel,
    Changes,
    Document,
    Failure,
    GetStatus,
    Goodbye,
    Happened,
    Propose,
    Read,
    ReadLog,
    SetFaults,
    Subscribe,
    Watch,
    WireMessage,
)
from tests.server.stage import Stage, Visitor, stage

LARGE = bytes(1_000_000)
BAD_FRAME = frame(b"\x81\x18\x63")  # kind 99


class LargeMachine(KvMachine):
    """Gives a large answer, if asked for."""

    def query(self, query: bytes) -> bytes:
        return LARGE if query == b"large" else super().query(query)


def on_stage(scenario: Callable[[Stage], Awaitable[None]], limits: Limits | None = None) -> None:
    async def main() -> None:
        async with stage(LargeMachine(), limits) as made:
            await scenario(made)

    trio.run(main)


def reads(count: int, query: bytes = b"large") -> list[WireMessage]:
    return [Read(number, query, "stale", False) for number in range(1, count + 1)]


async def status(at: Stage) -> dict[str, object]:
    """The node lives, and says how it is."""
    visitor = await at.visit("observer")
    await visitor.send(GetStatus(1))
    message = await visitor.receive()
    assert isinstance(message, Document)
    return message.value


def test_node_survives_a_bad_frame_of_a_client_that_does_not_read() -> None:
    async def scenario(at: Stage) -> None:
        visitor = await at.visit()
        await visitor.send(*reads(10))
        await trio.testing.wait_all_tasks_blocked()  # its writer is in a send that does not end
        await visitor.stream.send_all(BAD_FRAME)
        await trio.testing.wait_all_tasks_blocked()
        assert await status(at)
        rest = await visitor.rest()
        assert [type(message) for message in rest] == [Answer] * 10 + [Goodbye]

    on_stage(scenario)


def test_slow_reader_is_closed_and_counted() -> None:
    async def scenario(at: Stage) -> None:
        visitor = await at.visit(buffer_bytes_max=4_000_000)
        await visitor.send(*reads(10))
        await visitor.over.wait()
        counters = (await status(at))["counters"]
        assert isinstance(counters, dict)
        assert counters["slow_reader"] == 1

    on_stage(scenario)


def test_answers_that_wait_are_bounded_by_the_buffer_not_by_the_number_of_requests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = 0

    class Counting(LargeMachine):
        def query(self, query: bytes) -> bytes:
            nonlocal made
            made += 1
            return super().query(query)

    async def main() -> None:
        async with stage(Counting()) as at:
            monkeypatch.setattr(sessions, "TURN_US_MAX", 10_000_000)  # all in one turn
            visitor = await at.visit(buffer_bytes_max=4_000_000)
            await visitor.send(*reads(2000))
            await visitor.over.wait()
            assert await status(at)

    trio.run(main)
    assert made == 5, "the kernel took some; the fifth overran the buffer, more is for nobody"


def test_requests_of_a_connection_that_is_gone_do_not_run() -> None:
    async def scenario(at: Stage) -> None:
        observer, client = await at.visit("observer"), await at.visit("client")
        driver = at.node.driver
        # The driver is held up while the requests come in and the connections go.
        held: list[object] = []
        submit, driver.submit = driver.submit, held.append  # type: ignore[method-assign,assignment]
        await observer.send(Subscribe(1, False), Subscribe(2, False))
        await client.send(*(Watch(number, kv.watch(""), 0) for number in range(1, 101)))
        while len(held) < 2:
            await trio.testing.wait_all_tasks_blocked()
        observer.session.misbehaved(trio.Cancelled)  # type: ignore[arg-type]
        client.session.misbehaved(trio.Cancelled)  # type: ignore[arg-type]
        await observer.over.wait()
        await client.over.wait()
        driver.submit = submit  # type: ignore[method-assign]
        for work in held:
            submit(work)  # type: ignore[arg-type]
        await trio.testing.wait_all_tasks_blocked(0.01)
        assert not at.watches._following
        assert not at.node.hub._subscribers

    on_stage(scenario)


def test_connection_with_too_many_open_requests_is_read_no_further() -> None:
    async def scenario(at: Stage) -> None:
        visitor = await at.visit()
        driver = at.node.driver
        held: list[object] = []
        submit, driver.submit = driver.submit, held.extend  # type: ignore[method-assign,assignment]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: visitor.send(*reads(3 * REQUESTS_MAX, kv.get("a"))))
            while len(held) <= REQUESTS_MAX - SUBMIT_MAX:
                await trio.lowlevel.checkpoint()
            await trio.testing.wait_all_tasks_blocked(0.01)
            assert len(held) <= REQUESTS_MAX
            driver.submit = submit  # type: ignore[method-assign]
            submit(held)  # type: ignore[arg-type]
            for _ in range(3 * REQUESTS_MAX):
                assert isinstance(await visitor.receive(), Answer)

    on_stage(scenario)


def test_turn_of_the_driver_ends_before_the_next_heartbeat_is_late() -> None:
    async def scenario(at: Stage) -> None:
        visitor = await at.visit()
        turns: set[int] = set()
        handler = visitor.session._handlers[Read]

        def slow(message: Read, now: int) -> None:
            turns.add(now)
            while now_us() - now < sessions.TURN_US_MAX + 1:
                pass
            handler(message, now)

        visitor.session._handlers[Read] = slow
        await visitor.send(*reads(5, kv.get("a")))
        found = [await visitor.receive() for _ in range(5)]
        assert [getattr(message, "id", None) for message in found] == [1, 2, 3, 4, 5]
        assert len(turns) == 5

    on_stage(scenario)


async def _ask_and_finish(at: Stage, *requests: WireMessage) -> list[object]:
    visitor = await at.visit("admin")
    await visitor.send(*requests)
    await visitor.stream.send_eof()
    with trio.fail_after(HALF_CLOSE_SECONDS_MAX / 2):
        return list(await visitor.rest())


def test_what_was_asked_before_the_client_s_last_byte_is_answered() -> None:
    async def scenario(at: Stage) -> None:
        put = Propose(1, at.command(kv.put("a", b"1")))
        found = await _ask_and_finish(
            at, put, Read(2, kv.get("a"), "linearizable", False), GetStatus(3)
        )
        assert sorted(getattr(message, "id", 0) for message in found) == [1, 2, 3]
        assert {type(message) for message in found} == {Applied, Answer, Document}

    on_stage(scenario)


# -- watches and subscriptions -------------------------------------------------------------------
async def _put(at: Stage, through: Visitor, key: str, value: bytes = b"1") -> None:
    await through.send(Propose(99, at.command(kv.put(key, value))))
    while not isinstance(await through.receive(), Applied):
        pass


def test_cancel_ends_the_watch_of_its_id_alone_and_is_not_answered() -> None:
    async def scenario(at: Stage) -> None:
        watcher, writer = await at.visit(), await at.visit()
        await watcher.send(*(Watch(number, kv.watch(""), 0) for number in (1, 2, 3)))
        assert [getattr(await watcher.receive(), "id", 0) for _ in range(3)] == [1, 2, 3]
        await watcher.send(Cancel(2), Read(4, kv.get("a"), "stale", False))
        assert isinstance(await watcher.receive(), Answer)
        await _put(at, writer, "a")
        assert [getattr(await watcher.receive(), "id", 0) for _ in range(2)] == [1, 3]

    on_stage(scenario)


def test_cancel_of_a_watch_leaves_subscriptions_and_the_other_way_round() -> None:
    async def scenario(at: Stage) -> None:
        observer = await at.visit("observer")
        await observer.send(Subscribe(1, False), Subscribe(2, False), Cancel(1), Cancel(7))
        await observer.send(GetStatus(3))
        for request_id in (1, 2, 3):
            assert getattr(await observer.receive(), "id", 0) == request_id
        at.node.hub.publish("heal", 1, fault=3)
        happened = await observer.receive()
        assert isinstance(happened, Happened)
        assert happened.id == 2

    on_stage(scenario)


def test_subscriptions_of_one_connection_are_bounded() -> None:
    async def scenario(at: Stage) -> None:
        observer = await at.visit("observer")
        count = SUBSCRIPTIONS_MAX
        await observer.send(*(Subscribe(number, False) for number in range(1, count + 2)))
        found = [await observer.receive() for _ in range(count + 1)]
        assert isinstance(found[-1], Failure)
        assert found[-1].code == "busy"

    on_stage(scenario)


def test_cancelled_read_is_not_answered() -> None:
    async def scenario(at: Stage) -> None:
        visitor = await at.visit()
        await visitor.send(
            Read(1, kv.get("a"), "linearizable", False),
            Cancel(1),
            Read(2, kv.get("a"), "linearizable", False),
        )
        assert getattr(await visitor.receive(), "id", 0) == 2

    on_stage(scenario)


# -- what does not fit ---------------------------------------------------------------------------
SMALL = Limits(value_bytes_max=100_000, frame_bytes_max=400_000)


def test_answer_that_does_not_fit_into_a_frame_is_a_failure() -> None:
    async def scenario(at: Stage) -> None:
        visitor = await at.visit()
        await visitor.send(*reads(1))
        failure = await visitor.receive()
        assert isinstance(failure, Failure)
        assert (failure.code, failure.outcome) == ("too_large", "none")
        await visitor.send(*reads(1, kv.get("a")))
        assert isinstance(await visitor.receive(), Answer)

    on_stage(scenario, SMALL)


def test_command_whose_result_does_not_fit_ends_as_unknown() -> None:
    class Loud(KvMachine):
        def apply(self, command: bytes, index: int) -> bytes:
            return LARGE

    async def main() -> None:
        async with stage(Loud(), SMALL) as at:
            visitor = await at.visit()
            await visitor.send(Propose(1, at.command(b"")))
            failure = await visitor.receive()
            assert isinstance(failure, Failure)
            assert (failure.code, failure.outcome) == ("too_large", "unknown")

    trio.run(main)


def test_changes_that_do_not_fit_into_one_frame_come_in_several() -> None:
    async def scenario(at: Stage) -> None:
        writer, watcher = await at.visit(), await at.visit()
        for number in range(10):
            await _put(at, writer, f"k{number}", bytes(90_000))
        since = at.node.driver.replica.last_applied - 10
        await watcher.send(Watch(1, kv.watch(""), since))
        frames: list[Changes] = []
        while sum(len(each.changes) for each in frames) < 10:
            message = await watcher.receive()
            assert isinstance(message, Changes)
            frames.append(message)
        assert len(frames) > 1
        assert [each.index for each in frames] == [since] * (len(frames) - 1) + [since + 10]

    on_stage(scenario, SMALL)


def test_change_that_fits_into_no_frame_ends_its_watch_alone() -> None:
    class Loud(KvMachine):
        def changes(self, query: bytes, since: int) -> list[bytes]:
            return [LARGE] if since else []

    async def main() -> None:
        async with stage(Loud(), SMALL) as at:
            writer, watcher = await at.visit(), await at.visit()
            await _put(at, writer, "a")
            await watcher.send(Watch(1, kv.watch(""), 1))
            failure = await watcher.receive()
            assert isinstance(failure, Failure)
            assert failure.code == "too_large"
            assert not at.watches._following

    trio.run(main)


def test_long_text_of_a_failure_is_cut() -> None:
    async def scenario(at: Stage) -> None:
        visitor = await at.visit()
        visitor.session.reply_nowait(Failure(1, "bad_request", "x" * 10_000, "none", None))
        failure = await visitor.receive()
        assert isinstance(failure, Failure)
        assert failure.message == "x" * 4096

    on_stage(scenario)


def test_long_query_is_refused() -> None:
    async def scenario(at: Stage) -> None:
        visitor = await at.visit()
        query = bytes(sessions.QUERY_BYTES_MAX + 1)
        await visitor.send(Read(1, query, "stale", False), Watch(2, query, 0))
        for request_id in (1, 2):
            failure = await visitor.receive()
            assert isinstance(failure, Failure)
            assert (failure.id, failure.code) == (request_id, "too_large")

    on_stage(scenario)


def test_part_of_the_log_is_bounded_by_bytes_and_paged_by_index() -> None:
    async def scenario(at: Stage) -> None:
        visitor = await at.visit("admin")
        for number in range(100):
            await visitor.send(Propose(number, at.command(kv.put("k" * 30, bytes(40)))))
        for _ in range(100):
            assert isinstance(await visitor.receive(), Applied)
        found: list[int] = []
        pages = 0
        while len(found) < 101:  # with the election's entry
            await visitor.send(ReadLog(1, len(found) + 1, 0, 10_000))
            page = await visitor.receive()
            assert isinstance(page, Document)
            found += [entry["index"] for entry in page.value["entries"]]
            pages += 1
        assert found == list(range(1, 102))
        assert pages > 1

    on_stage(scenario, Limits(value_bytes_max=1, frame_bytes_max=20_000))


def test_rules_that_the_status_could_not_show_are_refused() -> None:
    async def scenario(at: Stage) -> None:
        visitor = await at.visit("admin")
        rule = {"fault": 1, "src": 1, "dst": 2, "name": "x" * 64}
        many, few = SetFaults(1, [rule] * 500, []), SetFaults(2, [rule] * 9, [])
        await visitor.send(many, few, GetStatus(3))
        refusal = await visitor.receive()
        assert isinstance(refusal, Failure)
        assert "the limit is" in refusal.message
        for request_id in (2, 3):
            message = await visitor.receive()
            assert isinstance(message, Document)
            assert message.id == request_id

    on_stage(scenario, Limits(value_bytes_max=1, frame_bytes_max=80_000))


def test_frames_of_operators_and_clients_are_bounded_apart() -> None:
    async def scenario(at: Stage) -> None:
        for role in ("admin", "observer", "client"):
            visitor = await at.visit(role)
            await visitor.stream.send_all((3 << 20).to_bytes(4, "big"))
            (goodbye,) = await visitor.rest()
            assert isinstance(goodbye, Goodbye)
            assert goodbye.code == "bad_frame"
        client = await at.visit("client")
        await client.send(Propose(1, bytes(2_000_000)))
        failure = await client.receive()
        assert isinstance(failure, Failure)
        assert failure.code == "too_large"

    on_stage(scenario)


def test_links_are_told_of_new_rules_and_of_those_that_are_over() -> None:
    class Link:
        told = 0

        def rules_changed(self) -> None:
            self.told += 1

    async def scenario(at: Stage) -> None:
        first, second = Link(), Link()
        at.node.links._links.update({2: first, 3: second})  # type: ignore[dict-item]
        rule = {"fault": 1, "src": 1, "dst": 2, "latency_ms": 5, "expires_at": time.time() + 0.05}
        at.node.set_faults([rule])
        assert (first.told, second.told) == (1, 0)
        at.node.set_faults([rule])
        assert (first.told, second.told) == (1, 0), "nothing is new"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(at.node.expire_faults)
            while first.told < 2:
                await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()
        assert second.told == 0

    on_stage(scenario)


def test_watchers_without_end_do_not_hold_up_the_driver() -> None:
    made: list[tuple[int, int]] = []

    class Slow(KvMachine):
        def changes(self, query: bytes, since: int) -> list[bytes]:
            begin = now_us()
            while now_us() - begin < 5_000:
                pass
            made.append((since, begin))
            return super().changes(query, since)

    async def main() -> None:
        async with stage(Slow()) as at:
            writer, watcher = await at.visit(), await at.visit()
            queries = [kv.watch("a" * (number // 2)) for number in range(40)]
            await watcher.send(*(Watch(n, query, 0) for n, query in enumerate(queries)))
            for _ in queries:
                await watcher.receive()
            made.clear()
            turns: list[int] = []
            tick = at.node.driver._take_in
            at.node.driver._take_in = lambda now: (turns.append(now), tick(now))[1]  # type: ignore[method-assign,func-returns-value]
            await _put(at, writer, "a" * 30)
            told = [getattr(await watcher.receive(), "id", None) for _ in queries]
            assert told == list(range(40))
            assert len(made) <= 40, "watchers of one turn with the same query share the answer"
            assert len(turns) >= 5, "100 ms and more, in turns of 20 ms"

    trio.run(main)


def test_answers_to_confirmed_reads_are_handed_out_before_many_large_ones_wait() -> None:
    held: list[int] = []

    class Watched(LargeMachine):
        stage: Stage

        def query(self, query: bytes) -> bytes:
            held.append(len(self.stage.node.driver.replica._outbox.replies))
            return super().query(query)

    async def main() -> None:
        machine = Watched()
        async with stage(machine) as at:
            machine.stage = at
            visitor = await at.visit(buffer_bytes_max=100_000_000)
            count = 60
            await visitor.send(*(Read(n, b"large", "linearizable", False) for n in range(count)))
            for _ in range(count):
                assert isinstance(await visitor.receive(), Answer)

    trio.run(main)
    assert len(held) == 60
    assert max(held) <= 9, "8 MiB and one more"
