"""The head line and the nodes of the overview: as cards, and where there is no room as rows."""

import re
from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from tui.drawing.faults import faults_of
from tui.drawing.moment import Moment, ago
from tui.drawing.text import (
    Line,
    bar,
    beside,
    both_ends,
    boxed,
    cells_of,
    clock,
    duration,
    fill,
    fit,
    gauge,
    milliseconds,
    number,
    right,
    size,
    sparkline,
    width_of,
)
from tui.nodes import Condition, NodeView

LAG_USUAL_MAX = 2000
"""In entries. Under load a leader sends those whose answers it does not need up to a thousand at a
time, and what is known of two nodes is never of the same moment.
"""
CARD_WIDTH_MIN = 20
CARD_WIDTH_MAX = 52
CARD_HEIGHT = 7
ROWS_COLUMNS = 76
"""With so many columns a row has room for all that is known."""
ROLE_WIDTH = 13
SEEN_WIDTH = 6
FRAME_COLUMNS = 6
"""Of a card's width what the words in its frame cannot have."""
WHERE = re.compile(r"^n\d+ \([^)]*\):? ")
"""What the name and the address of a node add to why it is not reached."""
UNBROKEN = "\N{NO-BREAK SPACE}"
LINK_SIGNS = {"up": ("✓", "good"), "slow": ("~", "warn"), "cut": ("✗", "bad"), "down": ("–", "dim")}
UNKNOWN_LINK = ("?", "dim")
DOWN = "DOWN"


