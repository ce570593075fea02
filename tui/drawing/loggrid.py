"""The ends of all logs side by side: one column for an index, in each cell the entry's term."""

from tui.drawing.moment import Moment
from tui.drawing.text import Line, both_ends, number, term_style
from tui.nodes import NodeView

CELL = 5
LABEL = 7
ENDS = 22
PENDING_MAX = 4
TOLD_SECONDS = 0.3
"""What two nodes that keep up told last may be so far apart."""


def columns_for(width: int) -> int:
    """How many indexes there is room for."""
    return max((width - LABEL - ENDS - 2) // CELL, 0)


def log_grid(moment: Moment, width: int) -> list[Line]:
    """A heading and a line for each node. The last column is the next index."""
    model = moment.model
    count = columns_for(width)
    end = _end(moment)
    indexes = range(max(end - count + 1, 1), end + 1)
    heading = "".join(f"{_short(index, at == 0):>{CELL - 1}} " for at, index in enumerate(indexes))
    ends = f"{'first':>9} {'last':>9} "
    names: Line = [("│ ", "frame"), (ends, "dim")]
    lines = [both_ends([(f" {'idx':<{LABEL - 1}}{heading}", "dim")], names, width)]
    for node_id in model.ids():
        view = model.nodes[node_id]
        is_live = moment.is_live(view)
        star = " ★" if moment.leader is view else ""
        line: Line = [(f" {view.name + star:<{LABEL - 1}}", "bold" if is_live else "dim")]
        line += _cells(moment, view, indexes)
        first, last = view.status.get("first_index"), view.status.get("last_index")
        ends = f"{number(first):>9} {number(last):>9} "
        lines.append(both_ends(line, [("│ ", "frame"), (ends, "" if is_live else "dim")], width))
    return lines


def _end(moment: Moment) -> int:
    """The last index that is shown. Nodes tell how far they are at different moments: at a high
    rate those that keep up differ by some entries, and the window is where all of them have been.
    Of what is not committed only the first is shown, as that may be hundreds.
    """
    model = moment.model
    behind = max(round(model.rate(moment.now_ns) * TOLD_SECONDS), PENDING_MAX)
    commits = [view.number("commit_index") for view in model.nodes.values() if moment.is_live(view)]
    near = [commit for commit in commits if commit >= model.commit_index - behind]
    commit = min(near, default=model.commit_index)
    return min(model.last_index + 1, commit + PENDING_MAX + 1)


def _short(index: int, is_first: bool) -> str:
    """The last three digits: the whole of it stands at the right."""
    if index < 1000:
        return str(index)
    return f"…{index % 1000:03}" if is_first else f"{index % 1000:03}"


def _cells(moment: Moment, view: NodeView, indexes: range) -> Line:
    last = view.number("last_index")
    if not view.status:
        return [("  nothing known", "dim")]
    if last < indexes.start:
        what = "last known" if not moment.is_live(view) else "behind"
        words = f"  …{number(last)}   {number(moment.model.last_index - last)} {what}"
        return [(words, "warn" if moment.is_live(view) else "dim")]
    leader = moment.leader
    progress = {} if leader is None else leader.table("progress").get(str(view.node_id), {})
    match = progress.get("match_index", 0)
    upcoming = progress.get("next_index", 0) if leader is not view else 0
    return [
        _cell(moment, view, index, (last, match, upcoming)) if index > 0 else (" " * CELL, "")
        for index in indexes
    ]


def _cell(
    moment: Moment, view: NodeView, index: int, ends: tuple[int, int, int]
) -> tuple[str, str]:
    last, match, upcoming = ends
    if index > last:
        style = "accent" if moment.is_live(view) else "dim"
        return ("   ↑ ", style) if index == upcoming else (" " * CELL, "")
    if index < view.number("first_index"):
        return "  ⟨s⟩", "dim"
    term = term_of(moment, view, index)
    if term is None:
        return "   · ", "dim"
    style = term_style(term) if moment.is_live(view) else "dim"
    if index > view.number("commit_index"):
        if _diverges(moment, view, index, term):
            return f"≠({term})".rjust(CELL), "bad bold"
        return f"({term})".rjust(CELL), style
    return f"{term:>{CELL - 1}}" + ("●" if index == match else " "), style


def term_of(moment: Moment, view: NodeView, index: int) -> int | None:
    """The term of a node's entry; None where it is not known."""
    if index <= view.number("commit_index"):
        entry = moment.model.entries.get(index)
        if entry is not None:
            return entry.term
    return view.tail.get(index)


def _diverges(moment: Moment, view: NodeView, index: int, term: int) -> bool:
    """Whether the leader has another entry there: this one will be truncated."""
    leader = moment.leader
    if leader is None or leader is view:
        return False
    other = term_of(moment, leader, index)
    return other is not None and other != term
