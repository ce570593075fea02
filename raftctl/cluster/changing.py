"""Asking the leader for a change of the members, until it is done or cannot be.

Leaders change, and an answer may be lost. A change that was asked for and not answered may be done
yet, so it is looked for before it is asked for again.
"""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from node.raft.configuration import AddLearner, Change, Configuration, Demote, Promote, Remove
from raftctl.cluster.directory import Cluster
from raftctl.cluster.members import View, named, view_of
from raftctl.cluster.observation import survey
from raftctl.errors import CliError
from raftctl.exit_codes import Exit

if TYPE_CHECKING:
    from node.client.errors import ClientError

POLL_SECONDS = 0.05
LEADER_SECONDS_MAX = 5.0
"""How long a leader is waited for before anything is changed."""
PATIENCE_SECONDS = 2.0
"""How long a refusal that may pass by itself is taken for one that does."""
ANSWER_TIMEOUTS = 20
"""So many election timeouts a leader tries, before it says that a change is not done yet."""
_IN_DOUBT = ("timeout", "leadership_lost", "silent", "gone", "stopping")


def look(cluster: Cluster, seconds: float = 1.0) -> View:
    """Who the members are, as the nodes say now."""
    return view_of(survey(cluster, seconds), cluster.spec)


def wait_for_leader(cluster: Cluster, deadline: float) -> View:
    """The view of a leader, at most until then (monotonic seconds). Raises CliError (exit 3, 5)."""
    deadline = min(deadline, time.monotonic() + LEADER_SECONDS_MAX)
    while (view := look(cluster)).leader is None:
        if all(process.find() is None for process in cluster.processes.values()):
            hint = f"{cluster.line} up {cluster.name}"
            message = f"no node of {cluster.name} runs"
            raise CliError("E_NOT_RUNNING", message, Exit.NOT_RUNNING, hint=hint, retryable=True)
        if time.monotonic() >= deadline:
            raise no_leader(cluster)
        time.sleep(POLL_SECONDS)
    return view


def no_leader(cluster: Cluster, outcome: str = "none") -> CliError:
    return CliError(
        "E_NO_LEADER",
        f"{cluster.name} has no leader: its members cannot be changed",
        Exit.NO_QUORUM,
        hint=f"{cluster.line} status -o wide, {cluster.line} faults",
        outcome=outcome,
        retryable=True,
    )


def reflects(configuration: Configuration, changes: Sequence[Change]) -> bool:
    """Whether all of the changes have happened."""
    return all(_reflects(configuration, change) for change in changes)


def _reflects(configuration: Configuration, change: Change) -> bool:
    match change:
        case AddLearner():
            return change.id in configuration.members
        case Promote():
            return change.id in configuration.voters
        case Demote():
            return change.id in configuration.learners
        case Remove():
            return change.id not in configuration.members


def change_members(cluster: Cluster, changes: Sequence[Change], deadline: float) -> View:
    """Have the leader make one change of all of these. Gives who belongs to the cluster then.

    A refusal that may pass is put up with for a while, from the first one in a row on. Any refusal
    counts only if the members are not what was asked for by then: they may have become so.

    Raises CliError: exit 6 for a change that cannot be, 5 without a leader, 4 when it was not done
    by then (monotonic seconds). `outcome` says whether it may be done yet.
    """
    in_doubt = False
    error: CliError | None = None
    refused_since = 0.0
    while True:
        view = look(cluster)
        if view.leader is not None and view.is_settled and reflects(view.configuration, changes):
            return view
        now = time.monotonic()
        patient_until = min(refused_since + PATIENCE_SECONDS, deadline)
        if error is not None and (not error.retryable or now >= patient_until):
            if in_doubt:  # this attempt was refused, an earlier one may yet be carried out
                error.outcome = "unknown"
            raise error
        if now >= deadline:
            raise _too_late(cluster, view, in_doubt)
        was_refused, error = error is not None, None
        if view.leader is not None and (view.is_settled or not in_doubt):
            left = [each for each in changes if not _reflects(view.configuration, each)]
            # None: somebody else makes the same change now. The leader says so.
            refusal = _ask(cluster, view.leader, left or changes, deadline)
            in_doubt = in_doubt or refusal is None or refusal.code in _IN_DOUBT
            if refusal is None:
                continue  # done: the view says so
            error = _final(cluster, refusal)
            if not was_refused:
                refused_since = time.monotonic()
        time.sleep(POLL_SECONDS)


def _ask(
    cluster: Cluster, leader: int, changes: Sequence[Change], deadline: float
) -> "ClientError | None":
    """None when it is done."""
    from node.client.admin import Admin
    from node.client.errors import ClientError

    left = max(deadline - time.monotonic(), 0.1)
    # A node answers in time, or never: one that hangs does not get all of it.
    answer_seconds = 1 + ANSWER_TIMEOUTS * cluster.spec.raft.election_timeout_ms / 1000
    left = min(left, max(answer_seconds, left / 4))
    try:
        with Admin(cluster.address, leader, left) as admin:
            admin.change_members(changes)
    except ClientError as error:
        return error
    return None


def _final(cluster: Cluster, refusal: "ClientError") -> CliError | None:
    """What a refusal means; None for one that says nothing for long. A retryable one may pass."""
    line = cluster.line
    match refusal.code:
        case "bad_change" | "bad_request":
            return CliError(
                "E_MEMBERS", named(refusal.message), Exit.PRECONDITION, hint=f"{line} members ls"
            )
        case "change_pending":
            return CliError(
                "E_CHANGE_PENDING",
                refusal.message,
                Exit.PRECONDITION,
                hint=f"{line} members ls shows it; it is done once a majority has it",
                retryable=True,
            )
        case "not_caught_up":
            return CliError(
                "E_NOT_CAUGHT_UP",
                named(refusal.message),
                Exit.PRECONDITION,
                hint=f"{line} members ls shows how far it is",
                retryable=True,
            )
    return None


def _too_late(cluster: Cluster, view: View, in_doubt: bool) -> CliError:
    outcome = "unknown" if in_doubt else "none"
    if view.leader is None:
        return no_leader(cluster, outcome)
    return CliError(
        "E_TIMEOUT",
        f"the members of {cluster.name} did not change in time",
        Exit.TIMED_OUT,
        cause="it may be done yet" if in_doubt else "",
        hint=f"{cluster.line} members ls",
        outcome=outcome,
        retryable=True,
    )
