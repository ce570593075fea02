"""While the same quorum is connected, and somebody asks, the commit index rises.

Connected are nodes that run, each with a disk and a clock that do as they should, and with links
between them that no fault touches. Who is sent a snapshot, or loads one, may take its time. What
befalls the others is their business: a leader that is cut off from a quorum, or whose disk is full,
must not keep it from going on. Only without pre-vote and check-quorum may anybody who runs depose
leaders again and again, so there all have to be connected.
"""

from collections.abc import Iterator

from node.raft.configuration import Configuration
from node.scenario import actions
from node.scenario.actions import Action, ending
from node.sim.acting import Actor
from node.sim.options import Options
from node.sim.world import MS, World
from node.verify.observation import Operation, Violation

PATIENCE_TIMEOUTS = 10
"""A quorum that has been connected for so many election timeouts has a leader, and goes on."""
PATIENCE_TIMEOUTS_ROUGH = 30
"""Where frames get lost or take long elections may fail again and again, but not for ever."""
PATIENCE_ELECTIONS = 10
"""And nowhere less than so many elections that get through, on the average, if all whom a candidate
asks are needed.
"""
WRITES_MIN = 3
DROP_MAX = 0.1
LATENCY_SHARE_MAX = 0.15
DISK_SHARE_MAX = 0.25
"""Of an election timeout."""
LATENCY_SHARE_MAX_ROUGH = 0.3
DISK_SHARE_MAX_ROUGH = 0.5
"""Beyond these an election hardly ever is over before the next one begins."""
DROP_MAX_ROUGH = 0.3
DUPLICATE_MAX_ROUGH = 0.2
REORDER_MAX_ROUGH = 0.2
CLIENT_LOSS_MAX_ROUGH = 0.1
"""The most that a seed has. How long a cluster takes under more, nobody has seen."""

Bond = tuple[int, int, int, int]
"""Two nodes that are connected, each with which of its lives it is; also one node with itself."""


class Progress:
    """Looks once an election timeout, and whenever a step of the plan was carried out."""

    def __init__(self, options: Options) -> None:
        self._patience = _patience(options)
        self._drop = options.drop
        self._bears_others = options.pre_vote and options.check_quorum
        self._timeout_us = 2 * options.election_timeout_ms * MS
        self._bonds: frozenset[Bond] = frozenset()
        """Those that have held since it began to wait."""
        self._members: Configuration | None = None
        self._leader = 0
        self._commit_index = 0
        self._held = 0
        """What all connected nodes together hold of that, at the most so far: who has just been
        elected may have to send much of it, entry by entry, before anything new is committed.
        """
        self._arrived: frozenset[tuple[int, int, int]] = frozenset()
        """What they have of snapshots that they are sent: node, last entry, bytes."""
        self._writes: list[int] = []
        """When they were asked for, of whoever can see to them."""
        self._asked_at: int | None = None

    def begin(self, world: World, actor: Actor) -> None:
        if self._patience:
            self.look(world, actor)
            world.kernel.after(self._timeout_us, "check", self.begin, world, actor)

    def end(self) -> None:
        """What comes is no longer its business."""
        self._patience = 0

    def invoked(self, operation: Operation) -> None:
        """A happening: somebody asks. A single node that is asked alone may be the one that is cut
        off, and will not tell the others.
        """
        if operation.kind != "get" and operation.asked is None:
            self._writes.append(operation.invoked_at)

    def done(self, action: Action, world: World, actor: Actor) -> None:
        """A step was carried out, or its fault ended. What is over at once may still be a blow."""
        if ending(action) is None and not isinstance(action, actions.SnapshotTake):
            self._bonds = frozenset()
        if self._patience:
            self.look(world, actor)

    def look(self, world: World, actor: Actor) -> None:
        now = world.kernel.now
        commit_index = max(host.core.commit_index for host in world.hosts.values() if host.lives)
        bonds = _bonds(world, actor)
        kept, members = self._bonds & bonds, world.configuration
        held = _held(world, bonds, commit_index)
        arrived = _arrived(world, bonds)
        if (
            commit_index > self._commit_index
            or held > self._held
            or not arrived <= self._arrived
            or any(world.hosts[bond[0]].is_loading for bond in bonds)
            or members != self._members
            or any(self._leader in (bond[0], bond[2]) for bond in self._bonds - bonds)
            or not self._can_go_on(world, kept)
        ):
            kept, self._asked_at, self._writes = bonds, None, []
        self._bonds, self._members = kept, members
        self._commit_index = max(commit_index, self._commit_index)
        self._held = max(held, self._held)
        self._arrived = arrived
        self._leader = 0 if world.leader is None else world.leader.id
        if self._writes and self._asked_at is None:
            self._asked_at = now
        self._judge(world, now)

    def _judge(self, world: World, now: int) -> None:
        tried = sum(at <= now - self._timeout_us for at in self._writes)
        if self._asked_at is None or tried < WRITES_MIN:
            return  # what was asked for just now may be on its way yet
        waited_us = now - self._asked_at
        elections = PATIENCE_ELECTIONS / _chance(self._drop, len(world.configuration.electorate))
        if waited_us >= max(self._patience, elections) * self._timeout_us:
            raise Violation(
                "commits_while_a_quorum_is_connected",
                None,
                f"{tried} writes in {waited_us} us, and nothing is committed after entry "
                f"{self._commit_index}",
            )

    def _can_go_on(self, world: World, bonds: frozenset[Bond]) -> bool:
        """Whether a quorum is connected, each with each."""
        near: dict[int, set[int]] = {}
        for one, _, other, _ in bonds:
            near.setdefault(one, set()).add(other)
            near.setdefault(other, set()).add(one)
        if not self._bears_others:
            running = {host.id for host in world.hosts.values() if host.is_running}
            return (
                running <= world.configuration.members
                and world.has_quorum(running)
                and all(near.get(each) == running for each in running)
            )
        everybody = {node_id: others - {node_id} for node_id, others in near.items()}
        return any(map(world.has_quorum, _groups(everybody, set(), set(near), set())))


