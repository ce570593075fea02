"""One node from close by: its state, and its peers as it sees them."""

from tui.drawing.moment import Moment
from tui.drawing.overview import LINK_SIGNS, UNKNOWN_LINK, snapshot_text
from tui.drawing.text import Line, bar, duration, fill, fit, number, printable, sparkline
from tui.nodes import NodeView


def state_lines(moment: Moment, view: NodeView, width: int) -> list[Line]:
    """What the node says of itself; dimmed, with its age, when it does not live."""
    style = "" if moment.is_live(view) else "dim"
    lines: list[Line] = []
    if not moment.is_live(view):
        age = view.age_s(moment.now_ns)
        known = "nothing is known of it" if age is None else f"as of {duration(age)} ago"
        lines.append([(f" {moment.cause(view) or moment.condition(view)}, {known}", "warn")])
    voted, leader = view.status.get("voted_for"), view.status.get("leader")
    disk, counters = view.table("disk"), view.table("counters")
    age_ms = view.status.get("age_ms")
    rows = [
        ("term", str(view.number("term"))),
        ("voted for", f"n{voted}" if voted else "nobody"),
        ("leader", f"n{leader}" if leader else "none known"),
        ("commit", number(view.number("commit_index"))),
        ("applied", f"{number(view.applied_index)}   {number(moment.lag(view))} behind"),
        ("log", f"{number(view.number('first_index'))} – {number(view.number('last_index'))}"),
        ("snapshot", snapshot_text(view.table("snapshot"))),
        ("heard", "–" if age_ms is None else f"{age_ms} ms ago"),
        ("disk", f"last flush {disk.get('last_ms', '?')} ms   {number(disk.get('syncs'))} flushes"),
        ("up", duration(view.number("up_ms") / 1000)),
        ("process", f"pid {view.number('pid')}   {view.process.state}"),
        ("boot", f"{view.boot:016x}"),
        ("machine", view.text("machine") or "–"),
        ("frames", f"seq {number(view.seq)}   {view.lost} missed in {view.gaps} gaps"),
    ]
    lines += [[(f" {label:<10}", "dim"), (text, style)] for label, text in rows]
    if counters:
        lines.append([(" counters", "dim")])
        pairs = [f"{name} {value}" for name, value in sorted(counters.items())]
        lines += [[(f"   {fit(pair, width - 4)}", style)] for pair in pairs[:12]]
    graph = sparkline(view.rate.history(moment.now_ns, 60), max(width - 24, 0))
    rate = f" {number(view.rate.per_second(moment.now_ns))} op/s"
    lines.append([(" applied    ", "dim"), (graph, "accent"), (rate, "")])
    return [fill(line, width) for line in lines]


def peer_lines(moment: Moment, view: NodeView, width: int, chosen: int | None) -> list[Line]:
    """Its links, and of a leader how far each member is; dimmed, when it says so no more."""
    progress, errors = view.table("progress"), view.table("link_errors")
    known = "" if moment.is_live(view) else "dim"
    heading = f"  {'PEER':<6}{'LINK':<6}"
    heading += f"{'MATCH':>10} {'NEXT':>10} {'FLIGHT':>6} {'HEARD':>7}" if progress else "ERROR"
    lines: list[Line] = [[(heading, "dim")]]
    for peer in moment.model.ids():
        if peer == view.node_id:
            continue
        state = moment.model.link(view.node_id, peer, moment.now_ns)
        sign, style = LINK_SIGNS.get(state, UNKNOWN_LINK)
        mark = ("▸ ", "chosen bold") if peer == chosen else ("  ", "")
        line: Line = [mark, (f"{f'n{peer}':<6}", known or "bold"), (f"{sign} {state:<4}", style)]
        if member := progress.get(str(peer)):
            heard = member.get("heard_ms")
            line += [
                (f"{number(member.get('match_index')):>10} ", known),
                (f"{number(member.get('next_index')):>10} ", known),
                (f"{member.get('inflight', 0):>6} ", known),
                (f"{'–' if heard is None else f'{heard}ms':>7}", "dim"),
            ]
            lines.append(line)
            if sending := member.get("snapshot"):
                share = sending["acked_bytes"] / max(sending["bytes"], 1)
                lines.append([(f"    snapshot {bar(share, 20)} {share:.0%}", known or "accent")])
        else:
            lines.append(line)
        if str(peer) in errors:
            lines.append([("      " + printable(str(errors[str(peer)])), "dim")])
    return [fill(line, width) for line in lines]


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
