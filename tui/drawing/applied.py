"""The entries that took effect: index, term, command, and when each node applied it."""

from tui.drawing.moment import Moment
from tui.drawing.text import Line, fill, fit, number, printable, right, size, term_style
from tui.entries import Entry

NODE_CELL = 8
WIDE_COLUMNS = 76
"""From so many columns on there is room for the kind and the size of an entry."""
ENTRY_WIDTH, ENTRY_WIDTH_NARROW = 33, 18
"""Of all but the command."""
COMMAND_MIN = 16
SKIPPED = "⋯"


def applied_lines(moment: Moment, width: int, height: int, end: int | None = None) -> list[Line]:
    """Newest first. `end`: the highest index that is shown; None: the newest there is."""
    shown = _window(moment, width)
    command = max(width - _entry_width(width) - NODE_CELL * len(shown), COMMAND_MIN)
    heading = f" {'INDEX':>11} {'TERM':>4} "
    heading += f"{'KIND':<8}{'SIZE':>6} " if width >= WIDE_COLUMNS else ""
    heading += f"{'COMMAND':<{command}}"
    heading += "".join(f"{f'n{node_id}':>{NODE_CELL}}" for node_id in shown)
    lines: list[Line] = [fill([(heading, "dim")], width)]
    entries = moment.model.entries.newest(2_048)
    if end is not None:
        entries = [entry for entry in entries if entry.index <= end]
    if not entries:
        return [*lines, fill([("  no entry was seen to take effect yet", "dim")], width)]
    before: int | None = None
    for entry in entries:
        if len(lines) >= height:
            break
        if before is not None and entry.index < before - 1:
            words = f" {SKIPPED:>11} {number(before - 1 - entry.index)} more, sampled out"
            lines.append(fill([(words, "dim")], width))
        before = entry.index
        lines.append(fill([*_entry(entry, command, width), *_times(moment, entry, shown)], width))
    return lines[:height]


def _entry_width(width: int) -> int:
    return ENTRY_WIDTH if width >= WIDE_COLUMNS else ENTRY_WIDTH_NARROW


def _window(moment: Moment, width: int) -> list[int]:
    """The nodes that there is room for, the chosen one among them."""
    room = width - _entry_width(width) - COMMAND_MIN
    ids, count = moment.model.ids(), max(room // NODE_CELL, 1)
    at = ids.index(moment.chosen) if moment.chosen in ids else 0
    begin = max(at - count + 1, 0)
    return ids[begin : begin + count]


def shown_of(moment: Moment, width: int) -> str:
    """Which nodes are shown, where that is not all of them: n1–n3 of 9."""
    shown, count = _window(moment, width), len(moment.model.ids())
    if len(shown) >= count:
        return ""
    first, last = f"n{shown[0]}", f"n{shown[-1]}"
    return f"{first if first == last else f'{first}–{last}'} of {count}"


def _entry(entry: Entry, command: int, width: int) -> Line:
    line: Line = [
        (f" {number(entry.index):>11} ", ""),
        (f"{entry.term:>4} ", term_style(entry.term)),
    ]
    words = printable(entry.preview) or "–"
    if width >= WIDE_COLUMNS:
        line += [(f"{entry.kind:<8}", "dim"), (f"{size(entry.size):>6} ", "dim")]
    elif not entry.preview:
        words = entry.kind
    return [*line, (fit(words, command), "")]


def _times(moment: Moment, entry: Entry, node_ids: list[int]) -> Line:
    """How long after the first node each one applied it; a sign where only that it did is known."""
    nodes = moment.model.nodes
    times = {node_id: view.applied_at(entry.index) for node_id, view in nodes.items()}
    first = min((time for time in times.values() if time is not None), default=0)
    cells: Line = []
    for node_id in node_ids:
        time = times[node_id]
        if time is not None:
            after = (time - first) / 1e6
            text = "✓" if after < 1 else f"+{after:.0f}ms" if after < 10_000 else "later"
            cells.append((right(text, NODE_CELL), "good" if after < 200 else "warn"))
        elif moment.model.nodes[node_id].applied_index >= entry.index:
            cells.append((right("✓", NODE_CELL), "dim"))
        else:
            cells.append((right("·", NODE_CELL), "dim"))
    return cells
