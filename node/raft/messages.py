"""The messages of the algorithm, one type for each.

They are plain, immutable, picklable values, and the core's only view of the network. They are
tuples, since a cluster makes two of them for every entry and follower: what sort a message is says
its type, which two equal tuples may not share. Field names are those of the Raft paper (figure 2).
A node is known by a small integer.

Every message carries its sender's `term`, which the one term gate in `core` looks at before
anything else does. For the two pre-vote messages this is the sender's current term: a pre-vote asks
about a term that nobody has entered yet, so that term travels apart, as `next_term`.
"""

from collections.abc import Iterable, Sequence
from itertools import repeat
from operator import itemgetter
from typing import Any, NamedTuple

from node.raft.configuration import Configuration
from node.raft.errors import RemoteProtocolError


class LogEntry(NamedTuple):
    """One slot of the log. `entry` is the user's own value, None for an election's no-op, or a
    `Configuration`: who the members are from there on.
    """

    term: int
    entry: Any


_new = tuple.__new__


def entries_of_term(term: int, values: Iterable[Any]) -> list[LogEntry]:
    """An entry for each of `values`: made without a call of Python for each, in half the time."""
    return list(map(_new, repeat(LogEntry), zip(repeat(term), values)))


term_of = itemgetter(0)
"""An entry's term."""
value_of = itemgetter(1)
"""What an entry holds."""


def has_configuration(entries: Iterable[LogEntry]) -> bool:
    """Whether any of them is one: most are commands, which are gone through without a loop."""
    return Configuration in map(type, map(value_of, entries))


class RequestPreVote(NamedTuple):
    """Would you vote for me in `next_term`? (thesis 9.6)"""

    term: int
    candidate_id: int
    next_term: int
    last_log_index: int
    last_log_term: int


class RequestPreVoteResponse(NamedTuple):
    """`next_term` is that of the request: an answer serves no round for another term. The rounds of
    one node for the same term share it, so an answer may serve a later one of them. That costs an
    election at the worst: a pre-vote only permits to ask, and promises nothing.
    """

    term: int
    responder_id: int
    next_term: int
    vote_granted: bool


class RequestVote(NamedTuple):
    """`leadership_transfer`: the leader itself asked for this election (thesis 4.2.3, 3.10)."""

    term: int
    candidate_id: int
    last_log_index: int
    last_log_term: int
    leadership_transfer: bool = False


class RequestVoteResponse(NamedTuple):
    term: int
    responder_id: int
    vote_granted: bool


class AppendEntries(NamedTuple):
    """Entries that follow (`prev_log_index`, `prev_log_term`); none of them in a heartbeat.

    `sequence` counts the appends that this leader sent in this term, over all peers. The follower
    gives it back, so that the leader knows which of its messages an answer belongs to: only answers
    to messages sent after a read was registered confirm that read.

    `claims_lease`: the leader may answer reads under a lease that rests on this message. Whoever
    takes it helps to elect no other for an election timeout, also when the connection ends.
    """

    term: int
    leader_id: int
    prev_log_index: int
    prev_log_term: int
    entries: Sequence[LogEntry]
    leader_commit: int
    sequence: int
    claims_lease: bool = False


class AppendEntriesResponse(NamedTuple):
    """The answer to one AppendEntries, whose `prev_log_index` and `sequence` it repeats.

    On success `match_index` is the last index that this message proved equal to the leader's log,
    and that is durable on the follower. On failure `conflict_index` is where the leader should look
    next: no entry above it can match; `conflict_term` is the follower's term there (0: none).
    """

    term: int
    responder_id: int
    success: bool
    prev_log_index: int
    sequence: int
    match_index: int = 0
    conflict_index: int = 0
    conflict_term: int = 0


class TimeoutNow(NamedTuple):
    """The leader asks its successor to start an election at once (thesis 3.10)."""

    term: int
    leader_id: int


class ReadIndexRequest(NamedTuple):
    """A follower asks the leader for an index that it may read at (thesis 6.4)."""

    term: int
    requester_id: int
    read_id: int


class ReadIndexResponse(NamedTuple):
    """`read_index` is None when the leader could not confirm that it leads."""

    term: int
    responder_id: int
    read_id: int
    read_index: int | None


class StaleTerm(NamedTuple):
    """The answer to a RequestVote or AppendEntries of an earlier term: a later one has begun.

    It says nothing about the request. Its sender may lead or campaign again in `term`, and would
    take a refusal that carries the new term for an answer to what it asks now.
    """

    term: int
    responder_id: int


