"""Log replication: the leader's appends, the follower's checks, and when an entry is committed.

Paper 5.3 and 5.4, thesis 3.5 and 10.2. Both sides are safe for any legal message in any order:

- A follower truncates only at a conflict, and vouches only for what the message itself showed to be
  equal, never for whatever else its log holds.
- A leader ignores answers that its knowledge has overtaken. A rejection moves `next_index` back by
  whole terms, whichever side's terms are sparser, but never below what was acknowledged.
"""

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING

from node.raft import installing, membership, proposing, reading, sparing, transfer
from node.raft.errors import RemoteProtocolError
from node.raft.events import LogTruncated, PeerLogReverted
from node.raft.messages import (
    AppendEntries,
    AppendEntriesResponse,
    InstallSnapshot,
    InstallSnapshotResponse,
    LogEntry,
)
from node.raft.progress import Progress, ProgressState
from node.raft.roles import Candidate, Follower, Leader, PreCandidate

if TYPE_CHECKING:
    from node.raft.core import RaftCore

MEASURED_ENTRIES_MAX = 4096
"""The entries of one append whose bytes are bounded: small ones cost time too."""


# -- the leader's side -----------------------------------------------------------------------------
def send_appends(core: "RaftCore", leader: Leader) -> None:
    """Queue whatever each follower may and should be sent now."""
    log, last = core.log, core.log.last_index
    found: dict[int, tuple[list[LogEntry], int]] = {}  # most followers need the same
    for peer_id, progress in leader.progress.items():
        if progress.next_index > last:
            continue
        if progress.next_index < log.first_index:
            installing.maybe_begin(core, leader, peer_id, progress)
        if peer_id in leader.spared and sparing.holds_back(core, progress):
            continue
        _send_entries(core, leader, peer_id, progress, last, found)
    leader.owes = False
    send_heartbeats(core, leader)


def _send_entries(
    core: "RaftCore",
    leader: Leader,
    peer_id: int,
    progress: Progress,
    last: int,
    found: dict[int, tuple[list[LogEntry], int]],
) -> None:
    """Queue the entries up to `last` that it was not sent, as far as it may be. `found` is what was
    looked up already, by the first index.
    """
    while progress.next_index <= last and progress.may_send_entries:
        first = progress.next_index
        if first not in found:
            found[first] = _next_entries(core, first, last)
        entries, size = found[first]
        _send_append(core, leader, peer_id, progress, entries)
        progress.sent(first + len(entries) - 1, size)


def send_heartbeats(core: "RaftCore", leader: Leader) -> None:
    """Queue an append for each follower that is due one, without entries but for those that are
    being saved already and were held back from it.

    One that is sent a snapshot gets its next part, or the question how much it has.
    """
    for peer_id, progress in leader.progress.items():
        if progress.next_index < core.log.first_index:
            installing.maybe_begin(core, leader, peer_id, progress)
        if progress.transfer is not None:
            installing.send_chunks(core, leader, peer_id, progress)
            if progress.heartbeat_due:
                installing.send_question(core, leader, peer_id, progress)
        elif progress.heartbeat_due:
            _send_heartbeat(core, leader, peer_id, progress)


def _send_heartbeat(core: "RaftCore", leader: Leader, peer_id: int, progress: Progress) -> None:
    if core.config.spare_us:  # the others may have been sent it long ago
        _send_entries(core, leader, peer_id, progress, core.log.saved_index, {})
    if progress.heartbeat_due:
        _send_append(core, leader, peer_id, progress, [])


def _send_append(
    core: "RaftCore", leader: Leader, peer_id: int, progress: Progress, entries: list[LogEntry]
) -> None:
    # Who rests before a snapshot has nothing that could be compared but the empty prefix.
    prev_log_index = 0 if progress.rests_until is not None else progress.next_index - 1
    prev_log_term = 0 if prev_log_index == 0 else core.log.term_at(prev_log_index)
    assert prev_log_term is not None, "next_index points into the log or just past it"
    leader.sequence += 1
    progress.heartbeat_due = False
    core.send(
        peer_id,
        AppendEntries(
            core.term,
            core.id,
            prev_log_index,
            prev_log_term,
            entries,
            core.commit_index,
            leader.sequence,
            leader.claims_after is not None,
        ),
    )


