"""What a snapshot holds: the sessions and the machine, so that a retry finds its result after it.

A part begins with a byte that says whose it is; the sessions' parts come first.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from node.machines.base import Dismantlable, Snapshotable, StateMachine
from node.raft.snapshot import Snapshot
from node.replica.sessions import SESSIONS_MAX, Sessions
from node.storage.base import CorruptionError, SnapshotStore

_SESSIONS = b"s"
_MACHINE = b"m"

NewMachine = Callable[[], StateMachine]


@dataclass(slots=True)
class State:
    """A machine and its sessions, as they are after entry `index`."""

    machine: StateMachine
    sessions: Sessions
    index: int = 0
    snapshot: Snapshot | None = None
    """What they were restored from."""

    def change_places(self, other: "State") -> None:
        """Become what `other` is, which is further, and leave it what this was."""
        self.machine, other.machine = other.machine, self.machine
        self.sessions, other.sessions = other.sessions, self.sessions
        self.index, other.index = other.index, self.index
        self.snapshot, other.snapshot = other.snapshot, self.snapshot

    def dismantle(self) -> Iterator[None]:
        """Let go of what nobody uses any more, in pieces, as far as the machine can.

        What the machine raises ends it: the rest is dropped at once.
        """
        yield from self.sessions.dismantle()
        if isinstance(self.machine, Dismantlable):
            yield from self.machine.dismantle()


def capture(machine: Snapshotable, sessions: Sessions) -> Iterator[bytes]:
    """The state as it is now, in parts; what changes it later does not change them.

    What the machine raises comes out of the parts. Every node takes its snapshot at the same entry,
    so an exception here, where entries are applied, would stop all of them, at each start anew.
    """
    of_sessions = sessions.snapshot()
    of_machine: Iterator[bytes] = iter(())
    failure: Exception | None = None
    try:
        of_machine = machine.snapshot()
    except Exception as error:  # the machine is the user's
        failure = error

    def parts() -> Iterator[bytes]:
        if failure is not None:
            raise failure
        for part in of_sessions:
            yield _SESSIONS + part
        for part in of_machine:
            yield _MACHINE + part

    return parts()


def empty(new_machine: NewMachine, sessions_max: int = SESSIONS_MAX) -> State:
    return State(new_machine(), Sessions(sessions_max))


def restore(
    snapshot: Snapshot,
    parts: Iterator[bytes],
    new_machine: NewMachine,
    sessions_max: int = SESSIONS_MAX,
) -> State:
    """A new machine and its sessions. Nothing that is in use is touched.

    Raises CorruptionError for parts that make no state, and what `parts` raises.
    """
    state = empty(new_machine, sessions_max)
    fill(state, snapshot, parts)
    return state


def fill(state: State, snapshot: Snapshot, parts: Iterator[bytes]) -> None:
    """Make an empty state that of `snapshot`. Raises as `restore`; it is of no use then."""
    machine = state.machine
    if not isinstance(machine, Snapshotable):
        raise CorruptionError(f"a {type(machine).__name__} cannot be restored from a snapshot")
    rest = _Rest(parts)
    try:
        state.sessions.restore(rest.of(_SESSIONS))
        machine.restore(rest.of(_MACHINE), snapshot.index)
    except CorruptionError:
        raise
    except (MemoryError, RecursionError):
        raise  # of this process, not of the snapshot
    except Exception as error:  # the machine is the user's
        raise CorruptionError(
            f"the snapshot at {snapshot.index} makes no state: {type(error).__name__}: {error}"
        ) from error
    if not rest.is_at_end:
        raise CorruptionError(f"the snapshot at {snapshot.index} was not read to its end")
    state.index, state.snapshot = snapshot.index, snapshot


class _Rest:
    """The parts that were not taken yet."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = parts
        self._next = next(parts, None)

    @property
    def is_at_end(self) -> bool:
        return self._next is None

    def of(self, owner: bytes) -> Iterator[bytes]:
        """The parts of `owner`, up to the first of another."""
        while self._next is not None and self._next[:1] == owner:
            part = self._next[1:]
            self._next = next(self._parts, None)
            yield part


def at_boot(
    snapshots: Sequence[Snapshot],
    store: SnapshotStore,
    base_index: int,
    new_machine: NewMachine,
    sessions_max: int = SESSIONS_MAX,
) -> tuple[State, list[str]]:
    """The state to start from: the newest snapshot that is good, or none, and what is wrong with
    those that are not. The log is applied from there on.

    All of `snapshots`, newest first, are such that the log follows them without a hole, and so is
    the empty state if the log is complete. Raises CorruptionError when nothing is left: a machine
    that lacks entries would lie.
    """
    damages: list[str] = []
    for snapshot in snapshots:
        try:
            return restore(snapshot, store.load(snapshot.id), new_machine, sessions_max), damages
        except CorruptionError as error:
            damages.append(str(error))
    if base_index > 0:
        why = "; ".join(damages) or "there is no snapshot"
        raise CorruptionError(
            f"{why}; the log begins at {base_index + 1}, so nothing can be made of it: "
            "replace this node, the others have it all"
        )
    return empty(new_machine, sessions_max), damages
