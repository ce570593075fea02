"""The links between the nodes, and what happened, in words."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from textwrap import wrap
from typing import Any, NamedTuple

from node.wire.recording import CLUSTER
from node.wire.words import REPEATING, effect_of
from tui.drawing.faults import sides_of
from tui.drawing.moment import Moment
from tui.drawing.overview import LINK_SIGNS, UNKNOWN_LINK
from tui.drawing.text import Line, clock, fill, printable, width_of
from tui.timeline import EVENTS_MAX, Occurrence

EFFECT_STYLES = {-1: "bad", 0: "", 1: "good"}
STYLES = {
    "VIOLATION": "bad bold",
    "EXCEPTION": "bad bold",
    "leader": "leader bold",
    "prevote": "warn",
    "election": "warn",
    "stepdown": "warn",
    "leaderless": "bad",
    "truncate": "warn",
    "reverted": "bad bold",
    "gap": "warn",
    "exited": "bad",
    "paused": "warn",
    "resumed": "good",
    "away": "warn",
    "lost": "warn",
    "stall": "warn",
    "member": "accent",
    "transfer": "accent",
    "snapshot": "accent",
}
SHARED = frozenset({"fault", "heal", "member", "lost"})
"""What each node tells for itself when it comes to all of them."""
SHARED_NS = 1_000_000_000
"""What nodes tell alike within that time is one happening."""
BARE = frozenset({
    "fault", "why", "state", "members", "leader", "candidate", "node", "nodes", "line", "what",
})  # fmt: skip
"""Values that say without their name what they are."""
_OF_A_FILE = re.compile(r"(/.*?): (.*)", re.DOTALL)
"""A reason that begins with a path, which may be longer than there is room for."""
_LINK = re.compile(r"n(\d+):n(\d+)")


def link_matrix(moment: Moment, width: int) -> list[Line]:
    """How each node (row) sees its link to each other one (column)."""
    ids = moment.model.ids()
    cell = 3 if 5 + 3 * len(ids) <= width else 2
    lines: list[Line] = [[("     " + "".join(f"{f'n{peer}':>{cell}}" for peer in ids), "dim")]]
    for node_id in ids:
        view = moment.model.nodes[node_id]
        is_live = moment.is_live(view)
        line: Line = [(f" {view.name:<4}", "bold" if is_live else "dim")]
        for peer in ids:
            if peer == node_id:
                sign, style = "·", "dim"
            else:
                state = moment.model.link(node_id, peer, moment.now_ns)
                sign, style = LINK_SIGNS.get(state, UNKNOWN_LINK)
            line.append((f"{sign:>{cell}}", style))
        lines.append(line)
    return [fill(line, width) for line in lines]


def words_of(kind: str, data: Mapping[str, Any]) -> str:
    """What an event says beside its kind: its values, the telling ones without their names."""
    if isinstance(why := data.get("why"), str) and (found := _OF_A_FILE.fullmatch(why)):
        data = {**data, "why": f"{found[2]}: {found[1]}"}
    match kind:
        case "leader":
            return f"votes {data.get('votes', '?')}  took {data.get('took_ms', '?')} ms"
        case "fault" | "heal":
            names = ("fault", "what", "links", "why")
            return "  ".join(str(data[name]) for name in names if name in data)
        case "gap":
            first, last = data.get("first"), data.get("last")
            frames = f"frame {first}" if first == last else f"frames {first}–{last}"
            return f"{frames} not seen: {data.get('why')}"
        case "away":
            return f"for {data.get('for_s', '?')} s, {data.get('how', '')}"
        case "disk" if data.get("state") == "failed":
            return f"the disk failed, and the node ended: {data.get('why', '?')}"
        case "stall" if isinstance(ms := data.get("ms"), int):
            return f"its process did not run for {ms / 1000:.1f} s"
        case "boot" if "port" in data:
            return f"port {data['port']}  log up to {data.get('last_index', '?')}"
        case "truncate":
            return f"entries {data.get('first')}–{data.get('last')} gone, uncommitted"
    if "nodes" in data or {"what", "fault"} <= data.keys():
        data = _deed(kind, data)
    return "  ".join(
        str(value) if name in BARE else f"{name} {value}" for name, value in data.items()
    )


def _deed(kind: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was done to the cluster: its number first, and of the line that asked for it, which
    begins as the kind does, what names the nodes in other words: (leader).
    """
    told = {name: value for name, value in data.items() if name not in ("fault", "line")}
    asked = str(data.get("line", "")).removeprefix(kind).strip()
    if asked and asked.replace(",", " ") != data.get("nodes"):
        told["line"] = f"({asked})"
    return {"fault": data["fault"], **told} if "fault" in data else told


def matches(occurrence: Occurrence, pattern: str) -> bool:
    """Whether one of the texts between the bars stands in the event."""
    if not pattern:
        return True
    text = f"{occurrence.who} {occurrence.kind} {words_of(occurrence.kind, occurrence.data)}"
    text = text.lower()
    return any(part.strip() in text for part in pattern.lower().split("|") if part.strip())


