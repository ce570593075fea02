"""The key-value machine of real clusters, and who is told when it really runs."""

from collections.abc import Callable, Iterator
from hashlib import blake2b

from node.machines.kv import KvMachine
from node.replica.state import State

Executed = Callable[[int, bytes, bytes], None]
"""Index, command and result."""
Described = Callable[[int, bytes], None]
"""Index and digest."""

DIGEST_BYTES = 16
DIGEST_EVERY = 64
"""Entries between two digests of the whole state."""


class ObservedMachine:
    """A `KvMachine`. `captured` gets a digest of the state before it is written down; `digested`
    one now and then, when a command has run and its result is not noted yet. `state` is the one
    that this machine belongs to when it is used.
    """

    def __init__(
        self,
        executed: Executed,
        digested: Described,
        captured: Described,
        state: Callable[[], State],
    ) -> None:
        self._machine = KvMachine(changes_max=0)
        self._executed = executed
        self._digested = digested
        self._captured = captured
        self._state = state

    def describe(self, command: bytes) -> str:
        return self._machine.describe(command)

    def apply(self, command: bytes, index: int) -> bytes:
        result = self._machine.apply(command, index)
        self._executed(index, command, result)
        if index % DIGEST_EVERY == 0:
            self._digested(index, digest_of(self._state()))
        return result

    def query(self, query: bytes) -> bytes:
        return self._machine.query(query)

    def snapshot(self) -> Iterator[bytes]:
        state = self._state()
        self._captured(state.index, digest_of(state))
        return self._machine.snapshot()

    def restore(self, parts: Iterator[bytes], index: int) -> None:
        self._machine.restore(parts, index)

    def dismantle(self) -> Iterator[None]:
        return self._machine.dismantle()

    @property
    def items(self) -> list[tuple[str, bytes]]:
        """What it holds, in order, each with the entry that wrote it."""
        blocks = self._machine._items._blocks
        return sorted(item for block in blocks for item in block.items())


def digest_of(state: State) -> bytes:
    """Of the machine and its sessions, the same on every node that has the same: the machine alone
    may be right on a node that takes a retry for a new command.

    It reads what they hold, not what they would write down: what is left out of that is missing
    from the state that is restored as well, so the two would agree.
    """
    machine, sessions = state.machine, state.sessions
    assert isinstance(machine, ObservedMachine), "nodes that are observed have no other"
    rows = [
        (
            client_id,
            each.last_index,
            each.acked_below,
            each.results_bytes,
            sorted(each.results.items()),
        )
        for client_id, each in sessions._sessions.items()
    ]
    whole = (sessions.evicted_through, sessions._bytes, rows, machine.items)
    return blake2b(repr(whole).encode(), digest_size=DIGEST_BYTES).digest()
