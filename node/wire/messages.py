"""The frames that are not Raft's own: opening a connection, clients, operators, observers.

One class is one kind of frame; `codec` holds the number of each kind. A request carries an `id`
that its sender chose; each reply repeats it. Durations are milliseconds. Nodes are integers here
(3) and names (n3) in front of people.
"""

from typing import Any, Literal, NamedTuple

from node.wire.batches import AnswerAll, AppliedAll, ProposeAll, ReadAll
from node.wire.batches import ReadMode as ReadMode

PROTOCOL_VERSION = 2

Role = Literal["peer", "client", "admin", "observer"]
Outcome = Literal["none", "unknown"]


# -- opening a connection --------------------------------------------------------------------------
class Challenge(NamedTuple):
    """The first frame, from the side that accepted: prove that you know the token."""

    protocol: int
    nonce: bytes


class Hello(NamedTuple):
    """The second frame. `node_id` is 0 unless the role is peer; `proof`: see `handshake`."""

    protocol: int
    cluster_id: str
    node_id: int
    incarnation: int
    role: Role
    nonce: bytes
    proof: bytes


class Welcome(NamedTuple):
    """The third frame: the accepting side proves that it knows the token too.

    `last_applied` is what a new client session gives as `born_at`.
    """

    node_id: int
    incarnation: int
    proof: bytes
    last_applied: int


class Goodbye(NamedTuple):
    """The last frame of a connection that its sender is about to close, and why."""

    code: str
    reason: str


# -- clients ---------------------------------------------------------------------------------------
class Propose(NamedTuple):
    """Replicate and apply `command` (a session header and the machine's payload; see envelope).
    `here`: through this node, which hands it to the leader; never send me elsewhere.
    """

    id: int
    command: bytes
    here: bool = False


class Read(NamedTuple):
    """Ask the state machine. `here`: answer on this node or fail, never send me elsewhere."""

    id: int
    query: bytes
    mode: ReadMode
    here: bool


class Watch(NamedTuple):
    """Stream the machine's changes that match `query` with an index above `since` (0: from now)."""

    id: int
    query: bytes
    since: int


class Cancel(NamedTuple):
    """Forget request `id` of this connection: a watch, a subscription, a pending read."""

    id: int


class Applied(NamedTuple):
    """`Propose` is done: its command took `index` in `term`, and the machine answered `result`."""

    id: int
    index: int  # type: ignore[assignment]  # not the method of tuples
    term: int
    result: bytes


class Answer(NamedTuple):
    """`Read` is done, at a state that includes every entry up to `index`. `age_ms`: so long
    ago the node was in touch, a follower with its leader and a leader with a majority; what was
    committed since, or was not applied yet, may be missing. 0 for an answer that was current when
    it was read; None: it hears no leader.
    """

    id: int
    index: int  # type: ignore[assignment]  # not the method of tuples
    result: bytes
    age_ms: int | None = 0


class Changes(NamedTuple):
    """A part of the stream of a `Watch`: what changed, up to and including `index`."""

    id: int
    index: int  # type: ignore[assignment]  # not the method of tuples
    changes: list[bytes]


class Failure(NamedTuple):
    """The request did not succeed. `outcome` none: it had and will have no effect; unknown: it may
    still take effect. `leader` is the node to ask instead, where one is known.
    """

    id: int
    code: str
    message: str
    outcome: Outcome
    leader: int | None


# -- operators (role admin) ------------------------------------------------------------------------
class GetStatus(NamedTuple):
    id: int


class TransferLeadership(NamedTuple):
    """`target` 0: the most caught-up follower."""

    id: int
    target: int


class ChangeMembers(NamedTuple):
    """Change who belongs to the cluster, all of it at once. Each change is a map: `do` is add,
    promote, demote or remove, `id` a node; add also has `address`, host:port, and `promote`,
    whether it becomes a voter by itself once it has caught up.
    """

    id: int
    changes: list[dict[str, Any]]


class TakeSnapshot(NamedTuple):
    """Keep the present state of this node, and shorten its log."""

    id: int