class InstallSnapshot(NamedTuple):
    """A part of the leader's snapshot (paper 7): `data` belongs at `offset` of `size` bytes.

    `snapshot_index` and `snapshot_term` are those of the last entry in it; with `size` and `digest`
    they say which snapshot it is. Without `data` it asks how much the follower has, and is the
    heartbeat of a follower that is sent a snapshot. `sequence` counts together with the appends.
    """

    term: int
    leader_id: int
    snapshot_index: int
    snapshot_term: int
    size: int
    digest: bytes
    offset: int
    data: bytes
    sequence: int


class InstallSnapshotResponse(NamedTuple):
    """The answer to one InstallSnapshot, whose index, `chunk_offset` and `sequence` it repeats.

    The follower has the first `offset` bytes; `installed`: it holds all the entries that the
    snapshot stands for, durably. `damaged`: what it received was not what the digest promises.
    """

    term: int
    responder_id: int
    snapshot_index: int
    chunk_offset: int
    sequence: int
    offset: int
    installed: bool
    damaged: bool


class ForwardProposal(NamedTuple):
    """A node that does not lead hands an entry to its leader, under a number of its own. It learns
    that the entry was taken when it applies it.
    """

    term: int
    proposer_id: int
    proposal_id: int
    entry: Any


class ProposalRefused(NamedTuple):
    """A ForwardProposal was not taken. That holds for this copy of it: networks duplicate, and
    another one may have been taken before, or may be yet.
    """

    term: int
    responder_id: int
    proposal_id: int


Message = (
    RequestPreVote
    | RequestPreVoteResponse
    | RequestVote
    | RequestVoteResponse
    | AppendEntries
    | AppendEntriesResponse
    | TimeoutNow
    | ReadIndexRequest
    | ReadIndexResponse
    | StaleTerm
    | InstallSnapshot
    | InstallSnapshotResponse
    | ForwardProposal
    | ProposalRefused
)


def sender_of(message: Message) -> int:
    """The node that a message is from."""
    match message:
        case AppendEntries(leader_id=sender) | InstallSnapshot(leader_id=sender):
            return sender
        case TimeoutNow(leader_id=sender):
            return sender
        case RequestVote(candidate_id=sender) | RequestPreVote(candidate_id=sender):
            return sender
        case ReadIndexRequest(requester_id=sender) | ForwardProposal(proposer_id=sender):
            return sender
        case _:
            return message.responder_id


def check_shape(message: Message) -> None:
    """Raise RemoteProtocolError for a message that no correct node, in any state, sends."""
    if message.term < 0:
        raise RemoteProtocolError(f"a negative term: {message}")
    match message:
        case RequestVote() | AppendEntries() | TimeoutNow() | InstallSnapshot() if (
            message.term == 0
        ):
            raise RemoteProtocolError(f"nobody campaigns or leads in term 0: {message}")
        case AppendEntries():
            _check_append(message)
        case AppendEntriesResponse(match_index=match_index, conflict_index=conflict_index):
            if match_index < 0 or conflict_index < 0:
                raise RemoteProtocolError(f"a negative index: {message}")
        case InstallSnapshot():
            _check_chunk(message)
        case InstallSnapshotResponse(offset=offset, chunk_offset=chunk_offset):
            if offset < 0 or chunk_offset < 0:
                raise RemoteProtocolError(f"a negative offset: {message}")
        case _:
            pass


def _check_chunk(message: InstallSnapshot) -> None:
    if not 0 < message.snapshot_term <= message.term or message.snapshot_index < 1:
        raise RemoteProtocolError(
            f"no leader of term {message.term} has a snapshot of entry {message.snapshot_index}, "
            f"term {message.snapshot_term}"
        )
    if message.size < 1:
        raise RemoteProtocolError(f"a snapshot of {message.size} bytes would never arrive")
    if message.offset < 0 or message.offset + len(message.data) > message.size:
        raise RemoteProtocolError(
            f"{len(message.data)} bytes at {message.offset} of a snapshot of {message.size}"
        )


def _check_append(message: AppendEntries) -> None:
    if message.prev_log_index < 0 or (message.prev_log_index == 0) != (message.prev_log_term == 0):
        raise RemoteProtocolError(
            f"no log has term {message.prev_log_term} at index {message.prev_log_index}"
        )
    before = max(message.prev_log_term, 1)
    terms = [before, *map(term_of, message.entries), message.term]
    if terms != sorted(terms):
        raise RemoteProtocolError(
            f"entries of terms {terms[1:-1]} after term {before}, from a leader of {message.term}"
        )
    if has_configuration(message.entries) and any(
        type(entry) is Configuration and not entry.voters for _, entry in message.entries
    ):
        raise RemoteProtocolError("a configuration without voters, which nobody could leave")
