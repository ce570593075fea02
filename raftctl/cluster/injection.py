"""Putting a fault in force, and finding it again."""

import time
from collections import Counter
from collections.abc import Collection

from node.nodefaults import NodeRule
from raftctl.cluster.directory import Cluster
from raftctl.cluster.faultsfile import (
    FaultSet,
    SavedFault,
    changing_faults,
    read_faults,
)
from raftctl.cluster.observation import failed_flush_at, rules_of, survey
from raftctl.cluster.partitions import FaultPlan
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.faultdocs import Fault, Injected
from raftctl.selectors import voters_of
from raftctl.settings import Settings
from raftctl.statusdocs import Status

CLOCK_SECONDS = 0.001
"""The times in a log are cut to milliseconds."""


def inject(
    settings: Settings,
    cluster: Cluster,
    plan: FaultPlan,
    name: str,
    lifetime: float | None,
    before: Status,
) -> int:
    """Save the fault, send it to the nodes, say what it does. Returns the exit code."""
    with changing_faults(cluster) as current:
        if plan.kind == "partition":
            current.remove({f.id for f in current.faults if f.kind == "partition"})
        saved = add_fault(current, plan.kind, plan.spec, name, lifetime)
        current.rules += plan.rules(saved.id, name, saved.expires_at)
    return report_injected(settings, cluster, current, saved, _effect(plan, before))


def add_fault(
    current: FaultSet, kind: str, spec: str, name: str, lifetime: float | None
) -> SavedFault:
    """The next fault, without rules yet. `lifetime` in seconds; None: until it is healed.

    Raises CliError for a name that another fault has: `heal` would end both.
    """
    if name and (other := next((each for each in current.faults if each.name == name), None)):
        message = f"there is a fault {name} already: #{other.id} {other.kind} {other.spec}"
        hint = f"another --as, or raftctl heal {name}"
        raise CliError("E_EXISTS", message, Exit.PRECONDITION, hint=hint)
    now = time.time()
    expires_at = None if lifetime is None else now + lifetime
    saved = SavedFault(current.next_id, name, kind, spec, now, expires_at)
    current.next_id += 1
    current.faults.append(saved)
    return saved


def report_injected(
    settings: Settings,
    cluster: Cluster,
    current: FaultSet,
    saved: SavedFault,
    effect: str,
    nodes: Collection[int] | None = None,
) -> int:
    """Say what the fault does. `nodes`: whom it is about; None: all. Returns the exit code."""
    unreached = report_unreached(settings, current)
    reached = [
        f"n{node_id}"
        for node_id, error in current.told.items()
        if error is None and (nodes is None or node_id in nodes)
    ]
    document = Injected(_document(cluster, saved, saved.created_at, 0), effect, reached)
    left = document.fault.expires_in_ms
    heals = "stays until healed" if left is None else f"heals in {left / 1000:g}s"
    says = f"fault #{saved.id}  {saved.spec}   {heals}"
    settings.output.show(document, lambda: [says, effect])
    settings.output.note(f"undo now: {cluster.line} heal {saved.id}")
    return Exit.PARTIAL if unreached else Exit.OK


def _effect(plan: FaultPlan, before: Status) -> str:
    """What a partition means for the quorum, counting the nodes that run."""
    if not plan.groups:
        count = len(plan.links)
        return f"{count} link{'s' * (count != 1)} affected"
    running = {int(row.id[1:]) for row in before.nodes if row.proc == "running" and row.voting}
    running &= voters_of(before)
    need = before.quorum.need
    alive = [len(running.intersection(group)) for group in plan.groups]
    best = max(range(len(alive)), key=lambda n: alive[n])
    if alive[best] < need:
        return f"no side has a quorum: the largest runs {alive[best]}, {need} are needed"
    leader = before.leader
    inside = leader is not None and int(leader[1:]) in plan.groups[best]
    about = f"leader {leader} unaffected" if inside else "it will elect a new leader"
    return f"majority side keeps quorum {alive[best]}/{before.quorum.voters}, {about}"


def report_unreached(settings: Settings, current: FaultSet) -> bool:
    """Whether a running node still has other rules. It reads the file at its next start."""
    unreached = {node_id: error for node_id, error in current.told.items() if error is not None}
    for node_id, error in unreached.items():
        settings.output.warn(f"n{node_id} was not told: {error}")
    for node_id in current.later:
        settings.output.note(f"n{node_id} is paused: resume tells it")
    return bool(unreached)


def matching_faults(current: FaultSet, what: str) -> set[int]:
    """Raises CliError when nothing is meant by `what`."""
    if what == "all":
        return {fault.id for fault in current.faults}
    number = what.removeprefix("#")
    if number.isdigit():
        found = {fault.id for fault in current.faults if fault.id == int(number)}
    elif ":" in what:
        source, _, target = what.replace("n", "").partition(":")
        found = {r.fault for r in current.rules if (str(r.src), str(r.dst)) == (source, target)}
    else:
        found = {fault.id for fault in current.faults if fault.name == what}
    if not found:
        raise CliError(
            "E_NO_FAULT", f"there is no fault {what}", Exit.NOT_FOUND, hint="raftctl faults"
        )
    return found


def fault_documents(cluster: Cluster) -> list[Fault]:
    """The faults in force, with the hits that the nodes have counted."""
    hits: Counter[int] = Counter()
    for answer in survey(cluster).values():
        if isinstance(answer, dict):
            hits.update({rule["fault"]: rule["hits"] for rule in rules_of(answer)})
    now, current = time.time(), read_faults(cluster)
    for rule in current.node_rules:
        if rule.kind == "fail" and _has_ended(cluster, rule, current):
            hits[rule.fault] += 1
    return [_document(cluster, fault, now, hits[fault.id]) for fault in current.faults]


def _has_ended(cluster: Cluster, rule: NodeRule, current: FaultSet) -> bool:
    """Whether its flushes, which fail, have ended the node: it cannot count that any more."""
    process = cluster.processes.get(rule.node)
    failed_at = None if process is None else failed_flush_at(process)
    made_at = next((each.created_at for each in current.faults if each.id == rule.fault), 0.0)
    return failed_at is not None and failed_at >= made_at - CLOCK_SECONDS


def _document(cluster: Cluster, fault: SavedFault, now: float, hits: int) -> Fault:
    expires = None if fault.expires_at is None else round((fault.expires_at - now) * 1000)
    return Fault(
        id=fault.id,
        name=fault.name,
        kind=fault.kind,
        spec=fault.spec,
        age_ms=round((now - fault.created_at) * 1000),
        expires_in_ms=expires,
        hits=hits,
        undo=f"{cluster.line} heal {fault.id}",
    )
