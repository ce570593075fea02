"""A cluster's status as a survey would have found it, without a cluster."""

from raftctl.documents import Node, Quorum, Status


def status(size: int = 5, leader: int | None = 2, down: tuple[int, ...] = ()) -> Status:
    """Nodes 1 to `size`, of which n4 lags."""
    nodes = [
        Node(f"n{n}", f"127.0.0.1:{8100 + n}", n, "exited" if n in down else "running", "", "")
        for n in range(1, size + 1)
    ]
    for node in nodes:
        node.lag = 7 if node.id == "n4" else 0
    name = None if leader is None else f"n{leader}"
    return Status("demo", name, 1, "ok", Quorum(size - len(down), size // 2 + 1), 0, nodes)
