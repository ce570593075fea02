"""events: what happens on the nodes, as it happens, or as it was recorded."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Annotated

import typer

from raftctl import completion
from raftctl.commands.runs import tell_damages
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import node_id, seconds, usage
from raftctl.verbs import section

if TYPE_CHECKING:
    from raftctl.cluster.eventstream import Item
    from raftctl.cluster.recordings import Run
    from raftctl.eventdocs import Event


def add_to(app: typer.Typer) -> None:
    add = section(app, "Observe")
    add(
        events, "events -f", "events --node n1 --since 5m -o jsonl", "events -f --kind applied",
        "events -f --plain", "events --run latest --kind leader",
    )  # fmt: skip


def events(
    context: typer.Context,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="And what comes, live.")] = False,
    kind: Annotated[
        list[str] | None,
        typer.Option(help="leader, vote, fault, ...; also gap, applied, changed, status."),
    ] = None,
    node: Annotated[
        str, typer.Option(help="Whose; a selector.", autocompletion=completion.nodes)
    ] = "all",
    since: Annotated[str | None, typer.Option(help="Not older than: 5m.")] = None,
    run: Annotated[
        str | None,
        typer.Option(
            metavar="RUN",
            help="Of a recording: a cluster, a saved run, a file, latest.",
            autocompletion=completion.runs,
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Also applied entries and each change of the status.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="Lines without columns, for screen readers.")
    ] = False,
) -> int:
    """Show what happened on the nodes, merged by time; of those that run, or of a recording.

    With -f it goes on, through the restart of a node too. What could not be told is a line of its
    own (gap), and what comes after something newer is marked (late).
    """
    from raftctl.cluster.eventlines import check_kinds, line, plain_line, wanted
    from raftctl.cluster.eventlines import events as documents

    settings: Settings = context.obj
    check_kinds(kind or ())
    oldest_ns = 0 if since is None else time.time_ns() - int(seconds(since) * 1e9)
    found = None if run is None else _recording(settings, run, follow)
    items = _live(settings, node, follow) if found is None else _recorded(found, node)
    what = "asking the nodes for their events" if found is None else f"reading {found.name}"
    with settings.output.patience(what):
        head = next(items, None)
    show = plain_line if plain else line
    is_wanted = wanted(kind, everything, oldest_ns)
    for event in documents(chain([] if head is None else [head], items), is_wanted):
        settings.output.show(event, partial(_lines, show, event))
    return Exit.OK if found is None else tell_damages(settings, found)


def _lines(show: "Callable[[Event], str]", event: "Event") -> list[str]:
    return [show(event)]


def _recording(settings: Settings, run: str, follow: bool) -> "Run":
    from raftctl.cluster.recordings import find_run

    if follow:
        raise usage("a recording is not followed", "events -f without --run shows what comes")
    return find_run(settings, run)


def _recorded(run: "Run", node: str) -> "Iterator[Item]":
    """The frames of those nodes: n1, or n1,n2."""
    chosen = None if node == "all" else {node_id(each) for each in node.split(",")}
    return (item for item in run.items() if chosen is None or item.node_id in chosen)


def _live(settings: Settings, node: str, follow: bool) -> "Iterator[Item]":
    """The streams of the nodes that were chosen. Exit 3 when none of them runs."""
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.eventstream import stream
    from raftctl.cluster.observation import observe
    from raftctl.selectors import resolve

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
    return stream(cluster, None if node == "all" else chosen, follow, settings.output.note)
