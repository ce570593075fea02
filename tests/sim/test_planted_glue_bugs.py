"""The virtual clusters find bugs: each of these is planted alone, and caught."""

from collections.abc import Callable
from typing import Any

import pytest
import trio

from node.server.driver import Driver
from node.server.sessions import Session
from node.server.watches import Watches
from node.transport.channel import Channel
from node.transport.peers import PeerLink
from tests.sim.virtual_cluster import run_cluster
from tests.sim.virtual_faults import Hostile

SEEDS = range(1, 9)


def promises_at_once(self: Driver, ready: Any, disk: Any) -> None:
    self._departures.send(ready.messages)
    self._departures.send(ready.messages_after_sync)
    ready.messages_after_sync = []
    real_begin(self, ready, disk)


real_begin = Driver._begin


def wakes_nobody(self: Driver) -> None:
    """The disk, or the snapshots, are done."""


def delivers_without_a_word(self: Driver, source: Any, messages: Any) -> None:
    self._inbox.put_messages(source, messages)


async def never_sleeps(self: Driver, disk: Any) -> None:
    await trio.lowlevel.checkpoint()


def looks_away(self: Driver, ready: Any, disk: Any) -> None:
    disk.begin(ready)


def wakes_for_nothing(self: Driver) -> bool:
    return self._is_due or self._is_stopping


def answers_later(self: Driver) -> None:
    if self.replica.core.commit_index % 3:
        real_send_replies(self)


real_send_replies = Driver.send_replies


def answers_twice(self: Session, message: Any) -> None:
    self._answered()
    self.push_nowait(message)
    if message.id % 10 == 0:
        self.push_nowait(message)


def reads_what_it_has(self: Session, message: Any, now: int) -> None:
    real_read(self, type(message)(message.id, message.query, "stale", message.here), now)


real_read = Session._read


async def waits_for_one_less(self: Session, count: int) -> None:
    if self._open > count:
        self._awaited_open = count - 1
        self._few_open = trio.Event()
        await self._few_open.wait()


def tells_some_of_it(
    self: Watches, watcher: Any, request_id: int, following: Any, *rest: Any
) -> Any:
    if self._replica.last_applied % 7 == 0:
        following.sent_through = self._replica.last_applied
    return real_tell(self, watcher, request_id, following, *rest)


real_tell: Callable[..., Any] = Watches._send


async def leaves_it_open(self: PeerLink, channel: Channel) -> None:
    self._channel = channel
    async with trio.open_nursery() as nursery:
        nursery.start_soon(self._write, channel, nursery.cancel_scope)
        nursery.start_soon(self._watch_for_end, channel, nursery.cancel_scope)
    self._channel = None


@pytest.mark.parametrize(
    ("where", "name", "bug", "words"),
    [
        (Driver, "_begin", promises_at_once, "persist_before_reply"),
        (Driver, "wake", wakes_nobody, "leaves a"),
        (Driver, "deliver", delivers_without_a_word, "leaves"),
        (Driver, "_sleep", never_sleeps, "nothing comes of it"),
        (Driver, "_save", looks_away, "leaves a flush"),
        (Driver, "_has_turn", wakes_for_nothing, "leaves what came in"),
        (Driver, "send_replies", answers_later, "keeps answers back"),
        (Session, "reply_nowait", answers_twice, "a second answer"),
        (Session, "_read", reads_what_it_has, "linearizable_reads_are_fresh"),
        (Session, "_until_open", waits_for_one_less, "does not end it"),
        (Watches, "_send", tells_some_of_it, ""),
        (PeerLink, "_use", leaves_it_open, ""),
    ],
)
def test_planted_bug_is_caught(
    monkeypatch: pytest.MonkeyPatch, where: type, name: str, bug: Callable[..., Any], words: str
) -> None:
    monkeypatch.setattr(where, name, bug)
    assert words in _first_failure()


def _first_failure() -> str:
    """Of any seed, in words."""
    for seed in SEEDS:
        try:
            run_cluster(Hostile(seed))
        except BaseException as error:
            first = error
            while isinstance(first, BaseExceptionGroup):
                first = first.exceptions[0]
            return str(first)
    pytest.fail(f"{len(SEEDS)} seeds miss it")
