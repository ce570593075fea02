"""What clients ask, by kind of workload: operations that are drawn, and how a key-value store does
them.

An operation is a generator of requests to the store: it is sent what each request came to, and
returns what it came to itself. So the same operations run wherever requests can be carried out, on
threads or in virtual time. What a store has no command for, such as adding to a set, is a compare
and set that is tried until no other client came between.
"""

import json
import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

from node.scenario.scenario import Workload, WorkloadKind

ACCOUNTS = 8
BALANCE = 100
"""What each account of a bank begins with."""
ADDED_MAX = 5
MOVED_MAX = 20

Value = Any  # what JSON has: a number, a text, a list, a map, None


@dataclass(frozen=True, slots=True)
class Get:
    key: str


@dataclass(frozen=True, slots=True)
class Put:
    key: str
    value: Value


@dataclass(frozen=True, slots=True)
class Cas:
    """Set it to `new` if it holds `old`; None is "no such key"."""

    key: str
    old: Value
    new: Value


Request = Get | Put | Cas


@dataclass(frozen=True, slots=True)
class Reply:
    """What a request came to: whether it did what it says, the value there now, and the index of
    the log at which that was so.
    """

    done: bool
    value: Value
    index: int


@dataclass(frozen=True, slots=True)
class Came:
    """What an operation came to. `fail`: it certainly changed nothing. `result` False: it was done,
    and found something else than it expected, which is an answer too.
    """

    type: Literal["ok", "fail"]
    value: Value
    index: int
    result: bool | None = None
    found: Value = None
    """What is there now, as far as a compare and set told."""


