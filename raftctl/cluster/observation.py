"""What a cluster looks like now: every node's own view, beside what its process is doing."""

import contextlib
import re
import time
from datetime import datetime
from typing import Any, Literal

from node.client.errors import UnreachableError
from node.client.survey import Survey, status_of_all
from raftctl.cluster.directory import Cluster
from raftctl.cluster.faultsfile import read_faults
from raftctl.cluster.members import View, count, view_of
from raftctl.cluster.processes import NodeProcess, is_paused
from raftctl.errors import CliError
from raftctl.measuredocs import Measured
from raftctl.statusdocs import Node, Quorum, Status
from raftctl.values import ago

SURVEY_SECONDS_MAX = 1.0


def node_name(node_id: int | None) -> str | None:
    return None if node_id is None else f"n{node_id}"


def survey(cluster: Cluster, timeout: float = SURVEY_SECONDS_MAX) -> Survey:
    """Every node's status document, or why there is none. Nobody waits for a paused process: it
    would accept, and never answer.
    """
    cluster.refresh()
    processes = cluster.processes
    paused = {node_id for node_id, process in processes.items() if is_paused(process.find())}
    nodes = {node.id: (node.host, node.port) for node in cluster.spec.nodes}
    answers = status_of_all(cluster.address._replace(nodes=nodes), timeout, leave_out=paused)
    answers |= {node_id: UnreachableError("paused", f"n{node_id} is paused") for node_id in paused}
    for node_id, answer in answers.items():
        if isinstance(answer, dict) and processes[node_id].find() is None:
            processes[node_id].adopt(answer["pid"])
    return dict(sorted(answers.items()))


def adopt_strays(cluster: Cluster) -> None:
    """Find nodes that run though their folders do not know: they answer, and say their pid."""
    with contextlib.suppress(CliError):  # of a damaged cluster nobody knows whom to ask
        survey(cluster)


def observe(cluster: Cluster, timeout: float = SURVEY_SECONDS_MAX) -> Status:
    """The cluster's status. Reading it changes nothing."""
    return status_of(cluster, survey(cluster, timeout))


def status_of(cluster: Cluster, answers: Survey) -> Status:
    """The status that these answers amount to."""
    view = view_of(answers, cluster.spec)
    rows = [_row(cluster, view, node_id, answer) for node_id, answer in answers.items()]
    leader = max(
        (row for row in rows if row.role == "leader"), key=lambda row: row.term or 0, default=None
    )
    committed = max((row.commit_index or 0 for row in rows), default=0)
    for row in rows:
        if row.last_applied is not None:
            row.lag = max(committed - row.last_applied, 0)
    alive = [int(row.id[1:]) for row in rows if row.proc == "running" and row.voting]
    votes = count(view.configuration, alive)
    faults = len(_faults_in_force(cluster, answers))
    return Status(
        cluster=cluster.name,
        leader=None if leader is None else leader.id,
        term=max((row.term for row in rows if row.term is not None), default=None),
        health=_health(rows, leader, faults),
        quorum=Quorum(votes.have, votes.need, votes.voters),
        faults=faults,
        nodes=rows,
        configuration=None if view.index is None else view.document(),
    )


def _health(rows: list[Node], leader: Node | None, faults: int) -> str:
    if not any(row.proc in ("running", "paused") for row in rows):
        return "down"
    if leader is None:
        return "no leader"
    healthy = all(row.proc == "running" and not row.note for row in rows) and not faults
    return "ok" if healthy else "degraded"


def _faults_in_force(cluster: Cluster, answers: Survey) -> set[int]:
    """Those that are written down, and those that a node still obeys."""
    known: set[int] = set()
    with contextlib.suppress(CliError):  # a damaged file; what the nodes say counts
        known = {fault.id for fault in read_faults(cluster).faults}
    for answer in answers.values():
        if isinstance(answer, dict):
            known |= {rule["fault"] for rule in rules_of(answer)}
    return known


