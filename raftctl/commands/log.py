"""log show, log diff, log verify: what nodes have in their logs, whether they run or not."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from raftctl.commands.arguments import selection
from raftctl.exit_codes import Exit
from raftctl.settings import Settings
from raftctl.values import usage
from raftctl.verbs import group, section

if TYPE_CHECKING:
    from node.client.admin import Admin
    from raftctl.logdocs import Log, LogEntry

LOG_LIMIT = 50
LOG_PAGE = 500  # entries of an answer, which a node makes in between its own work
DIFF_ROWS = 20

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="A node's folder, or its raft.db, of anywhere.")
]


def add_to(app: typer.Typer) -> None:
    log = group(app, "log", "Raft", "Look into nodes' logs, whether they run or not.")
    add = section(log, "Raft")
    add(show, "log show leader --from 1 --to 20", "log show --data-dir backup/n3")
    add(diff, "log diff n3 n4", "log diff n3 backup/n3 -o json")
    add(verify, "log verify", "log verify n1 n2", "log verify --data-dir backup/n3")


def show(
    context: typer.Context,
    selector: Annotated[str | None, selection("Whose log: n1, leader.", "[SEL]")] = None,
    first: Annotated[int | None, typer.Option("--from", min=0, help="From this index.")] = None,
    last: Annotated[int, typer.Option("--to", min=0, help="To this index; 0: the end.")] = 0,
    term: Annotated[int | None, typer.Option(min=0, help="Only entries of this term.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Show entries of one node's own log, committed or not.

    The last 50, or all of a range, of a term, or of both. Of a node that does not answer its
    database is read: entries may be committed of which it did not know that they are. With -o jsonl
    each entry is a line.
    """
    from raftctl.output import table

    settings: Settings = context.obj
    if (selector is None) == (data_dir is None):
        raise usage("whose log?", "log show n1, or log show --data-dir FOLDER")
    if data_dir is not None:
        document = _of_folder(data_dir, first, last, term)
    else:
        document = _of_node(settings, selector or "", first, last, term)
    if settings.output.mode == "jsonl":
        for entry in document.entries:
            settings.output.show(entry, list)
        return
    header = ("INDEX", "TERM", "KIND", "STATE", "BYTES", "DATA")
    rows = [(e.index, e.term, e.kind, e.state, e.bytes, e.preview) for e in document.entries]
    settings.output.show(document, lambda: table(header, rows) if rows else ["no such entries"])


def _of_folder(folder: Path, first: int | None, last: int, term: int | None) -> "Log":
    from raftctl.cluster.nodelogs import describer_of, read_folder

    log = read_folder(folder, str(folder))
    return _offline(log, describer_of(folder), first, last, term)


def _of_node(
    settings: Settings, selector: str, first: int | None, last: int, term: int | None
) -> "Log":
    from node.client.admin import Admin
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.nodelogs import Describer, read_node
    from raftctl.cluster.observation import observe
    from raftctl.logdocs import Log
    from raftctl.selectors import resolve

    cluster = find_cluster(settings)
    status = observe(cluster)
    chosen = resolve([selector], status)
    if len(chosen) != 1:
        raise usage(f"{selector} means {len(chosen)} nodes", "name one")
    (row,) = [each for each in status.nodes if each.id == f"n{chosen[0]}"]
    if row.proc != "running":
        with settings.output.patience(f"reading the database of {row.id}"):
            document = _offline(
                read_node(cluster, chosen[0]), Describer.of(cluster), first, last, term
            )
        settings.output.note(
            f"{row.id}: {row.note}; as its database has it, committed up to "
            f"{document.commit_index:,} as far as it knew"
        )
        return document
    with Admin(cluster.address, chosen[0], settings.timeout or 5.0) as admin:
        start = first or 1
        if first is None and not last and term is None:
            start = max(admin.read_log(1, 1, 1)["last_index"] - LOG_LIMIT + 1, 1)
        seen, found = _read(admin, start, last, term)
    entries = [_entry(each, seen) for each in found]
    return Log(row.id, seen["first_index"], seen["last_index"], seen["commit_index"], entries)


def _offline(
    log: Any,  # noqa: ANN401 - a NodeLog
    describer: Any,  # noqa: ANN401 - a Describer
    first: int | None,
    last: int,
    term: int | None,
) -> "Log":
    from raftctl.logdocs import Log

    start = max(first or 1, log.first_index)
    if first is None and not last and term is None:
        start = max(log.last_index - LOG_LIMIT + 1, log.first_index)
    indices = range(start, min(last or log.last_index, log.last_index) + 1)
    entries = [
        describer.document(log, index) for index in indices if term in (None, log.term_at(index))
    ]
    return Log(log.name, log.first_index, log.last_index, log.commit_index, entries, "database")


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


def _entry(values: dict[str, Any], seen: dict[str, Any]) -> "LogEntry":
    from raftctl.cluster.nodelogs import to_document

    index = values["index"]
    state = "uncommitted"
    if index <= seen["last_applied"]:
        state = "applied"
    elif index <= seen["commit_index"]:
        state = "committed"
    return to_document(values, state)


Side = Annotated[str, selection("A node, or the folder of one.", "SEL")]


def diff(
    context: typer.Context,
    left: Side,
    right: Side,
    count: Annotated[
        int, typer.Option("-n", "--rows", min=1, help="How many rows that differ.")
    ] = DIFF_ROWS,
) -> int:
    """Show where two logs part, and whether they may.

    Logs may differ at their ends, in what was never committed. Exit 7 when they differ elsewhere.
    A folder is written with a slash: ./n3, backup/n3.
    """
    from raftctl.cluster.logdiff import diff_lines, diff_of, two_logs

    settings: Settings = context.obj
    with settings.output.patience("reading the databases"):
        one, other, describer = two_logs(settings, left, right)
        document = diff_of(one, other, describer, count)
    settings.output.show(document, lambda: diff_lines(document, settings.output))
    for side in (document.left, document.right):
        if side.damage:
            settings.output.warn(f"{side.node} is damaged, its log was read up to there")
    return Exit.CHECK_FAILED if document.verdict == "illegal" else Exit.OK


def verify(
    context: typer.Context,
    selectors: Annotated[list[str] | None, selection("Whose; none: all.")] = None,
    data_dir: DataDir = None,
) -> int:
    """Check all that nodes have on their disks: exit 7 when something is damaged.

    Every entry's and snapshot's checksum, that nothing is missing, that terms do not fall, the
    saved term and vote, the redo log and the write-ahead log. Nothing is changed, and a node that
    runs goes on.
    """
    from raftctl.cluster.directory import find_cluster
    from raftctl.cluster.logcheck import check_folder, check_node, lines_of
    from raftctl.cluster.observation import observe
    from raftctl.logdocs import LogVerify
    from raftctl.selectors import resolve

    settings: Settings = context.obj
    output = settings.output
    if data_dir is not None:
        if selectors:
            raise usage(f"--data-dir and {' '.join(selectors)}", "one of the two")
        with output.patience(f"reading {data_dir}"):
            logs = [check_folder(data_dir, output)]
    else:
        cluster = find_cluster(settings)
        chosen = list(cluster.processes)
        if selectors:
            chosen = resolve(selectors, observe(cluster))
        logs = []
        for node_id in chosen:
            with output.patience(f"reading the data of n{node_id}"):
                logs.append(check_node(cluster, node_id, output))
    document = LogVerify(all(log.ok for log in logs), logs)
    output.show(document, lambda: lines_of(document, output))
    return Exit.OK if document.ok else Exit.CHECK_FAILED
