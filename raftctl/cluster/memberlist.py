"""`raftctl members ls`: the members as the leader sees them."""

from collections.abc import Sequence

from raftctl.cluster.directory import Cluster
from raftctl.cluster.members import View, view_of
from raftctl.cluster.observation import status_of, survey
from raftctl.memberdocs import Member, Members, Sending
from raftctl.output import Output, table
from raftctl.statusdocs import Node, Status

MIB = 1024 * 1024


def list_members(cluster: Cluster, timeout: float) -> tuple[Members, Status]:
    """All members, and the nodes of cluster.json that are none; beside that the whole status."""
    answers = survey(cluster, timeout)
    view = view_of(answers, cluster.spec)
    status = status_of(cluster, answers)
    rows = [*status.nodes, *strangers(cluster, view)]
    members = [_member(view, row) for row in sorted(rows, key=lambda row: int(row.id[1:]))]
    return Members(cluster.name, status.leader, view.document(), members), status


def strangers(cluster: Cluster, view: View) -> list[Node]:
    """Members that cluster.json does not have: another host's, or somebody changed the file."""
    known = {node.id for node in cluster.spec.nodes}
    addresses = dict(view.configuration.addresses)
    return [
        Node(
            id=f"n{node_id}",
            address=addresses.get(node_id, "unknown"),
            pid=None,
            proc="unreachable",
            note="not in cluster.json",
            remedy=f"{cluster.line} members remove n{node_id}",
            member=view.role_of(node_id),
        )
        for node_id in sorted(view.configuration.members - known)
    ]


def _member(view: View, row: Node) -> Member:
    node_id = int(row.id[1:])
    leads = node_id == view.leader
    member = Member(
        row.id, row.member or "voter", row.address, row.proc, row.note, row.remedy, leads
    )
    if leads:
        member.match_index, member.lag, member.heard_ms = view.last_index, 0, 0
    progress = view.progress.get(node_id)
    if progress is not None:
        member.match_index = progress["match_index"]
        member.lag = view.last_index - progress["match_index"]
        member.heard_ms = progress["heard_ms"]
        member.caught_up = progress["caught_up"]
        if "snapshot" in progress:
            sending = progress["snapshot"]
            member.snapshot = Sending(sending["index"], sending["bytes"], sending["acked_bytes"])
    return member


def members_lines(document: Members, status: Status, output: Output) -> list[str]:
    header = ["NODE", "ROLE", "MATCH", "LAG", "HEARD", "SNAPSHOT", "ADDRESS"]
    header += ["CAUGHT UP", "PROC"] if output.is_wide else []
    rows = []
    for member in document.members:
        star = "*" if member.leads else ""
        heard = None if member.heard_ms is None or member.leads else f"{member.heard_ms}ms ago"
        cells: list[object] = [
            f"{member.id}{star}", _role(member), member.match_index, member.lag, heard,
            _sent(member.snapshot), member.address,
        ]  # fmt: skip
        if output.is_wide:
            caught_up = None if member.caught_up is None else "yes" if member.caught_up else "no"
            cells += [caught_up, member.note or member.proc]
        elif member.remedy:
            cells[-1] = f"{member.address}  {member.note}: {member.remedy}"
        rows.append(cells)
    return [*_head(document, status), *table(header, rows)]


def _role(member: Member) -> str:
    return "no member" if member.role == "none" else member.role


def _sent(snapshot: Sending | None) -> str | None:
    if snapshot is None:
        return None
    share = 100 * snapshot.acked_bytes // max(snapshot.bytes, 1)
    return f"{share}% of {snapshot.bytes / MIB:.1f} MiB"


def _head(document: Members, status: Status) -> Sequence[str]:
    members, votes = document.configuration, status.quorum
    lead = f"leader {document.leader}" if document.leader else "no leader"
    spare = votes.have - votes.need
    may_fail = f"{spare} may fail" if spare >= 0 else f"{-spare} missing"
    place = "not asked" if members.index is None else f"entry {members.index}"
    if members.index is not None and not members.settled:
        place += ", not done yet"
    lines = [
        f"{document.cluster}  {lead}  members of {place}  "
        f"voters {votes.voters}, {votes.have} alive, {votes.need} needed: {may_fail}"
    ]
    if members.joint:
        lines.append(
            f"joint: a majority of {','.join(members.voters)} and one of "
            f"{','.join(members.outgoing)} decide"
        )
    return lines