def _next_entries(core: "RaftCore", first: int, last: int) -> tuple[list[LogEntry], int]:
    """The entries from `first` to `last`, at least one and no more than one append may hold; and
    their bytes, where known.
    """
    config = core.config
    if config.entry_size is None:
        return core.log.entries(first, min(first + config.append_entries_max - 1, last)), 0
    entries = core.log.entries(first, min(first + MEASURED_ENTRIES_MAX - 1, last))
    sizes = proposing.sizes_of(config, entries)
    size = sum(sizes)
    if size <= config.append_bytes_max:
        return entries, size
    count = max(1, bisect_right(list(accumulate(sizes)), config.append_bytes_max))
    return entries[:count], sum(sizes[:count])


def handle_append_response(core: "RaftCore", message: AppendEntriesResponse, now: int) -> None:
    leader = core.role
    if not isinstance(leader, Leader):
        return
    if message.match_index > core.log.last_index:
        raise RemoteProtocolError(f"{message.responder_id} answers what was never sent: {message}")
    progress = _heard(leader, message, now)
    if progress is None:
        return
    if message.success:
        is_news = progress.matched(message.match_index, message.sequence, leader.sequence)
        is_at_it = progress.state is ProgressState.SNAPSHOT
        if is_at_it and progress.match_index >= core.log.base.index:
            progress.end_snapshot(progress.match_index, leader.sequence)
        _holds_more(core, leader, progress, is_news, now)
    else:
        _handle_rejection(core, leader, progress, message)
    if core.role is leader:
        transfer.maybe_hand_over(core, leader, message.responder_id)
        if reading.release_confirmed(core, leader):
            sparing.begin(core, leader, now)


def handle_snapshot_response(core: "RaftCore", message: InstallSnapshotResponse, now: int) -> None:
    leader = core.role
    if not isinstance(leader, Leader):
        return
    progress = _heard(leader, message, now)
    if progress is None:
        return
    before = progress.match_index
    installing.handle_response(core, leader, progress, message, now)
    _holds_more(core, leader, progress, progress.match_index > before, now)
    if core.role is leader:
        reading.release_confirmed(core, leader)


def _heard(
    leader: Leader, message: AppendEntriesResponse | InstallSnapshotResponse, now: int
) -> Progress | None:
    """The progress of who answered; None for one that is a member no longer, or was not yet."""
    if message.sequence > leader.sequence:
        raise RemoteProtocolError(f"{message.responder_id} answers what was never sent: {message}")
    progress = leader.progress.get(message.responder_id)
    if progress is None or message.sequence <= progress.added_at:
        return None
    progress.is_active = True
    progress.heard_at = now
    progress.acked_sequence = max(progress.acked_sequence, message.sequence)
    return progress


def _holds_more(
    core: "RaftCore", leader: Leader, progress: Progress, is_news: bool, now: int
) -> None:
    """What follows from what a member holds, which may be no more than before."""
    if is_news and progress.match_index > core.commit_index:
        maybe_commit(core, leader, now)
    if progress.round is not None and core.role is leader:
        timeout_us = core.config.election_timeout_us
        progress.round.reached(progress.match_index, core.log.last_index, now, timeout_us)
        membership.maybe_advance(core, leader, now)


def _handle_rejection(
    core: "RaftCore", leader: Leader, progress: Progress, message: AppendEntriesResponse
) -> None:
    """The follower's log does not hold the entry before the ones that it was sent."""
    rejected = message.prev_log_index
    if progress.state is ProgressState.SNAPSHOT:
        return  # what it lacks is on its way
    if rejected == 0:
        raise RemoteProtocolError(f"{message.responder_id} refuses the prefix that all logs share")
    if message.sequence <= progress.probe_began_at:
        return  # it was sent before the probe under way, or the last one, began
    if rejected <= progress.match_index:
        if message.sequence > progress.match_sequence:
            core.emit(
                PeerLogReverted(
                    core.term, message.responder_id, progress.match_index, message.conflict_index
                )
            )
            progress.match_index = 0
            if progress.round is not None:
                progress.round.is_caught_up = False
        else:
            return  # sent before the follower had acknowledged this much: old news
    elif progress.state is ProgressState.PROBE and rejected != progress.next_index - 1:
        return  # not the answer to the probe under way
    hint = message.conflict_index
    if hint >= core.log.base.index:
        hint = core.log.last_index_at_or_below(hint, message.conflict_term).index
    progress.become_probe(min(rejected, hint + 1), leader.sequence)


