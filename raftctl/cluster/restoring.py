"""`raftctl snapshot restore`: the whole cluster goes back to the state in a snapshot."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from node.raft.configuration import Configuration
from node.raft.log import EntryId
from node.raft.messages import LogEntry
from node.storage.renewal import Beginning, before_folder
from raftctl.cluster.comparing import counted
from raftctl.cluster.directory import Cluster, changing, find_cluster
from raftctl.cluster.nodelogs import NodeLog, read_node
from raftctl.cluster.observation import survey
from raftctl.cluster.renewing import (
    check_space,
    configuration_of,
    new_id,
    next_life,
    renew,
    settled_cluster,
)
from raftctl.cluster.shutdown import stopped
from raftctl.cluster.sourcefile import Source, check_machine, hold_file, read_source
from raftctl.cluster.survivors import names
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.repairdocs import Restore
from raftctl.settings import Settings, confirm_by_name
from raftctl.values import size_text

STOP_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Situation:
    """What the nodes hold now, and who is what afterwards. `newest` is None when nothing can be
    read, `gone` are nodes of cluster.json and members that are none of these afterwards.
    """

    newest: NodeLog | None
    term: int
    voters: frozenset[int]
    learners: frozenset[int]
    gone: frozenset[int]
    known_ids: frozenset[int]
    warnings: list[str] = field(default_factory=list)

    @property
    def id(self) -> tuple[object, ...]:
        """What has to be the same still when it is done as when it was shown. What leaders write by
        themselves may come on top: when one stops, another begins to lead.
        """
        last = None if self.newest is None else _last_command(self.newest)
        return (self.voters, self.learners, self.gone, last)


def _last_command(log: NodeLog) -> EntryId:
    for position in range(len(log.stored.log) - 1, -1, -1):
        term, entry = log.stored.log[position]
        if isinstance(entry, bytes):
            return EntryId(term, log.first_index + position)
    return log.base


def restore(settings: Settings, file: Path) -> int:
    """Look, tell, ask, and do it. Gives the exit code."""
    output = settings.output
    cluster = settled_cluster(settings)
    with hold_file(file) as held:
        with output.patience(f"reading {file}"):
            source = read_source(held, cluster.spec)
            check_machine(source, cluster.spec)
        with output.patience("reading the nodes' data"):
            seen = look(cluster, source)
            check_space(cluster, _beginning(cluster, source, seen), _count(seen))
        for line in report(cluster, source, seen):
            output.note(line)
        for warning in seen.warnings:
            output.warn(warning)
        what = f"take all of {cluster.name} back to entry {source.id.index:,}"
        confirm_by_name(settings, what, cluster.name)
        shown = (cluster.spec.cluster_id, source.id, seen.id)
        with changing(settings, cluster.name):
            cluster = find_cluster(settings, cluster.name)
            # All that can be in the way is looked for while the nodes still run.
            source = read_source(held, cluster.spec)
            check_machine(source, cluster.spec)
            now = look(cluster, source)
            _check_same(settings, cluster, shown, source, now)
            check_space(cluster, _beginning(cluster, source, now), _count(now))
            output.note(f"stopping {cluster.name}")
            with stopped(cluster, settings.timeout or STOP_SECONDS):
                again = look(cluster, source)
                for warning in again.warnings:
                    if warning not in seen.warnings:
                        output.warn(warning)
                _check_same(settings, cluster, shown, source, again)
                document = _do(settings, cluster, source, again)
    _show(settings, cluster, document)
    return Exit.OK


def _check_same(
    settings: Settings, cluster: Cluster, shown: tuple[object, ...], source: Source, now: Situation
) -> None:
    """What was confirmed is what is done; -y confirms whatever there is."""
    if settings.yes or shown == (cluster.spec.cluster_id, source.id, now.id):
        return
    line = f"{cluster.line} snapshot restore {shlex.quote(str(source.path))}"
    raise CliError(
        "E_CHANGED",
        f"{source.path} or what the nodes hold changed since it was shown, nothing was done",
        Exit.PRECONDITION,
        hint=f"{line} shows it again; after {cluster.line} down nobody writes any more",
    )


# -- looking ---------------------------------------------------------------------------------------
def look(cluster: Cluster, source: Source) -> Situation:
    """Read what the nodes hold. What cannot be read is no obstacle: this is how to get over it."""
    answers = survey(cluster)
    logs: list[NodeLog] = []
    warnings: list[str] = []
    for node_id, process in cluster.processes.items():
        try:
            log = read_node(cluster, node_id, answers[node_id])
        except CliError as error:
            warnings.append(f"{process.name} cannot be read: {error.message}")
            continue
        logs.append(log)
        if log.damage:
            warnings.append(f"{process.name} is damaged: {log.damage[0]}")
    newest = max(logs, key=_knowledge, default=None)
    rows = frozenset(cluster.processes)
    configuration = Configuration() if newest is None else newest.configuration
    voters, learners = places(rows, configuration)
    return Situation(
        newest,
        max([source.id.term, *(log.current_term for log in logs)]) + 1,
        voters,
        learners,
        (rows | configuration.members) - voters - learners,
        source.header.configuration.members.union(*(log.known_ids for log in logs)),
        warnings,
    )


def _knowledge(log: NodeLog) -> tuple[object, ...]:
    """The more, the more its word counts about who is a member. A newcomer knows of none yet, and a
    damaged log may lack the configuration in force, however far it goes.
    """
    return (bool(log.configuration.voters), not log.damage, log.last_term, log.last_index)


def places(
    rows: frozenset[int], configuration: Configuration
) -> tuple[frozenset[int], frozenset[int]]:
    """Who of the nodes in cluster.json votes afterwards, and who learns.

    Who is no member gets no place: it was removed, and may have forgotten promises, or it never
    came to be one. In the middle of a change whoever votes before or after it votes. Where nobody
    is known, or nobody would vote, all do.
    """
    members = rows & configuration.members or rows
    voters = members & (configuration.electorate | configuration.promotable) or members
    return voters, members - voters


# -- telling ---------------------------------------------------------------------------------------
def report(cluster: Cluster, source: Source, seen: Situation) -> list[str]:
    """What is about to be done, and what it costs."""
    when = ", taken before the cluster was made anew" if source.is_former else ""
    lines = [
        f"{source.path}: {size_text(source.id.size)}, entry {source.id.index:,} of term "
        f"{source.id.term}{when}"
    ]
    if seen.newest is not None:
        newest = seen.newest
        lines.append(
            f"now: {newest.name} ends with entry {newest.last_index:,} of term {newest.last_term}, "
            f"{newest.commit_index:,} known to be committed"
        )
        undone = _undone(source, seen)
        if undone:
            verb = "is" if undone == 1 else "are"
            lines.append(f"{counted(undone)} {verb} undone, whatever clients were told")
    learners = f", learners {names(seen.learners)}" if seen.learners else ""
    lines.append(f"afterwards: voters {names(seen.voters)}{learners}, under a new cluster id")
    rows = frozenset(cluster.processes)
    if strangers := seen.gone & rows:
        what = "is no member, and gets" if len(strangers) == 1 else "are no members, and get"
        lines.append(f"{names(strangers)} {what} no place: data kept until {cluster.line} prune")
    if missing := seen.gone - rows:
        what = "is a member" if len(missing) == 1 else "are members"
        lines.append(f"{names(missing)} {what} that cluster.json does not have: no place either")
    return lines


def _undone(source: Source, seen: Situation) -> int | None:
    """Of another life the indices may mean other entries."""
    if seen.newest is None:
        return None
    return max(seen.newest.last_index - source.id.index, 0)


# -- doing -----------------------------------------------------------------------------------------
def _count(seen: Situation) -> int:
    return len(seen.voters) + len(seen.learners)


def _beginning(
    cluster: Cluster, source: Source, seen: Situation, cluster_id: str = ""
) -> Beginning:
    nodes = [node for node in cluster.spec.nodes if node.id not in seen.gone]
    members = configuration_of(nodes, seen.learners)
    return Beginning(
        cluster_id,
        members,
        seen.term,
        EntryId(source.id.term, source.id.index),
        [LogEntry(seen.term, members)],
        source.snapshot,
    )


def _do(settings: Settings, cluster: Cluster, source: Source, seen: Situation) -> Restore:
    before = cluster.spec
    nodes = [node for node in before.nodes if node.id not in seen.gone]
    after = next_life(before, new_id(), nodes, seen.known_ids)
    beginning = _beginning(cluster, source, seen, after.cluster_id)
    check_space(cluster, beginning, len(nodes))
    renew(cluster, after, beginning, settings.output.note)
    return Restore(
        cluster=cluster.name,
        cluster_id=after.cluster_id,
        former_id=before.cluster_id,
        file=str(source.path),
        snapshot_index=source.id.index,
        snapshot_term=source.id.term,
        of_former_life=source.is_former,
        nodes=[node.name for node in after.nodes],
        learners=[f"n{node_id}" for node_id in sorted(seen.learners)],
        gone=[f"n{node_id}" for node_id in sorted(seen.gone)],
        term=seen.term,
        last_index=beginning.last_index,
        undone=_undone(source, seen),
        warnings=seen.warnings,
    )


def _show(settings: Settings, cluster: Cluster, done: Restore) -> None:
    output = settings.output
    output.done(f"{' '.join(done.nodes)}: entry {done.last_index:,} makes them the members")
    text = f"{cluster.name} is at entry {done.snapshot_index:,} again, as cluster {done.cluster_id}"
    output.show(done, lambda: [f"{text}; it is stopped"])
    kept = before_folder(cluster.folder / done.nodes[0], done.cluster_id)
    output.note(f"what they held before lies in {kept} and the like")
    output.note(f"Next: {cluster.line} up")
