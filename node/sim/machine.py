"""The key-value machine of real clusters, and who is told when it really runs."""

from collections.abc import Callable, Iterator
from hashlib import blake2b

from node.machines.kv import KvMachine

Executed = Callable[[int, bytes, bytes], None]
"""Index, command and result."""
Described = Callable[[int, bytes], None]
"""Index and digest."""

DIGEST_BYTES = 16
DIGEST_EVERY = 64
"""Entries between two digests of the whole state."""


class ObservedMachine:
    """A `KvMachine`. `captured` gets a digest of the state before it is written down, and now and
    then; `restored` one of what was read back.
    """

    def __init__(
        self,
        executed: Executed,
        captured: Described,
        restored: Described,
        last_applied: Callable[[], int],
    ) -> None:
        self._machine = KvMachine(changes_max=0)
        self._executed = executed
        self._captured = captured
        self._restored = restored
        self._last_applied = last_applied

    def describe(self, command: bytes) -> str:
        return self._machine.describe(command)

    def apply(self, command: bytes, index: int) -> bytes:
        result = self._machine.apply(command, index)
        self._executed(index, command, result)
        if index % DIGEST_EVERY == 0:
            self._captured(index, self.digest())
        return result

    def query(self, query: bytes) -> bytes:
        return self._machine.query(query)

    def snapshot(self) -> Iterator[bytes]:
        self._captured(self._last_applied(), self.digest())
        return self._machine.snapshot()

    def restore(self, parts: Iterator[bytes], index: int) -> None:
        self._machine.restore(parts, index)
        self._restored(index, self.digest())

    def dismantle(self) -> Iterator[None]:
        return self._machine.dismantle()

    def digest(self) -> bytes:
        """Of the whole state, the same on every node that has the same."""
        tally = blake2b(digest_size=DIGEST_BYTES)
        for part in self._machine.snapshot():
            tally.update(part)
        return tally.digest()
