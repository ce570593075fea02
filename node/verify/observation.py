"""What an invariant gets to see: the members of a cluster, and what happens to them.

Whoever runs the cluster makes an `Observers` of all invariants and tells it what happens, in the
moment when it happens. Each invariant has methods for what it looks at, by the names in HAPPENINGS,
and none for the rest, so that nothing is called for nothing. One that is broken raises Violation.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from node.raft.core import RaftCore
from node.raft.log import EntryId
from node.raft.ready import HardState


class Violation(BaseException):
    """A rule is broken: by which node, None for the cluster as a whole, and how.

    No Exception, since some rules look on while the machine works, and whatever exception comes out
    of a machine is the command's result to a node, or makes a snapshot count as damaged.
    """

    def __init__(self, invariant: str, node_id: int | None, text: str) -> None:
        who = "" if node_id is None else f"n{node_id}: "
        super().__init__(f"{invariant}: {who}{text}")
        self.invariant = invariant
        self.node_id = node_id
        self.text = text


class Durable(Protocol):
    """What a node's disk holds for certain: a crash now would leave this, or more."""

    @property
    def hard_state(self) -> HardState: ...
    @property
    def base(self) -> EntryId:
        """The last entry that was compacted away."""
        ...

    @property
    def last_index(self) -> int: ...
    @property
    def snapshot_index(self) -> int:
        """The last entry of the newest snapshot on record; 0: there is none."""
        ...

    def term_at(self, index: int) -> int | None:
        """The term of an entry, also of `base`; None in front of it, or behind the end."""
        ...


class Member(Protocol):
    """A node, running or not. `core` and `last_applied` are those of its present or latest life."""

    @property
    def id(self) -> int: ...
    @property
    def is_running(self) -> bool: ...
    @property
    def is_wiped(self) -> bool:
        """It lost its disk: what it had promised does not bind it, and it promises nothing."""
        ...

    @property
    def core(self) -> RaftCore: ...
    @property
    def last_applied(self) -> int: ...
    def digest(self) -> bytes:
        """Of the state, machine and sessions, after entry `last_applied`."""
        ...

    @property
    def durable(self) -> Durable: ...


Members = Mapping[int, Member]

Kind = Literal["put", "delete", "cas", "get"]


@dataclass(slots=True, eq=False)
class Operation:
    """What a client asked for, and what came of it. Times in microseconds.

    `sequence` is that of its command, 0 for a read. `outcome` is None while it goes on; `fail` had
    and will have no effect, `unknown` may have one yet.
    """

    client_id: int
    sequence: int
    kind: Kind
    key: str
    value: bytes | None
    """What is written; of a cas the new value."""
    expected: bytes | None
    """What a cas compares with."""
    mode: Literal["linearizable", "lease", "stale"]
    invoked_at: int
    ended_at: int = 0
    outcome: Literal["ok", "fail", "unknown"] | None = None
    node_id: int = 0
    """Who answered."""
    index: int = 0
    """The entry that did it, or the last one in the state that was read."""
    result: Any = None
    """ok: of a get [value, entry that wrote it] or None, of a put or delete whether the key
    existed, of a cas [whether it did, the value now].
    """
    age_ms: int | None = None
    """Of a read: how old what it says may have been, at most; None: nobody knows."""
    asked: int | None = None
    """The one node that had to see to it; None: whoever can."""
    place: int | None = None
    """In the batch that it is asked in, from 0; None: it is asked alone."""
    attempts: int = 0
    """How often it was sent."""
    command: tuple[int, int] | None = None
    """Of one whose outcome is unknown: what the log knows it by."""
    sessions_lost: int = 0
    """How often it was told that its session is gone."""


HAPPENINGS = (
    "elected",  # (member, LeaderElected) it says that it won
    "truncated",  # (member, LogTruncated)
    "reconfigured",  # (member, ConfigurationChanged)
    "received",  # (member, message) it has taken in what a peer sent
    "lost",  # (member, peer_id) it was told that all its connections with a peer ended
    "sending",  # (member, to, message) a message leaves, now
    "saving",  # (member, Ready) is about to become durable; `durable` is still what it was
    "saved",  # (member, Ready) is durable now, and the core does not know yet
    "commit_advanced",  # (member) it led until now, and its commit index just rose
    "applied",  # (member, Ready) its committed entries took effect
    "executed",  # (member, index, command, result) the machine itself ran, once per effect
    "turned",  # (member) a turn is over: everything that was to be done in it is done
    "digested",  # (member, index, digest) now and then: the state when the command of entry `index`
    #              has run and its session does not hold the result yet
    "captured",  # (member, index, digest) the state after entry `index`, about to be written down
    "restored",  # (member, index, digest) a state was made of a snapshot
    "declined",  # (member, index, commit_index) it is not taken on: the node holds all entries up
    #              to `index`, and knew until then that those up to `commit_index` are committed
    "crashed",  # (member) its process is gone
    "booted",  # (member, Stored) it has just come up with this, before any message
    "disk_failed",  # (member) a flush failed: nothing may be promised from here on
    "reported",  # (member, document) it tells an operator that what was asked is done
    "invoked",  # (Operation) a client begins
    "answered",  # (Operation) it has its outcome
    "finished",  # (members) the run is over, faults have healed, everything is at rest
)


class Observers:
    """Who looks at what. To tell of something: `for look in observers.saved: look(member, ready)`.

    Each attribute of a name in HAPPENINGS holds the invariants' methods of that name.
    """

    def __init__(self, invariants: Iterable[object]) -> None:
        self.invariants = tuple(invariants)
        for name in HAPPENINGS:
            looking = [getattr(each, name) for each in self.invariants if hasattr(each, name)]
            setattr(self, name, tuple(looking))

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> tuple[Callable[..., None], ...]: ...
