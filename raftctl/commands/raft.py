"""transfer, log show, events: Raft itself."""

import time
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from raftctl import completion
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import seconds, usage
from raftctl.verbs import group, section

if TYPE_CHECKING:
    from node.client.admin import Admin
    from node.wire.messages import Happened
    from raftctl.documents import Event

TRANSFER_SECONDS = 30.0
LOG_LIMIT = 50
LOG_PAGE = 500  # entries of an answer, which a node makes in between its own work


def add_to(app: typer.Typer) -> None:
    add = section(app, "Raft")
    add(transfer, "transfer n2", "transfer")
    add(events, "events -f", "events --node n1 --since 5m -o jsonl")
    log = group(app, "log", "Raft", "Look into a node's log.")
    section(log, "Raft")(log_show, "log show leader --from 1 --to 20", name="show")


def transfer(
    context: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(metavar="[SEL]", help="Who should lead.", autocompletion=completion.nodes),
    ] = None,
) -> None:
    """Hand leadership over; returns once the target leads."""
    from node.client.admin import Admin
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.launcher import wait_for
    from raftctl.cluster.observation import observe
    from raftctl.documents import Transfer
    from raftctl.selectors import resolve

    settings: Settings = context.obj
    cluster = find_cluster(settings)
    begin = time.monotonic()
    timeout = settings.timeout or TRANSFER_SECONDS
    before = observe(cluster)
    (leader,) = resolve(["leader"], before)
    chosen = [0] if target is None else resolve([target], before)
    if len(chosen) != 1:
        raise usage(f"{target} means {len(chosen)} nodes", "name one")
    settings.output.note(f"asking n{leader} to hand over")
    if chosen != [leader]:
        with Admin(cluster.address, leader, timeout) as admin:
            chosen = [admin.transfer(chosen[0])["target"]]
    name = f"n{chosen[0]}"
    seen = wait_for(cluster, lambda status: status.leader == name, f"led by {name}", timeout)
    took = round((time.monotonic() - begin) * 1000)
    document = Transfer(name, f"n{leader}", seen.term or 0, took)
    settings.output.show(document, lambda: [f"{name} leads term {seen.term}, after {took} ms"])


def log_show(
    context: typer.Context,
    selector: Annotated[
        str,
        typer.Argument(
            metavar="SEL", help="Whose log: n1, leader.", autocompletion=completion.nodes
        ),
    ],
    first: Annotated[int | None, typer.Option("--from", min=0, help="From this index.")] = None,
    last: Annotated[int, typer.Option("--to", min=0, help="To this index; 0: the end.")] = 0,
    term: Annotated[int | None, typer.Option(min=0, help="Only entries of this term.")] = None,
) -> None:
    """Show entries of one node's own log, committed or not.

    The last 50, or all of a range, of a term, or of both.
    """
    from node.client.admin import Admin
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.observation import observe
    from raftctl.documents import Log
    from raftctl.output import table
    from raftctl.selectors import resolve

    settings: Settings = context.obj
    cluster = find_cluster(settings)
    chosen = resolve([selector], observe(cluster))
    if len(chosen) != 1:
        raise usage(f"{selector} means {len(chosen)} nodes", "name one")
    with Admin(cluster.address, chosen[0], settings.timeout or 5.0) as admin:
        start = first or 1
        if first is None and not last and term is None:
            start = max(admin.read_log(1, 1, 1)["last_index"] - LOG_LIMIT + 1, 1)
        seen, found = _read(admin, start, last, term)
    entries = [_entry(each, seen) for each in found]
    document = Log(
        f"n{chosen[0]}", seen["first_index"], seen["last_index"], seen["commit_index"], entries
    )
    header = ("INDEX", "TERM", "KIND", "STATE", "BYTES", "DATA")
    rows = [(e.index, e.term, e.kind, e.state, e.bytes, e.preview) for e in entries]
    settings.output.show(document, lambda: table(header, rows) if rows else ["no such entries"])


def _read(
    admin: "Admin", start: int, last: int, term: int | None
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Entries `start`..`last`, 0 is the end, of `term`; before them where the log stands."""
    found: list[dict[str, Any]] = []
    while True:
        seen = admin.read_log(start, last, LOG_PAGE)
        # What comes in meanwhile is left out: it might never end.
        last = min(last or seen["last_index"], seen["last_index"])
        page = seen["entries"]
        found += [each for each in page if term in (None, each["term"])]
        if not page or page[-1]["index"] >= last:
            return seen, found
        start = page[-1]["index"] + 1


def _entry(values: dict[str, Any], seen: dict[str, Any]) -> "Any":  # noqa: ANN401
    from raftctl.documents import LogEntry

    index = values["index"]
    state = "uncommitted"
    if index <= seen["last_applied"]:
        state = "applied"
    elif index <= seen["commit_index"]:
        state = "committed"
    return LogEntry(
        index,
        values["term"],
        values["kind"],
        state,
        values["bytes"],
        values.get("client"),
        values.get("sequence"),
        values.get("preview"),
    )


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
    from raftctl.cluster.eventstream import history, live
    from raftctl.cluster.observation import observe
    from raftctl.selectors import resolve

    settings: Settings = context.obj
    oldest_ns = 0 if since is None else time.time_ns() - int(seconds(since) * 1e9)
    cluster = find_cluster(settings)
    seen = observe(cluster)
    chosen = resolve([node], seen)
    running = [each for each in chosen if seen.nodes[each - 1].proc == "running"]
    if not running:
        raise CliError(
            "E_NOT_RUNNING", "none of these nodes runs", Exit.NOT_RUNNING, hint="raftctl start n1"
        )
    stream = live(cluster, running) if follow else history(cluster, running)
    for node_id, happened in stream:
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
