"""What is done to nodes, one after the other, and what came of it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from raftctl.cluster.directory import Cluster, changing, find_cluster
from raftctl.cluster.observation import observe
from raftctl.cluster.processes import NodeProcess, is_paused
from raftctl.cluster.waiting import POLL_SECONDS, ended_early
from raftctl.errors import CliError, from_os_error
from raftctl.exit_codes import Exit
from raftctl.nodedocs import Action, Target
from raftctl.selectors import resolve, voters_of
from raftctl.settings import Settings, confirm
from raftctl.statusdocs import Status

STOP_SECONDS = 30.0


class Done(NamedTuple):
    """What became of one node, and whether anything changed."""

    message: str
    changed: bool = True


@dataclass(frozen=True, slots=True)
class Deed:
    """Something to do to each node that was selected.

    `undo`: the verb that takes it back. `loses`: it may cost the quorum. `check`: raises CliError
    for a node to which it cannot be done, and nothing is done to any then. `question`: what to ask
    before it. `comes_up`: the nodes are to answer afterwards.
    """

    name: str
    act: Callable[[Cluster, NodeProcess], Done]
    undo: str = ""
    loses: bool = False
    check: Callable[[Cluster, NodeProcess], None] | None = None
    question: str = ""
    comes_up: bool = False


def act_on_each(settings: Settings, selectors: Sequence[str], deed: Deed) -> int:
    """Do it to each node; rows say what came of it. Exit 8 when it failed for some."""
    output = settings.output
    cluster = find_cluster(settings)
    with output.patience("asking the nodes"):
        before = observe(cluster)
        chosen = choose(cluster, selectors, before)
    if deed.check is not None:
        for node_id in chosen:
            deed.check(cluster, cluster.processes[node_id])
    if deed.question:
        confirm(settings, deed.question)
    with output.patience(f"{deed.name} {' '.join(selectors)}: under way"):
        results: dict[int, Result]
        with changing(settings, cluster.name):
            processes = dict(cluster.processes)  # those that were there when they were chosen
            results = {n: _try(cluster, deed, processes[n]) for n in chosen}
        if deed.comes_up:
            started = [n for n, done in results.items() if isinstance(done, Done) and done.changed]
            results.update(wait_until_up(cluster, started, settings.timeout or STOP_SECONDS))
    return _report(settings, cluster, deed, results, before)


def choose(cluster: Cluster, selectors: Sequence[str], status: Status) -> list[int]:
    """Whom the selectors mean, at least one. Raises CliError."""
    chosen = resolve(selectors, status)
    if not chosen:
        raise CliError(
            "E_NO_NODE",
            f"{' '.join(selectors)}: there is no such node now",
            Exit.NOT_FOUND,
            hint=f"{cluster.line} status",
        )
    return chosen


def not_running(cluster: Cluster, process: NodeProcess) -> CliError:
    """The error for a node that has to run for what is to be done to it."""
    hint = f"{cluster.line} start {process.name}"
    return CliError("E_NOT_RUNNING", f"{process.name} does not run", Exit.NOT_RUNNING, hint=hint)


Result = Done | CliError


def _try(cluster: Cluster, deed: Deed, process: NodeProcess) -> Result:
    try:
        return deed.act(cluster, process)
    except CliError as error:
        return error
    except OSError as error:
        return from_os_error(error)


def wait_until_up(cluster: Cluster, node_ids: Sequence[int], timeout: float) -> dict[int, CliError]:
    """Wait until these nodes answer. Gives the errors of those that do not."""
    waiting = set(node_ids)
    errors: dict[int, CliError] = {}
    deadline = time.monotonic() + timeout
    while waiting:
        rows = {int(row.id[1:]): row for row in observe(cluster, timeout=0.5).nodes}
        for node_id in sorted(waiting):
            process = cluster.processes.get(node_id)
            # None: another command removed it meanwhile.
            if process is None or rows[node_id].proc in ("running", "paused"):
                waiting.discard(node_id)
            elif process.find() is None:
                waiting.discard(node_id)
                errors[node_id] = ended_early(cluster, process)
            elif time.monotonic() >= deadline:
                waiting.discard(node_id)
                errors[node_id] = CliError(
                    "E_TIMEOUT",
                    f"{process.name} does not answer within {timeout:g}s",
                    Exit.TIMED_OUT,
                    hint=f"{cluster.line} logs {process.name}",
                )
        if waiting:
            time.sleep(POLL_SECONDS)
    return errors


def _report(
    settings: Settings,
    cluster: Cluster,
    deed: Deed,
    results: dict[int, Result],
    before: Status,
) -> int:
    output = settings.output
    if len(results) == 1:
        (only,) = results.values()
        if isinstance(only, CliError):
            raise only
    targets, failures, changed = [], [], []
    for node_id, result in results.items():
        name = f"n{node_id}"
        if isinstance(result, CliError):
            failures.append(result)
            targets.append(Target(name, False, result.message, changed=False))
        else:
            targets.append(Target(name, True, result.message, result.changed))
            changed += [name] if result.changed else []
    undo = f"{cluster.line} {deed.undo} {' '.join(changed)}" if deed.undo and changed else None
    warning = _quorum_warning(cluster, before) if deed.loses and changed else None
    if warning:
        output.warn(warning)
    document = Action(deed.name, targets, warning, undo)
    output.show(document, lambda: [f"{t.node}  {t.message}" for t in targets])
    if undo:
        output.note(f"undo: {undo}")
    if not failures:
        return Exit.OK
    return Exit.PARTIAL if len(failures) < len(targets) else failures[0].exit_code


def _quorum_warning(cluster: Cluster, before: Status) -> str | None:
    """Counts the voters that run; one that lost its disk had no vote before either."""
    voters = voters_of(before)
    wiped = {int(row.id[1:]) for row in before.nodes if row.voting is False}
    found = {n: cluster.processes[n].find() for n in (voters - wiped) & cluster.processes.keys()}
    running = sum(1 for pid in found.values() if pid is not None and not is_paused(pid))
    need = len(voters) // 2 + 1
    if running >= need:
        return None
    return f"{running} of {len(voters)} nodes left, {need} are needed: no quorum"
