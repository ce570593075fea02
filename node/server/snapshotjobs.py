"""What the snapshotter is given to do, and what comes of it."""

from collections.abc import Callable

from node.raft.snapshot import Snapshot, SnapshotId
from node.replica import Replica
from node.replica.snapshotting import LoadSnapshot
from node.replica.state import State
from node.server.eventhub import EventHub
from node.server.snapshotter import Snapshotter


class SnapshotJobs:
    """Of one replica. `applied` is called when a snapshot has changed the state machine."""

    def __init__(self, replica: Replica, hub: EventHub, applied: Callable[[], None]) -> None:
        self.may_prune = False
        """There may be snapshots on the disk that nobody needs."""
        self._replica = replica
        self._hub = hub
        self._applied = applied

    def look(self, snapshotter: Snapshotter) -> None:
        """What came of the job under way, and what is to be done next."""
        found = snapshotter.take_result()
        if found is not None:
            job, result = found
            if isinstance(result, Snapshot):
                self._written(result)
            elif isinstance(result, State):
                self._loaded(result)
                snapshotter.dismantle(result)
            elif not isinstance(result, Exception):
                raise TypeError(f"{result!r} is no result")
            elif isinstance(job, LoadSnapshot):
                self.refused(result, job.snapshot)
                self.may_prune = True  # it may have been whole, and of no use to the machine
            else:
                self._failed(result)
        if self.may_prune and not self._replica.snapshots.is_busy:
            self.may_prune = False
            snapshotter.keep(self._replica.kept_snapshots)
        next_job = self._replica.take_job()
        if next_job is not None:
            snapshotter.begin(next_job)

    def refused(self, error: Exception, which: SnapshotId | None = None) -> None:
        """What the leader sent is of no use here: it hears so, and may send it again later."""
        self._hub.publish("snapshot", self._term, "error", state="refused", why=_text(error))
        self._replica.snapshot_refused(which)

    def _written(self, snapshot: Snapshot) -> None:
        counts = self._replica.snapshot_written(snapshot)
        self.may_prune = self.may_prune or not counts
        self._hub.publish(
            "snapshot", self._term, state="taken", index=snapshot.index, bytes=snapshot.id.size
        )

    def _loaded(self, state: State) -> None:
        if self._replica.snapshot_loaded(state):
            self._applied()
        else:
            self.may_prune = True

    def _failed(self, error: Exception) -> None:
        """The log still holds all that the snapshot would: nothing is lost, but space."""
        text = _text(error)
        self._hub.publish("snapshot", self._term, "error", state="failed", why=text)
        self._replica.snapshot_failed(text)

    @property
    def _term(self) -> int:
        return self._replica.core.term


def _text(error: Exception) -> str:
    return str(error) or type(error).__name__
