"""Where a cluster is, and the secret that opens it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from node.config import ClusterSpec, ConfigError, load_cluster


class ClusterAddress(NamedTuple):
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
        return cls(spec.cluster_id, token, _nodes_of(spec), spec.limits.frame_bytes_max)

    @classmethod
    def following(cls, folder: Path, spec: ClusterSpec, token: bytes) -> "ClusterAddress":
        """As `of`, with the nodes that `cluster.json` in `folder` has whenever they are asked for:
        for whoever may outlive the nodes that there are now.
        """
        nodes = NodesInFile(folder, spec)
        return cls(spec.cluster_id, token, nodes, spec.limits.frame_bytes_max)


def _nodes_of(spec: ClusterSpec) -> dict[int, tuple[str, int]]:
    return {node.id: (node.host, node.port) for node in spec.nodes}


class NodesInFile(Mapping[int, tuple[str, int]]):
    """Nodes that come and go. One that is gone has its address still, for who was just told of it.

    The file is read again when it is another one than before.
    """

    def __init__(self, folder: Path, spec: ClusterSpec) -> None:
        self._folder = folder
        self._stamp: tuple[int, int] | None = None
        self._nodes = _nodes_of(spec)
        self._known = dict(self._nodes)

    def _look(self) -> dict[int, tuple[str, int]]:
        try:
            found = (self._folder / "cluster.json").stat()
            stamp = (found.st_ino, found.st_mtime_ns)
            if stamp != self._stamp:
                self._nodes = _nodes_of(load_cluster(self._folder))
                self._known |= self._nodes
                self._stamp = stamp
        except (OSError, ConfigError):
            pass  # what was known is better than nothing
        return self._nodes

    def __getitem__(self, node_id: int) -> tuple[str, int]:
        return self._look().get(node_id) or self._known[node_id]

    def __iter__(self) -> Iterator[int]:
        return iter(self._look())

    def __len__(self) -> int:
        return len(self._look())
