"""Where a cluster is, and the secret that opens it."""

from collections.abc import Mapping
from dataclasses import dataclass

from node.config import ClusterSpec


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """`nodes` gives host and port of each node by its id."""

    cluster_id: str
    token: bytes
    nodes: Mapping[int, tuple[str, int]]
    frame_bytes_max: int

    @classmethod
    def of(cls, spec: ClusterSpec, token: bytes) -> "ClusterAddress":
        nodes = {node.id: (node.host, node.port) for node in spec.nodes}
        return cls(spec.cluster_id, token, nodes, spec.limits.frame_bytes_max)
