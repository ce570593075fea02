"""What a core reports in the words of operators, in a node's events and in a simulation alike."""

import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

from node.raft import events
from node.raft.configuration import Configuration
from node.raft.events import Event

Level = Literal["info", "warn", "error"]

NODE_KINDS = (
    "boot", "stop", "prevote", "election", "stepdown", "vote", "leader", "follow", "leaderless",
    "transfer", "truncate", "reverted", "fault", "heal", "member", "snapshot", "disk",
    "clock", "stall",
)  # fmt: skip
"""The events of nodes."""
SIM_KINDS = (
    "all faults end", "skipped", "given up", "changed", "refused", "VIOLATION", "EXCEPTION",
)  # fmt: skip
"""The events of a simulated run beside these, and beside the verbs of its plan."""
REPEATING = frozenset({"prevote", "stepdown", "leaderless", "follow"})
"""Events that a node which is cut off may tell several times a second, for as long as it lasts."""

BREAKING = frozenset(
    {"fault", "partition", "net", "disk", "clock", "kill", "stop", "pause", "restart", "wipe"}
)
MENDING = frozenset({"heal", "start", "resume", "all faults end"})
"""Events that say what was done to a cluster, a simulated one included: worse, and better."""


def effect_of(kind: str, data: Mapping[str, Any]) -> int:
    """What that did to the cluster: -1 it was made worse, 1 better, 0 neither."""
    if kind in MENDING or data.get("state") == "has space again":
        return 1
    return -1 if kind in BREAKING else 0


class Told(NamedTuple):
    """An event as people get to see it: `data` holds names and numbers."""

    kind: str
    term: int
    data: dict[str, Any]
    level: Level = "info"


def node_name(node_id: int | None) -> str:
    return "-" if node_id is None else f"n{node_id}"


def describe_configuration(configuration: Configuration) -> str:
    """voters n1,n2 learners n3, and during a change of voters who is being left."""
    parts = [f"voters {_names(configuration.voters)}"]
    if configuration.learners:
        parts.append(f"learners {_names(configuration.learners)}")
    if configuration.outgoing:
        parts.append(f"instead of {_names(configuration.outgoing)}")
    return " ".join(parts)


def _names(members: frozenset[int]) -> str:
    return ",".join(f"n{member}" for member in sorted(members))


_MEMBER = re.compile(r"\bmember (\d+)")
"""As a core calls another one, which knows nothing of names."""
_ROLES = {"precandidate": "prevote", "candidate": "election", "follower": "stepdown"}


def told(event: Event) -> Told | None:
    """None for what another event says better."""
    match event:
        case events.RoleChanged(_, "leader", _):
            return None  # LeaderElected says more
        case events.RoleChanged(term, role, why):
            return Told(_ROLES[role], term, {"why": _MEMBER.sub(r"n\1", why)})
        case events.LeaderElected(term, votes, took_us):
            names = ",".join(node_name(vote) for vote in votes)
            return Told("leader", term, {"votes": names, "took_ms": round(took_us / 1000, 1)})
        case events.LeaderChanged(term, None):
            return Told("leaderless", term, {})
        case events.LeaderChanged(term, leader_id):
            return Told("follow", term, {"leader": node_name(leader_id)})
        case events.VoteCast(term, candidate_id):
            return Told("vote", term, {"candidate": node_name(candidate_id)})
        case events.LogTruncated(term, first, last):
            return Told("truncate", term, {"first": first, "last": last})
        case events.PeerLogReverted(term, peer_id, acknowledged, conflict):
            data = {"peer": node_name(peer_id), "acknowledged": acknowledged, "holds": conflict}
            return Told("reverted", term, data, "error")
        case events.ConfigurationChanged(term, index, configuration):
            members = describe_configuration(configuration)
            return Told("member", term, {"index": index, "members": members})
        case events.TransferStarted(term, target_id):
            return Told("transfer", term, {"to": node_name(target_id), "state": "started"})
        case events.TransferEnded(term, target_id, ok):
            state = "done" if ok else "given up"
            return Told("transfer", term, {"to": node_name(target_id), "state": state})
        case _:
            return _told_of_snapshots(event)


def _told_of_snapshots(event: Event) -> Told | None:
    match event:
        case events.SnapshotSending(term, peer_id, index, size):
            to = node_name(peer_id)
            data = {"state": "sending", "to": to, "index": index, "bytes": size}
            return Told("snapshot", term, data)
        case events.SnapshotSent(term, peer_id, index, sent_bytes):
            to = node_name(peer_id)
            data = {"state": "sent", "to": to, "index": index, "sent_bytes": sent_bytes}
            return Told("snapshot", term, data)
        case events.SnapshotDamaged(term, peer_id, index):
            data = {"state": "damaged", "to": node_name(peer_id), "index": index}
            return Told("snapshot", term, data, "warn")
        case events.SnapshotInstalled(term, index):
            return Told("snapshot", term, {"state": "installed", "index": index})
        case _:
            raise TypeError(f"{event!r} has no words")
