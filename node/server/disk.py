"""The disk's own thread: it saves one batch at a time, and the driver goes on meanwhile.

A flush takes as long as the disk likes, and a node that did nothing else until it is through would
look dead to the others. A thread that is there already is also quicker than one that is asked for:
handing a batch over costs two queue operations. Where the last save was quick, the driver waits a
moment for the next one: to be woken takes longer than such a save.
"""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple, Self

import trio

from node.raft.ready import Ready
from node.storage.base import SnapshotStore, Storage, StorageError

CLOSE_SECONDS_MAX = 1.0
QUICK_SECONDS = 0.001
"""A save that takes no longer is waited for."""


class Outcome(NamedTuple):
    """What became of a batch, and how long it took. `snapshot_error`: a part of a snapshot that
    came in could not be kept, which the rest of the batch does not depend on. `stall_us`: so long a
    fault held it up.
    """

    error: StorageError | None
    seconds: float
    snapshot_error: StorageError | None = None
    stall_us: int = 0


class Disk:
    """Saves Readys to a storage, and the parts of a snapshot beside it.

    Made and used by one Trio task; `wake` is called in it. `delay` is called in the thread before
    each save: it takes what the save takes longer, and gives the stall in it, in microseconds.
    """

    def __init__(
        self,
        storage: Storage,
        snapshots: SnapshotStore,
        wake: Callable[[], None],
        delay: Callable[[], int],
    ) -> None:
        self._storage = storage
        self._snapshots = snapshots
        self._wake = wake
        self._delay = delay
        self._is_quick = False
        self._is_waited_for = False
        self._early: Outcome | Exception | None = None
        self._jobs: queue.SimpleQueue[Ready | None] = queue.SimpleQueue()
        self._outcomes: queue.SimpleQueue[Outcome | Exception] = queue.SimpleQueue()
        self._token = trio.lowlevel.current_trio_token()
        # A disk that hangs must not keep the process from ending, hence the daemon.
        self._thread = threading.Thread(target=self._run, name="disk", daemon=True)
        self.began_at: float | None = None
        """When the save under way began (monotonic seconds); None: none is."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._jobs.put(None)
        self._thread.join(CLOSE_SECONDS_MAX)

    def begin(self, ready: Ready) -> None:
        """Save what `ready` holds; one batch at a time. It may be done on return."""
        assert self.began_at is None, "one save at a time"
        self.began_at = time.monotonic()
        self._is_waited_for = self._is_quick
        self._jobs.put(ready)
        if self._is_quick:
            with suppress(queue.Empty):
                self._early = self._outcomes.get(timeout=QUICK_SECONDS)
            self._is_waited_for = False

    def take_outcome(self) -> Outcome | None:
        """The end of the save under way; None while it goes on, or when there is none.

        Raises what the storage raised, but for StorageError.
        """
        outcome, self._early = self._early, None
        if outcome is None:
            # Looked for even where `begin` waited in vain: nobody may have been woken.
            try:
                outcome = self._outcomes.get_nowait()
            except queue.Empty:
                return None
        self.began_at = None
        if isinstance(outcome, Exception):
            raise outcome
        self._is_quick = outcome.seconds <= QUICK_SECONDS
        return outcome

    def _run(self) -> None:
        while (ready := self._jobs.get()) is not None:
            self._outcomes.put(self._save(ready))
            if not self._is_waited_for:
                with suppress(trio.RunFinishedError):
                    self._token.run_sync_soon(self._wake)

    def _save(self, ready: Ready) -> Outcome | Exception:
        began = time.monotonic()
        error = snapshot_error = None
        stall_us = self._delay()
        try:
            for chunk in ready.received:
                self._snapshots.put(chunk)
        except StorageError as failure:
            snapshot_error = failure
        try:
            self._storage.save(ready)
        except StorageError as failure:
            error = failure
        except Exception as bug:  # not ours to judge in this thread: the driver raises it
            return bug
        return Outcome(error, time.monotonic() - began, snapshot_error, stall_us)
