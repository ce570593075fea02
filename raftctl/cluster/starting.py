"""Starting nodes."""

from collections.abc import Iterable

from raftctl.cluster.directory import Cluster
from raftctl.cluster.ports import check_port


def start_nodes(cluster: Cluster, node_ids: Iterable[int]) -> None:
    """Start them. Raises CliError for a port that somebody else took."""
    for node_id in node_ids:
        address = cluster.spec.address_of(node_id)
        check_port(address.port, address.host)
        cluster.processes[node_id].start()
