"""The node's own view of itself, as an operator gets it."""

import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from node.faults import LinkPolicy
from node.machines.base import Describable
from node.raft.configuration import Configuration
from node.raft.messages import LogEntry
from node.raft.progress import Progress
from node.raft.roles import Leader
from node.replica import Replica
from node.server.driver import DiskStats, now_us
from node.server.eventhub import EventHub
from node.transport.peers import PeerLink
from node.wire.envelope import EnvelopeError, unseal
from node.wire.words import describe_configuration

PREVIEW_MAX = 80  # characters, or bytes of a command that nobody describes
ENTRY_DOCUMENT_BYTES = 128  # what one holds beside its preview, at most
DESCRIBED_BYTES_MAX = 64 * 1024  # describing a longer command would hold up the node


class Status:
    """Gathers what there is to say, when asked."""

    def __init__(
        self,
        replica: Replica,
        links: Mapping[int, PeerLink],
        policy: LinkPolicy,
        hub: EventHub,
        disk: DiskStats,
        boot: int,
        machine: str,
    ) -> None:
        self.counters: Counter[str] = Counter()
        self._replica = replica
        self._links = links
        self._policy = policy
        self._hub = hub
        self._disk = disk
        self._boot = boot
        self._machine = machine
        self._started = time.monotonic()

    def document(self) -> dict[str, Any]:
        """One snapshot; times in milliseconds, nodes as integers."""
        core = self._replica.core
        last = self._hub.last
        return {
            "id": core.id,
            "boot": self._boot,
            "pid": os.getpid(),
            "role": self._role(),
            "term": core.term,
            "voted_for": core.voted_for,
            "leader": core.leader_id,
            "leading_ms": self._leading_ms(),
            "first_index": core.first_index,
            "last_index": core.last_index,
            "commit_index": core.commit_index,
            "last_applied": self._replica.last_applied,
            "voting": core.voting,
            "configuration": core.configuration.to_map(),
            "configuration_index": core.configuration_index,
            "snapshot": self._snapshot(),
            "compaction": asdict(self._replica.snapshots.policy),
            "election_in_ms": self._election_in_ms(),
            "age_ms": None if (age_us := core.age_us(now_us())) is None else age_us // 1000,
            "up_ms": round((time.monotonic() - self._started) * 1000),
            "links": {str(peer): self._link_state(link) for peer, link in self._links.items()},
            "link_errors": {
                str(peer): link.last_error for peer, link in self._links.items() if link.last_error
            },
            "progress": {
                str(peer): _progress(progress, now_us()) for peer, progress in core.progress.items()
            },
            "faults": [
                {**rule.to_map(), "hits": self._policy.hits[rule.fault]}
                for rule in self._policy.rules
            ],
            "disk": {
                "syncs": self._disk.syncs,
                "last_ms": round(self._disk.last_ms, 3),
                "full": self._replica.is_disk_full,
                "stalled": self._disk.is_stalled,
            },
            "counters": dict(self.counters),
            "machine": self._machine,
            "last_event": None
            if last is None
            else {
                "kind": last.kind,
                "term": last.term,
                "mono_ns": last.mono_ns,
                "wall_ns": last.wall_ns,
                "data": last.data,
            },
        }

    def _role(self) -> str:
        """The role, or learner: a follower that is a member without a vote."""
        core = self._replica.core
        if core.role_name == "follower" and core.id in core.configuration.learners:
            return "follower" if core.is_voter else "learner"
        return core.role_name

    def _snapshot(self) -> dict[str, Any] | None:
        snapshot = self._replica.core.snapshot
        if snapshot is None:
            return None
        which = snapshot.id
        return {"index": which.index, "term": which.term, "bytes": which.size}

    def _leading_ms(self) -> int | None:
        since = self._replica.core.leading_since
        return None if since is None else (now_us() - since) // 1000

    def _election_in_ms(self) -> int | None:
        """Until it stands for election, should nobody be heard; None: it leads, or has no vote."""
        core = self._replica.core
        if isinstance(core.role, Leader) or not core.is_voter:
            return None
        return max(core.role.election_deadline - now_us(), 0) // 1000

    def _link_state(self, link: PeerLink) -> str:
        me = self._replica.core.id
        states = {self._policy.state_of(me, link.peer_id), self._policy.state_of(link.peer_id, me)}
        for state in ("cut", "slow"):
            if state in states:
                return state
        return "up" if link.is_connected else "down"

    def log_document(self, first: int, last: int, limit: int, bytes_max: int) -> dict[str, Any]:
        """Entries `first`..`last` of this node's log, at most `limit`; `last` 0: to the end.

        No more than fit into about `bytes_max`: who wants the rest asks from the next index.
        """
        core = self._replica.core
        end = min(last or core.last_index, first + limit - 1)
        entries = core.entries(first, end)
        start = max(first, core.first_index)
        machine = self._replica.machine
        documents: list[dict[str, Any]] = []
        size = 0
        for index, entry in enumerate(entries, start):
            document = entry_document(index, entry, machine)
            size += ENTRY_DOCUMENT_BYTES + len(document.get("preview", "").encode())
            if size > bytes_max:
                break
            documents.append(document)
        return {
            "first_index": core.first_index,
            "last_index": core.last_index,
            "commit_index": core.commit_index,
            "last_applied": self._replica.last_applied,
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
    shown = "".join(c if c.isprintable() else "·" for c in preview)
    return document | {
        "client": f"{header.client_id:016x}",
        "sequence": header.sequence,
        "preview": shown,
    }


def _described(payload: bytes, machine: object) -> str | None:
    if not isinstance(machine, Describable) or len(payload) > DESCRIBED_BYTES_MAX:
        return None
    try:
        text = str(machine.describe(payload))
        return text if len(text) <= PREVIEW_MAX else f"{text[: PREVIEW_MAX - 1]}…"
    except Exception:  # the machine is the user's
        return None
