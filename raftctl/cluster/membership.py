"""The verbs of `raftctl members` that change something: from what was asked for to what to say.

The cluster's lock is held while something changes, not while a new member catches up: that may take
long, and other commands have to go on meanwhile.
"""

import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from node.raft.configuration import Change, Demote, Promote, Remove
from raftctl.cluster.changing import change_members, wait_for_leader
from raftctl.cluster.directory import Cluster, changing
from raftctl.cluster.joining import Newcomer, join, mark_of, wait_until
from raftctl.cluster.leaving import arithmetic, hand_over, retire, target_of
from raftctl.cluster.memberlist import strangers
from raftctl.cluster.members import View, count, names, view_of
from raftctl.cluster.observation import status_of, survey
from raftctl.errors import CliError
from raftctl.exit_codes import Exit, exit_of
from raftctl.memberdocs import MemberChange
from raftctl.output import Output
from raftctl.selectors import resolve
from raftctl.settings import Settings
from raftctl.statusdocs import Status
from raftctl.values import usage


@dataclass(slots=True)
class Request:
    """What all verbs need; `timeout` in seconds."""

    settings: Settings
    cluster: Cluster
    timeout: float
    begin: float = field(default_factory=time.monotonic)

    @property
    def deadline(self) -> float:
        return self.begin + self.timeout

    @property
    def output(self) -> Output:
        return self.settings.output


@dataclass(frozen=True, slots=True)
class Seen:
    """Who belongs to the cluster, and who of them is alive."""

    view: View
    status: Status

    @property
    def alive(self) -> set[int]:
        rows = self.status.nodes
        return {int(row.id[1:]) for row in rows if row.proc == "running" and row.voting}

    def choose(self, cluster: Cluster, selectors: Sequence[str]) -> list[int]:
        """Raises CliError when nobody is meant."""
        chosen = resolve(selectors, self.status)
        if not chosen:
            message = f"{' '.join(selectors)}: there is no such node now"
            hint = f"{cluster.line} members ls"
            raise CliError("E_NO_NODE", message, Exit.NOT_FOUND, hint=hint)
        return chosen


@contextmanager
def _changing(request: Request) -> Iterator[Seen]:
    """Under the cluster's lock, with what its leader says. Raises CliError without a leader."""
    cluster = request.cluster
    with changing(request.settings, cluster.name):
        with request.output.patience("asking for the leader"):
            seen = _see(request)
        with _said_when_interrupted(
            f"the members of {cluster.name} may have changed, or may yet",
            f"{cluster.line} members ls; the same command again goes on",
        ):
            yield seen


def _see(request: Request) -> Seen:
    """By the word of a leader: who does not lead may not know yet that somebody is a member, and
    what is no member is stopped without asking anybody.
    """
    cluster = request.cluster
    while True:
        wait_for_leader(cluster, request.deadline)
        answers = survey(cluster)
        view = view_of(answers, cluster.spec)
        if view.leader is not None:
            break
    status = status_of(cluster, answers)
    status.nodes += strangers(cluster, view)
    return Seen(view, status)


@contextmanager
def _said_when_interrupted(what: str, hint: str, node: str | None = None) -> Iterator[None]:
    """Whoever interrupts a change hears what may have become of it."""
    try:
        yield
    except (KeyboardInterrupt, SystemExit) as error:
        details = {} if node is None else {"node": node}
        raise CliError(
            "E_INTERRUPTED",
            f"interrupted: {what}",
            exit_of(error),
            hint=hint,
            outcome="unknown",
            details=details,
        ) from error


