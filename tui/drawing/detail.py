"""One node from close by: its state, and its peers as it sees them."""

from collections.abc import Mapping

from tui.drawing.moment import Moment
from tui.drawing.overview import (
    LINK_SIGNS,
    UNKNOWN_LINK,
    snapshot_text,
    timer_line,
    vote_of,
)
from tui.drawing.text import (
    Line,
    bar,
    duration,
    fill,
    fit,
    milliseconds,
    number,
    printable,
    size,
    sparkline,
)
from tui.nodes import NodeView


def state_lines(moment: Moment, view: NodeView, width: int) -> list[Line]:
    """What the node says of itself; dimmed, with its age, when it does not live."""
    style = "" if moment.is_live(view) else "dim"
    lines: list[Line] = []
    if not moment.is_live(view):
        age = view.age_s(moment.now_ns)
        known = "nothing is known of it" if age is None else f"as of {duration(age)} ago"
        lines.append([(f" {moment.cause(view) or moment.condition(view)}, {known}", "warn")])
    for label, text in _consensus(moment, view):
        lines.append([(f" {label:<10}", "dim"), (text, style)])
    lines.append([(" ", ""), *timer_line(moment, view, min(width - 2, 36))])
    lines += [[(f" {label:<10}", "dim"), (text, style)] for label, text in _machine(view)]
    graph = sparkline(view.rate.history(moment.now_ns, 60), max(width - 24, 0))
    rate = f" {number(view.rate.per_second(moment.now_ns))} op/s"
    lines.append([(" applied    ", "dim"), (graph, "accent"), (rate, "")])
    if counters := view.table("counters"):
        lines.append([(" counters", "dim")])
        pairs = [f"{name} {value}" for name, value in sorted(counters.items())]
        lines += [[(f"   {fit(pair, width - 4)}", style)] for pair in pairs[:12]]
    return [fill(line, width) for line in lines]


def _consensus(moment: Moment, view: NodeView) -> list[tuple[str, str]]:
    last, tries = view.status.get("last_leader"), view.table("elections")
    leader = view.status.get("leader")
    seen = "none seen" if last is None else f"n{last['id']} (t{last['term']}) seen last"
    heard = view.status.get("age_ms")
    known = view.status.get
    first, end = number(known("first_index")), number(known("last_index"))
    return [
        ("vote", f"{vote_of(view)} (t{view.number('term')})"),
        ("leader", f"n{leader}, heard {ago_ms(heard)}" if leader else seen),
        ("commit", f"{number(known('commit_index'))}   applied {number(view.applied_index)}"),
        ("log", f"{first} – {end}"),
        ("lag", number(moment.lag(view))),
        ("snapshot", snapshot_text(view.table("snapshot"))),
        ("elections", f"won {_won(tries, 'elections')}   prevotes {_won(tries, 'prevotes')}"),
    ]


def _won(tries: Mapping[str, int], what: str) -> str:
    """1/4: of four it won one."""
    return f"{number(tries.get(f'{what}_won'))}/{number(tries.get(f'{what}_tried'))}"


def ago_ms(ms: int | None) -> str:
    return "–" if ms is None else f"{ms}ms ago"


def _machine(view: NodeView) -> list[tuple[str, str]]:
    disk, process, commits = view.table("disk"), view.table("process"), view.table("commits")
    cpu = process.get("cpu_percent")
    share = "–" if cpu is None else f"{cpu:.0f}%"
    memory, files = size(process.get("rss_bytes")), number(process.get("files"))
    return [
        ("fsync", f"{_quantiles(disk)}  {number(disk.get('syncs'))}×"),
        ("commits", _quantiles(commits)),
        ("disk", f"wal {size(disk.get('wal_bytes'))}   database {size(disk.get('bytes'))}"),
        ("process", f"cpu {share}  rss {memory}  fds {files}"),
        ("up", f"{duration(view.up_s)}   pid {number_plain(view.status.get('pid'))}"),
        ("boot", f"{view.boot:016x}   {view.text('machine') or '–'}"),
        ("frames", f"seq {number(view.seq)}   {view.lost} missed in {view.gaps} gaps"),
    ]


