"""A node's surroundings in virtual time: its streams, disk, clock, chance, and the signal to stop.

Between them everything is as it runs: `node.server.run`, the driver, sessions, links and listener.
`surroundings` puts them in place of the real ones; and the classes that it puts in place of a
node's own tell the invariants what happens, and look whether all of it happens in time.
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from types import SimpleNamespace
from typing import Any, Self

import pytest
import trio

from node.raft.errors import RemoteProtocolError
from node.raft.events import Event, LeaderElected, LogTruncated
from node.raft.messages import Message
from node.raft.ready import Prompt, Ready
from node.raft.snapshot import SnapshotId
from node.replica import Replica
from node.replica.snapshotting import Job, dismantle
from node.replica.state import State
from node.server import run
from node.server.disk import Outcome
from node.server.driver import Driver
from node.server.sessions import Session
from node.server.snapshotter import Result
from node.sim.machine import digest_of
from node.storage.base import DiskFullError, StorageError
from node.transport.peers import PeerLink
from node.verify.observation import Violation
from node.wire.messages import WireMessage
from tests.sim.virtual_hosts import HERE, here
from tests.sim.virtual_streams import VirtualListener, VirtualStream

EPOCH = 1_800_000_000.0
WINDOW_US = 10_000
TURNS_MAX = 50
"""Of one node in that time, in which nothing comes in: more of them are a busy loop."""


# -- time ------------------------------------------------------------------------------------------
class VirtualTime:
    """What the product takes from `time`. Each node's clock began at another moment."""

    strftime = staticmethod(time.strftime)
    gmtime = staticmethod(time.gmtime)

    def monotonic(self) -> float:
        host = HERE.get()
        return trio.current_time() + (0.0 if host is None else host.clock_offset)

    def monotonic_ns(self) -> int:
        return round(self.monotonic() * 1e9)

    def time(self) -> float:
        return EPOCH + trio.current_time()

    def time_ns(self) -> int:
        return round(self.time() * 1e9)


# -- the disk --------------------------------------------------------------------------------------
class VirtualDisk:
    """In place of `node.server.disk.Disk`: no thread, and a flush takes virtual time."""

    def __init__(
        self, storage: object, snapshots: object, wake: Callable[[], None], delay: object
    ) -> None:
        self._host = here()
        self._wake = wake
        self._outcome: Outcome | None = None
        self._ended_at = 0.0
        self._random = here().next_random()
        self.began_at: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def begin(self, ready: Ready) -> None:
        assert self.began_at is None, "one save at a time"
        host = self._host
        self.began_at = VirtualTime().monotonic()
        host.disk.begin(ready)
        if self._random.random() < 0.5:
            self._end(ready, trio.current_time())  # it was quick, and wakes nobody
        else:
            host.nursery.start_soon(self._save, ready)

    async def _save(self, ready: Ready) -> None:
        began = trio.current_time()
        await self._host.until_flushed()
        self._end(ready, began)
        self._wake()

    def _end(self, ready: Ready, began: float) -> None:
        host = self._host
        snapshot_error = host.disk.put_received(ready)
        error = host.disk.end(host.random, lambda ready: host.tell("saving", ready))
        if error is None:
            host.tell("saved", ready)
        elif not isinstance(error, DiskFullError):
            host.has_failed = True
            host.tell("disk_failed")
        self._ended_at = trio.current_time()
        self._outcome = Outcome(error, self._ended_at - began, snapshot_error)

    def take_outcome(self) -> Outcome | None:
        outcome, self._outcome = self._outcome, None
        if outcome is not None:
            self.began_at = None
            self._host.check_promptness("a flush", trio.current_time() - self._ended_at)
        return outcome


class VirtualSnapshotter:
    """In place of `node.server.snapshotter.Snapshotter`."""

    def __init__(self, store: object, wake: Callable[[], None]) -> None:
        self._host = here()
        self._wake = wake
        self._results: deque[tuple[Job, Result, float]] = deque()
        self._send, self._receive = trio.open_memory_channel[Job | frozenset[SnapshotId] | State](
            1000
        )

    def __enter__(self) -> Self:
        self._host.nursery.start_soon(self._run)
        return self

    def __exit__(self, *exc: object) -> None:
        pass  # what is under way goes on for a while, as in the thread

    def begin(self, job: Job) -> None:
        self._send.send_nowait(job)

    def keep(self, snapshots: frozenset[SnapshotId]) -> None:
        self._send.send_nowait(snapshots)

    def dismantle(self, state: State) -> None:
        self._send.send_nowait(state)

    def take_result(self) -> tuple[Job, Result] | None:
        if not self._results:
            return None
        job, result, ended_at = self._results.popleft()
        self._host.check_promptness("a snapshot", trio.current_time() - ended_at)
        return job, result

    async def _run(self) -> None:
        host, store = self._host, self._host.disk.snapshots
        async for work in self._receive:
            await trio.sleep(host.random.uniform(0, host.pace.snapshot_seconds_max))
            if isinstance(work, frozenset):
                store.keep(work)
                continue
            if isinstance(work, State):
                dismantle(work, lambda parts: parts)
                continue
            try:
                if host.disk.faults.is_full:
                    raise DiskFullError("no space is left")
                result: Result = work.run(store, lambda parts: parts)
            except StorageError as error:
                result = error
            host.counts["snapshots loaded" if isinstance(result, State) else "snapshot jobs"] += 1
            self._results.append((work, result, trio.current_time()))
            self._wake()