# -- verbs -----------------------------------------------------------------------------------------
def add(request: Request, newcomer: Newcomer) -> None:
    cluster, output = request.cluster, request.output
    with changing(request.settings, cluster.name), output.patience("asking for the leader"):
        node, seen = join(request.settings, cluster, newcomer, request.deadline)
    if not newcomer.promotes:
        output.done(f"{node.name} is a learner, and catches up by itself")
        _report(request, "add", [node.id], seen, f"members remove {node.name}")
        return

    def votes(view: View) -> bool:
        return view.is_settled and node.id in view.configuration.voters

    undo = f"undo: {cluster.line} members remove {node.name}"
    with _said_when_interrupted(
        f"{node.name} is a member, and gets its vote by itself once it has caught up",
        f"{cluster.line} members ls; {undo}",
        node.name,
    ):
        view = wait_until(cluster, output, node.id, votes, request.deadline)
    if view is None:
        raise CliError(
            "E_TIMEOUT",
            f"{node.name} has not caught up within {request.timeout:g}s: it is a learner now, and "
            "gets its vote by itself once it has",
            Exit.TIMED_OUT,
            hint=f"{cluster.line} members ls; {undo}",
            outcome="unknown",
            details={"node": node.name},
        )
    output.done(f"{node.name} has caught up, and votes")
    _report(request, "add", [node.id], view, f"members remove {node.name}")


def promote(request: Request, selectors: Sequence[str]) -> None:
    with _changing(request) as seen:
        chosen = seen.choose(request.cluster, selectors)
        _check_members(request, seen, chosen)
        learners = [n for n in chosen if n not in seen.view.configuration.voters]
        _change(request, "promote", chosen, seen, [Promote(n) for n in learners], "demote")


def demote(request: Request, selectors: Sequence[str]) -> None:
    with _changing(request) as seen:
        chosen = seen.choose(request.cluster, selectors)
        _check_members(request, seen, chosen)
        voters = [n for n in chosen if n in seen.view.configuration.voters]
        _change(request, "demote", chosen, seen, [Demote(n) for n in voters], "promote")


def remove(request: Request, selectors: Sequence[str]) -> None:
    cluster = request.cluster
    with _changing(request) as seen:
        chosen = seen.choose(request.cluster, selectors)
        changes = [Remove(n) for n in chosen if n in seen.view.configuration.members]
        view, warning = _carry_out(request, seen, changes)
        request.output.done(f"{_list(chosen)} removed")
        retire(cluster, request.output, chosen)
    _report(request, "remove", chosen, view, None, warning)
    request.output.note(f"data kept until: {cluster.line} prune")


def replace(request: Request, old_selector: str, new_id: int | None) -> None:
    cluster, output = request.cluster, request.output
    with _changing(request) as seen:
        chosen = seen.choose(cluster, [old_selector])
        if len(chosen) != 1:
            raise usage(f"{old_selector} means {len(chosen)} nodes", "name one")
        (old,) = chosen
        _check_members(request, seen, [old])
        if new_id == old:
            raise usage(f"n{old} cannot take its own place", "name another, or none")
        if new_id in seen.view.configuration.voters:
            raise usage(f"n{new_id} votes already", f"{cluster.line} members remove n{old}")
        if new_id is not None and new_id in seen.view.configuration.learners:
            new = new_id
        else:
            priority = _priority_of(cluster, old)
            newcomer = Newcomer(new_id, priority, promotes=False)
            new = join(request.settings, cluster, newcomer, request.deadline)[0].id

    def has_caught_up(view: View) -> bool:
        votes = new in view.configuration.voters  # one that was to get its vote by itself
        return view.is_settled and (votes or view.progress.get(new, {}).get("caught_up") is True)

    while True:
        later = _replaced_later(request, old, new)
        with _said_when_interrupted(f"n{new} is a learner now", later.hint, f"n{new}"):
            if wait_until(cluster, output, new, has_caught_up, request.deadline) is None:
                raise later
        with _changing(request) as seen:
            _check_members(request, seen, [old, new])
            changes: list[Change] = [Remove(old)]
            members = seen.view.configuration
            if old in members.electorate and new not in members.voters:
                changes.append(Promote(new))
            try:
                view, warning = _carry_out(request, seen, changes)
            except CliError as error:  # under load it may fall behind, and catch up again
                if error.code != "E_NOT_CAUGHT_UP" or time.monotonic() >= request.deadline:
                    raise
                continue
            output.done(f"n{new} is in the place of n{old}")
            retire(cluster, output, [old])
        _report(request, "replace", [new, old], view, None, warning)
        output.note(f"data kept until: {cluster.line} prune")
        return


