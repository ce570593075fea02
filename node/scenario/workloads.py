"""What clients ask, by kind of workload: operations that are drawn, and how a key-value store does
them.

An operation is a generator of requests to the store: it is sent what each request came to, and
returns what it came to itself. So the same operations run wherever requests can be carried out, on
threads or in virtual time. What a store has no command for, such as adding to a set, is a compare
and set that is tried until no other client came between.
"""

import json
import random
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from node.scenario.scenario import Workload

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


Steps = Generator[Request, Reply, Came]


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a client wants, in the words of a history."""

    f: str
    key: str
    value: Value

    @property
    def is_read(self) -> bool:
        return self.f == "read"


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
    _slots: list[_Slot] = field(default_factory=list)
    _written: int = 0
    _held: dict[int, str] = field(default_factory=dict)
    """The lock that a process holds, or may hold."""

    def __post_init__(self) -> None:
        self._slots = [_Slot(number) for number in range(self.workload.keys)]

    def next(self, process: int) -> Operation:
        """What this client does next."""
        mix = self.workload.mix
        (f,) = self.rng.choices(list(mix), list(mix.values()))
        if self.workload.kind == "lock":
            return self._lock(process)
        slot = self._slot()
        return Operation(f, self._key(slot), self._value(f, slot))

    def saw(self, operation: Operation, came: Came) -> None:
        """What an operation found or left there."""
        for slot in self._slots:
            if self._key(slot) == operation.key:
                slot.seen = operation.value if operation.f == "write" else came.value
                if operation.f == "cas" and came.result is not False:
                    slot.seen = operation.value[1]

    def _slot(self) -> _Slot:
        slot = self.rng.choice(self._slots)
        if slot.operations >= self.workload.ops_per_key:
            slot.generation, slot.operations, slot.seen = slot.generation + 1, 0, None
        slot.operations += 1
        return slot

    def _key(self, slot: _Slot) -> str:
        return f"{self.workload.kind}-{slot.number}-{slot.generation}"

    def _value(self, f: str, slot: _Slot) -> Value:
        match self.workload.kind, f:
            case _, "read":
                return None
            case "cas", "cas":
                return [slot.seen, self._unique()]
            case "counter", "add":
                return self.rng.randint(1, ADDED_MAX)
            case "bank", "transfer":
                source, target = self.rng.sample(range(ACCOUNTS), 2)
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
            return Operation("release", held, process)
        key = self._key(self._slot())
        return Operation("acquire", key, process)

    def acquired(self, process: int, key: str) -> None:
        """This process holds it now, and gives it back with its next operation."""
        self._held[process] = key


def steps_of(operation: Operation) -> Steps:
    """The requests that do it."""
    key, value = operation.key, operation.value
    kind = key.partition("-")[0]
    match operation.f:
        case "read":
            return _read(key, _INITIAL.get(kind))
        case "write":
            return _write(key, value)
        case "cas":
            return _cas(key, value)
        case "add" if kind == "counter":
            return _changed(key, value, lambda now: now + value, 0)
        case "add":
            return _changed(key, value, lambda now: [*now, value], [])
        case "append":
            return _changed(key, value, lambda now: [*now, value], [])
        case "transfer":
            return _transfer(key, value)
        case "acquire":
            return _exchanged(key, value, None, value, is_failure=True)
        case "release":
            return _exchanged(key, value, value, None, is_failure=False)
        case other:
            raise ValueError(f"no client does {other!r}")


_INITIAL: Mapping[str, Value] = {
    "set": [],
    "append": [],
    "counter": 0,
    "bank": [BALANCE] * ACCOUNTS,
}
"""What is read where nothing was written."""


def _read(key: str, initial: Value) -> Steps:
    reply = yield Get(key)
    return Came("ok", initial if reply.value is None else reply.value, reply.index)


def _write(key: str, value: Value) -> Steps:
    reply = yield Put(key, value)
    return Came("ok", value, reply.index)


def _cas(key: str, value: Sequence[Value]) -> Steps:
    old, new = value
    reply = yield Cas(key, old, new)
    return Came("ok", [old, new], reply.index, None if reply.done else False)


def _changed(key: str, value: Value, change: Any, initial: Value) -> Steps:  # noqa: ANN401
    """Read it, and put something else there, until nobody came between."""
    reply = yield Get(key)
    while True:
        now = reply.value
        reply = yield Cas(key, now, change(initial if now is None else now))
        if reply.done:
            return Came("ok", value, reply.index)


def _transfer(key: str, value: Mapping[str, int]) -> Steps:
    reply = yield Get(key)
    while True:
        now = reply.value
        balances = list(_INITIAL["bank"] if now is None else now)
        if balances[value["from"]] < value["amount"]:
            return Came("fail", value, reply.index)
        balances[value["from"]] -= value["amount"]
        balances[value["to"]] += value["amount"]
        reply = yield Cas(key, now, balances)
        if reply.done:
            return Came("ok", value, reply.index)


def _exchanged(key: str, value: Value, old: Value, new: Value, is_failure: bool) -> Steps:
    reply = yield Cas(key, old, new)
    if reply.done:
        return Came("ok", value, reply.index)
    return Came("fail", value, reply.index) if is_failure else Came("ok", value, reply.index, False)


def encoded(value: Value) -> bytes | None:
    """As the store holds it; None: no such key."""
    return None if value is None else json.dumps(value, separators=(",", ":")).encode()


def decoded(data: bytes | None) -> Value:
    """The inverse of `encoded`."""
    return None if data is None else json.loads(data)
