"""Clients: they ask, wait, try elsewhere and give up as real ones do, by the same session rules.

What a client sends and gets goes through the codec; its connections are not what faults between
nodes cut, but a node that dies or stands still is silent, and each attempt may be lost.
"""

import random
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from node.client.errors import (
    ClientError,
    OutcomeUnknownError,
    UnreachableError,
)
from node.client.session import Call, Pause, Sequences
from node.machines import kv
from node.scenario.workloads import Cas, Get, Put, Request, encoded
from node.sim.kernel import Kernel
from node.sim.scripts import Script
from node.sim.streams import stream
from node.verify.observation import Kind, Observers, Operation, Violation
from node.wire.codec import decode, encode
from node.wire.envelope import (
    ApplyError,
    EnvelopeError,
    SessionExpiredError,
    read_result,
    seal,
)
from node.wire.messages import Answer, Applied, Failure, Propose, Read, ReadMode, WireMessage

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
    """One client, one operation at a time. `ask(node, client, data)` brings a request to a node."""

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
        self._sequences = self.session.sequences
        """Those that the operation under way has its number from."""
        self._operation: Operation | None = None
        self._call: Call | None = None
        self._number = 0
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
        return self._operation is None

    def __hash__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return self is other

    # -- one operation -----------------------------------------------------------------------------
    def begin_later(self) -> None:
        self._kernel.after(self.random.randint(*self._habits.gap_us), "client", self.begin)

    def begin(self) -> None:
        """Choose what to do, and start."""
        if self.is_done or self._operation is not None:
            return
        if self.script is not None:
            request = self.script.next()
            if request is not None:
                self._request(request)
            return
        rng, habits = self.random, self._habits
        kind = _weighted(rng, habits.weights)
        mode = _weighted(rng, habits.modes)
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

    def invoke(self, kind: Kind, key: str, mode: ReadMode, only: int | None = None) -> Operation:
        """Start this very operation; `only`: ask that node alone."""
        value = expected = None
        if kind in ("put", "cas"):
            self._written += 1
            value = f"c{self.id}.{self._written}".encode()
        if kind == "cas":
            expected = self._seen.get(key)
        return self._invoke(kind, key, mode, only, value, expected)

    def _invoke(
        self,
        kind: Kind,
        key: str,
        mode: ReadMode,
        only: int | None,
        value: bytes | None,
        expected: bytes | None,
    ) -> Operation:
        now = self._kernel.now
        self._sequences = self.session.sequences
        self._number = 0 if kind == "get" else self._sequences.take()
        operation = Operation(
            self.id, self._number, kind, key, value, expected, mode, now, asked=only
        )
        self._operation = self.last = operation
        self._call = Call(
            self._nodes,
            self._anybody() if self.random.random() < self._habits.astray else self._answered_by,
            now / SECOND,
            self._habits.timeout_us / SECOND,
            only,
        )
        for look in self._observers.invoked:
            look(operation)
        self._go_on()
        return operation

    def _go_on(self) -> None:
        """The next attempt, or a pause before it, or the end."""
        call, operation = self._call, self._operation
        if call is None or operation is None:
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
        call, operation = self._call, self._operation
        if request_id != self._request_id or call is None or operation is None:
            return
        last_applied = self._last_applied(node_id)
        if last_applied is None:
            self._unreachable(node_id, "nobody listens")
            return
        if operation.kind == "get":
            here = call.is_for_one or operation.mode == "stale"
            request: WireMessage = Read(request_id, kv.get(operation.key), operation.mode, here)
        else:
            self._sequences.begin(last_applied)
            command = seal(self._sequences.header(self._number), command_of(operation))
            request = Propose(request_id, command, call.is_for_one)
            call.sent()
        operation.attempts += 1
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
        call, operation = self._call, self._operation
        if message.id != self._request_id or call is None or operation is None:
            return
        match message:
            case Failure():
                try:
                    call.refused(node_id, message)
                except ClientError as error:
                    self._fail(error)
                else:
                    self._go_on()
            case Applied():
                self._answered_by = node_id
                self._applied(message, node_id)
            case Answer():
                self._answered_by = node_id
                self._end("ok", node_id, message.index, kv.decode_result(message.result))

    def _applied(self, message: Applied, node_id: int) -> None:
        operation = self._operation
        assert self._call is not None
        assert operation is not None
        try:
            body = read_result(message.result)
        except SessionExpiredError:
            operation.sessions_lost += 1
            self.session.ended(self._sequences, message.index)
            if self._call.is_in_doubt:
                self._end("unknown", node_id, 0, None)
                return
            self._call.again(node_id)
            self._sequences.done(self._number)
            self._sequences = self.session.sequences
            self._number = operation.sequence = self._sequences.take()
            self._go_on()
        except ApplyError as error:
            raise AssertionError(f"a legal command was refused: {error}") from error
        except EnvelopeError as error:
            text = f"acknowledges entry {message.index} to client {self.id} with {error}"
            raise Violation("client_oracle", node_id, text) from error
        else:
            self._end("ok", node_id, message.index, kv.decode_result(body))

    def _fail(self, error: ClientError) -> None:
        is_unknown = isinstance(error, OutcomeUnknownError)
        self._end("unknown" if is_unknown else "fail", 0, 0, None)

    def _end(self, outcome: Any, node_id: int, index: int, result: Any) -> None:  # noqa: ANN401
        operation = self._operation
        assert operation is not None
        if self._number:
            self._sequences.done(self._number)
            if outcome == "unknown":
                operation.command = self._sequences.name_of(self._number)
        self._operation = self._call = None
        self._request_id += 1
        operation.outcome = outcome
        operation.ended_at = self._kernel.now
        operation.node_id, operation.index, operation.result = node_id, index, result
        self.counts[outcome] += 1
        if outcome == "ok":
            self._seen[operation.key] = value_seen(operation)
        for look in self._observers.answered:
            look(operation)
        if self.script is not None and self.script.took(operation):
            self.begin()
        elif not self.is_done:
            self.begin_later()


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


def command_of(operation: Operation) -> bytes:
    """What it asks of the key-value machine."""
    match operation.kind:
        case "put":
            assert operation.value is not None
            return kv.put(operation.key, operation.value)
        case "delete":
            return kv.delete(operation.key)
        case _:
            return kv.cas(operation.key, operation.expected, operation.value)


def _weighted(rng: random.Random, choices: tuple[tuple[Any, int], ...]) -> Any:  # noqa: ANN401
    total = sum(weight for _, weight in choices)
    at = rng.randrange(total)
    for choice, weight in choices:
        at -= weight
        if at < 0:
            return choice
    raise AssertionError("the weights add up")
