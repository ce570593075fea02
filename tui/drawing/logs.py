"""What the stream told of a log: for a recording, and for a node that does not answer."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from tui.drawing.moment import Moment
from tui.drawing.text import clock, duration
from tui.nodes import NodeView

TOLD_NS = 100_000_000
"""Nodes tell so often how far they are: what is shorter is not known more exactly."""


def told_log(moment: Moment, view: NodeView) -> dict[str, Any]:
    """As ReadLog is answered, with the entries that were described when they took effect. Of many
    at a time only some are, and of what is not committed none.
    """
    applied, first = view.applied_index, max(view.number("first_index"), 1)
    entries = [
        asdict(entry) | {"bytes": entry.size}
        for entry in reversed(moment.model.entries.newest(2_048))
        if first <= entry.index <= applied
    ]
    return {
        "first_index": first,
        "last_index": view.number("last_index"),
        "commit_index": view.number("commit_index"),
        "last_applied": applied,
        "entries": entries,
    }


def times_of(moment: Moment, view: NodeView, index: int) -> tuple[str, str]:
    """When the entry was first told to be in a log, and how long after that it was committed.

    A committed entry is the same wherever it is; another one is that of this node alone.
    """
    views = [each for each in moment.model.nodes.values() if each.number("commit_index") >= index]
    appended = _first(each.growth.appended_at(index) for each in views or [view])
    if appended is None:
        return "–", "–"
    committed = _first(each.growth.committed_at(index) for each in views)
    proposed = clock(appended + moment.model.wall_offset_ns, 1)
    if committed is None:
        return proposed, "–"
    took_ns = max(committed - appended, 0)
    return proposed, "<0.1s" if took_ns < TOLD_NS else duration(took_ns / 1e9)


def _first(times: Iterable[int | None]) -> int | None:
    return min((time for time in times if time is not None), default=None)
