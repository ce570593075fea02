"""One node from close by: its state, and its peers as it sees them."""

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

from tui.drawing.faults import faults_of
from tui.drawing.moment import Moment, ago
from tui.drawing.overview import (
    LINK_SIGNS,
    UNKNOWN_LINK,
    lag_style,
    lag_text,
    snapshot_text,
    timer_line,
    vote_of,
)
from tui.drawing.text import (
    Line,
    bar,
    cells_of,
    duration,
    fill,
    fit,
    milliseconds,
    number,
    printable,
    size,
    sparkline,
    width_of,
)
from tui.nodes import Condition, NodeView

LABEL_WIDTH = 11
CHOSEN = "▸"


def age_lines(moment: Moment, view: NodeView, width: int) -> list[Line]:
    """Of a node that does not live, why, and how old what is shown of it is."""
    if moment.is_live(view):
        return []
    age = view.age_s(moment.now_ns)
    words = moment.cause(view) or str(moment.condition(view))
    if age is None:
        words += ", nothing is known of it"
    elif not words.endswith(f" {ago(age)}"):
        words += f", as of {ago(age)}"
    return [fill([(f" {part}", "warn")], width) for part in wrap(words, max(width - 2, 1))]


def dimmed(line: Line) -> Line:
    return [(text, "dim") for text, _ in line]


def state_lines(moment: Moment, view: NodeView, width: int) -> list[Line]:
    """What the node says of itself; dimmed, with its age, when it does not live."""
    is_live = moment.is_live(view)
    style = "" if is_live else "dim"
    lines = age_lines(moment, view, width)
    if faults := faults_of(moment, view):
        lines.append(_row("faults", faults, width, "warn"))
    lines += [_row(*row, width, style) for row in _consensus(moment, view)]
    timer = timer_line(moment, view, min(width - 2, 36))
    lines.append([(" ", ""), *(timer if is_live else dimmed(timer))])
    lines += [_row(*row, width, style) for row in _machine(view)]
    graph = sparkline(view.rate.history(moment.now_ns, 60), max(width - 24, 0))
    rate = f" {number(view.rate.per_second(moment.now_ns))} op/s"
    lines.append([(" applied    ", "dim"), (graph, "accent" if is_live else "dim"), (rate, style)])
    if counters := view.table("counters"):
        lines.append([(" counters", "dim")])
        pairs = [f"{name} {value}" for name, value in sorted(counters.items())]
        lines += [[(f"   {fit(pair, width - 4)}", style)] for pair in pairs[:12]]
    return [fill(line, width) for line in lines]


def _row(label: str, pieces: Sequence[str], width: int, style: str) -> Line:
    """As many of the pieces as fit, the first ones: half of one would say something else."""
    words = pieces[0]
    for piece in pieces[1:]:
        if cells_of(words) + 2 + cells_of(piece) > width - LABEL_WIDTH:
            break
        words += f"  {piece}"
    return [(f" {label:<{LABEL_WIDTH - 1}}", "dim"), (words, style)]


def _consensus(moment: Moment, view: NodeView) -> list[tuple[str, Sequence[str]]]:
    last, tries = view.status.get("last_leader"), view.table("elections")
    leader = view.status.get("leader")
    seen = "none seen" if last is None else f"n{last['id']} (t{last['term']}) seen last"
    heard = view.status.get("age_ms")
    known = view.status.get
    first, end = number(known("first_index")), number(known("last_index"))
    applied = number(view.applied_index if view.status else None)
    return [
        ("vote", [f"{vote_of(view)} (t{known('term')})" if "term" in view.status else "–"]),
        ("leader", [f"n{leader}, heard {ago_ms(heard)}" if leader else seen]),
        ("commit", [number(known("commit_index")), f"applied {applied}"]),
        ("log", [f"{first} – {end}"]),
        ("lag", [lag_text(moment, view)]),
        ("snapshot", [snapshot_text(view.table("snapshot"))]),
        ("elections", [f"won {_won(tries, 'elections')}", f"prevotes {_won(tries, 'prevotes')}"]),
    ]


def _won(tries: Mapping[str, int], what: str) -> str:
    """1/4: of four it won one."""
    return f"{number(tries.get(f'{what}_won'))}/{number(tries.get(f'{what}_tried'))}"