def _replaced_later(request: Request, old: int, new: int) -> CliError:
    line = request.cluster.line
    return CliError(
        "E_TIMEOUT",
        f"n{new} has not caught up within {request.timeout:g}s: it is a learner now, and n{old} is "
        "what it was",
        Exit.TIMED_OUT,
        hint=f"{line} members replace n{old} n{new} goes on; undo: {line} members remove n{new}",
        outcome="unknown",
        details={"node": f"n{new}"},
    )


def _priority_of(cluster: Cluster, node_id: int) -> int:
    found = [node.priority for node in cluster.spec.nodes if node.id == node_id]
    return found[0] if found else 100


# -- what they have in common ----------------------------------------------------------------------
def _check_members(request: Request, seen: Seen, chosen: Sequence[int]) -> None:
    others = [n for n in chosen if n not in seen.view.configuration.members]
    if others:
        raise CliError(
            "E_MEMBERS",
            f"{_list(others)}: no member of {request.cluster.name}",
            Exit.PRECONDITION,
            hint=f"{request.cluster.line} members ls",
        )


def _change(
    request: Request,
    verb: str,
    chosen: Sequence[int],
    seen: Seen,
    changes: Sequence[Change],
    undo: str,
) -> None:
    """Carry it out, and say so; nothing is left to do where there are no changes."""
    view, warning = _carry_out(request, seen, changes)
    changed = names([change.id for change in changes])
    undo = f"members {undo} {' '.join(changed)}" if changed else ""
    _report(request, verb, chosen, view, undo or None, warning, bool(changes))


def _carry_out(request: Request, seen: Seen, changes: Sequence[Change]) -> tuple[View, str | None]:
    """Make the change, by a leader that stays. Gives the view after it, and a warning."""
    if not changes:
        return seen.view, None
    cluster, output = request.cluster, request.output
    target = target_of(cluster, seen.view, changes)
    warning = None
    if target is not None:
        warning = arithmetic(cluster, target, seen.alive, request.settings.yes)
    if warning:
        output.warn(warning)
    leaving = [change.id for change in changes if isinstance(change, Demote | Remove)]
    output.note(f"changing the members of {cluster.name}")
    for change in changes:
        if isinstance(change, Remove):
            mark_of(cluster, change.id).unlink(missing_ok=True)  # it was a member from now on
    hand_over(cluster, output, seen.view, leaving, request.deadline)
    return change_members(cluster, changes, request.deadline), warning


def _report(
    request: Request,
    verb: str,
    node_ids: Sequence[int],
    view: View,
    undo: str | None,
    warning: str | None = None,
    changed: bool = True,
) -> None:
    cluster, output = request.cluster, request.output
    took = round((time.monotonic() - request.begin) * 1000)
    line = None if undo is None else f"{cluster.line} {undo}"
    document = MemberChange(
        cluster.name, verb, [f"n{n}" for n in node_ids], changed, view.document(), took, warning,
        line,
    )  # fmt: skip
    output.show(document, lambda: [_summary(verb, node_ids, changed, view)])
    if line:
        output.note(f"undo: {line}")


_DONE = {
    "add": "added",
    "promote": "promoted",
    "demote": "demoted",
    "remove": "removed",
    "replace": "replaced",
}


def _summary(verb: str, node_ids: Sequence[int], changed: bool, view: View) -> str:
    """What was done, and what the majorities are now."""
    configuration = view.configuration
    votes = count(configuration, configuration.voters)
    what = f"{_list(node_ids)} {_DONE[verb]}" if changed else f"{_list(node_ids)}: already so"
    if verb == "replace":
        what = f"n{node_ids[0]} replaced n{node_ids[1]}"
    who = f"voters {_list(configuration.voters)}"
    if configuration.learners:
        who += f"  learners {_list(configuration.learners)}"
    return f"{what}  {who}  {votes.need} of {votes.voters} needed: {votes.spare} may fail"


def _list(node_ids: Collection[int]) -> str:
    return ",".join(names(node_ids))