class SetCompaction(NamedTuple):
    """When this node takes snapshots from now on, until it is started anew: every so many entries
    and so on, see SnapshotSettings in `node.config`.
    """

    id: int
    every: int
    bytes_max: int
    tail: int


class SetFaults(NamedTuple):
    """Replace this node's rules: those of links by `rules` (faults.LinkRule.to_map each), those of
    nodes by `node_rules` (nodefaults.NodeRule.to_map), of which it keeps its own.
    """

    id: int
    rules: list[dict[str, Any]]
    node_rules: list[dict[str, Any]]


class Disturb(NamedTuple):
    """Once: the next flush of this node's disk takes `delay_us` longer (stall), or its clock shows
    a time that is so much later (jump).
    """

    id: int
    kind: Literal["stall", "jump"]
    delay_us: int


class ReadLog(NamedTuple):
    """Entries `first`..`last` of this node's own log, at most `limit`; `last` 0: to the end."""

    id: int
    first: int
    last: int
    limit: int


class Document(NamedTuple):
    """The reply to an operator's request."""

    id: int
    value: dict[str, Any]


# -- observers -------------------------------------------------------------------------------------
class Subscribe(NamedTuple):
    """First a `Keyframe`, then a stream of frames. `history`: the kept `Happened` before it.

    With `boot` and `since`, the last frame that was seen: what came after it, if that is still
    kept, else a `Gap` and a `Keyframe`.
    """

    id: int
    history: bool
    boot: int = 0
    since: int = 0


# Frames of a stream. `id` is the subscription's, in a recording the node's. `seq` counts those that
# are for everybody (Happened, Changed, Bulk) from 1 within a `boot`, without holes. A Keyframe or a
# Gap is made for one subscriber, and has the number of the last frame that it stands for: the next
# one is `seq` + 1. The times are the node's monotonic clock and Unix time.
class Happened(NamedTuple):
    """One event."""

    id: int
    boot: int
    seq: int
    mono_ns: int
    wall_ns: int
    kind: str
    term: int
    data: dict[str, Any]


class Keyframe(NamedTuple):
    """The whole status, as GetStatus gives it: it replaces all that was known of the node."""

    id: int
    boot: int
    seq: int
    mono_ns: int
    wall_ns: int
    status: dict[str, Any]


class Changed(NamedTuple):
    """Keys of the status with their new values: `status.update(values)`. Empty: it lives."""

    id: int
    boot: int
    seq: int
    mono_ns: int
    wall_ns: int
    values: dict[str, Any]


class Bulk(NamedTuple):
    """Entries `first`..`last` took effect within the last `window_ms`. `entries` describes the
    newest of them, as in a log document: fewer than there are, where there are many.
    """

    id: int
    boot: int
    seq: int
    mono_ns: int
    wall_ns: int
    first: int
    last: int
    window_ms: int
    entries: list[dict[str, Any]]


class Gap(NamedTuple):
    """Frames `first`..`last` of this boot are lost to this subscriber; a `Keyframe` follows."""

    id: int
    boot: int
    seq: int
    mono_ns: int
    wall_ns: int
    first: int
    last: int
    why: str


class Recording(NamedTuple):
    """The first frame of a recording. `node_id` 0: of several nodes, and `boot` 0 then."""

    format: int
    cluster: str
    node_id: int
    boot: int
    wall_ns: int
    mono_ns: int


Frame = Keyframe | Changed | Happened | Bulk | Gap
"""What a stream is made of."""

WireMessage = (
    Challenge
    | Hello
    | Welcome
    | Goodbye
    | Propose
    | Read
    | Watch
    | Cancel
    | Applied
    | Answer
    | Changes
    | Failure
    | GetStatus
    | TransferLeadership
    | SetFaults
    | ReadLog
    | Document
    | Subscribe
    | Happened
    | ChangeMembers
    | TakeSnapshot
    | SetCompaction
    | Keyframe
    | Changed
    | Bulk
    | Gap
    | Recording
    | Disturb
    | ProposeAll
    | AppliedAll
    | ReadAll
    | AnswerAll
)
