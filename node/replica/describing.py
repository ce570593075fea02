"""A replica in plain words and numbers: what a node tells of itself, and a simulated one too."""

from dataclasses import asdict
from typing import Any

from node.raft.configuration import Configuration
from node.raft.core import RaftCore
from node.raft.messages import LogEntry
from node.raft.progress import Progress
from node.replica.replica import Replica
from node.wire.envelope import EnvelopeError, unseal
from node.wire.words import describe_configuration

PREVIEW_MAX = 80  # characters, or bytes of a command that nobody describes
ENTRY_DOCUMENT_BYTES = 128  # what one holds beside its preview, at most
DESCRIBED_BYTES_MAX = 64 * 1024  # describing a longer command would hold up the node


def replica_document(replica: Replica, now: int) -> dict[str, Any]:
    """Role, term, log, members and, of a leader, what it knows of the others. `now` in
    microseconds; times in milliseconds, nodes as integers.
    """
    core = replica.core
    age_us = core.age_us(now)
    return {
        "id": core.id,
        "role": _role(core),
        "term": core.term,
        "voted_for": core.voted_for,
        "leader": core.leader_id,
        "leading_ms": None if core.leading_since is None else (now - core.leading_since) // 1000,
        "first_index": core.first_index,
        "last_index": core.last_index,
        "commit_index": core.commit_index,
        "last_applied": replica.last_applied,
        "voting": core.voting,
        "configuration": core.configuration.to_map(),
        "configuration_index": core.configuration_index,
        "snapshot": _snapshot(core),
        "compaction": replica.snapshots.policy._asdict(),
        **_election_timer(core, now),
        "age_ms": None if age_us is None else age_us // 1000,
        "progress": {str(peer): _progress(each, now) for peer, each in core.progress.items()},
        "in_touch": _in_touch(core, now),
        "last_leader": None
        if core.last_leader is None
        else dict(zip(("term", "id"), core.last_leader, strict=True)),
        "elections": asdict(core.tally),
        "settings": {"raft": _timing(core)},
    }


def _role(core: RaftCore) -> str:
    """The role, or learner: a follower that is a member without a vote."""
    if core.role_name == "follower" and core.id in core.configuration.learners:
        return "follower" if core.is_voter else "learner"
    return core.role_name


def _snapshot(core: RaftCore) -> dict[str, Any] | None:
    if core.snapshot is None:
        return None
    which = core.snapshot.id
    return {"index": which.index, "term": which.term, "bytes": which.size}


def _election_timer(core: RaftCore, now: int) -> dict[str, int | None]:
    """Until it stands for election, should nobody be heard, and how long it waits for that in all;
    None: it leads, or has no vote.
    """
    timer = core.election_timer
    if timer is None or not core.is_voter:
        return {"election_in_ms": None, "election_timeout_ms": None}
    began_at, deadline = timer
    return {
        "election_in_ms": max(deadline - now, 0) // 1000,
        "election_timeout_ms": (deadline - began_at) // 1000,
    }


def _in_touch(core: RaftCore, now: int) -> list[int]:
    """Of a leader: itself and the members that answered it within an election timeout, which is
    what its quorum check asks for.
    """
    if not core.is_leader:
        return []
    since = now - core.config.election_timeout_us
    heard = [
        peer
        for peer, each in core.progress.items()
        if each.heard_at is not None and each.heard_at > since
    ]
    return sorted([core.id, *heard])


def _timing(core: RaftCore) -> dict[str, int | bool]:
    """As in the settings of a cluster."""
    config = core.config
    return {
        "heartbeat_ms": config.heartbeat_us // 1000,
        "election_timeout_ms": config.election_timeout_us // 1000,
        "pre_vote": config.pre_vote,
        "check_quorum": config.check_quorum,
        "spare_ms": config.spare_us // 1000,
    }


def log_document(
    replica: Replica, first: int, last: int, limit: int, bytes_max: int
) -> dict[str, Any]:
    """Entries `first`..`last` of this node's log, at most `limit`; `last` 0: to the end.

    No more than fit into about `bytes_max`: who wants the rest asks from the next index.
    """
    core = replica.core
    end = min(last or core.last_index, first + limit - 1)
    entries = core.entries(first, end)
    start = max(first, core.first_index)
    documents: list[dict[str, Any]] = []
    size = 0
    for index, entry in enumerate(entries, start):
        document = entry_document(index, entry, replica.machine)
        size += ENTRY_DOCUMENT_BYTES + len(document.get("preview", "").encode())
        if size > bytes_max:
            break
        documents.append(document)
    return {
        "first_index": core.first_index,
        "last_index": core.last_index,
        "commit_index": core.commit_index,
        "last_applied": replica.last_applied,
        "entries": documents,
    }


def _progress(progress: Progress, now: int) -> dict[str, Any]:
    """What the leader knows about a member; `heard_ms`: how long ago it answered last."""
    document: dict[str, Any] = {
        "match_index": progress.match_index,
        "next_index": progress.next_index,
        "state": str(progress.state),
        "inflight": len(progress.inflight),
        "heard_ms": None if progress.heard_at is None else (now - progress.heard_at) // 1000,
        "caught_up": None if progress.round is None else progress.round.is_caught_up,
    }
    transfer = progress.transfer
    if transfer is not None:
        document["snapshot"] = {
            "index": transfer.snapshot.index,
            "bytes": transfer.snapshot.size,
            "acked_bytes": transfer.acked_offset,
            "sent_bytes": transfer.sent_bytes,
        }
    return document


def entry_document(index: int, entry: LogEntry, machine: object) -> dict[str, Any]:
    """One entry for people: what it is, how big, and what `machine` says that it does.

    Of a machine that says nothing, or of none, how the command begins.
    """
    document: dict[str, Any] = {"index": index, "term": entry.term, "kind": "noop", "bytes": 0}
    if entry.entry is None:
        return document
    if isinstance(entry.entry, Configuration):
        return document | {"kind": "config", "preview": describe_configuration(entry.entry)}
    document |= {"kind": "command", "bytes": len(entry.entry)}
    try:
        header, payload = unseal(entry.entry)
    except EnvelopeError:
        return document | {"preview": "(not a sealed command)"}
    preview = _described(payload, machine)
    if preview is None:
        preview = payload[:PREVIEW_MAX].decode("utf-8", "backslashreplace")
    if not preview.isprintable():  # most are, and looking at each character takes long
        preview = "".join(c if c.isprintable() else "·" for c in preview)
    return document | {
        "client": f"{header.client_id:016x}",
        "sequence": header.sequence,
        "preview": preview,
    }


def _described(payload: bytes, machine: object) -> str | None:
    describe = getattr(machine, "describe", None)  # a `Describable`, which to ask takes longer
    if describe is None or len(payload) > DESCRIBED_BYTES_MAX:
        return None
    try:
        text = describe(payload)
        if not isinstance(text, str):
            return None
        return text if len(text) <= PREVIEW_MAX else f"{text[: PREVIEW_MAX - 1]}…"
    except Exception:  # the machine is the user's
        return None
