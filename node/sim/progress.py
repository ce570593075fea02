"""While a quorum is connected, and somebody asks, the commit index rises."""

from node.sim.acting import Actor
from node.sim.options import Options
from node.sim.world import MS, World
from node.verify.observation import Operation, Violation

PATIENCE_TIMEOUTS = 10
"""A quorum that has been connected for so many election timeouts has a leader, and goes on."""
WRITES_MIN = 3
DROP_MAX = 0.05
LATENCY_SHARE_MAX = 0.1
DISK_SHARE_MAX = 0.25
"""Of an election timeout: with slower links or disks elections may fail for long."""
QUEUE_MIN = 16


class Progress:
    """Looks once an election timeout. Only where pre-vote and check-quorum keep nodes that were
    removed, or were away, from deposing leaders again and again.
    """

    def __init__(self, options: Options) -> None:
        self._is_on = is_good(options)
        self._timeout_us = 2 * options.election_timeout_ms * MS
        self._advanced_at = 0
        self._commit_index = 0
        self._writes = 0

    def begin(self, world: World, actor: Actor) -> None:
        self._look(world, actor)

    def end(self) -> None:
        """What comes is no longer its business."""
        self._is_on = False

    def invoked(self, operation: Operation) -> None:
        """A happening: somebody asks."""
        if operation.kind != "get":
            self._writes += 1

    def _look(self, world: World, actor: Actor) -> None:
        if not self._is_on:
            return
        now = world.kernel.now
        commit_index = max(host.core.commit_index for host in world.hosts.values() if host.lives)
        if commit_index > self._commit_index or not _is_quiet(world, actor):
            self._commit_index = max(commit_index, self._commit_index)
            self._advanced_at, self._writes = now, 0
        waited_us = now - self._advanced_at
        if waited_us >= PATIENCE_TIMEOUTS * self._timeout_us and self._writes >= WRITES_MIN:
            raise Violation(
                "commits_while_a_quorum_is_connected",
                None,
                f"{self._writes} writes in {waited_us} us, and nothing is committed after entry "
                f"{self._commit_index}",
            )
        world.kernel.after(self._timeout_us, "check", self._look, world, actor)


def _is_quiet(world: World, actor: Actor) -> bool:
    """No fault lasts, and a quorum is there."""
    up = {host.id for host in world.hosts.values() if host.is_up and not host.is_wiped}
    return not actor.faults and world.has_quorum(up)


def is_good(options: Options) -> bool:
    """Whether network and disks are such that elections succeed."""
    timeout_ms = options.election_timeout_ms
    return (
        options.pre_vote
        and options.check_quorum
        and max(options.drop, options.duplicate, options.reorder) <= DROP_MAX
        and options.latency_ms + options.jitter_ms <= LATENCY_SHARE_MAX * timeout_ms
        and options.disk_ms_max <= DISK_SHARE_MAX * timeout_ms
        and options.heartbeat_ms * 3 <= timeout_ms
        and options.queue_max >= QUEUE_MIN
        and options.clients > 0
    )
