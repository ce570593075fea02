"""A Ready carried out over callbacks, in the order that keeps a host safe that dies in between."""

from collections.abc import Sequence

from node.raft.callbacks import Callbacks, Members, Snapshots, Syncs
from node.raft.config import InitialState
from node.raft.configuration import Configuration
from node.raft.core import RaftCore
from node.raft.errors import DamagedSnapshotError
from node.raft.events import ConfigurationChanged, Event
from node.raft.messages import LogEntry
from node.raft.ready import Chunk, Envelope, HardState, Ready
from node.raft.snapshot import Snapshot, SnapshotId


class Effects:
    """What is to be done, in the words of the callbacks, and what the disk holds by now."""

    def __init__(self, callbacks: Callbacks, initial: InitialState) -> None:
        self._callbacks = callbacks
        self._snapshots = callbacks if isinstance(callbacks, Snapshots) else None
        self._members = callbacks if isinstance(callbacks, Members) else None
        self._syncs = callbacks if isinstance(callbacks, Syncs) else None
        self._last_index = initial.last_index
        self._saved = HardState(initial.current_term, initial.voted_for)

    @property
    def takes_snapshots(self) -> bool:
        return self._snapshots is not None

    def send(self, envelopes: Sequence[Envelope]) -> None:
        for peer_id, rpc in envelopes:
            try:
                self._callbacks.make_rpc(peer_id, rpc)
            except Exception:
                continue  # a lost message, which Raft repeats in time

    def send_chunks(self, chunks: Sequence[Chunk], core: RaftCore) -> None:
        """Read the parts that are asked for, and send them."""
        for chunk in chunks:
            assert self._snapshots is not None, "without them nothing was compacted"
            data = self._snapshots.read_snapshot(chunk.snapshot, chunk.offset, chunk.length)
            if len(data) == chunk.length:
                self.send([Envelope(chunk.to, chunk.message(data))])
            else:
                core.snapshot_unreadable(chunk.snapshot)

    def save(self, ready: Ready, core: RaftCore) -> None:
        """Write what has to be durable before the promises of `ready` leave."""
        if not ready.must_sync:
            return
        self._keep_received(ready)
        if ready.hard_state is not None:
            self._save_hard_state(ready.hard_state)
        if ready.truncate_from is not None:
            while self._last_index >= ready.truncate_from:
                self._callbacks.log_pop()
                self._last_index -= 1
        if ready.snapshot is not None or ready.base is not None:
            assert self._snapshots is not None, "without them nothing was compacted"
            assert core.snapshot is not None, "a base stands on a snapshot"
            self._snapshots.persist_snapshot(core.snapshot, core.log.base)
            self._last_index = max(self._last_index, core.log.base.index)
        for entry in ready.entries:
            self._callbacks.log_append(entry)
            self._last_index += 1
        if self._syncs is not None:
            self._syncs.sync()

    def _keep_received(self, ready: Ready) -> None:
        for chunk in ready.received:
            if self._snapshots is None:
                raise TypeError("the leader sends a snapshot, and these callbacks take none")
            self._snapshots.write_snapshot(chunk)

    def _save_hard_state(self, state: HardState) -> None:
        """The term first: a stale vote beside a new term only makes this member refuse votes."""
        if state.current_term != self._saved.current_term:
            self._callbacks.persist_current_term(state.current_term)
        if state.voted_for != self._saved.voted_for:
            self._callbacks.persist_voted_for(state.voted_for)
        self._saved = state

    def apply(self, entry: LogEntry) -> None:
        """Hand a committed entry to the state machine, if it is the host's own."""
        if entry.entry is not None and type(entry.entry) is not Configuration:
            self._callbacks.apply_entry(entry.entry)

    def tell(self, events: Sequence[Event]) -> None:
        """Say who the members are, if that changed and somebody wants to know."""
        if self._members is None:
            return
        for event in events:
            if isinstance(event, ConfigurationChanged):
                self._members.configuration_changed(event.configuration)

    def install(self, which: SnapshotId, core: RaftCore) -> int:
        """A snapshot from the leader is complete. Gives the index that the machine has reached with
        it, 0 if it was of no use.
        """
        assert self._snapshots is not None, "they took its parts"
        try:
            snapshot = Snapshot(which, self._snapshots.check_snapshot(which))
        except DamagedSnapshotError:
            core.refuse_snapshot(which)
            return 0
        if not core.install_snapshot(snapshot):
            return 0
        self._snapshots.restore_snapshot(snapshot)
        return snapshot.index
