"""The state machine protocol, and how a user's own machine is found."""

from collections.abc import Iterator
from typing import Protocol, runtime_checkable


class HistoryLostError(Exception):
    """Changes that far back are no longer kept."""


class StateMachine(Protocol):
    """A deterministic machine: the same commands in the same order give the same state and results.

    It never looks at a clock, a random source, the network or the disk: what varies between nodes
    must come in with the command.
    """

    def apply(self, command: bytes, index: int) -> bytes:
        """Apply a committed command, the entry at `index` of the log, and give its result.

        An exception becomes an error result that is the same on every node: its type's name. The
        machine must be unchanged when it raises. MemoryError and RecursionError stop the node
        instead: they depend on the process, so other nodes may have applied the command.
        """
        ...

    def query(self, query: bytes) -> bytes:
        """Answer from the present state, without changing it."""
        ...


@runtime_checkable
class Snapshotable(Protocol):
    """A machine that can be written down and read back, so that its log need not be kept.

    The log of any other machine grows for ever, and is applied from its beginning at each start.
    """

    def snapshot(self) -> Iterator[bytes]:
        """The state as it is now, in parts of any size up to 1 MiB.

        To be quick, since the node does nothing else meanwhile: take a shallow copy here, and make
        the parts of it as they are asked for. That happens in another thread, while commands go on
        being applied. The same state gives the same parts on every node, so nothing may depend on
        the order of a set, on memory addresses, or on what was restored and what was applied.

        All parts are asked for, whatever becomes of them. A machine of some hundred thousand items
        does well to keep them in a `node.machines.ordered.OrderedMap`, whose copy takes no time.
        """
        ...

    def restore(self, parts: Iterator[bytes], index: int) -> None:
        """Take on the state that `parts` describe, as it was after entry `index`.

        Called once, on a new machine, before anything else, in whatever thread. Whatever it raises
        makes the snapshot count as damaged, and the machine is thrown away.
        """
        ...


@runtime_checkable
class Dismantlable(Protocol):
    """A large machine that can be dropped in pieces.

    A node drops its machine when its leader sends it a snapshot. A dict of a million items takes a
    tenth of a second for that, in which nothing else runs, whichever thread does it. Any other
    machine is dropped at once.
    """

    def dismantle(self) -> Iterator[None]:
        """Let go of some thousand objects with each step; others get their turn in between.

        Called once, in another thread, on a machine that nobody asks any more. A snapshot of it may
        still be under way, so containers that one shares are left as they are.
        """
        ...


@runtime_checkable
class Watchable(Protocol):
    """A machine whose changes can be followed."""

    def changes(self, query: bytes, since: int) -> list[bytes]:
        """What changed, matching `query`, in entries above index `since`, oldest first.

        Raises HistoryLostError when changes after `since` are no longer kept.
        """
        ...


@runtime_checkable
class Describable(Protocol):
    """A machine whose commands people can read, in `raftctl log show`."""

    def describe(self, command: bytes) -> str:
        """A short line that says what `command` does. It may raise for one that means nothing."""
        ...
