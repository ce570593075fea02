"""Clients: they ask, wait, try elsewhere and give up as real ones do, by the same session rules.

What a client sends and gets goes through the codec; its connections are not what faults between
nodes cut, but a node that dies or stands still is silent, and each attempt may be lost.
"""

import random
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from node.client.errors import (
    ClientError,
    OutcomeUnknownError,
    UnreachableError,
)
from node.client.session import Call, Pause, Sequences
from node.scenario.workloads import Cas, Get, Put, Request, encoded
from node.sim.asking import Asking
from node.sim.batching import Batch, Batching
from node.sim.kernel import Kernel
from node.sim.scripts import Script
from node.sim.streams import stream, weighted
from node.verify.observation import Kind, Observers, Operation
from node.wire.codec import decode, encode
from node.wire.messages import Failure, ReadMode, WireMessage

SECOND = 1_000_000
LATE_TIMEOUTS = 3
"""A request that is late arrives after at most so many times what its client has for it."""


@dataclass(frozen=True, slots=True)
class Habits:
    """What clients do. Times in microseconds."""

    keys: int
    gap_us: tuple[int, int]
    """Between two operations of one client, at least and at most."""
    timeout_us: int
    latency_us: tuple[int, int]
    loss: float
    """How often a request or a reply is lost, with its connection."""
    late: float
    """How often a request that seems to be lost arrives in the end, when its client has gone on."""
    weights: tuple[tuple[Kind, int], ...]
    modes: tuple[tuple[ReadMode, int], ...]
    elsewhere: float
    """How often an operation is asked of one node, whoever leads."""
    astray: float
    """How often just anybody is asked first."""
    batches: float
    """How often several things are asked at once, of whoever leads."""


class Session:
    """What clients have in common that are the calls of one, which waits for none of them before it
    begins the next.
    """

    def __init__(self, rng: random.Random) -> None:
        self._random = rng
        self.sequences = Sequences(rng.getrandbits(64))
        """Those of new commands."""

    def ended(self, sequences: Sequences, seen: int) -> None:
        """The cluster knows it no more, as it says at entry `seen`: whoever hears that first begins
        another one.
        """
        if self.sequences is sequences:
            self.sequences = Sequences(self._random.getrandbits(64), seen)