class Sieve:
    """Which events match a pattern. To say it takes microseconds, and a screen looks at all that
    are kept, ten times a second: so it is said once for each.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._known: dict[int, tuple[Occurrence, bool]] = {}
        """By identity, which holds as long as the event is kept here."""

    def __call__(self, event: Occurrence) -> bool:
        known = self._known.get(id(event))
        if known is not None:
            return known[1]
        if len(self._known) >= 2 * EVENTS_MAX:
            self._known.clear()
        found = matches(event, self._pattern)
        self._known[id(event)] = event, found
        return found


@lru_cache(maxsize=1)
def _sieve(pattern: str) -> Sieve:
    return Sieve(pattern)


class Row(NamedTuple):
    """Events that are one line: the newest of them, how often it repeated itself, and of which
    nodes they are.
    """

    event: Occurrence
    times: int
    nodes: frozenset[int]


def gathered(
    moment: Moment, count: int, node: int | None = None, behind: Occurrence | None = None
) -> list[Row]:
    """The newest events that match, as rows. `node`: of that one alone. `behind`: see `rows_of`."""
    passes = _sieve(moment.pattern) if moment.pattern else None
    events = (
        event
        for event in moment.model.timeline.newest()
        if node in (None, event.node) and (passes is None or passes(event))
    )
    return rows_of(events, count, behind)


def rows_of(
    events: Iterable[Occurrence], count: int, behind: Occurrence | None = None
) -> list[Row]:
    """The first of these, which come from the newest on: those that repeat themselves, and those
    that several nodes tell alike, are one row.

    `behind`: all that are newer than that event, and `count` from it on.
    """
    found: list[Occurrence] = []
    times: list[int] = []
    nodes: list[set[int]] = []
    places: dict[tuple[object, ...], int] = {}
    shared_ns = math.inf  # older events are told by no row so far
    for event in events:
        sign: tuple[object, ...] = ()
        if event.kind in REPEATING:
            sign = (event.node, event.kind, event.term)
            if sign in places:
                times[places[sign]] += 1
                continue
        elif _is_shared(event):
            sign = (event.kind, str(event.data))
            at = places.get(sign)
            if at is not None and found[at].mono_ns - event.mono_ns <= SHARED_NS:
                nodes[at].add(event.node)
                continue
        if behind is None or event[:4] <= behind[:4]:
            if not count:
                if event.mono_ns < shared_ns:
                    break
                continue  # other nodes may have told the same as the last rows
            count -= 1
        if sign:
            places[sign] = len(found)
        if _is_shared(event):
            shared_ns = event.mono_ns - SHARED_NS
        found.append(event)
        times.append(1)
        nodes.append({event.node})
    return [Row(*row) for row in zip(found, times, map(frozenset, nodes), strict=True)]


def _is_shared(event: Occurrence) -> bool:
    return event.kind in SHARED and event.node != CLUSTER


def place_of(found: Sequence[Row], event: Occurrence) -> int:
    """Where the event is, or the next older one: it may have been folded into a newer one."""
    older = (at for at, row in enumerate(found) if row.event[:4] <= event[:4])
    return next(older, max(len(found) - 1, 0))


def event_lines(moment: Moment, width: int, height: int, node: int | None = None) -> list[Line]:
    """The newest events, the newest first. `node`: of that one alone."""
    return lines_of(gathered(moment, height, node), moment, width)


def lines_of(rows: Sequence[Row], moment: Moment, width: int) -> list[Line]:
    if not rows:
        words = "no event matches the filter" if moment.pattern else "nothing happened yet"
        return [fill([(f" {words}", "dim")], width)]
    ids = moment.model.ids()
    return [event_line(row, ids, width) for row in rows]


def event_line(row: Row, ids: list[int], width: int) -> Line:
    """`ids`: the nodes of the cluster."""
    head, words, end = _parts(row, ids, width)
    return [*fill([*head, (words, "")], width - width_of(end)), *end]


def chosen_lines(row: Row, ids: list[int], width: int) -> list[Line]:
    """The event that the cursor is on, whole: what there is no room for goes on below."""
    head, words, end = _parts(row, ids, width)
    head[0] = ("▸", "chosen bold")
    indent = width_of(head)
    first, *rest = wrap(words, max(width - indent - width_of(end), 1)) or [""]
    lines: list[Line] = [[*fill([*head, (first, "")], width - width_of(end)), *end]]
    return [*lines, *(fill([(" " * indent, ""), (part, "")], width) for part in rest)]


def _parts(row: Row, ids: list[int], width: int) -> tuple[Line, str, Line]:
    """When, whose and what; what it says; and what stands at the edge."""
    event, times, _ = row
    style = STYLES.get(event.kind) or EFFECT_STYLES[effect_of(event.kind, event.data)]
    head: Line = [
        (" ", ""),
        (f"{clock(event.wall_ns, 3 if width >= 70 else 0)} ", "dim"),
        (f" {_whose(row, ids):<3} ", "bold"),
        (f"{event.kind:<10} ", style),
    ]
    if event.term:
        head.append((f"t{event.term} ", "dim"))
    end = [(f" ×{times}", "accent")] if times > 1 else []
    end += [(" late", "warn")] if event.late else []
    return head, printable(words_of(event.kind, _in_sides(event, ids))), end


def _whose(row: Row, ids: list[int]) -> str:
    """n2; all; n1–n3, or n1,n3 where others are between them."""
    nodes = sorted(row.nodes)
    if len(nodes) == 1:
        return row.event.who
    if row.nodes.issuperset(ids):
        return "all"
    if len(nodes) > 2 and nodes[-1] - nodes[0] == len(nodes) - 1:
        return f"n{nodes[0]}–n{nodes[-1]}"
    return ",".join(f"n{node}" for node in nodes)


def _in_sides(event: Occurrence, ids: list[int]) -> Mapping[str, Any]:
    """What an event holds, with the sides of a partition instead of its links."""
    if event.kind != "fault" or "links" not in event.data:
        return event.data
    cut = event.data.get("what") == "cut"
    ends = _LINK.findall(str(event.data["links"]))
    rules = [{"src": int(src), "dst": int(dst), "cut": cut} for src, dst in ends]
    return {**event.data, "links": sides_of(ids, rules)}