# -- connections -----------------------------------------------------------------------------------
class VirtualArrivals:
    """In place of `node.transport.arrivals.Arrivals`: chance says whether more is to come."""

    def __init__(self) -> None:
        self._random = here().next_random()

    def watching(self, fileno: int) -> AbstractContextManager[None]:
        return nullcontext()

    def are_there(self) -> bool:
        return self._random.random() < 0.5


# -- who watches -----------------------------------------------------------------------------------
class ObservedReplica(Replica):
    """Tells what happens in it, in the moment when it happens."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._host = here()
        self._host.replica = self
        self._told_commit = self.core.commit_index
        self._led_term = 0
        if self.state.snapshot is not None:
            self._look_at_restored(self.state)

    def _look_at_restored(self, state: State) -> None:
        self._host.tell("restored", state.index, digest_of(state))

    def _look_at_role(self) -> None:
        self._led_term = self.core.term if self.core.is_leader else 0

    def _look_at_commit(self) -> None:
        if self.core.commit_index != self._told_commit:
            self._told_commit = self.core.commit_index
            if self.core.is_leader or self._led_term == self.core.term:
                self._host.tell("commit_advanced")

    def _look_at_events(self, events: Sequence[Event]) -> None:
        for event in events:
            self._host.counts[type(event).__name__] += 1
            if type(event) is LeaderElected:
                self._host.tell("elected", event)
            elif type(event) is LogTruncated:
                self._host.tell("truncated", event)

    def step(self, message: Message, now: int) -> None:
        self._look_at_role()
        try:
            super().step(message, now)
        except RemoteProtocolError as error:
            text = f"calls {message} illegal: {error}"
            raise Violation("peers_are_legal", self._host.id, text) from error
        self._look_at_commit()

    def tick(self, now: int) -> None:
        self._look_at_role()
        super().tick(now)
        self._look_at_commit()

    def ready(self) -> Ready | None:
        ready = super().ready()
        if ready is not None:
            self._look_at_events(ready.events)
        return ready

    def take_prompt(self) -> Prompt:
        prompt = super().take_prompt()
        self._look_at_events(prompt.events)
        return prompt

    def apply(self, ready: Ready) -> None:
        super().apply(ready)
        if ready.committed:
            self._host.tell("applied", ready)

    def synced(self, ready: Ready, now: int) -> None:
        self._look_at_role()
        super().synced(ready, now)
        self._look_at_commit()

    def snapshot_loaded(self, state: State) -> bool:
        self._look_at_restored(state)
        counts = super().snapshot_loaded(state)
        self._told_commit = self.core.commit_index
        return counts


class ObservedLink(PeerLink):
    def send_nowait(self, message: Message) -> None:
        here().tell("sending", self.peer_id, message)
        super().send_nowait(message)


class ObservedDriver(Driver):
    """Looks whether it does all that there is to do, in time, and has its turns for something."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._host = here()
        self._window_began = 0
        self._turns = 0
        self._waits_since: float | None = None

    def deliver(self, source: Any, messages: Sequence[Message]) -> None:
        self._waits()
        super().deliver(source, messages)

    def submit(self, work: Sequence[Any]) -> None:
        self._waits()
        super().submit(work)

    def _waits(self) -> None:
        if self._waits_since is None:
            self._waits_since = trio.current_time()

    def _take_in(self, now: int) -> None:
        host = self._host
        if not self._inbox.is_empty or now - self._window_began > WINDOW_US:
            self._window_began, self._turns = now, 0
        self._turns += 1
        host.counts["turns at most"] = max(host.counts["turns at most"], self._turns)
        assert self._turns < TURNS_MAX, f"n{host.id} turns, and nothing comes of it"
        host.counts["turns"] += 1
        deadline = self.replica.next_deadline
        since, self._waits_since = self._waits_since, None
        if self._is_stopping:  # it waited for its disk
            return super()._take_in(now)
        assert not self.replica._outbox.replies, f"n{host.id} keeps answers back"
        if since is not None:
            host.check_promptness("what came in", trio.current_time() - since)
        elif deadline > now:
            host.counts["turns for something else"] += 1
        elif host.counts["turns"] > 1:
            host.check_promptness("a deadline", (now - deadline) / 1e6)
        super()._take_in(now)

    def _turn(self, disk: Any, snapshotter: Any) -> bool:
        goes_on = super()._turn(disk, snapshotter)
        if not goes_on:
            self._host.tell("turned")
        return goes_on

    def _turn_at_once(self, *helpers: Any) -> None:
        self._host.counts["turns at once"] += 1
        super()._turn_at_once(*helpers)

    async def run(self) -> None:
        await super().run()
        for session in self._host.sessions:
            is_owed = session.open_requests and not session.is_gone and session.is_open
            assert not is_owed, f"n{self._host.id} stops and owes {session.open_requests} answers"


