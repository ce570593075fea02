"""A cluster's status as lines of text."""

from raftctl.documents import Node, Status
from raftctl.output import Output, table

_LINK_SIGNS = {"up": ("✓", "+"), "cut": ("✗", "x"), "slow": ("~", "~"), "down": ("–", "-")}


def status_lines(status: Status, output: Output) -> list[str]:
    """The head line, and a row for each node; `wide` has the links and the last event too."""
    leader = f"leader {status.leader} (term {status.term})" if status.leader else "no leader"
    head = (
        f"{status.cluster}  {len(status.nodes)} nodes  {leader}  "
        f"quorum {status.quorum.have}/{len(status.nodes)} (needs {status.quorum.need})  "
        f"{status.health.upper()}  faults {status.faults}"
    )
    header = ["NODE", "ROLE", "TERM", "COMMIT", "APPLIED", "LAG", "PROC", "ADDRESS"]
    if output.is_wide:
        header[6:6] = ["LINKS"]
        header.append("LAST EVENT")
    rows = []
    for row in status.nodes:
        cells = node_cells(row, status.leader)
        if output.is_wide:
            cells[6:6] = [_links(row, status, output)]
            cells.append(row.last_event or row.note)
        elif row.note:
            cells[-1] = f"{row.address}  {row.note}"
        rows.append(cells)
    return [head, *table(header, rows)]


def node_cells(row: Node, leader: str | None) -> list[object]:
    star = "*" if row.id == leader else ""
    process = f"pid {row.pid}" if row.proc == "running" else row.proc
    return [
        f"{row.id}{star}", row.role, row.term, row.commit_index, row.last_applied, row.lag,
        process, row.address,
    ]  # fmt: skip


def _links(row: Node, status: Status, output: Output) -> str:
    """One sign for each node of the cluster, in order; a dot for the node itself."""
    signs = []
    for other in status.nodes:
        if other.id == row.id:
            signs.append(output.sign("·", "."))
        else:
            signs.append(output.sign(*_LINK_SIGNS[row.links.get(other.id, "down")]))
    return "".join(signs)