def head_line(moment: Moment, width: int) -> Line:
    """One line that says how the cluster is; where it is narrow, what matters most of it."""
    end: Line = [(" FROZEN", "warn bold")] if moment.frozen else []
    # Tenths of a second would have the line painted anew each time that anything is.
    digits = 1 if moment.frozen or moment.replay else 0
    end.append((f" {clock(moment.wall_ns, digits)} ", "dim"))
    pieces = _head_pieces(moment, fit(moment.name, min(cells_of(moment.name), width // 4)))
    while len(pieces) > 1 and width_of(end) + sum(width_of(p) for _, p in pieces) > width:
        pieces.remove(min(pieces, key=lambda piece: piece[0]))
    return both_ends([span for _, piece in pieces for span in piece], end, width)


def _head_pieces(moment: Moment, name: str) -> list[tuple[int, Line]]:
    """The parts in order, each with its weight. `name`: of the cluster, or of the recording."""
    model, leader = moment.model, moment.leader
    word, style = health(moment)
    live, count = sum(moment.is_live(view) for view in model.nodes.values()), len(model.nodes)
    is_known = any(view.status for view in model.nodes.values())
    pieces: list[tuple[int, Line]] = [
        (10, [(f" {name or 'no cluster'} ", "bold"), (f"● {word}", style)]),
        (6 if live < count else 3, [(f"  {live}/{count} nodes", "warn" if live < count else "")]),
    ]
    if leader is None:
        pieces.append((9, [("  no leader", "bad" if count else "dim")]))
        pieces.append((5, [(f" · term {model.term if is_known else '–'}", "dim")]))
    else:
        pieces.append((9, [("  leader ", "dim"), (f"{leader.name} ★", "leader bold")]))
        pieces.append((7, [(" · term ", "dim"), (str(leader.number("term")), "")]))
        pieces.append((1, [(f" · {duration(_leading_s(moment, leader))}", "dim")]))
    commit = model.commit_index if is_known else None
    pieces.append((5, [("  commit ", "dim"), (number(commit), "")]))
    pieces.append((4, [(f"  {number(model.rate(moment.now_ns))} op/s", "")]))
    if leader is not None:
        p99_ms = leader.table("commits").get("p99_ms")
        pieces.append((2, [("  p99 ", "dim"), (milliseconds(p99_ms), "")]))
    if faults := model.count_faults(moment.now_ns):
        pieces.append((8, [(f"  faults {faults}", "warn")]))
    if word == DOWN and count:
        pieces.append((9, [("  ", ""), (f"{moment.line} up", "accent")]))
    if model.entries.conflicts:
        words = f"  {model.entries.conflicts} CONFLICTING ENTRIES"
        pieces.append((9, [(words, "bad bold")]))
    return pieces


def health(moment: Moment) -> tuple[str, str]:
    """One word for the whole cluster, and its style."""
    views = moment.model.nodes.values()
    if moment.replay:
        return "REPLAY", "accent bold"
    conditions = {moment.condition(view) for view in views}
    ended = {Condition.EXITED, Condition.STOPPED}
    if not moment.name:
        return "WAITING", "dim"
    if not views or conditions <= ended:
        return DOWN, "bad"
    if conditions <= {Condition.CONNECTING, *ended}:
        return "CONNECTING", "dim"
    if moment.leader is None:
        return "NO LEADER", "bad"
    known = conditions - {Condition.CONNECTING}
    if known != {Condition.LIVE} or moment.model.count_faults(moment.now_ns):
        return "DEGRADED", "warn"
    return "LIVE", "good"


def _leading_s(moment: Moment, leader: NodeView) -> float | None:
    since = leader.leading_since_ns
    return None if since is None else max(moment.now_ns - since, 0) / 1e9


# -- cards -----------------------------------------------------------------------------------------
def cards_in_a_row(count: int, width: int) -> int:
    """How many cards fit side by side."""
    return max(min(count, width // CARD_WIDTH_MIN), 1)


def cards(moment: Moment, width: int) -> list[Line]:
    """A card for each node, in as many rows as it takes."""
    views = [moment.model.nodes[node_id] for node_id in moment.model.ids()]
    if not views:
        return []
    columns = cards_in_a_row(len(views), width)
    card_width = min(width // columns, CARD_WIDTH_MAX)
    lines: list[Line] = []
    for start in range(0, len(views), columns):
        row = views[start : start + columns]
        # What is left over goes to the first cards, so that the right edge is that of the screen.
        spare = width - card_width * columns if card_width < CARD_WIDTH_MAX else 0
        block = _card(moment, row[0], card_width + (spare > 0))
        for place, view in enumerate(row[1:], 1):
            block = beside(block, _card(moment, view, card_width + (place < spare)))
        lines += [fill(line, width) for line in block]
    return lines


def _card(moment: Moment, view: NodeView, width: int) -> list[Line]:
    is_chosen = moment.chosen == view.node_id
    is_live = moment.is_live(view)
    leads = is_live and moment.leader is view
    frame = "chosen" if is_chosen else "leader" if leads else "frame"
    title: Line = [(f"{view.name} ", "bold"), *moment.title(view)]
    below: Line = [(_address(view), "dim")]
    if remedy := moment.remedy(view):
        code = view.process.exit_code
        if len(remedy) > width - FRAME_COLUMNS:
            remedy = remedy.removeprefix(f"{moment.line} ")
        below = [("" if code is None else f"rc {code} ", "dim"), (remedy, "accent")]
    rows = _live_rows(moment, view, width - 4) if is_live else _dead_rows(moment, view, width - 4)
    lines: list[Line] = [[(" ", ""), *fill(row, width - 4), (" ", "")] for row in rows]
    return boxed(lines, width, title, below, frame, heavy=is_chosen)


def _address(view: NodeView) -> str:
    pid, port = view.process.pid or view.number("pid"), view.number("port")
    words = (f":{port}" if port else "", f"pid {pid}" if pid else "")
    return " ".join(filter(None, words)) or view.name


def _pair(label: str, value: str, width: int, style: str = "", gone: bool = False) -> Line:
    room = max(width - len(label), 0)
    return [(label, "dim"), (right(value, room), "dim" if gone else style)]


def _live_rows(moment: Moment, view: NodeView, width: int) -> list[Line]:
    leads = moment.leader is view
    term, end = str(view.number("term")), _in_touch(view) if leads else _vote(view)
    label = "term " if len(term) + width_of(end) + 6 <= width else "t"
    rows: list[Line] = [
        both_ends([(label, "dim"), (term, "")], end, width),
        _pair("commit", number(view.number("commit_index")), width),
        _pair("applied", number(view.applied_index), width),
    ]
    if leads:
        rate = f" {number(view.rate.per_second(moment.now_ns))} op/s"
        graph = sparkline(view.rate.history(moment.now_ns, 30), max(width - len(rate), 0))
        rows.append([(graph, "accent"), (rate, "")])
    else:
        rows.append(_lag_row(moment, view, width))
    rows.append(_note_row(moment, view, width))
    return rows


def vote_of(view: NodeView) -> str:
    voted = view.status.get("voted_for")
    return "self" if voted == view.node_id else f"n{voted}" if voted else "–"


def _vote(view: NodeView) -> Line:
    return [("vote ", "dim"), (vote_of(view), "")]


def _in_touch(view: NodeView) -> Line:
    """How many of the voters are in touch with their leader."""
    count = view.in_touch
    if count is None:
        return [("in touch ", "dim"), ("–", "")]
    style = "warn" if count.have == count.need < count.voters else ""
    style = "bad" if count.have < count.need else style
    return [("in touch ", "dim"), (f"{count.have}/{count.voters}", style)]


def _lag_row(moment: Moment, view: NodeView, width: int) -> Line:
    lag = moment.lag(view)
    text = number(lag)
    room = max(width - 5 - len(text), 0)
    style = lag_style(lag, "dim")
    # A bar on a scale by powers of ten: one entry is a trace, a million the whole of it.
    fraction = 0.0 if lag == 0 else (len(str(lag)) - 1 + int(str(lag)[0]) / 10) / 6
    return [("lag ", "dim"), (bar(fraction, room), style), (" " + text, style if lag else "")]


def lag_style(lag: int, usual: str) -> str:
    """Of a lag in entries: `usual`, unless it is more than load makes."""
    return "warn" if lag > LAG_USUAL_MAX else usual


def lag_text(moment: Moment, view: NodeView) -> str:
    """A dash for a node of which nothing is known."""
    return number(moment.lag(view) if view.status else None)


def _note_row(moment: Moment, view: NodeView, width: int) -> Line:
    if view.status.get("voting") is False:
        return [(fit("wiped, no vote", width), "bad")]
    disk = view.table("disk")
    is_full, words = disk.get("full"), faults_of(moment, view)
    found = "disk full" if is_full else "disk stalls" if disk.get("stalled") else ""
    if found and not any(each.startswith(found) for each in words):
        words.append(found)
    if words:
        return [(fit(", ".join(words), width), "bad" if is_full else "warn")]
    if view.odd:
        return [(fit(f"unknown form: {', '.join(sorted(view.odd))}", width), "warn")]
    if view.lost and not view.is_whole:
        return [(fit(f"{view.lost} frames missed", width), "warn")]
    return timer_line(moment, view, width)


def timer_line(moment: Moment, view: NodeView, width: int) -> Line:
    """How much of its election timeout has run; of the leader how often it beats."""
    if moment.leader is view:
        beats = "–" if view.heartbeat_ms is None else f"{view.heartbeat_ms}ms"
        return _pair("heartbeat", beats, width)
    timer = view.election_timer(moment.now_ns)
    if timer is None:
        return _pair("et", "–", width)
    text = f"{timer.run_ms:.0f}ms".rjust(5)
    style = "warn" if timer.is_running_out else "accent"
    cells = gauge(timer.run_ms / timer.timeout_ms, max(width - 4 - len(text), 0))
    return [("et ", "dim"), (cells, style), (f" {text}", "")]


def link_signs(moment: Moment, view: NodeView) -> Line:
    """One sign for each node in order: how its link to it is; a dot for itself."""
    signs: Line = []
    for peer in moment.model.ids():
        if peer == view.node_id:
            signs.append(("·", "dim"))
        else:
            signs.append(
                LINK_SIGNS.get(moment.model.link(view.node_id, peer, moment.now_ns), UNKNOWN_LINK)
            )
    return signs


def _dead_rows(moment: Moment, view: NodeView, width: int) -> list[Line]:
    """What was known last, dimmed, with its age and the reason."""
    age = moment.age_s(view)
    is_gone = moment.condition(view) is Condition.EXITED
    words = "" if age is None else ago(age) if is_gone else f"{duration(age)} old"
    if not view.status:
        rows: list[Line] = [[("nothing known", "dim")], [(words, "dim")], []]
    else:
        term = str(view.number("term"))
        label = "term " if len(term) + len(words) + 6 <= width else "t"
        rows = [
            both_ends([(f"{label}{term}", "dim")], [(words, "dim")], width),
            _pair("commit", number(view.number("commit_index")), width, gone=True),
            _pair("applied", number(view.applied_index), width, gone=True),
        ]
    if is_gone and view.status and cells_of(view.process.ending) <= width:
        return [*rows, _lag_row(moment, view, width), [(view.process.ending, "")]]
    cause = view.process.ending if is_gone else WHERE.sub("", moment.cause(view))
    cause = cause.replace(" ago", f"{UNBROKEN}ago")
    lines = [*wrap(cause, width, max_lines=2, placeholder="…"), "", ""]
    return [*rows, *([(lines[place].replace(UNBROKEN, " "), "")] for place in (0, 1))]


# -- rows ------------------------------------------------------------------------------------------
def node_rows(moment: Moment, width: int) -> list[Line]:
    """A line for each node, under a line of headings. What was applied is the commit less the lag:
    it goes first where it is narrow.
    """
    is_wide = width >= ROWS_COLUMNS
    names = "".join(str(node_id % 10) for node_id in moment.model.ids())
    links = max(len(names), 5)
    heading = f"  {'NODE':<5} {'ROLE':<12} {'TERM':>5} {'COMMIT':>10} "
    heading += f"{'APPLIED':>10} " if is_wide else ""
    heading += f"{'LAG':>9}  {names:<{links}}"
    has_ages = width >= len(heading) + SEEN_WIDTH
    heading += "  SEEN" if has_ages else ""
    lines: list[Line] = [fill([(heading, "dim")], width)]
    for node_id in moment.model.ids():
        view = moment.model.nodes[node_id]
        is_live = moment.is_live(view)
        style = "" if is_live else "dim"
        is_chosen = moment.chosen == node_id
        mark = ("▸ ", "chosen bold") if is_chosen else ("  ", "")
        lag = moment.lag(view)
        line: Line = [mark, (f"{view.name:<5} ", "bold" if is_live else "dim")]
        title = moment.title(view)
        # Half a word would be another one: what it is goes before what it last was.
        line += fill(title if width_of(title) <= ROLE_WIDTH else title[:1], ROLE_WIDTH)
        known = view.status.get
        applied = view.applied_index if view.status else None
        line.append((f"{known('term', '–'):>5} ", style))
        line.append((f"{number(known('commit_index')):>10} ", style))
        if is_wide:
            line.append((f"{number(applied):>10} ", style))
        line.append((f"{lag_text(moment, view):>9}  ", lag_style(lag, style)))
        if is_live:
            line += fill(link_signs(moment, view), links + 2)
            line.append((duration(view.age_s(moment.now_ns)) if has_ages else "", "dim"))
        else:
            line.append((_reason(moment, view, width - width_of(line)), style))
        lines.append(fill(line, width))
    return lines


def _reason(moment: Moment, view: NodeView, room: int) -> str:
    """Why it does not live; where there is no room for that, since when: its condition stands in
    front of that.
    """
    words, age = WHERE.sub("", moment.cause(view)).removesuffix(" ago"), moment.age_s(view)
    return words if age is None or len(words) <= room else ago(age)


def snapshot_text(snapshot: Mapping[str, Any] | None) -> str:
    """(9,000, t5) 1.2MB."""
    if not snapshot:
        return "none"
    index, term, count = (snapshot.get(key, 0) for key in ("index", "term", "bytes"))
    return f"({number(index)}, t{term}) {size(count)}"