def _held(world: World, bonds: frozenset[Bond], commit_index: int) -> int:
    near = sorted({bond[0] for bond in bonds} | {bond[2] for bond in bonds})
    return sum(min(world.hosts[each].core.last_index, commit_index) for each in near)


def _arrived(world: World, bonds: frozenset[Bond]) -> frozenset[tuple[int, int, int]]:
    receipts = {bond[0]: world.hosts[bond[0]].core.receipt for bond in bonds}
    return frozenset(
        (node_id, receipt.snapshot.index, receipt.offset)
        for node_id, receipt in receipts.items()
        if receipt is not None
    )


def _bonds(world: World, actor: Actor) -> frozenset[Bond]:
    lasting = actor.lasting
    well = [
        host
        for host in world.hosts.values()
        if host.is_up
        and not host.is_wiped
        and not any(isinstance(each, actions.Disk | actions.Clock) for each in lasting.on(host.id))
    ]
    touched = {frozenset((rule.src, rule.dst)) for rule in lasting.rules}
    return frozenset(
        (one.id, one.lives, other.id, other.lives)
        for one in well
        for other in well
        if one.id <= other.id and frozenset((one.id, other.id)) not in touched
    )


def _groups(
    near: dict[int, set[int]], chosen: set[int], left: set[int], done: set[int]
) -> Iterator[set[int]]:
    """The largest groups of nodes in which each is near each (Bron and Kerbosch 1973)."""
    if not left and not done:
        yield chosen
        return
    pivot = max(left | done, key=lambda node_id: len(near[node_id] & left))
    for node_id in left - near[pivot]:
        others = near[node_id]
        yield from _groups(near, chosen | {node_id}, left & others, done & others)
        left, done = left - {node_id}, done | {node_id}


def _patience(options: Options) -> int:
    """For how many election timeouts it waits; 0: it does not look at all."""
    timeout_ms = options.election_timeout_ms
    latency = (options.latency_ms + options.jitter_ms) / timeout_ms
    disk = options.disk_ms_max / timeout_ms
    is_beyond = (
        latency > LATENCY_SHARE_MAX_ROUGH
        or disk > DISK_SHARE_MAX_ROUGH
        or options.drop > DROP_MAX_ROUGH
        or options.duplicate > DUPLICATE_MAX_ROUGH
        or options.reorder > REORDER_MAX_ROUGH
        or options.client_loss > CLIENT_LOSS_MAX_ROUGH
    )
    if not options.clients or is_beyond:
        return 0
    return PATIENCE_TIMEOUTS if is_good(options) else PATIENCE_TIMEOUTS_ROUGH


def _chance(drop: float, voters: int) -> float:
    """That no frame is lost of an election with its pre-vote, in which a bare majority takes part.

    Of six nodes of whom four are connected, with a quarter of the frames lost, it is one in 30.
    """
    frames = 4 * (voters // 2)
    return float((1 - drop) ** frames)


def is_calm(options: Options) -> bool:
    """Whether also nobody who half hears the others deposes leaders again and again."""
    return options.pre_vote and options.check_quorum and is_good(options)


def is_good(options: Options) -> bool:
    """Whether network and disks are such that most elections succeed."""
    timeout_ms = options.election_timeout_ms
    return (
        max(options.drop, options.duplicate, options.reorder) <= DROP_MAX
        and options.latency_ms + options.jitter_ms <= LATENCY_SHARE_MAX * timeout_ms
        and options.disk_ms_max <= DISK_SHARE_MAX * timeout_ms
    )