class ObservedSession(Session):
    """Its counts of requests have to come out even."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        here().sessions.append(self)

    @property
    def open_requests(self) -> int:
        return self._open

    @property
    def is_gone(self) -> bool:
        return self._is_gone

    @property
    def is_open(self) -> bool:
        return self._channel.is_open

    def reply_nowait(self, message: WireMessage) -> None:
        super().reply_nowait(message)
        assert self._open >= 0, f"more answers than requests, with {message}"


@contextmanager
def surroundings(seed: int) -> Iterator[pytest.MonkeyPatch]:
    """Virtual ones in place of the real ones, for whatever node runs meanwhile."""
    with pytest.MonkeyPatch.context() as patch:
        virtual_time = VirtualTime()
        for module in (
            *("clock", "driver", "eventhub", "journal", "node", "nodefaults", "run", "sessions"),
            "status",
        ):
            patch.setattr(f"node.server.{module}.time", virtual_time)
        patch.setattr("node.transport.peers.time", virtual_time)
        patch.setattr("node.transport.opening.os", SimpleNamespace(urandom=_urandom))
        for name, value in {
            "Arrivals": VirtualArrivals,
            "Replica": ObservedReplica,
            "PeerLink": ObservedLink,
            "Driver": ObservedDriver,
            "Session": ObservedSession,
            "seeded_rng": lambda: here().next_random(),
            "new_incarnation": lambda: here().next_random().getrandbits(62),
            "gc": SimpleNamespace(collect=lambda *args: 0, freeze=lambda: None),
            "log": _log,
        }.items():
            patch.setattr(run, name, value)
        patch.setattr("node.server.eventhub.log", _log)
        patch.setattr("node.server.journal.log", _log)
        patch.setattr("node.server.driver.Disk", VirtualDisk)
        patch.setattr("node.server.driver.Snapshotter", VirtualSnapshotter)
        patch.setattr(trio, "open_tcp_stream", _open_stream)
        patch.setattr(trio, "open_tcp_listeners", _open_listeners)
        patch.setattr(trio, "open_signal_receiver", _signals)
        # Trio shuffles its tasks; so does it by its own seed, as with Hypothesis' plugin.
        patch.setattr(trio._core._run, "_ALLOW_DETERMINISTIC_SCHEDULING", True)
        state = trio._core._run._r.getstate()
        trio._core._run._r.seed(seed)
        try:
            yield patch
        finally:
            trio._core._run._r.setstate(state)


def _urandom(count: int) -> bytes:
    return here().next_random().randbytes(count)


def _log(level: str, text: str, **fields: object) -> None:
    host = HERE.get()
    if host is not None:
        told = " ".join(f"{name}={value}" for name, value in fields.items())
        host.world.note(f"n{host.id} {level} {text} {told}")


async def _open_stream(host: str, port: int) -> VirtualStream:
    dialling = here()
    dialling.counts["dials"] += 1
    return await dialling.world.network.connect(dialling.id, port)


async def _open_listeners(port: int, *, host: str) -> list[VirtualListener]:
    await trio.lowlevel.checkpoint()
    return [here().world.network.listen(port)]


@contextmanager
def _signals(*numbers: int) -> Iterator["_Signals"]:
    yield _Signals(numbers[0], here().told_to_stop)


class _Signals:
    def __init__(self, number: int, told: trio.Event) -> None:
        self._number = number
        self._told = told

    def __aiter__(self) -> "_Signals":
        return self

    async def __anext__(self) -> int:
        await self._told.wait()
        return self._number
