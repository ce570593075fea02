"""What a cluster is made of: the settings that every node and every command agrees on."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class NodeAddress:
    id: int
    host: str
    port: int

    @property
    def name(self) -> str:
        return f"n{self.id}"


@dataclass(frozen=True, slots=True)
class RaftSettings:
    """Timing in milliseconds. A node's election timeout is drawn from [T, 2T)."""

    heartbeat_ms: int = 50
    election_timeout_ms: int = 150
    pre_vote: bool = True
    check_quorum: bool = True


@dataclass(frozen=True, slots=True)
class Limits:
    value_bytes_max: int = 1024 * 1024
    frame_bytes_max: int = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """One cluster, as its `cluster.json` holds it. The token lies beside it, in a file of its own."""

    name: str
    cluster_id: str
    nodes: tuple[NodeAddress, ...]
    machine: str = "kv"
    raft: RaftSettings = field(default_factory=RaftSettings)
    limits: Limits = field(default_factory=Limits)

    def address_of(self, node_id: int) -> NodeAddress:
        """Raises KeyError when the cluster has no such node."""
        for node in self.nodes:
            if node.id == node_id:
                return node
        raise KeyError(node_id)
