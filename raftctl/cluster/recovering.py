"""`raftctl recover`: the nodes that are left become the whole cluster."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

from node.client.survey import Survey
from node.raft.configuration import Configuration
from node.raft.messages import LogEntry
from node.storage.renewal import Beginning, SnapshotSource, before_folder
from node.storage.snapshots import open_snapshot
from raftctl.cluster.comparing import counted
from raftctl.cluster.directory import Cluster, changing, find_cluster
from raftctl.cluster.members import view_of
from raftctl.cluster.nodelogs import Describer, NodeLog, damage_of, read_node
from raftctl.cluster.observation import observe, survey
from raftctl.cluster.processes import is_paused
from raftctl.cluster.renewing import (
    check_space,
    configuration_of,
    new_id,
    next_life,
    renew,
    settled_cluster,
)
from raftctl.cluster.shutdown import stopped
from raftctl.cluster.survivors import (
    Choice,
    Loss,
    ahead_of,
    arithmetic,
    check_lost,
    check_members,
    choose,
    names,
)
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.output import table
from raftctl.repairdocs import Recover, Tail
from raftctl.selectors import resolve
from raftctl.settings import Settings, confirm_by_name

STOP_SECONDS = 30.0
SHOWN_ENTRIES = 20
"""Of a longer tail its beginning and its end are shown."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What was found: the choice, the survivors' logs, what the others' processes do, and all ids
    that any log knows.
    """

    choice: Choice
    survivors: dict[int, NodeLog]
    alive: dict[int, str]
    known_ids: frozenset[int]
    warnings: list[str] = field(default_factory=list)


def recover(settings: Settings, selectors: Sequence[str]) -> int:
    """Look, tell, ask, and do it. Gives the exit code."""
    output = settings.output
    cluster = settled_cluster(settings)
    with output.patience("reading the nodes' data"):
        survivors = sorted(resolve(selectors, observe(cluster)))
        if not survivors:
            raise CliError(
                "E_NO_NODE",
                f"{' '.join(selectors)}: there is no such node, so nothing to go on with",
                Exit.NOT_FOUND,
                hint=f"{cluster.line} status",
            )
        seen = look(cluster, survivors)
        _check_possible(cluster, seen)
    describer = Describer.of(cluster)
    for line in report(cluster, seen, describer):
        output.note(line)
    for warning in seen.warnings:
        output.warn(warning)
    who = "alone" if len(survivors) == 1 else "together"
    confirm_by_name(
        settings, f"make {names(survivors)} {who} the cluster {cluster.name}", cluster.name
    )
    with changing(settings, cluster.name):
        former_id = cluster.spec.cluster_id
        cluster = find_cluster(settings, cluster.name)
        if cluster.spec.cluster_id != former_id or set(survivors) - cluster.processes.keys():
            raise _changed(cluster, survivors, "the cluster was made anew meanwhile")
        # Once more while they run: a quorum may have come back, which nobody sees afterwards.
        now = look(cluster, survivors)
        _check_same(settings, cluster, seen, now)
        _check_possible(cluster, now)
        output.note(f"stopping {cluster.name}")
        with stopped(cluster, settings.timeout or STOP_SECONDS):
            again = look(cluster, survivors, now.survivors)
            for warning in again.warnings:
                if warning not in seen.warnings:
                    output.warn(warning)
            _check_same(settings, cluster, seen, again)
            document = _do(settings, cluster, again, describer)
    _show(settings, cluster, document)
    return Exit.OK


def _check_same(settings: Settings, cluster: Cluster, shown: Situation, now: Situation) -> None:
    """What was confirmed is what is done; -y confirms whatever there is."""
    news = [each for each in now.warnings if COMMITTED in each and each not in shown.warnings]
    if not settings.yes and (now.choice.id != shown.choice.id or news):
        what = "the nodes' data changed since it was shown, nothing was done"
        raise _changed(cluster, sorted(shown.survivors), what)


def _changed(cluster: Cluster, survivors: Sequence[int], what: str) -> CliError:
    hint = f"{cluster.line} recover {names(survivors)} shows it again"
    return CliError("E_CHANGED", what, Exit.PRECONDITION, hint=hint)


# -- looking ---------------------------------------------------------------------------------------
def look(
    cluster: Cluster, survivors: Sequence[int], before: Mapping[int, NodeLog] | None = None
) -> Situation:
    """Read what all nodes hold. `before`: what was found while they ran, and knew more than they
    had saved. Raises CliError for whatever is in the way of a recovery.
    """
    answers = survey(cluster)
    chosen = {
        node_id: _survivor(cluster, node_id, answers, len(survivors)) for node_id in survivors
    }
    for node_id, log in (before or {}).items():
        chosen[node_id] = _knowing(chosen[node_id], log)
    others: dict[int, NodeLog] = {}
    found = list(chosen.values())
    warnings: list[str] = []
    for node_id in cluster.processes.keys() - set(survivors):
        try:
            log = read_node(cluster, node_id, answers[node_id])
        except CliError:
            continue  # it is lost, which is why all this is done
        found.append(log)
        if not log.damage:
            others[node_id] = log
    choice = choose(list(chosen.values()), cluster.line)
    check_members(choice.configuration, survivors)
    alive = _alive(cluster, answers)
    # The members may have changed while a survivor was away: those of the newest log count.
    logs = [*chosen.values(), *others.values()]
    newest_log = max(logs, key=lambda log: (log.last_term, log.last_index))
    newest = newest_log.configuration
    check_lost(newest, survivors, alive, _leader(answers), cluster.line)
    # Whoever knows of members that are alive, and enough, is right: damaged, or just by its word.
    view = view_of(answers, cluster.spec)
    # But not one that ends before a change that is known to be committed: nobody elects it.
    changed_at = _changed_at(newest_log)
    told = [log.configuration for log in found if log.damage or log.last_index >= changed_at]
    for configuration in told if view.index is None else [*told, view.configuration]:
        if configuration.has_quorum(alive):
            check_lost(configuration, survivors, alive, _leader(answers), cluster.line)
    warnings += _says_more(ahead_of(choice, others.values()), choice)
    dead = sorted(others.keys() & newest.electorate - alive.keys())
    if dead and newest.has_quorum({*survivors, *alive, *dead}):
        warnings.append(
            f"the data of {names(dead)} is whole, though not running: {cluster.line} start "
            f"{names(dead)} would bring the quorum back, and nothing would be lost"
        )
    known_ids = frozenset[int]().union(*(log.known_ids for log in found))
    return Situation(choice, chosen, alive, known_ids, warnings)


def _changed_at(log: NodeLog) -> int:
    """Where the members changed last, as far as that is known to be committed."""
    entries = enumerate(log.stored.log, log.first_index)
    changes = [index for index, (_, entry) in entries if isinstance(entry, Configuration)]
    committed = [index for index in changes if index <= log.commit_index]
    return max(committed, default=log.base.index)


def _knowing(log: NodeLog, before: NodeLog) -> NodeLog:
    """The log, with what was known before to be committed of it."""
    index = before.commit_index
    if index <= log.commit_index or log.term_at(index) != before.term_at(index):
        return log
    return replace(log, commit_index=index)


def _survivor(cluster: Cluster, node_id: int, answers: Survey, count: int) -> NodeLog:
    """Raises CliError for one that holds nothing to go on with."""
    answer = answers[node_id]
    leave_out = f"leave n{node_id} out" if count > 1 else "choose another node"
    try:
        log = read_node(cluster, node_id, answer)
    except CliError as error:
        error.hint = leave_out
        raise
    if log.damage:
        raise CliError(
            "E_DAMAGED",
            f"n{node_id} is damaged: {log.damage[0]}",
            Exit.CHECK_FAILED,
            hint=f"{leave_out}; {cluster.line} log verify n{node_id} shows all of it",
        )
    if isinstance(answer, dict) and not answer["voting"]:
        raise CliError(
            "E_WIPED",
            f"n{node_id} was wiped: it does not know what it had promised",
            Exit.PRECONDITION,
            hint=leave_out,
        )
    return log


def _alive(cluster: Cluster, answers: Survey) -> dict[int, str]:
    """What the processes of nodes with a disk do."""
    found = {}
    for node_id, answer in answers.items():
        pid = cluster.processes[node_id].find()
        if isinstance(answer, dict):
            if answer["voting"]:
                found[node_id] = "running"
        elif pid is not None and (cluster.processes[node_id].folder / "raft.db").exists():
            found[node_id] = "paused" if is_paused(pid) else "unreachable"
    return found


def _leader(answers: Survey) -> str | None:
    """Who leads with a majority behind it: one that lost touch has stepped down."""
    for node_id, answer in answers.items():
        if isinstance(answer, dict) and answer["role"] == "leader":
            return f"n{node_id}"
    return None


def _says_more(losses: Sequence[Loss], choice: Choice) -> Iterator[str]:
    """What those who are not chosen hold, those together that hold the same."""
    same: dict[tuple[int, int, str], list[int]] = {}
    for loss in losses:
        log = loss.log
        key = (loss.first, loss.last, _what_becomes_of(loss, choice))
        same.setdefault(key, []).append(log.node_id)
    for (first, last, becomes), node_ids in same.items():
        who, verb = names(node_ids), "holds" if len(node_ids) == 1 else "hold"
        what = f"entry {first:,}" if first == last else f"entries {first:,} to {last:,}"
        text = f"{who}, not chosen, {verb} {what}{becomes}"
        yield text if becomes == NOTHING_SAID else f"{text}: choose {who} too"


NOTHING_SAID = ", which nobody was promised"
COMMITTED = "are COMMITTED"


def _what_becomes_of(loss: Loss, choice: Choice) -> str:
    if loss.committed >= loss.first:
        return f", of which those up to {min(loss.committed, loss.last):,} {COMMITTED}"
    ends = [(log.last_term, log.last_index) for log in (loss.log, choice.log)]
    return ", which clients may have been promised" if ends[0] > ends[1] else NOTHING_SAID


# -- telling ---------------------------------------------------------------------------------------
def report(cluster: Cluster, seen: Situation, describer: Describer) -> list[str]:
    """What is about to be done, and what it costs."""
    choice = seen.choice
    log = choice.log
    gone = [node.id for node in cluster.spec.nodes if node.id not in seen.survivors]
    lines = [
        f"{cluster.name}: {arithmetic(choice.configuration, {*seen.survivors, *seen.alive})}",
        f"the log of {log.name} is taken: it ends with entry {log.last_index:,} of term "
        f"{log.last_term}",
        f"entries up to {choice.commit_index:,} are known to be committed",
    ]
    tail = _tail(log, choice.tail, describer)
    if tail.count:
        what = (
            "1 entry after that becomes"
            if tail.count == 1
            else f"{tail.count:,} entries after that become"
        )
        lines.append(f"{what} committed by this, whether a client was told or not:")
        lines += _entry_lines(tail)
    else:
        lines.append("none after that, so nothing is committed by this that was not")
    for loss in choice.losses:
        lost = _tail(loss.log, range(loss.first, loss.last + 1), describer)
        lines.append(f"lost: what {loss.log.name} holds beside that log, {counted(loss.count)}:")
        lines += _entry_lines(lost)
    if gone:
        lines.append(
            f"{names(gone)} cannot come back with what they hold: the cluster gets a new id"
        )
    return lines


def _tail(log: NodeLog, indices: range, describer: Describer) -> Tail:
    shown = list(indices)
    if len(indices) > SHOWN_ENTRIES:
        half = SHOWN_ENTRIES // 2
        shown = [*indices[:half], *indices[-half:]]
    entries = [entry for index in shown if (entry := describer.document(log, index)) is not None]
    if not indices:
        return Tail(log.name, 0, None, None)
    return Tail(log.name, len(indices), indices[0], indices[-1], entries)


def _entry_lines(tail: Tail) -> list[str]:
    rows = tail.entries
    header = ("INDEX", "TERM", "KIND", "BYTES", "DATA")
    cells = [(each.index, each.term, each.kind, each.bytes, each.preview) for each in rows]
    lines = [f"  {line}" for line in table(header, cells)]
    if tail.count > len(rows):
        lines.insert(1 + len(rows) // 2, f"  ... {tail.count - len(rows):,} more")
    return lines


# -- doing -----------------------------------------------------------------------------------------
def _check_possible(cluster: Cluster, seen: Situation) -> None:
    """Raises CliError for what is in the way of the new data. Best found while the nodes run."""
    check_space(cluster, _beginning(cluster, seen), len(seen.survivors))


def _beginning(cluster: Cluster, seen: Situation, cluster_id: str = "") -> Beginning:
    """Raises CliError when the log that is taken has no snapshot that it needs."""
    choice = seen.choice
    log = choice.log
    members = configuration_of([n for n in cluster.spec.nodes if n.id in seen.survivors])
    entries = [*log.stored.log, LogEntry(choice.term, members)]
    snapshot = _snapshot_of(cluster, log)
    return Beginning(cluster_id, members, choice.term, log.base, entries, snapshot)


def _do(settings: Settings, cluster: Cluster, seen: Situation, describer: Describer) -> Recover:
    before = cluster.spec
    choice = seen.choice
    log = choice.log
    nodes = [node for node in before.nodes if node.id in seen.survivors]
    after = next_life(before, new_id(), nodes, seen.known_ids)
    beginning = _beginning(cluster, seen, after.cluster_id)
    check_space(cluster, beginning, len(nodes))
    renew(cluster, after, beginning, settings.output.note)
    return Recover(
        cluster=cluster.name,
        cluster_id=after.cluster_id,
        former_id=before.cluster_id,
        nodes=[node.name for node in nodes],
        gone=[node.name for node in before.nodes if node not in nodes],
        log_of=log.name,
        term=choice.term,
        last_index=beginning.last_index,
        commit_index=choice.commit_index,
        tail=_tail(log, choice.tail, describer),
        lost=[
            _tail(loss.log, range(loss.first, loss.last + 1), describer) for loss in choice.losses
        ],
        warnings=seen.warnings,
    )


def _snapshot_of(cluster: Cluster, log: NodeLog) -> SnapshotSource | None:
    """The newest of a log's snapshots that is whole. Raises CliError if one is needed, and none."""
    damages = []
    for snapshot in log.stored.snapshots:
        path = log.snapshot_path(snapshot.id.index, snapshot.id.term)
        source = SnapshotSource(partial(open_snapshot, path), log.cluster_id, snapshot.id)
        damage = damage_of(log, snapshot)
        if damage is None:
            return source
        damages.append(damage)
    if log.base.index > 0:
        raise CliError(
            "E_DAMAGED",
            f"{log.name} has no snapshot for what is in front of its log: {'; '.join(damages)}",
            Exit.CHECK_FAILED,
            hint=f"choose another node, or {cluster.line} snapshot restore FILE",
        )
    return None


def _show(settings: Settings, cluster: Cluster, done: Recover) -> None:
    output = settings.output
    output.done(f"{' '.join(done.nodes)}: entry {done.last_index:,} makes them the members")
    who = f"{' '.join(done.nodes)} alone" if len(done.nodes) == 1 else " ".join(done.nodes)
    line = f"{cluster.name} is {who} now, as cluster {done.cluster_id}; it is stopped"
    output.show(done, lambda: [line])
    kept = before_folder(cluster.folder / done.nodes[0], done.cluster_id)
    output.note(f"what they held before lies in {kept} and the like")
    output.note(f"Next: {cluster.line} up, {cluster.line} members add")
