"""The second half of a run: all faults end, and the cluster has to get well.

Of the members a random quorum comes back, and whoever is not in it stays away for ever: a cluster
that needs more than a quorum is not fault tolerant. Within a bounded time they have a leader, have
applied all that it has, and serve a new write and a read of it, also where it is one of them that
is asked alone; that their states are the same then is an invariant. Where no quorum has a disk that
is whole, nobody can go on, and the run says so instead of failing.
"""

from typing import Literal

from node.raft.configuration import Configuration
from node.replica.operations import CHANGE_PATIENCE
from node.sim.host import Host
from node.sim.streams import stream
from node.sim.world import MS, World
from node.verify.observation import Violation

PATIENCE_TIMEOUTS = 20
"""In so many of the longest election timeouts."""
ENTRY_US = 3 * MS
"""What each entry that somebody lacks may take beside that, one at a time."""
SETTLING_TIMEOUTS = CHANGE_PATIENCE + 4
"""Nobody waits longer for anything."""
STEP_MS = 10
PROBE_ID = 1000

Question = tuple[Literal["put", "get"], int | None]
"""What is asked of whom; None: of whoever leads."""


def get_well(world: World) -> str | None:
    """Let the faults end and wait. Gives why that cannot be, or None after it has happened.

    Raises Violation when it does not happen though it could.
    """
    for client in world.clients:
        client.is_done = True
    world.calm()
    core = _core_of(world)
    if core is None:
        return "no quorum of its members has a disk that is whole"
    for host in world.hosts.values():
        if host.id in core and not host.is_running:
            host.start()
        elif host.id not in core and host.is_running:
            world.crash(host.id)
    _wait(world, core)
    _settle(world, core)
    return None


def _core_of(world: World) -> frozenset[int] | None:
    """Who comes back: a quorum, whichever configuration turns out to be in force."""
    able = [host for host in world.hosts.values() if host.lives and not host.is_wiped]
    for host in able:
        if not host.is_running and not host.is_broken:
            host.start()
    whole = {host.id for host in able if host.is_running}
    if not world.has_quorum(whole):
        return None
    rng = stream(world.seed, "core")
    core = set(whole)
    for node_id in rng.sample(sorted(whole), len(whole)):
        if rng.random() < 0.5 and _can_go_on(world, whole, core - {node_id}):
            core.discard(node_id)
    return frozenset(core)


def _can_go_on(world: World, whole: set[int], core: set[int]) -> bool:
    """Also after the leader has given a vote to learners that it heard just before they went."""
    members = world.configuration
    promoted = Configuration(members.voters | (members.promotable & whole))
    return world.has_quorum(core) and promoted.has_quorum(core)


def _wait(world: World, core: frozenset[int]) -> None:
    timeout_us = 2 * world.options.election_timeout_ms * MS
    entries = max(world.hosts[node_id].core.last_index for node_id in core)
    deadline = world.kernel.now + PATIENCE_TIMEOUTS * timeout_us + entries * ENTRY_US
    probe = world.make_client(PROBE_ID)
    probe.is_done = True
    asked: list[Question] = []
    while True:
        world.kernel.run(world.kernel.now + STEP_MS * MS)
        missing = _missing(world, core)
        if missing is None and probe.is_idle:
            if probe.last is None:
                asked = _questions(world, core)
            elif probe.last.outcome == "ok":
                del asked[0]
            if not asked:
                return
            kind, node_id = asked[0]
            probe.invoke(kind, "probe", "linearizable", node_id)
        if world.kernel.now >= deadline:
            what = missing or f"{_named(asked[0])} is not done: {probe.counts}"
            raise Violation("gets_well", None, f"faults ended, and after {deadline} us: {what}")


def _questions(world: World, core: frozenset[int]) -> list[Question]:
    """What has to be done: a write and a read of it, then a read by each member alone, and a write
    through one that does not lead.
    """
    members = sorted(core & world.configuration.members)
    followers = [node_id for node_id in members if not world.hosts[node_id].core.is_leader]
    writes: list[Question] = [("put", node_id) for node_id in followers[:1]]
    reads: list[Question] = [("get", node_id) for node_id in members]
    return [("put", None), ("get", None), *reads, *writes]


def _named(question: Question) -> str:
    kind, node_id = question
    return kind if node_id is None else f"{kind} through n{node_id}"


def _settle(world: World, core: frozenset[int]) -> None:
    """Whoever asked before and waits yet has time to hear: the rules look when all is at rest."""
    timeout_us = world.options.election_timeout_ms * MS
    deadline = world.kernel.now + SETTLING_TIMEOUTS * timeout_us
    while world.kernel.now < deadline:
        if _missing(world, core) is None and not any(host.owed for host in _running(world)):
            return
        world.kernel.run(world.kernel.now + STEP_MS * MS)


def _running(world: World) -> list[Host]:
    return [host for host in world.hosts.values() if host.is_running]


def _missing(world: World, core: frozenset[int]) -> str | None:
    """What is not well yet."""
    hosts: list[Host] = [world.hosts[node_id] for node_id in sorted(core)]
    down = [f"n{host.id}" for host in hosts if not host.is_up]
    if down:
        return f"{' '.join(down)} do not run"
    leaders = [host.id for host in hosts if host.core.is_leader]
    if len(leaders) != 1:
        return f"leaders are {leaders}"
    leader = world.hosts[leaders[0]]
    members = leader.core.configuration
    if members.is_joint or members.promotable & core:
        return f"the members are still changing: {members}"
    for host in hosts:
        if host.id in members.members and host.last_applied != leader.core.last_index:
            return f"n{host.id} has applied {host.last_applied} of {leader.core.last_index}"
    return None
