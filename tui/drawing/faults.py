"""The faults in force, in words: what they do to links and to nodes."""

from collections.abc import Mapping, Sequence
from typing import Any

from tui.drawing.moment import Moment
from tui.drawing.text import Line, fill, printable
from tui.nodes import NodeView

SHARES = {"drop": "drop", "duplicate": "dup", "reorder": "reorder", "corrupt": "corrupt"}
Rule = Mapping[str, Any]


def fault_lines(moment: Moment, width: int) -> list[Line]:
    """Number, what it does, for how long yet, and between whom or where."""
    return [fill(line, width) for _, line in sorted(_lines(moment).items())]


def faults_in_words(moment: Moment) -> dict[int, str]:
    """The same by number, in order, for a sentence."""
    lines = sorted(_lines(moment).items())
    return {fault: "".join(text for text, _ in line).strip() for fault, line in lines}


def _lines(moment: Moment) -> dict[int, Line]:
    model, lines = moment.model, dict[int, Line]()
    for fault, rules in model.faults(moment.now_ns).items():
        where = sides_of(model.ids(), rules)
        lines[fault] = _fault_line(moment, fault, rules[0], _link_words(rules[0]), where)
    for fault, rules in model.node_faults(moment.now_ns).items():
        where = ",".join(f"n{rule.get('node')}" for rule in rules)
        lines[fault] = _fault_line(moment, fault, rules[0], _node_words(rules[0]), where)
    return lines


def _fault_line(moment: Moment, fault: int, rule: Rule, words: str, where: str) -> Line:
    expires = rule.get("expires_at")
    left = ""
    if isinstance(expires, int | float):
        left = f" {max(expires - moment.wall_ns / 1e9, 0):.0f}s"
    return [(f" #{fault} {words}", "warn"), (left, "dim"), (f" {where}", "")]


def _link_words(rule: Rule) -> str:
    """As `raftctl faults` has it: net +40ms drop 5%."""
    if rule.get("cut"):
        return "cut"
    words = ["net"]
    if latency_ms := rule.get("latency_ms"):
        jitter_ms = rule.get("jitter_ms")
        words.append(f"+{latency_ms:g}ms" + (f"+-{jitter_ms:g}ms" if jitter_ms else ""))
    shares = ((name, rule.get(key)) for key, name in SHARES.items())
    words += [f"{name} {share * 100:g}%" for name, share in shares if share]
    if rate := rule.get("rate_bytes_s"):
        words.append(f"{rate} B/s")
    return " ".join(words)


def _node_words(rule: Rule) -> str:
    kind = rule.get("kind")
    if kind == "rate":
        return f"clock ×{rule.get('rate', 1):g}"
    return f"disk +{rule.get('delay_us', 0) / 1000:g}ms" if kind == "slow" else f"disk {kind}"


def faults_of(moment: Moment, view: NodeView) -> list[str]:
    """Those of the node itself: disk +20ms #4."""
    return [
        printable(f"{_node_words(rule)} #{fault}")
        for fault, rules in moment.model.node_faults(moment.now_ns).items()
        for rule in rules
        if rule.get("node") == view.node_id
    ]


def sides_of(ids: list[int], rules: Sequence[Mapping[str, Any]]) -> str:
    """1,2,3|4,5 of a partition; of anything else its links, or how many there are."""
    cut = {(rule.get("src"), rule.get("dst")) for rule in rules if rule.get("cut")}
    sides: list[set[int]] = []
    for node_id in ids:
        together = [side for side in sides if any({(node_id, n), (n, node_id)} - cut for n in side)]
        sides = [side for side in sides if side not in together]
        sides.append({node_id}.union(*together))
    if len(sides) > 1:
        return "|".join(",".join(map(str, sorted(side))) for side in sides)
    if len(rules) > 4:
        return f"{len(rules)} links"
    return " ".join(f"{rule.get('src')}:{rule.get('dst')}" for rule in rules)
