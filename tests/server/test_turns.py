"""Turns that are taken by whoever brought something, and the driver's own task beside them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trio
import trio.testing

from node.raft.core import APPLY_ENTRIES_MAX
from node.raft.messages import AppendEntries, AppendEntriesResponse, LogEntry, Message
from node.server.driver import DISK_FULL_RETRY_SECONDS, TURN_US_MAX
from node.storage.base import DiskFullError, StorageError
from node.wire.messages import Applied, WireMessage
from tests.replica.driven import command
from tests.server.test_driver import Bench, run

MINUTE_US = 60_000_000


def quiet() -> Bench:
    """A node to which nothing else is to come."""
    return Bench(is_more_to_come=lambda: False)


def slow_to_campaign(
    is_more_to_come: Callable[[], bool] = lambda: False, **options: Any
) -> Callable[[], Bench]:
    """The like, which waits a minute for its leader."""
    return lambda: Bench(election_timeout_us=MINUTE_US, is_more_to_come=is_more_to_come, **options)


def comes_meanwhile() -> Callable[[], bool]:
    """Nothing else is to come when it is asked first, and something from then on."""
    asked: list[int] = []

    def is_more_to_come() -> bool:
        asked.append(1)
        return len(asked) > 1

    return is_more_to_come


async def until_quick(bench: Bench) -> None:
    """A request was carried out, and answered, by whoever brought it."""
    await bench.until_leader()
    while not any(isinstance(put_and_look(bench), Applied) for _ in range(10)):
        await trio.lowlevel.checkpoint()


def put_and_look(bench: Bench) -> WireMessage | None:
    """What was answered when the request was handed over."""
    request_id = next(bench.probes)
    bench.put(request_id)
    return bench.caller.replies.get(request_id)


def test_whoever_brings_a_request_carries_it_out_where_nothing_else_is_to_come() -> None:
    run(until_quick, quiet)


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


def test_rest_of_a_long_log_is_left_to_the_drivers_own_task() -> None:
    last = 20 * APPLY_ENTRIES_MAX
    log = [LogEntry(1, command(7, 1, b"x"))] * last

    async def scenario(bench: Bench) -> None:
        await trio.testing.wait_all_tasks_blocked()
        began = bench.driver.clock.now()
        bench.driver.deliver(bench.caller, [AppendEntries(1, 2, last, 1, [], last, 1)])
        took_us = bench.driver.clock.elapsed_us(began)
        applied = bench.replica.last_applied
        assert 0 < applied < last
        assert applied == APPLY_ENTRIES_MAX or took_us > TURN_US_MAX
        while bench.replica.last_applied < last:
            await trio.lowlevel.checkpoint()

    run(scenario, slow_to_campaign(voters=2, log=log))


def test_what_comes_meanwhile_ends_the_turn_of_whoever_brought_something() -> None:
    """A heartbeat may be among it."""
    last = 5 * APPLY_ENTRIES_MAX
    log = [LogEntry(1, command(7, 1, b"x"))] * last

    async def scenario(bench: Bench) -> None:
        await trio.testing.wait_all_tasks_blocked()
        bench.driver.deliver(bench.caller, [AppendEntries(1, 2, last, 1, [], last, 1)])
        assert bench.replica.last_applied == APPLY_ENTRIES_MAX, "one Ready"

    run(scenario, slow_to_campaign(comes_meanwhile(), voters=2, log=log))


def test_retry_of_a_full_disk_that_is_quick_is_looked_at() -> None:
    async def scenario(bench: Bench) -> None:
        await until_quick(bench)
        bench.disk.fault = DiskFullError("no space")
        bench.put(1)
        await bench.caller.reply(1)
        bench.disk.fault = None
        with trio.fail_after(10 * DISK_FULL_RETRY_SECONDS):
            while bench.replica.is_disk_full:
                await trio.lowlevel.checkpoint()

    run(scenario, lambda: Bench(election_timeout_us=4_000_000, is_more_to_come=lambda: False))


def test_save_that_was_waited_for_in_vain_wakes_the_driver() -> None:
    async def scenario(bench: Bench) -> None:
        await until_quick(bench)
        await bench.until_disk_hangs()
        asked = next(bench.probes) - 1
        await trio.testing.wait_all_tasks_blocked(0.01)
        bench.disk.moves.set()
        with trio.fail_after(0.8):
            await bench.caller.reply(asked)

    run(scenario, lambda: Bench(election_timeout_us=4_000_000, is_more_to_come=lambda: False))


def test_what_is_due_sooner_than_it_was_is_done_in_time_whoever_is_the_cause() -> None:
    """The driver's own task sleeps until what was due then, in a minute or two."""

    async def scenario(bench: Bench) -> None:
        await trio.testing.wait_all_tasks_blocked()
        bench.driver.submit([lambda now: bench.driver.clock.jump(2 * MINUTE_US)])
        while bench.replica.core.role_name == "follower":
            await trio.lowlevel.checkpoint()

    run(scenario, slow_to_campaign(voters=2))