class Client:
    """One client, one operation or batch at a time. `ask(node, client, data)` brings a request to a
    node.
    """

    def __init__(
        self,
        client_id: int,
        seed: int,
        session: Session | None,
        kernel: Kernel,
        nodes: Collection[int],
        habits: Habits,
        observers: Observers,
        ask: Callable[[int, "Client", bytes], None],
        last_applied: Callable[[int], int | None],
    ) -> None:
        """`session`: that of the client that it is one with; None: it has its own."""
        self.id = client_id
        self.random = stream(seed, "client", client_id)
        self.is_done = False
        """It begins nothing new."""
        self.counts: dict[str, int] = {"ok": 0, "fail": 0, "unknown": 0}
        self._kernel = kernel
        self._nodes = nodes
        self._habits = habits
        self._observers = observers
        self._ask = ask
        self._last_applied = last_applied
        self.session = session or Session(self.random)
        self._batching: Batching | None = None
        if habits.batches:
            self._batching = Batching(
                seed, client_id, habits.batches, habits.keys, habits.weights, habits.modes
            )
        self._asking: Asking | None = None
        self._call: Call | None = None
        self._request_id = 0
        self._asked = 0
        """The node that the request under way is for."""
        self._answered_by: int | None = None
        self._written = 0
        self.last: Operation | None = None
        """What it asked last."""
        self._seen: dict[str, bytes | None] = {}
        self.script: Script | None = None
        """What it asks, instead of what it chooses itself."""

    @property
    def is_idle(self) -> bool:
        return self._asking is None

    def __hash__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return self is other

    # -- one operation -----------------------------------------------------------------------------
    def begin_later(self) -> None:
        self._kernel.after(self.random.randint(*self._habits.gap_us), "client", self.begin)

    def begin(self) -> None:
        """Choose what to do, and start."""
        if self.is_done or self._asking is not None:
            return
        if self.script is not None:
            request = self.script.next()
            if request is not None:
                self._request(request)
            return
        if self._batching is not None and (batch := self._batching.next()) is not None:
            self._begin_batch(batch)
            return
        rng, habits = self.random, self._habits
        kind = weighted(rng, habits.weights)
        mode = weighted(rng, habits.modes)
        key = f"k{rng.randrange(habits.keys)}"
        only = None
        if rng.random() < habits.elsewhere:
            only = self._anybody()
        self.invoke(kind, key, mode, only)

    def _request(self, request: Request) -> None:
        match request:
            case Get(key):
                self._invoke("get", key, "linearizable", None, None, None)
            case Put(key, value):
                self._invoke("put", key, "linearizable", None, encoded(value), None)
            case Cas(key, old, new):
                self._invoke("cas", key, "linearizable", None, encoded(new), encoded(old))

    def _anybody(self) -> int:
        return sorted(self._nodes)[self.random.randrange(len(self._nodes))]

    def invoke(self, kind: Kind, key: str, mode: ReadMode, only: int | None = None) -> None:
        """Start this very operation; `only`: ask that node alone."""
        expected = self._seen.get(key) if kind == "cas" else None
        self._invoke(kind, key, mode, only, self._new_value(kind), expected)

    def _new_value(self, kind: Kind) -> bytes | None:
        """What nobody else writes."""
        if kind not in ("put", "cas"):
            return None
        self._written += 1
        return f"c{self.id}.{self._written}".encode()

    def _invoke(
        self,
        kind: Kind,
        key: str,
        mode: ReadMode,
        only: int | None,
        value: bytes | None,
        expected: bytes | None,
    ) -> None:
        now = self._kernel.now
        operation = Operation(self.id, 0, kind, key, value, expected, mode, now, asked=only)
        self._ask_for(Asking([operation], self.session.sequences), only)

    def _begin_batch(self, batch: Batch) -> None:
        """Each of its commands may expect what those in front of it write."""
        seen = dict(self._seen)
        operations = []
        for place, (kind, key) in enumerate(batch.wishes):
            value = self._new_value(kind)
            expected = seen.get(key) if kind == "cas" else None
            now = self._kernel.now
            operations.append(
                Operation(self.id, 0, kind, key, value, expected, batch.mode, now, place=place)
            )
            seen[key] = value
        self._ask_for(Asking(operations, self.session.sequences, batch.skipped), None)

    def _ask_for(self, asking: Asking, only: int | None) -> None:
        self._asking, self.last = asking, asking.operations[-1]
        self._call = Call(
            self._nodes,
            self._anybody() if self.random.random() < self._habits.astray else self._answered_by,
            self._kernel.now / SECOND,
            self._habits.timeout_us / SECOND,
            only,
        )
        for operation in asking.operations:
            for look in self._observers.invoked:
                look(operation)
        self._go_on()

    def _go_on(self) -> None:
        """The next attempt, or a pause before it, or the end."""
        call = self._call
        if call is None:
            return
        try:
            step = call.next(self._kernel.now / SECOND)
        except ClientError as error:
            self._fail(error)
            return
        self._request_id += 1
        until = int(step.until * SECOND) + 1
        if isinstance(step, Pause):
            self._kernel.at(until, "client", self._wake, self._request_id)
            return
        self._asked = step.node_id
        self._kernel.after(self._latency(), "client", self._arrive, self._request_id, step.node_id)
        self._kernel.at(until, "client", self._silent, self._request_id, step.node_id)

    def _wake(self, request_id: int) -> None:
        if request_id == self._request_id:
            self._go_on()

    def _latency(self) -> int:
        return self.random.randint(*self._habits.latency_us)

    def _arrive(self, request_id: int, node_id: int) -> None:
        """The request reaches the node, if nothing happens to it."""
        call, asking = self._call, self._asking
        if request_id != self._request_id or call is None or asking is None:
            return
        last_applied = self._last_applied(node_id)
        if last_applied is None:
            self._unreachable(node_id, "nobody listens")
            return
        request = asking.request(request_id, call.is_for_one, last_applied)
        if not asking.is_read:
            call.sent()
        if self.random.random() >= self._habits.loss:
            self._ask(node_id, self, encode(request))
        elif self.random.random() < self._habits.late:
            late_us = self.random.randint(1, LATE_TIMEOUTS) * self._habits.timeout_us
            self._kernel.after(late_us, "client", self._ask, node_id, self, encode(request))

    def _silent(self, request_id: int, node_id: int) -> None:
        if request_id == self._request_id and self._call is not None:
            self._unreachable(node_id, "it is silent")

    def broken(self, node_id: int) -> None:
        """The connection to a node that died is gone."""
        if self._call is not None:
            self._kernel.after(self._latency(), "client", self._broken, self._request_id, node_id)

    def _broken(self, request_id: int, node_id: int) -> None:
        if request_id == self._request_id and self._asked == node_id:
            self._unreachable(node_id, "the connection broke")

    def _unreachable(self, node_id: int, why: str) -> None:
        assert self._call is not None
        try:
            self._call.unreachable(UnreachableError("unreachable", f"n{node_id}: {why}"))
        except ClientError as error:
            self._fail(error)
        else:
            self._go_on()

    # -- answers -----------------------------------------------------------------------------------
    def receive(self, node_id: int, message: WireMessage) -> None:
        """A reply left the node: it arrives later, or not at all."""
        data = encode(message)
        self._kernel.note(data)
        if self.random.random() >= self._habits.loss:
            self._kernel.after(self._latency(), "client", self._received, node_id, data)

    def _received(self, node_id: int, data: bytes) -> None:
        message: Any = decode(data)
        call, asking = self._call, self._asking
        if message.id != self._request_id or call is None or asking is None:
            return
        if isinstance(message, Failure):
            try:
                call.refused(node_id, message)
            except ClientError as error:
                self._fail(error)
            else:
                self._go_on()
            return
        self._answered_by = node_id
        lost = asking.take(node_id, message)
        if not lost:
            self._end()
            return
        self.session.ended(asking.sequences, message.index)
        if call.is_in_doubt:
            self._end("unknown", node_id)
        else:
            call.again(node_id)
            self._end_some(lost)

    def _end_some(self, rest: Sequence[Operation]) -> None:
        """All but `rest` have their outcomes; these are asked under another session."""
        asking = self._asking
        assert asking is not None
        asking.end()
        self._asking = Asking(rest, self.session.sequences)
        self._tell_ended(each for each in asking.operations if each.outcome is not None)
        self._go_on()

    def _fail(self, error: ClientError) -> None:
        is_unknown = isinstance(error, OutcomeUnknownError)
        self._end("unknown" if is_unknown else "fail", 0)

    def _end(self, outcome: Literal["fail", "unknown"] = "fail", node_id: int = 0) -> None:
        """`outcome`: that of the operations that have none, by `node_id`."""
        asking = self._asking
        assert asking is not None
        for operation in asking.operations:
            if operation.outcome is None:
                operation.outcome, operation.node_id = outcome, node_id
        asking.end()
        self._asking = self._call = None
        self._request_id += 1
        self._tell_ended(asking.operations)
        if self.script is not None and self.script.took(asking.operations[-1]):
            self.begin()
        elif not self.is_done:
            self.begin_later()

    def _tell_ended(self, operations: Iterable[Operation]) -> None:
        for operation in operations:
            assert operation.outcome is not None
            operation.ended_at = self._kernel.now
            self.counts[operation.outcome] += 1
            for look in self._observers.answered:
                look(operation)
            if operation.outcome == "ok":
                self._seen[operation.key] = value_seen(operation)


def value_seen(operation: Operation) -> bytes | None:
    """What its key held when it had succeeded, as far as its client knows: what a compare-and-set
    may expect.
    """
    match operation.kind:
        case "get":
            found: list[bytes] | None = operation.result
            return None if found is None else found[0]
        case "put":
            return operation.value
        case "delete":
            return None
        case "cas":
            value: bytes | None = operation.result[1]
            return value
