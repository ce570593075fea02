"""Where a cluster is, and the secret that opens it."""

from collections.abc import Mapping
from dataclasses import dataclass

from node.config import ClusterSpec


@dataclass(frozen=True, slots=True)
class ClusterAddress:
    """`nodes` gives host and port of each node by its id; `token` the secret's own bytes, not their
    hexadecimal form; `frame_bytes_max` bounds what a node sends.
    """

    cluster_id: str
    token: bytes
    nodes: Mapping[int, tuple[str, int]]
    frame_bytes_max: int

    @classmethod
    def of(cls, spec: ClusterSpec, token: bytes) -> "ClusterAddress":
        """Of a folder: `ClusterAddress.of(load_cluster(folder), read_token(folder))`."""
        nodes = {node.id: (node.host, node.port) for node in spec.nodes}
        return cls(spec.cluster_id, token, nodes, spec.limits.frame_bytes_max)
