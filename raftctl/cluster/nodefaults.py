"""Disks and clocks that go wrong on running nodes: what lasts, and what is over at once."""

from collections.abc import Mapping, Sequence

from node.nodefaults import Kind, NodeRule
from node.scenario.actions import Clock, Disk
from node.scenario.lines import Line, read_line
from node.scenario.options import Given
from node.scenario.quantities import duration_text
from raftctl.cluster.acting import Deed, Done, act_on_each, choose, not_running
from raftctl.cluster.directory import Cluster, find_cluster
from raftctl.cluster.faultsfile import FaultSet, changing_faults
from raftctl.cluster.injection import add_fault, report_injected
from raftctl.cluster.observation import observe
from raftctl.cluster.processes import NodeProcess, is_paused
from raftctl.errors import CliError, from_client_error
from raftctl.exit_codes import Exit
from raftctl.selectors import cli_errors, voters_of
from raftctl.settings import Settings
from raftctl.statusdocs import Status

TELL_SECONDS_MAX = 1.0
LOSING: tuple[Kind, ...] = ("full", "fail")
"""A node whose disk does this adds nothing to a quorum."""


def line_of(
    verb: str, selectors: Sequence[str], options: Mapping[str, str | bool | None], lasts: str | None
) -> Line:
    """What was typed, as a scenario would have it: its grammar decides. Raises CliError."""
    given = {**options, "--for": lasts}
    texts = {
        name: ["" if value is True else str(value)]
        for name, value in given.items()
        if value is not None and value is not False
    }
    with cli_errors():
        return read_line(verb, Given(list(selectors), texts))


def inject_on_nodes(
    settings: Settings, action: Disk | Clock, name: str, lasts_us: int | None
) -> int:
    """Save the fault, send it to the nodes, say what it does. Returns the exit code."""
    cluster = find_cluster(settings)
    before = observe(cluster)
    chosen = choose(cluster, action.nodes, before)
    rule = _rule(action)
    words = str(rule).partition(" ")[2]
    spec = f"{','.join(f'n{node_id}' for node_id in chosen)} {words}"
    lifetime = None if lasts_us is None else lasts_us / 1e6
    with changing_faults(cluster) as current:
        saved = add_fault(current, action.verb, spec, name, lifetime)
        current.node_rules += [
            NodeRule(saved.id, each, rule.kind, name, rule.delay_us, rule.rate, saved.expires_at)
            for each in chosen
        ]
    for node_id in sorted(set(chosen) - current.told.keys() - set(current.later)):
        settings.output.note(f"n{node_id} does not run: it holds from its next start on")
    effect = _effect(rule, current, before)
    return report_injected(settings, cluster, current, saved, effect, chosen)


def _rule(action: Disk | Clock) -> NodeRule:
    """For no node yet."""
    if isinstance(action, Clock):
        return NodeRule(0, 0, "rate", rate=action.rate)
    assert action.kind in ("slow", "full", "fail"), "one that lasts"
    return NodeRule(0, 0, action.kind, delay_us=action.delay_us)


def _effect(rule: NodeRule, current: FaultSet, before: Status) -> str:
    """What it means there, and for the quorum, other faults like it included."""
    if rule.kind == "rate":
        return f"the clock there runs at {rule.rate:g} times the right rate"
    if rule.kind == "slow":
        return f"each flush there takes {duration_text(rule.delay_us)} longer"
    lost = {each.node for each in current.node_rules if each.kind in LOSING}
    running = {int(row.id[1:]) for row in before.nodes if row.proc == "running" and row.voting}
    able = len((running & voters_of(before)) - lost)
    what = "no write is taken there" if rule.kind == "full" else "the next flush ends the node"
    need, leader = before.quorum.need, before.leader
    if able < need:
        return f"{what}; no quorum can write: {able} can, {need} are needed"
    gives_way = leader is not None and int(leader[1:]) in lost
    about = f", leader {leader} gives way" if gives_way else ""
    return f"{what}; {able}/{before.quorum.voters} can write, {need} are needed{about}"


def disturb(settings: Settings, action: Disk | Clock) -> int:
    """Do to each node what is over at once: a stall of its disk, a jump of its clock."""
    is_jump = isinstance(action, Clock)
    delay_us = action.jump_us if isinstance(action, Clock) else action.delay_us
    delay = duration_text(delay_us)
    says = f"its clock jumped ahead by {delay}" if is_jump else f"its next flush takes {delay} more"

    def act(cluster: Cluster, process: NodeProcess) -> Done:
        _tell(cluster, process, is_jump, delay_us)
        return Done(says)

    return act_on_each(settings, action.nodes, Deed(action.verb, act))


def _tell(cluster: Cluster, process: NodeProcess, is_jump: bool, delay_us: int) -> None:
    """Raises CliError."""
    from node.client.admin import Admin
    from node.client.errors import ClientError

    pid = process.find()
    if pid is None:
        raise not_running(cluster, process)
    if is_paused(pid):
        hint = f"{cluster.line} resume {process.name}"
        message = f"{process.name} is paused"
        raise CliError("E_UNREACHABLE", message, Exit.NOT_RUNNING, hint=hint)
    try:
        with Admin(cluster.address, process.node_id, TELL_SECONDS_MAX) as admin:
            admin.disturb("jump" if is_jump else "stall", delay_us)
    except ClientError as error:
        raise from_client_error(error) from error
