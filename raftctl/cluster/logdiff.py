"""`raftctl log diff`: two logs side by side, from where they part."""

from pathlib import Path

from raftctl.cluster.comparing import common, compare
from raftctl.cluster.directory import find_cluster
from raftctl.cluster.nodelogs import (
    Describer,
    NodeLog,
    describer_of,
    is_path,
    read_folder,
    read_node,
)
from raftctl.cluster.observation import observe, survey
from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.logdocs import LogDiff, LogEntry, LogPair, LogSide
from raftctl.output import Output, escaped, table
from raftctl.selectors import resolve
from raftctl.settings import Settings
from raftctl.values import usage

CONTEXT_ROWS = 1
"""Rows in front of the first that differs."""
DATA_MAX = 30


def two_logs(settings: Settings, left: str, right: str) -> tuple[NodeLog, NodeLog, Describer]:
    """Read both. The state of a running node is what it says, its entries are what it has on its
    disk. Raises CliError for one that cannot be read.
    """
    if is_path(left) and is_path(right):
        one, other = (read_folder(Path(each), each) for each in (left, right))
        _check_one_cluster(one, other, ())
        return one, other, describer_of(Path(left))
    cluster = find_cluster(settings)
    answers = survey(cluster)
    found: list[NodeLog] = []
    for word in (left, right):
        if is_path(word):
            found.append(read_folder(Path(word), word))
            continue
        chosen = resolve([word], observe(cluster))
        if len(chosen) != 1:
            raise usage(f"{word} means {len(chosen)} nodes", "name one")
        found.append(read_node(cluster, chosen[0], answers[chosen[0]]))
    one, other = found
    _check_one_cluster(one, other, cluster.spec.former_ids)
    return one, other, Describer.of(cluster)


def _check_one_cluster(one: NodeLog, other: NodeLog, former_ids: tuple[str, ...]) -> None:
    """Raises CliError for logs that have nothing to do with each other. One of a cluster's earlier
    life may be compared: their beginnings are one.
    """
    strange = {one.cluster_id, other.cluster_id} - set(former_ids)
    if len(strange) > 1:
        raise CliError(
            "E_WRONG_CLUSTER",
            f"{one.name} is of the cluster {one.cluster_id}, {other.name} of {other.cluster_id}",
            Exit.PRECONDITION,
            hint="logs of one cluster can be compared",
        )


def diff_of(left: NodeLog, right: NodeLog, describer: Describer, count: int) -> LogDiff:
    """The rows from one before the place where they part, at most `count` that differ."""
    found = compare(left, right)
    both = common(left, right)
    last = max(left.last_index, right.last_index)
    rows: list[LogPair] = []
    more = 0
    if found.parts_at is not None:
        first = max(found.parts_at - CONTEXT_ROWS, min(left.first_index, right.first_index))
        end = min(found.parts_at + count - 1, last)
        more = last - end
    else:
        first, end = max(last - CONTEXT_ROWS + 1, 1), last
    for index in range(first, end + 1):
        entries = [describer.document(log, index) for log in (left, right)]
        is_same = left.entry_at(index) == right.entry_at(index)
        if entries != [None, None]:
            rows.append(LogPair(index, is_same, entries[0], entries[1]))
    return LogDiff(
        left=_side(left),
        right=_side(right),
        compared_from=both.start if both else None,
        parts_at=found.parts_at,
        verdict=found.verdict,
        text=found.text,
        rows=rows,
        more=more,
    )


def _side(log: NodeLog) -> LogSide:
    return LogSide(
        log.name,
        "database" if log.last_applied is None else "node",
        log.first_index,
        log.last_index,
        log.last_term,
        log.commit_index,
        list(log.damage),
    )


def diff_lines(document: LogDiff, output: Output) -> list[str]:
    """The two of them side by side: the left one in full, the right one where it is another.

    What entries do is cut to fit two of them beside each other, unless it is to be `wide`.
    """
    limit = None if output.is_wide else DATA_MAX
    left, right = document.left, document.right
    unequal = output.sign("≠", "!")
    bar = output.sign("│", "|")
    header = ("", "INDEX", "TERM", "KIND", "STATE", "BYTES", f"DATA ({left.node})")
    cells: list[tuple[object, ...]] = []
    for row in document.rows:
        mark = "" if row.same or row.left is None or row.right is None else unequal
        entry = row.left
        if entry is None:
            cells.append((mark, row.index, None, "", "", None, "absent"))
            continue
        cells.append(
            (mark, row.index, entry.term, entry.kind, entry.state, entry.bytes, _data(entry, limit))
        )
    lines = table(header, cells)
    width = max(map(len, lines))
    sides = [right.node, *(_right_cell(row, limit) for row in document.rows)]
    shown = [
        f"{line:{width}} {bar} {side}".rstrip() for line, side in zip(lines, sides, strict=True)
    ]
    if document.more:
        shown.append(f"... {document.more:,} more; -n shows them")
    if document.compared_from is not None and document.compared_from > 1:
        shown.append(
            f"compared from entry {document.compared_from:,} on: snapshots stand for the rest"
        )
    return [*shown, document.text]


def _right_cell(row: LogPair, limit: int | None) -> str:
    if row.right is None:
        return "absent"
    return "=" if row.same else f"t{row.right.term} {_data(row.right, limit)}"


def _data(entry: LogEntry, limit: int | None) -> str:
    text = escaped(entry.preview if entry.preview is not None else entry.kind)
    return text if limit is None or len(text) <= limit else f"{text[: limit - 3]}..."
