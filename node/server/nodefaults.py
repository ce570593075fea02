"""What is wrong with this node itself, on purpose: its disk and its clock.

The errors are raised where those of a real disk come up, as the system raises them, so that it is
the node's own handling that is seen. A limit of SQLite (`max_page_count`) would not do for a full
disk: what fits into pages that are there would still be taken, now and then.

The clock belongs to Trio's thread. The disk is asked about by the threads that use it, so its rules
are behind a lock, and a flush that is held up goes on as soon as nothing holds it up any more.
"""

import errno
import os
import random
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any

from node.nodefaults import NodePolicy, NodeRule
from node.server.clock import Clock
from node.storage.snapshots import Access


class NodeFaults:
    """The rules in force, with their effects. `rng` decides whether a flush that fails wrote."""

    def __init__(self, rng: random.Random) -> None:
        self.clock = Clock()
        self._rng = rng
        self._policy = NodePolicy()
        self._changed = threading.Condition()
        self._stall_us = 0

    # -- Trio's thread -----------------------------------------------------------------------------
    @property
    def rules(self) -> tuple[NodeRule, ...]:
        return self._policy.rules

    @property
    def next_expiry(self) -> float | None:
        """When `expire` has something to do next, in Unix seconds."""
        return self._policy.next_expiry

    def replace(self, rules: Iterable[NodeRule]) -> None:
        """These and no others."""
        with self._changed:
            self._policy.replace(rules)
            self._changed.notify_all()
        self._set_clock()

    def expire(self) -> list[int]:
        """Drop the rules whose time is over, and give their faults' numbers."""
        with self._changed:
            over = self._policy.expire(time.time())
            self._changed.notify_all()
        self._set_clock()
        return over

    def _set_clock(self) -> None:
        wall = time.time()
        rate = self._policy.clock_rate(wall)
        if rate != self.clock.rate:
            self.clock.run_at(rate)
            with self._changed:
                self._policy.clock_changes(wall)

    def stall(self, delay_us: int) -> None:
        """The next flush takes so much longer, once."""
        with self._changed:
            self._stall_us = delay_us

    def document(self) -> list[dict[str, Any]]:
        """The rules, each with its hits."""
        with self._changed:
            hits = self._policy.hits
            return [{**rule.to_map(), "hits": hits[rule.fault]} for rule in self._policy.rules]

    # -- the disk's threads ------------------------------------------------------------------------
    def delay(self) -> int:
        """A flush begins: take what it takes more, and give the stall in it, in microseconds."""
        began = time.monotonic()
        with self._changed:
            stall_us, self._stall_us = self._stall_us, 0
            self._policy.slows(time.time())
            while (seconds := began + self._delay_seconds(stall_us) - time.monotonic()) > 0:
                self._changed.wait(seconds)
        return stall_us

    def _delay_seconds(self, stall_us: int) -> float:
        return (stall_us + self._policy.delay_us(time.time())) / 1e6

    def flush(self, write: Callable[[], object]) -> None:
        """Carry out what ends in a flush of the database or its redo log. Raises OSError."""
        with self._changed:
            is_full = self._policy.is_full(time.time())
            fails = not is_full and self._policy.fails(time.time())
        if is_full:
            raise _system_error(errno.ENOSPC)
        if fails and self._rng.random() < 0.5:
            raise _system_error(errno.EIO)
        write()
        if fails:  # what the flush was for is there all the same, and nobody can tell
            raise _system_error(errno.EIO)

    def touch(self, access: Access) -> None:
        """A file of a snapshot is about to be written, or flushed. Raises OSError."""
        with self._changed:
            wall = time.time()
            if access == "write" and self._policy.is_full(wall):
                raise _system_error(errno.ENOSPC)
            if access == "flush" and self._policy.fails(wall):
                raise _system_error(errno.EIO)


def _system_error(code: int) -> OSError:
    return OSError(code, os.strerror(code))