def rules_of(answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The rules that a node obeys, of links and of its own; one of an older version has no such."""
    return [*answer["faults"], *answer.get("node_faults", ())]


def _row(
    cluster: Cluster, view: View, node_id: int, answer: dict[str, Any] | UnreachableError
) -> Node:
    address = cluster.spec.address_of(node_id)
    pid = cluster.processes[node_id].find()
    row = Node(
        id=address.name,
        address=f"{address.host}:{address.port}",
        pid=pid,
        proc="running",
        note="",
        remedy="",
        member=view.role_of(node_id),
    )
    if isinstance(answer, UnreachableError):
        row.proc, row.note, row.remedy = _why_not(cluster, node_id, pid, answer)
        return row
    row.pid = answer["pid"]
    row.role = answer["role"]
    row.term = answer["term"]
    row.voted_for = node_name(answer["voted_for"])
    row.leader = node_name(answer["leader"])
    row.leading_ms = answer["leading_ms"]
    row.first_index = answer["first_index"]
    row.last_index = answer["last_index"]
    row.commit_index = answer["commit_index"]
    row.last_applied = answer["last_applied"]
    row.voting = answer["voting"]
    row.up_ms = answer["up_ms"]
    row.links = {f"n{peer}": state for peer, state in answer["links"].items()}
    row.in_touch = [f"n{each}" for each in answer["in_touch"]]
    row.measured = _measured(answer)
    if answer["disk"]["full"]:
        row.note = "disk full"
        made = [rule["fault"] for rule in rules_of(answer) if rule.get("kind") == "full"]
        row.remedy = f"{cluster.line} heal {made[0]}" if made else f"df -h {cluster.folder}"
    if not answer["voting"]:
        row.note = "wiped, no vote"
        row.remedy = f"{cluster.line} members replace {row.id}"
    if row.member == "none":
        row.note = "no member"
        row.remedy = f"{cluster.line} members remove {row.id}"
    event = answer["last_event"]
    if event is not None:
        row.last_event = f"{event['kind']} {ago(time.time() - event['wall_ns'] / 1e9)} ago"
    return row


def _measured(answer: dict[str, Any]) -> Measured:
    commits, disk, process = answer["commits"], answer["disk"], answer["process"]
    return Measured(
        commit_p50_ms=commits["p50_ms"],
        commit_p99_ms=commits["p99_ms"],
        flush_p50_ms=disk["p50_ms"],
        flush_p99_ms=disk["p99_ms"],
        rtt_ms={f"n{peer}": each["rtt_ms"] for peer, each in answer["peers"].items()},
        **answer["elections"],
        **process,
        database_bytes=disk["bytes"],
        wal_bytes=disk["wal_bytes"],
    )


def _why_not(
    cluster: Cluster, node_id: int, pid: int | None, error: UnreachableError
) -> tuple[Literal["paused", "unreachable", "exited"], str, str]:
    """What its process is doing, why, and what to type."""
    line, name = cluster.line, f"n{node_id}"
    if pid is not None:
        if is_paused(pid):
            return "paused", "paused", f"{line} resume {name}"
        return "unreachable", error.message, f"{line} logs {name}"
    ended = cluster.processes[node_id].ended()
    if ended is None:
        fault = failing_disk(cluster, node_id)
        remedy = f"{line} logs {name}" if fault is None else f"{line} heal {fault}"
        return "exited", last_words(cluster.processes[node_id]), remedy
    return "exited", f"{ended.how} {ago(time.time() - ended.at)}", f"{line} start {name}"


def failing_disk(cluster: Cluster, node_id: int) -> int | None:
    """The fault that makes its flushes fail; None: there is none."""
    with contextlib.suppress(CliError):
        for rule in read_faults(cluster).node_rules:
            if (rule.node, rule.kind) == (node_id, "fail"):
                return rule.fault
    return None


def last_words(process: NodeProcess) -> str:
    """Why a node ended that nobody ended, as far as it said so itself."""
    last = "".join(process.last_log_lines(1))
    found = re.search(r" error ((?:stopped|cannot start)\b.*?) node=n\d+ ", last)
    return found[1] if found else "ended by itself"


def failed_flush_at(process: NodeProcess) -> float | None:
    """When a flush that failed ended the node, in Unix seconds; None: it runs, or ended for another
    reason.
    """
    if process.find() is not None:
        return None
    last = "".join(process.last_log_lines(1))
    found = re.match(r"(\S+Z) error stopped: the disk failed ", last)
    return None if found is None else datetime.fromisoformat(found[1]).timestamp()


def members_of(status: Status) -> list[Node]:
    """All rows but those of nodes that are no members, or not any more."""
    return [row for row in status.nodes if row.member != "none"]


def is_ready(cluster: Cluster, status: Status) -> bool:
    """A leader, and every member that was not ended on purpose answers and has its commit."""
    leader = next((row for row in status.nodes if row.id == status.leader), None)
    if leader is None or leader.commit_index is None:
        return False
    for row in members_of(status):
        if row.proc == "running":
            if row.leader != leader.id or (row.last_applied or 0) < leader.commit_index:
                return False
        elif row.proc != "exited" or cluster.processes[int(row.id[1:])].ended() is None:
            return False
    return True


def is_converged(status: Status) -> bool:
    """Every member that answers has applied the same, all that it committed."""
    rows = [row for row in members_of(status) if row.proc == "running"]
    return (
        bool(rows)
        and len({row.last_applied for row in rows}) == 1
        and not any(row.lag for row in rows)
    )
