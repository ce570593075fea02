"""Nodes that leave a cluster: whether it can spare them, who leads instead, and what stays."""

import signal
import time
from collections.abc import Collection, Sequence
from contextlib import suppress

from node.config import NODE_ID_MAX, save_cluster
from node.raft.configuration import Change, Configuration
from node.raft.errors import ConfigurationError
from raftctl.cluster.changing import POLL_SECONDS, look, no_leader
from raftctl.cluster.directory import Cluster
from raftctl.cluster.members import View, count, named, names
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.output import Output

STOP_SECONDS = 5.0
SUCCESSOR_SECONDS = 5.0
"""How long somebody who could lead is looked for."""
HEARD_MS_MAX = 1000
"""Who did not answer the leader for so long is not asked to lead."""


def target_of(cluster: Cluster, view: View, changes: Sequence[Change]) -> Configuration | None:
    """What the changes lead to; None while another change is under way.

    Raises CliError for changes that cannot be, such as the loss of the last voter.
    """
    if view.configuration.is_joint:
        return None
    try:
        return view.configuration.changed(changes)
    except ConfigurationError as error:
        raise CliError(
            "E_MEMBERS",
            f"{named(str(error))}; the members of {cluster.name} are as they were",
            Exit.PRECONDITION,
            hint=f"{cluster.line} members ls",
        ) from error


def arithmetic(
    cluster: Cluster, target: Configuration, alive: Collection[int], is_wanted: bool
) -> str | None:
    """A warning about a change that leaves too few voters alive; None when there are enough.

    A new majority has to take the change itself: without one it would stay under way, and with it
    all that comes after, until a dead voter is back. Raises CliError then, unless it `is_wanted`.
    """
    votes = count(target, alive)
    if votes.spare >= 0:
        return None
    text = f"{votes.have} of {votes.voters} voters would be alive, {votes.need} are needed"
    if is_wanted:
        return f"{text}: no quorum until another one is back"
    dead = names(target.voters.difference(alive))
    raise CliError(
        "E_NO_QUORUM",
        f"{text}: the change could not be done, nor anything after it",
        Exit.NO_QUORUM,
        hint=f"remove or start {' '.join(dead)} first; -y does it all the same",
    )


def hand_over(
    cluster: Cluster, output: Output, view: View, leaving: Collection[int], deadline: float
) -> None:
    """Have a voter that stays lead, if one that leaves does. Where none can, the leader that leaves
    gives way at the end of the change.

    Raises CliError when nobody leads by then (monotonic seconds).
    """
    from node.client.admin import Admin
    from node.client.errors import ClientError

    give_up_at = min(deadline, time.monotonic() + SUCCESSOR_SECONDS)
    while view.leader is None or view.leader in leaving:
        nobody_stays = not view.configuration.electorate.difference(leaving)
        if time.monotonic() >= give_up_at or (view.leader is not None and nobody_stays):
            if view.leader is None:
                raise no_leader(cluster)
            return
        able = _able_to_lead(view, leaving)
        if view.leader is not None and able:
            successor = max(able, key=lambda node_id: (able[node_id], -node_id))
            output.note(f"n{view.leader} leads: handing over to n{successor}")
            with (
                suppress(ClientError),  # whoever leads then says how it went
                Admin(cluster.address, view.leader, SUCCESSOR_SECONDS) as admin,
            ):
                admin.transfer(successor)
        time.sleep(POLL_SECONDS)
        view = look(cluster)


def _able_to_lead(view: View, leaving: Collection[int]) -> dict[int, int]:
    """The voters that stay and answer, with what each holds of the log."""
    staying = view.configuration.voters.difference(leaving)
    return {
        node_id: progress["match_index"]
        for node_id, progress in view.progress.items()
        if node_id in staying
        and progress["heard_ms"] is not None
        and progress["heard_ms"] < HEARD_MS_MAX
    }


def retire(cluster: Cluster, output: Output, node_ids: Collection[int]) -> None:
    """Stop nodes that are no members any more, and drop their rows. Their folders stay.

    Raises CliError when one cannot be stopped.
    """
    for node_id in sorted(node_ids & cluster.processes.keys()):
        process = cluster.processes[node_id]
        try:
            process.end(signal.SIGTERM, "removed", STOP_SECONDS)
        except CliError:
            output.note(f"{process.name} does not stop by itself: killing it")
            process.end(signal.SIGKILL, "removed", STOP_SECONDS)
        process.note_end("removed")
    cluster.refresh()
    spec = cluster.spec
    nodes = tuple(node for node in spec.nodes if node.id not in node_ids)
    # Also the id of a member that had no row here was given, and does not come back.
    next_id = max([spec.free_id, *(min(node_id, NODE_ID_MAX) + 1 for node_id in node_ids)])
    save_cluster(cluster.folder, spec._replace(nodes=nodes, next_id=next_id))
    cluster.refresh()
