"""transfer: who leads."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from raftctl import completion
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.selectors import voters_of
from raftctl.settings import Settings
from raftctl.values import usage
from raftctl.verbs import section

if TYPE_CHECKING:
    from node.client.errors import ClientError
    from raftctl.statusdocs import Status

TRANSFER_SECONDS = 30.0


def add_to(app: typer.Typer) -> None:
    add = section(app, "Raft")
    add(transfer, "transfer n2", "transfer")


def transfer(
    context: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(metavar="[SEL]", help="Who should lead.", autocompletion=completion.nodes),
    ] = None,
) -> None:
    """Hand leadership over; returns once the target leads."""
    from node.client.admin import Admin
    from node.client.errors import ClientError
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.observation import observe
    from raftctl.cluster.waiting import wait_for
    from raftctl.memberdocs import Transfer
    from raftctl.selectors import resolve

    settings: Settings = context.obj
    cluster = find_cluster(settings)
    begin = time.monotonic()
    timeout = settings.timeout or TRANSFER_SECONDS
    before = observe(cluster)
    (leader,) = resolve(["leader"], before)
    chosen = None if target is None else resolve([target], before)
    successor = _successor(before, f"n{leader}", target, chosen)
    settings.output.note(f"asking n{leader} to hand over")
    if successor != leader:
        try:
            with Admin(cluster.address, leader, timeout) as admin:
                admin.transfer(successor)
        except ClientError as error:
            raise _not_handed_over(leader, successor, error) from error
    name = f"n{successor}"
    left = max(begin + timeout - time.monotonic(), 0)
    seen = wait_for(cluster, lambda status: status.leader == name, f"led by {name}", left)
    took = round((time.monotonic() - begin) * 1000)
    document = Transfer(name, f"n{leader}", seen.term or 0, took)
    settings.output.show(document, lambda: [f"{name} leads term {seen.term}, after {took} ms"])


def _successor(status: "Status", leader: str, target: str | None, chosen: list[int] | None) -> int:
    """Who shall lead, if it can; nobody named is the running follower with the longest log."""
    rows = {int(row.id[1:]): row for row in status.nodes}
    voters = voters_of(status)
    if len(voters) == 1:
        raise CliError(
            "E_NO_SUCCESSOR",
            f"{status.cluster} has one voter: there is nobody to hand over to",
            Exit.PRECONDITION,
            hint="raftctl members add",
        )
    if chosen is None:
        others = [n for n in rows if n in voters and rows[n].id != leader]
        able = [n for n in others if rows[n].voting]
        if not able:
            dead = rows[others[0]]
            raise CliError(
                "E_NOT_RUNNING",
                f"no follower of {status.cluster} runs and votes",
                Exit.NOT_RUNNING,
                hint=dead.remedy or f"raftctl start {dead.id}",
                retryable=True,
            )
        return max(able, key=lambda n: (rows[n].last_index or 0, -n))
    if len(chosen) != 1:
        raise usage(f"{target} means {len(chosen)} nodes", "name one")
    row = rows[chosen[0]]
    if row.proc != "running":
        raise CliError(
            "E_NOT_RUNNING",
            f"{row.id} cannot lead: {row.note}",
            Exit.NOT_RUNNING,
            hint=row.remedy or f"raftctl start {row.id}",
            retryable=True,
        )
    if row.voting is False:
        raise CliError(
            "E_WIPED",
            f"{row.id} cannot lead: it lost its disk and only follows",
            Exit.PRECONDITION,
            hint="raftctl transfer any-follower, or raftctl status",
        )
    if chosen[0] not in voters:
        raise CliError(
            "E_NO_VOTE",
            f"{row.id} cannot lead: it has no vote",
            Exit.PRECONDITION,
            hint=f"raftctl members promote {row.id}",
        )
    return chosen[0]


def _not_handed_over(leader: int, successor: int, error: "ClientError") -> CliError:
    """Why n`leader` did not hand over."""
    from node.client.errors import NoLeaderError
    from raftctl.errors import from_client_error

    if error.code in ("timeout", "silent"):
        return CliError(
            "E_TIMEOUT",
            f"n{leader} gave up: n{successor} did not take over in time",
            Exit.TIMED_OUT,
            hint="raftctl status -o wide, and then raftctl transfer again",
            outcome="unknown",
            retryable=True,
        )
    if error.code in ("not_leader", "no_leader"):
        error = NoLeaderError(error.code, f"n{leader} leads no longer: {error.message}")
    return from_client_error(error)