Steps = Generator[Request, Reply, Came]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a client wants, in the words of a history."""

    f: str
    key: str
    value: Value
    number: int = 0
    """No two have the same."""


@dataclass(slots=True)
class _Slot:
    """One of the keys in use, for so many operations; then another takes its place."""

    number: int
    generation: int = 0
    operations: int = 0
    seen: Value = None
    """What was last seen or written there."""


@dataclass(slots=True)
class Chooser:
    """Draws operations, each written value once. Not for several threads at a time."""

    workload: Workload
    rng: random.Random
    mark: str = ""
    """What keys have in them, which tells them from others of the same store."""
    _slots: list[_Slot] = field(default_factory=list)
    _written: int = 0
    _drawn: int = 0
    _held: dict[int, str] = field(default_factory=dict)
    """The lock that a process holds, or may hold."""

    def __post_init__(self) -> None:
        self._slots = [_Slot(number) for number in range(self.workload.keys)]

    def next(self, process: int) -> Operation:
        """What this client does next."""
        self._drawn += 1
        mix = self.workload.mix
        (f,) = self.rng.choices(list(mix), list(mix.values()))
        if self.workload.kind == "lock":
            return self._lock(process)
        slot = self._slot()
        return Operation(f, self._key(slot), self._value(f, slot), self._drawn)

    def saw(self, process: int, operation: Operation, came: Came) -> None:
        """What an operation of this process found or left there. A lock that it took, it gives back
        with its next one.
        """
        if operation.f == "acquire" and came.type == "ok":
            self._held[process] = operation.key
        for slot in self._slots:
            if self._key(slot) == operation.key:
                slot.seen = came.found if operation.f == "cas" else came.value

    def _slot(self) -> _Slot:
        slot = self.rng.choice(self._slots)
        if slot.operations >= self.workload.ops_per_key:
            slot.generation, slot.operations, slot.seen = slot.generation + 1, 0, None
        slot.operations += 1
        return slot

    def _key(self, slot: _Slot) -> str:
        mark = f"{self.mark}-" if self.mark else ""
        return f"{self.workload.kind}-{mark}{slot.number}-{slot.generation}"

    def _value(self, f: str, slot: _Slot) -> Value:
        match self.workload.kind, f:
            case _, "read":
                return None
            case "cas", "cas":
                return [slot.seen, self._unique()]
            case "counter", "add":
                return self.rng.randint(1, ADDED_MAX)
            case "bank", "transfer":
                source, target = self.rng.sample(list(_INITIAL["bank"]), 2)
                amount = self.rng.randint(1, MOVED_MAX)
                return {"from": source, "to": target, "amount": amount}
            case _:
                return self._unique()

    def _unique(self) -> int:
        self._written += 1
        return self._written

    def _lock(self, process: int) -> Operation:
        """Nobody takes a second lock, or gives one back that he never had."""
        held = self._held.pop(process, None)
        if held is not None:
            return Operation("release", held, process, self._drawn)
        key = self._key(self._slot())
        return Operation("acquire", key, process, self._drawn)


def steps_of(operation: Operation) -> Steps:
    """The requests that do it."""
    kind = operation.key.partition("-")[0]
    match operation.f:
        case "read" if kind in _INITIAL:
            return _read_stamped(operation, _INITIAL[kind])
        case "read":
            return _read(operation)
        case "write":
            return _write(operation)
        case "cas":
            return _cas(operation)
        case "add" if kind == "counter":
            return _changed(operation, lambda now: now + operation.value, 0)
        case "add" | "append":
            return _changed(operation, lambda now: [*now, operation.value], [])
        case "transfer":
            return _changed(operation, lambda now: _moved(now, operation.value), _INITIAL["bank"])
        case "acquire":
            return _acquire(operation)
        case "release":
            return _release(operation)
        case other:
            raise ValueError(f"no client does {other!r}")


def initial(kind: WorkloadKind) -> Value:
    """What is there where nothing was written."""
    return _INITIAL.get(kind)


_INITIAL: Mapping[str, Value] = {
    "set": [],
    "append": [],
    "counter": 0,
    "bank": {str(account): BALANCE for account in range(ACCOUNTS)},
}
"""Of these kinds two operations may leave the same, so what the store holds has a stamp beside it:
the operation's number, and which attempt it was.
"""


def _read(operation: Operation) -> Steps:
    reply = yield Get(operation.key)
    return Came("ok", reply.value, reply.index)


def _read_stamped(operation: Operation, initial: Value) -> Steps:
    reply = yield Get(operation.key)
    return Came("ok", initial if reply.value is None else reply.value[0], reply.index)


def _write(operation: Operation) -> Steps:
    reply = yield Put(operation.key, operation.value)
    return Came("ok", operation.value, reply.index)


def _cas(operation: Operation) -> Steps:
    old, new = operation.value
    reply = yield Cas(operation.key, old, new)
    return Came("ok", [old, new], reply.index, None if reply.done else False, reply.value)


def _changed(operation: Operation, change: Callable[[Value], Value], initial: Value) -> Steps:
    """Read it, and put something else there, until nobody came between. Where nothing else is to be
    put there, that is an answer too.
    """
    key, value = operation.key, operation.value
    reply = yield Get(key)
    for attempt in count(1):
        now = reply.value
        wanted = change(initial if now is None else now[0])
        if wanted is None:
            break
        reply = yield Cas(key, now, [wanted, f"{operation.number}.{attempt}"])
        if reply.done:
            return Came("ok", value, reply.index)
    return Came("ok", value, reply.index, False)


def _moved(balances: Mapping[str, int], wish: Mapping[str, Any]) -> dict[str, int] | None:
    """None: there is not enough."""
    source, target, amount = wish["from"], wish["to"], wish["amount"]
    if balances[source] < amount:
        return None
    return {
        **balances,
        source: balances[source] - amount,
        target: balances[target] + amount,
    }


def _acquire(operation: Operation) -> Steps:
    stamped = [operation.value, f"{operation.number}"]
    reply = yield Cas(operation.key, None, stamped)
    return Came("ok" if reply.done else "fail", operation.value, reply.index)


def _release(operation: Operation) -> Steps:
    """Whoever does not find it his own any more says so: that is what must never be."""
    key, owner = operation.key, operation.value
    reply = yield Get(key)
    if reply.value is None or reply.value[0] != owner:
        return Came("ok", owner, reply.index, False)
    reply = yield Cas(key, reply.value, None)
    return Came("ok", owner, reply.index, None if reply.done else False)


def encoded(value: Value) -> bytes | None:
    """As the store holds it; None: no such key."""
    return None if value is None else json.dumps(value, separators=(",", ":")).encode()


def decoded(data: bytes | None) -> Value:
    """The inverse of `encoded`."""
    return None if data is None else json.loads(data)
