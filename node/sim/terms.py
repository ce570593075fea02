"""A node that half hears the others disturbs nobody: with pre-vote and check-quorum terms hardly
rise.

Whoever hears no leader asks for votes again and again. Without pre-vote each time in another term,
so the others lose a leader that all of them hear (thesis 9.6; the outage of Cloudflare in November
2020). The bound is one term in ten election timeouts, once an election had its time, and a few
more: where frames get lost, a leader that has a bare quorum may lose touch with it once in a while,
and the next election may take more than one term. Who loses all connections for a moment may lose
its leadership with them, so where that happens nothing is said.
"""

from collections.abc import Iterable

from node.faults import LinkRule
from node.scenario import actions
from node.sim.acting import Actor
from node.sim.options import Options
from node.sim.progress import is_calm
from node.sim.world import MS, World
from node.verify.observation import Member, Violation

SETTLING_TIMEOUTS = 12
"""An election is over, which takes one or two of them, and another one after each split vote."""
TERM_TIMEOUTS = 10
TERMS_SPARE = 3
SILENCE_MAX = 3e-4
"""How likely a leader may be not to hear of a peer for an election timeout, with all being well."""


class Terms:
    """Looks once an election timeout, as long as nothing is wrong but cuts that leave a quorum
    whole, and has been for a while.
    """

    def __init__(self, options: Options) -> None:
        self._is_on = is_calm(options) and not options.flaps and _silence(options) <= SILENCE_MAX
        self._timeout_us = options.election_timeout_ms * MS
        self._disturbed = 0
        """How often a process came or went."""
        self._seen: tuple[int, ...] = ()
        self._since = 0
        """When something else was wrong, or changed, last."""
        self._term: int | None = None
        """In which the present quiet began; None: it is settling yet."""
        self._settled_at = 0

    def begin(self, world: World, actor: Actor) -> None:
        self._look(world, actor)

    def end(self) -> None:
        """What comes is no longer its business."""
        self._is_on = False

    # -- happenings --------------------------------------------------------------------------------
    def crashed(self, member: Member) -> None:
        self._disturbed += 1

    def booted(self, member: Member, stored: object) -> None:
        self._disturbed += 1

    # -- looking -----------------------------------------------------------------------------------
    def _look(self, world: World, actor: Actor) -> None:
        if not self._is_on:
            return
        now = world.kernel.now
        cores = [host.core for host in world.hosts.values() if host.is_running]
        changes = max((core.configuration_index for core in cores), default=0)
        doings = actor.done.total()
        faults = (fault.number for fault in actor.lasting.faults.values())
        seen = (self._disturbed, changes, doings, *faults)
        if seen != self._seen or not _leaves_a_quorum_whole(world, actor):
            self._seen, self._since, self._term = seen, now, None
        elif now - self._since >= SETTLING_TIMEOUTS * self._timeout_us:
            self._check(now, max(core.term for core in cores))
        world.kernel.after(self._timeout_us, "check", self._look, world, actor)

    def _check(self, now: int, term: int) -> None:
        if self._term is None:
            self._term, self._settled_at = term, now
        quiet_us = now - self._settled_at
        if term - self._term > TERMS_SPARE + quiet_us // (TERM_TIMEOUTS * self._timeout_us):
            text = (
                f"a quorum hears each other, and in {quiet_us} us, {quiet_us // self._timeout_us} "
                f"election timeouts, terms have risen from {self._term} to {term}"
            )
            raise Violation("terms_rise_seldom", None, text)


def _silence(options: Options) -> float:
    """How likely all heartbeats of an election timeout, or the answers to them, are lost."""
    heartbeats = options.election_timeout_ms // options.heartbeat_ms
    return float((1 - (1 - options.drop) ** 2) ** heartbeats)


def _leaves_a_quorum_whole(world: World, actor: Actor) -> bool:
    """Whether all that is wrong is cuts, and a quorum hears each other in both directions."""
    faults = actor.lasting.faults.values()
    if any(not isinstance(fault.action, actions.Partition) for fault in faults):
        return False
    up = {host.id for host in world.hosts.values() if host.is_up and not host.is_wiped}
    return world.has_quorum(_untouched(up, [rule for fault in faults for rule in fault.rules]))


def _untouched(nodes: set[int], cuts: Iterable[LinkRule]) -> set[int]:
    """Who is left when those that most cuts are of have been taken out, until there is none."""
    left = set(nodes)
    while True:
        counts = dict.fromkeys(sorted(left), 0)
        for cut in cuts:
            if cut.src in left and cut.dst in left:
                counts[cut.src] += 1
                counts[cut.dst] += 1
        worst = max(counts, key=counts.__getitem__, default=0)
        if not worst or not counts[worst]:
            return left
        left.discard(worst)
