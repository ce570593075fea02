"""transfer, events: Raft itself."""

import time
from datetime import UTC, datetime
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from raftctl import completion
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.selectors import voters_of
from raftctl.settings import Settings
from raftctl.values import seconds, usage
from raftctl.verbs import section

if TYPE_CHECKING:
    from node.client.errors import ClientError
    from node.wire.messages import Happened
    from raftctl.documents import Event, Status

TRANSFER_SECONDS = 30.0


def add_to(app: typer.Typer) -> None:
    add = section(app, "Raft")
    add(transfer, "transfer n2", "transfer")
    add(events, "events -f", "events --node n1 --since 5m -o jsonl")


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
    from raftctl.documents import Transfer
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


def events(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="And what comes, live.")] = False,
    kind: Annotated[
        list[str] | None, typer.Option(help="leader, election, vote, fault, ...")
    ] = None,
    node: Annotated[
        str, typer.Option(help="Whose; a selector.", autocompletion=completion.nodes)
    ] = "all",
    since: Annotated[str | None, typer.Option(help="Not older than: 5m.")] = None,
) -> None:
    """Show what happened on the nodes, merged by time."""
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.eventstream import stream
    from raftctl.cluster.observation import observe
    from raftctl.selectors import resolve

    settings: Settings = context.obj
    oldest_ns = 0 if since is None else time.time_ns() - int(seconds(since) * 1e9)
    cluster = find_cluster(settings)
    with settings.output.patience("asking the nodes"):
        seen = observe(cluster)
    chosen = resolve([node], seen)
    alive = {int(row.id[1:]) for row in seen.nodes if row.proc == "running"}
    running = [each for each in chosen if each in alive]
    left_out = [f"n{each}" for each in chosen if each not in running]
    if not running:
        hint = f"{cluster.line} start {' '.join(left_out)}"
        raise CliError("E_NOT_RUNNING", "none of these nodes runs", Exit.NOT_RUNNING, hint=hint)
    if left_out:
        settings.output.note(f"without {' '.join(left_out)}: not running")
    items = stream(cluster, None if node == "all" else chosen, follow, settings.output.note)
    with settings.output.patience("asking the nodes for their events"):
        head = next(items, None)
    for node_id, happened in chain([] if head is None else [head], items):
        if happened.wall_ns < oldest_ns or (kind and happened.kind not in kind):
            continue
        document = _event(node_id, happened)
        settings.output.show(document, partial(_event_lines, document))


def _event(node_id: int, happened: "Happened") -> "Event":
    from raftctl.documents import Event

    moment = datetime.fromtimestamp(happened.wall_ns / 1e9, UTC)
    text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    boot = f"{happened.boot:016x}"
    return Event(
        f"n{node_id}", boot, happened.seq, happened.mono_ns, text, happened.kind, happened.term,
        happened.data,
    )  # fmt: skip


def _event_lines(event: "Event") -> list[str]:
    data = "  ".join(f"{key} {value}" for key, value in event.data.items())
    return [f"{event.time[11:23]}  {event.node:4} {event.kind:9} term {event.term}  {data}"]