def ago_ms(ms: int | None) -> str:
    return "–" if ms is None else f"{ms}ms ago"


def _machine(view: NodeView) -> list[tuple[str, Sequence[str]]]:
    disk, process, commits = view.table("disk"), view.table("process"), view.table("commits")
    cpu = process.get("cpu_percent")
    share = "–" if cpu is None else f"{cpu:.0f}%"
    memory, files = size(process.get("rss_bytes")), number(process.get("files"))
    return [
        ("fsync", [*_quantiles(disk), f"{number(disk['syncs'])}×" if "syncs" in disk else "–"]),
        ("commits", _quantiles(commits)),
        ("disk", [f"wal {size(disk.get('wal_bytes'))}", f"database {size(disk.get('bytes'))}"]),
        ("process", [f"cpu {share}", f"rss {memory}", f"fds {files}"]),
        ("up", [duration(view.up_s), f"pid {number_plain(view.status.get('pid'))}"]),
        ("boot", [f"{view.boot:016x}" if view.boot else "–", view.text("machine") or "–"]),
        ("frames", [number(view.seq), f"{number(view.lost)} missed", f"{view.gaps} gaps"]),
    ]


def _quantiles(table: Mapping[str, float | None]) -> list[str]:
    return [f"{name} {milliseconds(table.get(f'{name}_ms'))}" for name in ("p50", "p99")]


def number_plain(value: int | None) -> str:
    return "–" if value is None else str(value)


WIDE_PEERS = 76
"""From so many columns on all that is known of a link stands in one line."""
WORDS_INDENT = 7


def _with_words(line: Line, words: str, width: int, is_wide: bool) -> list[Line]:
    """The line, and words about it: at its end, or below it where they do not fit there."""
    if not words:
        return [line]
    if is_wide and width_of(line) + 3 + cells_of(words) <= width:
        return [[*line, (f"   {words}", "dim")]]
    parts = wrap(words, max(width - WORDS_INDENT, 1))
    return [line, *([(" " * WORDS_INDENT + part, "dim")] for part in parts)]


def peer_lines(moment: Moment, view: NodeView, width: int, chosen: int | None) -> list[Line]:
    """Its links, and of a leader how far each member is; dimmed, when it says so no more."""
    is_wide = width >= WIDE_PEERS
    heading = f"  {'PEER':<5}{'LINK':<7}{'RTT':>7}{'OUT/S':>7}{'MATCH':>10}"
    if is_wide:
        heading += f"{'NEXT':>11}{'FLIGHT':>8}{'HEARD':>8}   WHY"
    lines: list[Line] = [[(heading, "dim")]]
    for peer in moment.model.ids():
        if peer == view.node_id:
            continue
        line = _peer_line(moment, view, peer, chosen)
        known = "" if moment.is_live(view) else "dim"
        member = view.table("progress").get(str(peer), {})
        why = link_words(moment, view, peer)
        if is_wide:
            heard = member.get("heard_ms")
            line += [
                (f"{number(member.get('next_index')):>11}", known),
                (f"{number(member.get('inflight')):>8}", known),
                (f"{milliseconds(heard):>8}", "dim"),
            ]
        lines += _with_words(line, why, width, is_wide)
        if sending := member.get("snapshot"):
            share = sending["acked_bytes"] / max(sending["bytes"], 1)
            lines.append([(f"       snapshot {bar(share, 20)} {share:.0%}", known or "accent")])
    return [fill(line, width) for line in lines]


def _peer_line(moment: Moment, view: NodeView, peer: int, chosen: int | None) -> Line:
    state = moment.model.link(view.node_id, peer, moment.now_ns)
    sign, style = LINK_SIGNS.get(state, UNKNOWN_LINK)
    measured = view.table("peers").get(str(peer), {})
    out = measured.get("out_per_s")
    member = view.table("progress").get(str(peer), {})
    known = "" if moment.is_live(view) else "dim"
    return [
        (f"{CHOSEN} ", "chosen bold") if peer == chosen else ("  ", ""),
        (f"{f'n{peer}':<5}", known or "bold"),
        (f"{f'{sign} {state}' if state in LINK_SIGNS else sign:<7}", style),
        (f"{milliseconds(measured.get('rtt_ms')):>7}", known),
        (f"{'–' if out is None else f'{out:.1f}':>7}", known),
        (f"{number(match_of(member)):>10}", known),
    ]