def maybe_commit(core: "RaftCore", leader: Leader, now: int) -> None:
    """Commit what a majority holds durably, once that includes an entry of this term.

    An entry of an earlier term is committed only by one of the leader's own that follows it: by
    count alone it could still be replaced (paper 5.4.2, figure 8).
    """
    if core.commit_index == core.log.last_index:
        return
    held = {member: progress.match_index for member, progress in leader.progress.items()}
    held[core.id] = core.log.stable_index
    index = core.configuration.reached(held)
    if index > core.commit_index and index >= leader.first_index:
        proposing.committed(core, leader, index)
        core.commit_index = index
        reading.release_waiting(core, leader)
        sparing.begin(core, leader, now)
        membership.maybe_advance(core, leader, now)


# -- the follower's side ---------------------------------------------------------------------------
def handle_append(core: "RaftCore", message: AppendEntries, now: int) -> None:
    _follow_leader(core, message, now)
    if not core.voting:
        return
    prev_log_index, entries = message.prev_log_index, message.entries
    if prev_log_index < core.log.base.index:
        # All up to the base is committed, so every later leader has it: it need not be compared.
        entries = entries[core.log.base.index - prev_log_index :]
        prev_log_index = core.log.base.index
    elif core.log.term_at(prev_log_index) != message.prev_log_term:
        _reject_append(core, message)
        return
    dropped = core.log.merge(prev_log_index, entries, core.commit_index)
    match_index = prev_log_index + len(entries)
    if dropped is not None:
        core.emit(LogTruncated(core.term, dropped.first, dropped.last))
    core.configuration_changed()
    core.commit_index = max(core.commit_index, min(message.leader_commit, match_index))
    _acknowledge(core, message, match_index)


def _acknowledge(core: "RaftCore", message: AppendEntries, match_index: int) -> None:
    """Vouch for what the message showed to be equal, as far as it is durable.

    A heartbeat brings nothing to write, so its answer does not wait for what is being written, and
    stops short of that: a slow disk must not look like a node that died.
    """
    is_prompt = not message.entries and core.is_hard_state_durable
    response = AppendEntriesResponse(
        core.term,
        core.id,
        True,
        message.prev_log_index,
        message.sequence,
        match_index=min(match_index, core.log.stable_index) if is_prompt else match_index,
    )
    (core.send if is_prompt else core.send_after_sync)(message.leader_id, response)


def _reject_append(core: "RaftCore", message: AppendEntries) -> None:
    """Refuse, and say where the logs may agree: no entry above the hint can."""
    hint = core.log.last_index_at_or_below(message.prev_log_index, message.prev_log_term)
    core.send_after_sync(
        message.leader_id,
        AppendEntriesResponse(
            core.term,
            core.id,
            False,
            message.prev_log_index,
            message.sequence,
            conflict_index=hint.index,
            conflict_term=hint.term,
        ),
    )


def handle_snapshot(core: "RaftCore", message: InstallSnapshot, now: int) -> None:
    _follow_leader(core, message, now)
    if core.voting:
        installing.handle_chunk(core, message)


def _follow_leader(core: "RaftCore", message: AppendEntries | InstallSnapshot, now: int) -> None:
    _check_leader(core, message)
    if isinstance(core.role, Candidate | PreCandidate):
        core.become_follower(core.term, message.leader_id, now, "another node leads this term")
    # Parts of a snapshot do not say, so each counts as if it did.
    claims_lease = not isinstance(message, AppendEntries) or message.claims_lease
    core.heard_leader(message.leader_id, now, claims_lease)


def _check_leader(core: "RaftCore", message: AppendEntries | InstallSnapshot) -> None:
    """One leader a term: raise RemoteProtocolError for a second one."""
    if isinstance(core.role, Leader):
        raise RemoteProtocolError(f"{message.leader_id} also leads term {core.term}")
    if isinstance(core.role, Follower) and core.role.leader_id not in (None, message.leader_id):
        raise RemoteProtocolError(
            f"{message.leader_id} claims term {core.term}, which {core.role.leader_id} leads"
        )
