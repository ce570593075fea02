"""The clients of a run: an open loop of operations, whose history is written down.

Each client is a thread with a connection of its own. Whoever does not know what came of an
operation is somebody else from then on, since nobody may be at two things at a time: the number of
its process rises by that of the clients.
"""

import random
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from node.client.address import ClusterAddress
from node.client.blocking import Client
from node.client.errors import ClientError, OutcomeUnknownError
from node.machines import kv
from node.scenario.scenario import Workload
from node.scenario.workloads import (
    Came,
    Cas,
    Chooser,
    Get,
    Operation,
    Put,
    Reply,
    Request,
    decoded,
    encoded,
    steps_of,
)
from raftctl.chaos.threads import Threads
from raftctl.chaos.writing import LineFile


@dataclass(slots=True)
class Seen:
    """What clients saw. Times in nanoseconds since the run began."""

    counts: dict[str, int] = field(default_factory=lambda: {"ok": 0, "fail": 0, "info": 0})
    missed: int = 0
    """So many were not even begun, because all clients waited."""
    done: list[tuple[int, int, str, str]] = field(default_factory=list)
    """When it ended, how long it took, what it was, and what it came to."""
    refused: int = 0
    """So many of those that failed were answered: the store did not hold what they were to change.
    """


class Clients:
    """`workload.clients` threads that share one sequence of operations, drawn from the seed."""

    def __init__(
        self,
        address: ClusterAddress,
        workload: Workload,
        seed: int,
        history: LineFile,
        mark: str = "",
    ) -> None:
        """`mark`: what keys have in them."""
        self._address = address
        self._workload = workload
        self._history = history
        self._rng = random.Random(f"{seed} arrivals")
        self._chooser = Chooser(workload, random.Random(f"{seed} operations"), mark)
        self._lock = threading.Lock()
        self._is_over = threading.Event()
        self._next_at = 0.0
        self.seen = Seen()
        self.threads = Threads()
        for number in range(workload.clients):
            self.threads.add(f"client {number}", partial(self._run, number))

    def start(self) -> None:
        self._next_at = time.monotonic()
        self.threads.start()

    def stop(self) -> None:
        """No new operation; those under way are waited for, as long as their time is."""
        self._is_over.set()
        self.threads.join()

    # -- one client --------------------------------------------------------------------------------
    def _run(self, process: int) -> None:
        timeout = self._workload.timeout_us / 1e6
        with Client(self._address, timeout=timeout) as client:
            while (at := self._arrival(timeout)) is not None:
                if self._is_over.wait(max(at - time.monotonic(), 0)):
                    break
                with self._lock:
                    operation = self._chooser.next(process)
                if not self._carry_out(client, process, operation, timeout):
                    process += self._workload.clients

    def _arrival(self, timeout: float) -> float | None:
        """When the next operation is due, on the monotonic clock; None: no more."""
        with self._lock:
            now = time.monotonic()
            while self._next_at < now - timeout:
                self._next_at += self._rng.expovariate(self._workload.rate_per_s)
                self.seen.missed += 1
            at = self._next_at
            self._next_at += self._rng.expovariate(self._workload.rate_per_s)
        return None if self._is_over.is_set() else at

    def _carry_out(
        self, client: Client, process: int, operation: Operation, timeout: float
    ) -> bool:
        """Whether it is known what came of it."""
        head: dict[str, Any] = {"process": process, "f": operation.f, "key": operation.key}
        began = self._history.write({**head, "type": "invoke", "value": operation.value})
        try:
            came = _done(client, operation, time.monotonic() + timeout)
        except OutcomeUnknownError as error:
            self._ended(head, operation, began, "info", error)
            return False
        except ClientError as error:
            self._ended(head, operation, began, "fail", error)
            return True
        line = {**head, "type": came.type, "value": came.value}
        if came.index:
            line["index"] = came.index
        if came.result is not None:
            line["result"] = came.result
        ended = self._history.write(line)
        with self._lock:
            self._count(operation, began, ended, came.type)
            self.seen.refused += came.type == "fail"
            self._chooser.saw(process, operation, came)
        return True

    def _ended(
        self, head: dict[str, Any], operation: Operation, began: int, how: str, error: ClientError
    ) -> None:
        line = {**head, "type": how, "value": operation.value, "error": error.code}
        if isinstance(error, OutcomeUnknownError) and error.command is not None:
            line["client"], line["sequence"] = error.command
        ended = self._history.write(line)
        with self._lock:
            self._count(operation, began, ended, how)

    def _count(self, operation: Operation, began: int, ended: int, how: str) -> None:
        self.seen.counts[how] += 1
        self.seen.done.append((ended, ended - began, operation.f, how))


def _done(client: Client, operation: Operation, deadline: float) -> Came:
    """Raises ClientError: OutcomeUnknownError where something of it may have been done."""
    steps = steps_of(operation)
    reply: Reply | None = None
    while True:
        try:
            request = next(steps) if reply is None else steps.send(reply)
        except StopIteration as ended:
            came: Came = ended.value
            return came
        reply = _asked(client, request, max(deadline - time.monotonic(), 0.001))


def _asked(client: Client, request: Request, timeout: float) -> Reply:
    match request:
        case Get(key):
            answer = client.read(kv.get(key), timeout=timeout)
            found = kv.decode_result(answer.result)
            return Reply(True, None if found is None else decoded(found[0]), answer.index)
        case Put(key, value):
            data = encoded(value)
            assert data is not None, "nobody writes nothing"
            applied = client.propose(kv.put(key, data), timeout)
            return Reply(True, value, applied.index)
        case Cas(key, old, new):
            applied = client.propose(kv.cas(key, encoded(old), encoded(new)), timeout)
            done, now = kv.decode_result(applied.result)
            return Reply(done, decoded(now), applied.index)