def match_of(member: Mapping[str, Any]) -> int | None:
    """How far its log is known to be the leader's; None: a new leader has not heard from it."""
    match: int | None = member.get("match_index")
    return None if not match and member.get("heard_ms") is None else match


def link_words(moment: Moment, view: NodeView, peer: int) -> str:
    """Why a link is not as it should be: the faults that act on it, the end of the other node,
    the last error.
    """
    words = []
    ends = {view.node_id, peer}
    for fault, rules in moment.model.faults(moment.now_ns).items():
        acting = [rule for rule in rules if {rule.get("src"), rule.get("dst")} == ends]
        if acting:
            what = "cut" if any(rule.get("cut") for rule in acting) else "changed"
            words.append(f"{what} by fault #{fault}")
    other = moment.model.nodes[peer]
    if moment.condition(other) not in (Condition.LIVE, Condition.REFUSES):  # it runs, and may be up
        words.append(f"{other.name} is {moment.ending(other).lower()}")
    if error := view.table("link_errors").get(str(peer)):
        words.append(printable(str(error)))
    return ", ".join(words)


def member_lines(moment: Moment, width: int) -> list[Line]:
    """Who belongs to the cluster by its newest configuration, and how far each is."""
    configuration = moment.model.configuration()
    groups = {
        name: set(configuration.get(name, ()))
        for name in ("voters", "learners", "outgoing", "promotable")
    }
    leader = moment.leader
    progress = {} if leader is None else leader.table("progress")
    is_wide = width >= WIDE_PEERS
    heading = f"  {'NODE':<6}{'MEMBER':<10}{'ROLE':<14}{'MATCH':>11}{'LAG':>10}"
    lines: list[Line] = [[(f"{heading}   NOTE" if is_wide else heading, "dim")]]
    known = set(moment.model.ids()).union(*groups.values())
    for node_id in sorted(known):
        view = moment.model.nodes.get(node_id, NodeView(node_id))
        member = _membership(node_id, groups) if configuration else "–"
        mark = ("▸ ", "chosen bold") if node_id == moment.chosen else ("  ", "")
        line: Line = [mark, (f"{view.name:<6}", "bold"), (f"{member:<10}", _MEMBER_STYLES[member])]
        line += fill(moment.title(view), 14)
        match = match_of(progress.get(str(node_id), {}))
        match = view.number("last_index") if view is leader else match
        line.append((f"{number(match):>11}", ""))
        lag = moment.lag(view)
        line.append((f"{lag_text(moment, view):>10}", lag_style(lag, "")))
        note = moment.cause(view) or ", ".join(faults_of(moment, view))
        if not note and node_id in groups["promotable"]:
            note = "changes to a voter by itself"
        lines += _with_words(line, note, width, is_wide)
    if groups["outgoing"]:
        words = "  a change of voters is under way: a majority of the old ones and of the new ones"
        lines.append([(words, "accent")])
    lines += [[], [("  ", ""), *_quorum_words(moment, len(groups["voters"]))]]
    return [fill(line, width) for line in lines]


def quorum_words(voters: int) -> str:
    needed = voters // 2 + 1
    return f"{needed} {'is' if needed == 1 else 'are'} a quorum"


def _quorum_words(moment: Moment, voters: int) -> Line:
    """Where nobody tells who the voters are, what to type for that."""
    if voters:
        return [(f"{voters} voter{'s' * (voters > 1)}: {quorum_words(voters)}", "dim")]
    if moment.model.nodes:
        return [("no node tells who the voters are: ", "dim"), (f"{moment.line} up", "accent")]
    return no_cluster(moment)


def no_cluster(moment: Moment) -> Line:
    return [("there is no cluster here: ", "dim"), (f"{moment.line} up -n 5", "accent")]


_MEMBER_STYLES = {"voter": "good", "learner": "accent", "leaving": "warn", "joining": "accent"} | {
    "none": "dim",
    "–": "dim",
}


def _membership(node_id: int, groups: dict[str, set[int]]) -> str:
    if node_id in groups["voters"]:
        is_new = groups["outgoing"] and node_id not in groups["outgoing"]
        return "joining" if is_new else "voter"
    if node_id in groups["outgoing"]:
        return "leaving"
    return "learner" if node_id in groups["learners"] else "none"
