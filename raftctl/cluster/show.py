"""A cluster's status as lines of text."""

from collections.abc import Sequence

from raftctl.output import Output, table
from raftctl.statusdocs import Node, Status
from raftctl.values import ago

_LINK_SIGNS = {"up": ("✓", "+"), "cut": ("✗", "x"), "slow": ("~", "~"), "down": ("–", "-")}


def status_lines(status: Status, output: Output, only: Sequence[str]) -> list[str]:
    """The head line, and a row for each node of `only`; `wide` has links and last events too."""
    rows = [row for row in status.nodes if row.id in only]
    return [_head(status), *node_table(status, rows, output)]


def _head(status: Status) -> str:
    leader = next((row for row in status.nodes if row.id == status.leader), None)
    who = "no leader"
    if leader is not None:
        age = "" if leader.leading_ms is None else f", {ago(leader.leading_ms / 1000)}"
        who = f"leader {leader.id} (term {status.term}{age})"
    votes = status.quorum
    quorum = f"quorum {votes.have}/{votes.voters} (needs {votes.need}{_change(status)})"
    return (
        f"{status.cluster}  {len(status.nodes)} nodes  {who}  {quorum}  {status.health.upper()}  "
        f"faults {status.faults}"
    )


def _change(status: Status) -> str:
    """What of the configuration is out of the ordinary."""
    members = status.configuration
    if members is None:
        return ""
    learners = len(members.learners)
    text = f", {learners} learner{'s' * (learners != 1)}" if learners else ""
    return f"{text}, joint" if members.joint else text


def node_table(status: Status, rows: Sequence[Node], output: Output) -> list[str]:
    """A line for each node; what to type for one that is not well stands in its last column."""
    header = ["NODE", "ROLE", "TERM", "COMMIT", "APPLIED", "LAG"]
    header += ["LINKS", "PROC", "ADDRESS", "LAST EVENT"] if output.is_wide else ["PROC", "ADDRESS"]
    lines = []
    for row in rows:
        star = "*" if row.id == status.leader else ""
        cells: list[object] = [
            f"{row.id}{star}", row.role, row.term, row.commit_index, row.last_applied, row.lag
        ]  # fmt: skip
        if output.is_wide:
            last = row.remedy or row.last_event
            cells += [_links(row, status, output), _process(row, wide=True), _address(row), last]
        else:
            cells += [_process(row, wide=False), f"{_address(row)}  {row.remedy}".rstrip()]
        lines.append(cells)
    return table(header, lines)


def _address(row: Node) -> str:
    """Of a node that does not run, the port alone: nobody can connect, and the line is long."""
    _, colon, port = row.address.rpartition(":")
    return row.address if row.proc in ("running", "paused") else f"{colon}{port}"


def _process(row: Node, wide: bool) -> str:
    if row.note:
        return row.note
    if wide and row.up_ms is not None:
        return f"up {ago(row.up_ms / 1000)} pid {row.pid}"
    return f"pid {row.pid}"


def _links(row: Node, status: Status, output: Output) -> str:
    """One sign for each node of the cluster, in order; a dot for the node itself."""
    signs = []
    for other in status.nodes:
        if other.id == row.id:
            signs.append(output.sign("·", "."))
        else:
            signs.append(output.sign(*_LINK_SIGNS[row.links.get(other.id, "down")]))
    return "".join(signs)
