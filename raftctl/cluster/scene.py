"""What there is to see of a cluster, gathered once, for whoever makes sense of it (`diagnosis`)."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from node.raft.configuration import Configuration
from node.raft.log import EntryId
from raftctl.cluster.directory import Cluster
from raftctl.cluster.faultsfile import read_faults
from raftctl.cluster.members import View, view_of
from raftctl.cluster.nodelogs import NodeLog, read_node
from raftctl.cluster.observation import status_of, survey
from raftctl.errors import CliError
from raftctl.statusdocs import Node

SECOND_LOOK_SECONDS = 0.4
"""After so long what grows has grown, and what stands still is taken to stand still."""

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scene:
    """`rows` as the status has them; `answers` of the nodes that answered, `later` the same a
    moment after, empty when nothing called for it. `ends`: where each log ends. `lost`: what is
    wrong with the data of a node that does not answer. `faults`: by number, what they are.
    """

    name: str
    line: str
    folder: str
    election_timeout_ms: int
    tail: int
    view: View
    rows: Mapping[int, Node]
    answers: Mapping[int, Document]
    later: Mapping[int, Document] = field(default_factory=dict)
    ends: Mapping[int, EntryId] = field(default_factory=dict)
    lost: Mapping[int, str] = field(default_factory=dict)
    faults: Mapping[int, str] = field(default_factory=dict)

    @property
    def configuration(self) -> Configuration:
        return self.view.configuration

    @property
    def leader(self) -> int | None:
        return self.view.leader

    @property
    def is_stopped(self) -> bool:
        """Whether nothing runs, and it would if it was started."""
        runs = any(row.proc != "exited" for row in self.rows.values())
        return not runs and self.configuration.has_quorum(self.rows.keys() - self.lost.keys())

    @property
    def voters(self) -> list[int]:
        """All whose votes count."""
        return sorted(self.configuration.electorate)

    @property
    def able(self) -> list[int]:
        """Voters that answer, and may vote."""
        return [n for n in self.voters if n in self.answers and self.answers[n]["voting"]]

    def hear_each_other(self, one: int, other: int) -> bool:
        if one not in self.answers or other not in self.answers:
            return False
        states = (self._link(one, other), self._link(other, one))
        return all(state in ("up", "slow") for state in states)

    def _link(self, src: int, dst: int) -> str:
        return str(self.answers[src]["links"].get(str(dst), "down"))

    def reached_by(self, node_id: int) -> list[int]:
        """The able voters that a voter could get votes from, itself included."""
        others = (n for n in self.able if n != node_id and self.hear_each_other(node_id, n))
        return sorted([node_id, *others])


def gather(cluster: Cluster, timeout: float = 1.0) -> Scene:
    """Ask all nodes, and read the data of those that do not answer."""
    found = survey(cluster, timeout)
    status = status_of(cluster, found)
    view = view_of(found, cluster.spec)
    answers: dict[int, Document] = {n: a for n, a in found.items() if isinstance(a, dict)}
    later: dict[int, Document] = {}
    if answers and _wants_a_second_look(view, answers):
        time.sleep(SECOND_LOOK_SECONDS)
        again = survey(cluster, timeout)
        later = {n: answer for n, answer in again.items() if isinstance(answer, dict)}
        if view.leader is None:
            found, answers = again, later
            status, view = status_of(cluster, again), view_of(again, cluster.spec)
    logs, lost = _logs(cluster, view, answers)
    view = _from_the_disks(view, logs)
    return Scene(
        name=cluster.name,
        line=cluster.line,
        folder=str(cluster.folder),
        election_timeout_ms=cluster.spec.raft.election_timeout_ms,
        tail=cluster.spec.snapshots.tail,
        view=view,
        rows={int(row.id[1:]): row for row in status.nodes},
        answers=answers,
        later=later,
        ends={n: EntryId(log.last_term, log.last_index) for n, log in logs.items()},
        lost=lost,
        faults=_faults(cluster),
    )


def _wants_a_second_look(view: View, answers: Mapping[int, Document]) -> bool:
    if view.leader is None:
        return True
    behind = (
        view.last_index - int(progress["match_index"]) > 0 for progress in view.progress.values()
    )
    return any(behind) or not view.is_settled


def _logs(
    cluster: Cluster, view: View, answers: Mapping[int, Document]
) -> tuple[dict[int, NodeLog], dict[int, str]]:
    """The logs of all nodes, when it matters who could lead; else what is wrong with dead ones."""
    logs: dict[int, NodeLog] = {}
    lost: dict[int, str] = {}
    for node_id in cluster.processes:
        if node_id in answers and view.leader is not None:
            continue
        try:
            log = read_node(cluster, node_id, answers.get(node_id))
        except CliError as error:
            if node_id not in answers:
                lost[node_id] = "its data is gone" if error.code == "E_NO_DATA" else error.message
            continue
        if log.damage:
            lost[node_id] = f"its data is damaged: {log.damage[0]}"
        else:
            logs[node_id] = log
    return logs, lost


def _from_the_disks(view: View, logs: Mapping[int, NodeLog]) -> View:
    """The configuration that the newest log has, when no node could be asked for it."""
    if view.index is not None or not logs:
        return view
    newest = max(logs.values(), key=lambda log: (log.last_term, log.last_index))
    return View(newest.configuration) if newest.configuration.voters else view


def _faults(cluster: Cluster) -> dict[int, str]:
    try:
        return {fault.id: f"{fault.kind} {fault.spec}" for fault in read_faults(cluster).faults}
    except CliError:
        return {}