class Steps(trio.abc.Instrument):
    """Counts how often the driver's own task has its turn."""

    def __init__(self) -> None:
        self.count = 0

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        self.count += task.name.endswith("Driver.run")


@contextmanager
def steps_counted() -> Iterator[Steps]:
    steps = Steps()
    trio.lowlevel.add_instrument(steps)
    try:
        yield steps
    finally:
        trio.lowlevel.remove_instrument(steps)


def test_deadlines_that_are_drawn_anew_wake_nobody() -> None:
    """Each append draws one, and every other is nearer than the last."""

    async def scenario(bench: Bench) -> None:
        await trio.testing.wait_all_tasks_blocked()
        bench.driver.deliver(bench.caller, [AppendEntries(1, 2, 0, 0, [], 0, 1)])
        while not bench.replica.core.is_hard_state_durable:
            await trio.lowlevel.checkpoint()
        await trio.testing.wait_all_tasks_blocked()
        with steps_counted() as steps:
            for sequence in range(2, 200):
                bench.driver.deliver(bench.caller, [AppendEntries(1, 2, 0, 0, [], 0, sequence)])
                await trio.testing.wait_all_tasks_blocked()
        assert steps.count == 0

    run(scenario, slow_to_campaign(voters=2))


def test_what_is_due_sooner_than_it_was_moves_the_alarm_and_wakes_nobody() -> None:
    async def scenario(bench: Bench) -> None:
        await trio.testing.wait_all_tasks_blocked()
        clock = bench.driver.clock
        left_us = bench.replica.next_deadline - clock.now()
        with steps_counted() as steps:
            bench.driver.submit([lambda now: clock.jump(left_us - 2_000_000)])
            await trio.testing.wait_all_tasks_blocked()
        assert steps.count == 0
        assert bench.driver._nap.deadline <= trio.current_time() + 2

    run(scenario, slow_to_campaign(voters=2))


def test_what_comes_meanwhile_wakes_nobody_where_nothing_is_left_to_apply() -> None:
    """Whoever brings it takes the next turn."""
    log = [LogEntry(1, command(7, 1, b"x"))] * 3

    async def scenario(bench: Bench) -> None:
        await trio.testing.wait_all_tasks_blocked()
        with steps_counted() as steps:
            bench.driver.deliver(bench.caller, [AppendEntries(1, 2, 3, 1, [], 3, 1)])
            await trio.testing.wait_all_tasks_blocked()
        assert bench.replica.last_applied == 3
        assert steps.count == 0

    run(scenario, slow_to_campaign(comes_meanwhile(), voters=2, log=log))


def test_follower_vouches_for_entries_before_others_take_effect() -> None:
    """The leader waits for its disk, and nobody for what takes effect on it."""
    applied_at_answer: list[tuple[int, int]] = []

    class ToLeader:
        def __init__(self, bench: Bench) -> None:
            self._bench = bench

        def send_nowait(self, message: Message) -> None:
            if isinstance(message, AppendEntriesResponse):
                applied_at_answer.append((message.match_index, self._bench.replica.last_applied))

    async def scenario(bench: Bench) -> None:
        bench.links[2] = ToLeader(bench)
        await trio.testing.wait_all_tasks_blocked()
        for index in range(20):  # the first save is not waited for, and others may take long
            entries = [LogEntry(1, command(7, index + 1, b"x"))]
            append = AppendEntries(1, 2, index, min(index, 1), entries, index, index + 1)
            bench.driver.deliver(bench.caller, [append])
            log = bench.replica.core.log
            while bench.replica.last_applied < index or log.stable_index <= index:
                await trio.lowlevel.checkpoint()
        assert any(applied < match - 1 for match, applied in applied_at_answer)

    run(scenario, slow_to_campaign(voters=2))