def _quantiles(table: Mapping[str, float | None]) -> str:
    p50_ms, p99_ms = table.get("p50_ms"), table.get("p99_ms")
    return f"p50 {milliseconds(p50_ms)}  p99 {milliseconds(p99_ms)}"


def number_plain(value: int | None) -> str:
    return "–" if value is None else str(value)


WIDE_PEERS = 76
"""From so many columns on all that is known of a link stands in one line."""


def peer_lines(moment: Moment, view: NodeView, width: int, chosen: int | None) -> list[Line]:
    """Its links, and of a leader how far each member is; dimmed, when it says so no more."""
    is_wide = width >= WIDE_PEERS
    heading = f"  {'PEER':<5}{'LINK':<7}{'RTT':>7}{'OUT/S':>7}{'MATCH':>10}"
    if is_wide:
        heading += f"{'NEXT':>11}{'FLIGHT':>8}{'HEARD':>8}  WHY"
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
                (f"{'–' if heard is None else f'{heard}ms':>8}  ", "dim"),
                (why, "dim"),
            ]
        lines.append(line)
        if why and not is_wide:
            lines.append([(f"       {why}", "dim")])
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
        ("▸ ", "chosen bold") if peer == chosen else ("  ", ""),
        (f"{f'n{peer}':<5}", known or "bold"),
        (f"{f'{sign} {state}':<7}", style),
        (f"{milliseconds(measured.get('rtt_ms')):>7}", known),
        (f"{'–' if out is None else f'{out:.1f}':>7}", known),
        (f"{number(member.get('match_index')):>10}", known),
    ]


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
    if not moment.is_live(other):
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
    heading = f"  {'NODE':<6}{'MEMBER':<10}{'ROLE':<14}{'MATCH':>11}{'LAG':>10}   NOTE"
    lines: list[Line] = [[(heading, "dim")]]
    known = set(moment.model.ids()).union(*groups.values())
    for node_id in sorted(known):
        view = moment.model.nodes.get(node_id, NodeView(node_id))
        member = _membership(node_id, groups)
        mark = ("▸ ", "chosen bold") if node_id == moment.chosen else ("  ", "")
        line: Line = [mark, (f"{view.name:<6}", "bold"), (f"{member:<10}", _MEMBER_STYLES[member])]
        line += fill(moment.title(view), 14)
        match = progress.get(str(node_id), {}).get("match_index")
        match = view.number("last_index") if view is leader else match
        line.append((f"{number(match):>11}", ""))
        lag = moment.lag(view)
        line.append((f"{number(lag):>10}   ", "warn" if lag > 100 else ""))
        note = moment.cause(view) or (
            "changes to a voter by itself" if node_id in groups["promotable"] else ""
        )
        line.append((note, "dim"))
        lines.append(line)
    voters = len(groups["voters"])
    if groups["outgoing"]:
        words = "  a change of voters is under way: a majority of the old ones and of the new ones"
        lines.append([(words, "accent")])
    lines += [[], [(f"  {voters} voters: {voters // 2 + 1} are a quorum", "dim")]]
    return [fill(line, width) for line in lines]


_MEMBER_STYLES = {"voter": "good", "learner": "accent", "leaving": "warn", "joining": "accent"} | {
    "none": "dim"
}


def _membership(node_id: int, groups: dict[str, set[int]]) -> str:
    if node_id in groups["voters"]:
        is_new = groups["outgoing"] and node_id not in groups["outgoing"]
        return "joining" if is_new else "voter"
    if node_id in groups["outgoing"]:
        return "leaving"
    return "learner" if node_id in groups["learners"] else "none"
