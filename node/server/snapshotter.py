"""The thread that writes and reads snapshots, one at a time, and leaves the others their time.

A snapshot may take minutes, in which the node goes on. This thread shares one interpreter with it,
so it works in short bursts and sleeps between them: whoever waits for the interpreter waits for one
burst, not for the five milliseconds that a busy thread is given.
"""

import queue
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Self, TypeVar

import trio

from node.raft.snapshot import Snapshot, SnapshotId
from node.replica.snapshotting import Job, dismantle
from node.replica.state import State
from node.storage.base import SnapshotStore, StorageError

BURST_SECONDS = 0.001
REST_SECONDS = 0.002
"""After each burst: about a third of a processor goes into a snapshot."""

Result = Snapshot | State | StorageError | Exception
Step = TypeVar("Step")
Work = Job | State | frozenset[SnapshotId]


def paced(steps: Iterator[Step], /) -> Iterator[Step]:
    """The same steps, with a rest whenever they took a burst's time."""
    began = time.monotonic()
    for step in steps:
        yield step
        if time.monotonic() - began >= BURST_SECONDS:
            time.sleep(REST_SECONDS)
            began = time.monotonic()


class Snapshotter:
    """Runs jobs over a store. Made and used by one Trio task; `wake` is called in it."""

    def __init__(self, store: SnapshotStore, wake: Callable[[], None]) -> None:
        self._store = store
        self._wake = wake
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._results: queue.SimpleQueue[tuple[Job, Result]] = queue.SimpleQueue()
        self._token = trio.lowlevel.current_trio_token()
        # What was not finished is begun again by the next life of the node, hence the daemon.
        self._thread = threading.Thread(target=self._run, name="snapshots", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._work.put(None)

    def begin(self, job: Job) -> None:
        self._work.put(job)

    def keep(self, snapshots: frozenset[SnapshotId]) -> None:
        """Remove all snapshots but these, in time."""
        self._work.put(snapshots)

    def dismantle(self, state: State) -> None:
        """Let go of `state`, which nobody uses any more, in time."""
        self._work.put(state)

    def take_result(self) -> tuple[Job, Result] | None:
        """A job that is through, and what came of it; an exception where nothing did."""
        return None if self._results.empty() else self._results.get_nowait()

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            self._do(work)
            del work  # the last trace of a large state, maybe: it must not stay until more comes

    def _do(self, work: Work) -> None:
        if isinstance(work, State):
            dismantle(work, paced)
        elif isinstance(work, frozenset):
            with suppress(StorageError):  # what stays is in nobody's way, and goes next time
                self._store.keep(work)
        else:
            self._results.put((work, self._result_of(work)))
            with suppress(trio.RunFinishedError):
                self._token.run_sync_soon(self._wake)

    def _result_of(self, job: Job) -> Result:
        try:
            return job.run(self._store, paced)
        except Exception as error:  # the machine is the user's: the driver tells what it raised
            return error
