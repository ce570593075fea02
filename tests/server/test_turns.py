"""Turns that are taken by whoever brought something, and the driver's own task beside them."""

import time

import pytest
import trio
import trio.testing

from node.raft.core import APPLY_ENTRIES_MAX
from node.raft.messages import LogEntry
from node.server.disk import QUICK_SECONDS
from node.server.driver import READYS_AT_ONCE
from node.storage.base import StorageError
from node.wire.messages import Applied, WireMessage
from tests.replica.driven import command
from tests.server.test_driver import Bench, run


def quiet() -> Bench:
    """A node to which nothing else is to come."""
    return Bench(is_more_to_come=lambda: False)


async def until_quick(bench: Bench) -> None:
    """A save was quick, so that the next one is waited for."""
    await bench.until_leader()
    while not any(isinstance(put_and_look(bench), Applied) for _ in range(10)):
        await trio.lowlevel.checkpoint()


def put_and_look(bench: Bench) -> WireMessage | None:
    """What was answered when the request was handed over."""
    request_id = next(bench.probes)
    bench.put(request_id)
    return bench.caller.replies.get(request_id)


def test_whoever_brings_a_request_carries_it_out_where_nothing_else_is_to_come() -> None:
    async def scenario(bench: Bench) -> None:
        await until_quick(bench)
        assert any(isinstance(put_and_look(bench), Applied) for _ in range(10))

    run(scenario, quiet)


def test_requests_wait_for_those_that_are_still_to_come() -> None:
    async def scenario(bench: Bench) -> None:
        await bench.until_leader()
        before = bench.disk.writes
        assert all(put_and_look(bench) is None for _ in range(10))
        await bench.caller.reply(next(bench.probes) - 1)
        assert bench.disk.writes == before + 1

    run(scenario)


def test_driver_does_not_hang_with_its_disk() -> None:
    async def scenario(bench: Bench) -> None:
        await until_quick(bench)
        await bench.until_disk_hangs()
        assert bench.disk.hangs
        bench.disk.moves.set()
        await bench.until_leader()

    run(scenario, quiet)


def test_disk_whose_last_save_was_slow_is_not_waited_for() -> None:
    async def scenario(bench: Bench) -> None:
        await until_quick(bench)
        bench.disk.seconds = 20 * QUICK_SECONDS
        await bench.until_leader()
        request_id = next(bench.probes)
        bench.disk.moves.clear()
        began = time.monotonic()
        for _ in range(10):
            bench.put(request_id)
        assert time.monotonic() - began < 10 * QUICK_SECONDS
        bench.disk.moves.set()

    run(scenario, quiet)


def test_error_of_the_disk_ends_the_node_and_not_the_connection_that_it_befell() -> None:
    async def scenario(bench: Bench) -> None:
        await until_quick(bench)
        bench.disk.fault = StorageError("input/output error")
        for _ in range(10):
            assert put_and_look(bench) is None
        await trio.sleep_forever()

    with pytest.raises(BaseExceptionGroup) as caught:
        run(scenario, quiet)
    assert caught.group_contains(StorageError, match="input/output error")


def test_long_log_is_applied_in_turns_whoever_brought_something() -> None:
    batches = 20
    log = [LogEntry(1, command(7, 1, b"x"))] * (batches * APPLY_ENTRIES_MAX)

    async def scenario(bench: Bench) -> None:
        while bench.replica.last_applied == 0:
            await trio.lowlevel.checkpoint()
        before = bench.replica.last_applied
        bench.driver.submit([lambda now: None])
        assert bench.replica.last_applied - before == READYS_AT_ONCE * APPLY_ENTRIES_MAX
        while bench.replica.last_applied <= batches * APPLY_ENTRIES_MAX:
            await trio.lowlevel.checkpoint()

    run(scenario, lambda: Bench(log, is_more_to_come=lambda: False))


def test_what_is_due_sooner_than_it_was_is_done_in_time_whoever_is_the_cause() -> None:
    """The driver's own task sleeps until what was due then, in a minute or two."""
    minute_us = 60_000_000

    async def scenario(bench: Bench) -> None:
        await trio.testing.wait_all_tasks_blocked()
        bench.driver.submit([lambda now: bench.driver.clock.jump(2 * minute_us)])
        while bench.replica.core.role_name == "follower":
            await trio.lowlevel.checkpoint()

    def bench_of() -> Bench:
        return Bench(voters=2, election_timeout_us=minute_us, is_more_to_come=lambda: False)

    run(scenario, bench_of)
