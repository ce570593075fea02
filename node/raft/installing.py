"""The moves of a snapshot: recorded where it was taken, sent in chunks, installed where it arrives.

Paper 7, thesis 5.3. The rules:

- A snapshot only ever takes a node forward. One that comes late, or twice, is answered as installed
  and changes nothing; one whose last entry the log holds needs no bytes at all.
- A leader sends a snapshot to its end, even when it has a newer one, and keeps the entries behind
  it (`needed_index`) until it has caught up, so that a follower that takes its time does not need
  the next one at once.
- What arrives is the host's to verify and to load, however long that takes: this node answers
  heartbeats and votes meanwhile, and says that it is installed when that is on the disk.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from node.raft.errors import RemoteProtocolError
from node.raft.events import SnapshotDamaged, SnapshotInstalled, SnapshotSending, SnapshotSent
from node.raft.messages import InstallSnapshot, InstallSnapshotResponse
from node.raft.progress import Progress
from node.raft.ready import Chunk
from node.raft.roles import Leader
from node.raft.snapshot import Receipt, ReceivedChunk, Snapshot, SnapshotId

if TYPE_CHECKING:
    from node.raft.core import RaftCore

REFUSED_REST = 8
"""After so many election timeouts a follower that refused a snapshot is sent one again."""

NEEDED_PATIENCE = 100
"""For so many election timeouts entries are kept for a follower that fell silent."""


# -- where it is taken -----------------------------------------------------------------------------
def snapshot_saved(core: "RaftCore", snapshot: Snapshot, compact_to: int) -> bool:
    if core.snapshot is not None and snapshot.index < core.snapshot.index:
        return False
    if not snapshot.configuration.members:
        return False  # of a newcomer that has not learnt yet who the members were at this entry
    assert snapshot.id.size > 0, "its bytes are what tells a follower that it has all of them"
    core.record_snapshot(snapshot)
    if isinstance(core.role, Leader):
        _offer_newest(core.role, snapshot)
    index = min(compact_to, snapshot.index)
    if index > core.log.base.index:
        core.log.compact(index)
    return True


def _offer_newest(leader: Leader, newest: Snapshot) -> None:
    """Whoever is away, and has not answered the offer of an older one, is sent this one. Who is
    there goes on: with snapshots that follow each other quickly it would never get through one.
    """
    for progress in leader.progress.values():
        transfer = progress.transfer
        if transfer is not None and transfer.next_offset is None and not progress.is_active:
            progress.become_snapshot(newest.id, leader.sequence)


def needed_index(core: "RaftCore") -> int:
    """The entries after this one are needed by a follower that is sent a snapshot, or has to catch
    up after one, or is spared. Who was not heard for long has no claim: it may never come back.
    """
    needed, leader = core.log.last_index, core.role
    if not isinstance(leader, Leader):
        return needed
    heard_since = leader.heartbeat_deadline - NEEDED_PATIENCE * core.config.election_timeout_us
    for peer_id, progress in leader.progress.items():
        after = progress.next_index - 1 if peer_id in leader.spared else progress.needed_after
        is_there = progress.heard_at is not None and progress.heard_at >= heard_since
        if after is not None and is_there:
            needed = min(needed, after)
    return needed


# -- the leader's side -----------------------------------------------------------------------------
def unreadable(core: "RaftCore", which: SnapshotId) -> None:
    """Whoever was being sent it gets the newest one instead."""
    leader, newest = core.role, core.snapshot
    if not isinstance(leader, Leader) or newest is None or newest.id == which:
        return
    for progress in leader.progress.values():
        if progress.transfer is not None and progress.transfer.snapshot == which:
            progress.end_snapshot(0, leader.sequence)


def maybe_begin(core: "RaftCore", leader: Leader, peer_id: int, progress: Progress) -> None:
    """Whoever needs an entry that is compacted away is sent the snapshot that stands for it."""
    if progress.transfer is not None or progress.rests_until is not None:
        return
    snapshot = core.snapshot
    assert snapshot is not None, "entries are compacted only when a snapshot stands for them"
    progress.become_snapshot(snapshot.id, leader.sequence)
    progress.heartbeat_due = True  # which asks how much of it the follower has
    core.emit(SnapshotSending(core.term, peer_id, snapshot.index, snapshot.id.size))


def send_chunks(core: "RaftCore", leader: Leader, peer_id: int, progress: Progress) -> None:
    """Send on, as far as the window lets it."""
    transfer = progress.transfer
    assert transfer is not None, "only for a follower that is sent a snapshot"
    if transfer.next_offset is None:
        return
    config = core.config
    while transfer.next_offset < transfer.snapshot.size:
        room = transfer.acked_offset + config.snapshot_window_bytes - transfer.next_offset
        if room <= 0:
            return
        left = transfer.snapshot.size - transfer.next_offset
        length = min(config.snapshot_chunk_bytes, left)
        _send_chunk(core, leader, peer_id, transfer.snapshot, transfer.next_offset, length)
        transfer.next_offset += length
        transfer.sent_bytes += length
        progress.heartbeat_due = False


def end_rests(leader: Leader, now: int) -> None:
    """Whoever refused a snapshot long enough ago may be sent one again."""
    for progress in leader.progress.values():
        if progress.rests_until is not None and now >= progress.rests_until:
            progress.rests_until = None


def send_question(core: "RaftCore", leader: Leader, peer_id: int, progress: Progress) -> None:
    """A heartbeat, and the question how much has arrived: where none is lost, it finds all."""
    transfer = progress.transfer
    assert transfer is not None, "only asked for a follower that is sent a snapshot"
    _send_chunk(core, leader, peer_id, transfer.snapshot, transfer.next_offset or 0, 0)
    progress.heartbeat_due = False


def _send_chunk(
    core: "RaftCore", leader: Leader, peer_id: int, which: SnapshotId, offset: int, length: int
) -> None:
    leader.sequence += 1
    chunk = Chunk(peer_id, core.term, core.id, which, offset, length, leader.sequence)
    if length:
        core.send_chunk(chunk)
    else:
        core.send(peer_id, chunk.message(b""))


def handle_response(
    core: "RaftCore",
    leader: Leader,
    progress: Progress,
    message: InstallSnapshotResponse,
    now: int,
) -> None:
    """How much of it the follower has."""
    transfer = progress.transfer
    if transfer is None or transfer.snapshot.index != message.snapshot_index:
        return  # about one that is through
    if message.sequence <= transfer.began_at:
        return  # and so is this, although the snapshot is the same
    if message.offset > transfer.snapshot.size or message.chunk_offset > transfer.snapshot.size:
        raise RemoteProtocolError(f"{message.responder_id} has more than was sent: {message}")
    which = transfer.snapshot
    if message.installed:
        progress.end_snapshot(which.index, leader.sequence)
        progress.tail_to = core.log.last_index
        core.emit(SnapshotSent(core.term, message.responder_id, which.index, transfer.sent_bytes))
    elif message.damaged:
        progress.rest(now + REFUSED_REST * core.config.election_timeout_us)
        core.emit(SnapshotDamaged(core.term, message.responder_id, which.index))
    else:
        transfer.answered(message.sequence, message.chunk_offset, message.offset, leader.sequence)


# -- the follower's side ---------------------------------------------------------------------------
def handle_chunk(core: "RaftCore", message: InstallSnapshot) -> None:
    if message.snapshot_index <= core.commit_index:
        _respond(core, message, message.size, installed=True)
        return
    if core.log.term_at(message.snapshot_index) == message.snapshot_term:
        core.commit_index = message.snapshot_index  # what a snapshot stands for is committed
        _respond(core, message, message.size, installed=True)
        return
    which = SnapshotId(message.snapshot_index, message.snapshot_term, message.size, message.digest)
    if core.receipt is None or core.receipt.snapshot != which:
        core.receipt = Receipt(which)
    receipt = core.receipt
    if not message.data and core.is_hard_state_durable and not receipt.is_damaged:
        _respond_at_once(core, message, receipt)
        return
    was_damaged, receipt.is_damaged = receipt.is_damaged, False
    if message.data and message.offset == receipt.offset and not was_damaged:
        receipt.offset += len(message.data)
        core.receive_chunk(ReceivedChunk(which, message.offset, message.data, receipt.is_complete))
    _respond(core, message, receipt.offset, damaged=was_damaged)


def _respond_at_once(core: "RaftCore", message: InstallSnapshot, receipt: Receipt) -> None:
    """A question brings nothing to write, so its answer does not wait for what is being written: a
    slow disk must not look like a node that died. It does not tell of that either, neither that it
    arrived, which would let the leader send more than the disk takes, nor that it did not.
    """
    saved = min(receipt.saved_offset, receipt.offset)
    chunk_offset = message.offset if saved == receipt.offset else min(message.offset, saved)
    response = InstallSnapshotResponse(
        core.term,
        core.id,
        message.snapshot_index,
        chunk_offset,
        message.sequence,
        saved,
        installed=False,
        damaged=False,
    )
    core.send(message.leader_id, response)


def received_saved(core: "RaftCore", chunks: Sequence[ReceivedChunk]) -> None:
    """The host put these in their places."""
    for chunk in chunks:
        if core.receipt is not None and core.receipt.snapshot == chunk.snapshot:
            core.receipt.saved_offset = chunk.offset + len(chunk.data)


def _respond(
    core: "RaftCore",
    message: InstallSnapshot,
    offset: int,
    installed: bool = False,
    damaged: bool = False,
) -> None:
    response = InstallSnapshotResponse(
        core.term,
        core.id,
        message.snapshot_index,
        message.offset,
        message.sequence,
        offset,
        installed,
        damaged,
    )
    core.send_after_sync(message.leader_id, response)


def install(core: "RaftCore", snapshot: Snapshot) -> bool:
    if core.receipt is not None and core.receipt.snapshot == snapshot.id:
        core.receipt = None
    if snapshot.index <= core.commit_index:
        return False
    if core.log.term_at(snapshot.index) == snapshot.id.term:
        core.commit_index = snapshot.index
        return False
    core.replace_log(snapshot)
    core.emit(SnapshotInstalled(core.term, snapshot.index))
    return True


def refuse(core: "RaftCore", which: SnapshotId | None) -> None:
    """Start over with whatever the leader sends next, which shall know why."""
    if core.receipt is not None and which in (None, core.receipt.snapshot):
        core.receipt = Receipt(core.receipt.snapshot, is_damaged=True)
