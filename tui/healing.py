"""Ending all faults at once, and the lines that put them back. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tui.actions import Action, Refusal
from tui.drawing.faults import faults_in_words
from tui.drawing.moment import Moment
from tui.undo import Undo, standing_partition

NOTHING = Refusal("nothing to heal: there is no fault")
HEAL = ("heal",)
_SHARES = (
    ("--drop", "drop"),
    ("--dup", "duplicate"),
    ("--reorder", "reorder"),
    ("--corrupt", "corrupt"),
)
Rules = Sequence[Mapping[str, Any]]


def heal_all(moment: Moment) -> Action | Refusal:
    """It asks, unless command lines put back what it ends: none does that for a fault that ends by
    itself, and for one that nodes which do not live may have a part in.
    """
    faults = faults_in_words(moment)
    all_live = all(map(moment.is_live, moment.model.nodes.values()))
    if not faults:
        return NOTHING if all_live else Action(HEAL)
    undo = _restoring(moment) if all_live else None
    if undo is not None:
        return Action(HEAL, undo)
    words = ", ".join(faults.values())
    return Action(HEAL, question=f"heal ends {words}: u does not put that back")


def _restoring(moment: Moment) -> Undo | None:
    """What puts all of them back, one after the other; None: no lines do so exactly."""
    links, nodes = moment.model.faults(moment.now_ns), moment.model.node_faults(moment.now_ns)
    found = [
        _partition(moment) if rules[0].get("cut") else _as_it_was(fault, rules, _net_words(rules))
        for fault, rules in links.items()
    ]
    found += [_as_it_was(fault, rules, _node_words(rules)) for fault, rules in nodes.items()]
    undo: Undo | None = None
    for each in reversed(found):
        if each is None:
            return None
        undo = replace(each, then=undo)
    return undo


def _partition(moment: Moment) -> Undo | None:
    """There is one at a time."""
    before = standing_partition(moment)
    if before is None or before.until is not None:
        return None
    return Undo(before.arguments(moment.model.ids()), before)


def _as_it_was(fault: int, rules: Rules, words: Sequence[str]) -> Undo | None:
    name, until = rules[0].get("name"), rules[0].get("expires_at")
    if not words or until is not None:
        return None
    return Undo((*words, *(("--as", name) if name else ())), fault=str(fault))


def _net_words(rules: Rules) -> list[str]:
    """All links of one fault have the same effects."""
    words, rule = ["net"], rules[0]
    for each in rules:
        words += ["--link", f"{each.get('src')}:{each.get('dst')}"]
    latency_ms, jitter_ms = rule.get("latency_ms", 0), rule.get("jitter_ms", 0)
    if latency_ms or jitter_ms:
        delay = f"{_number(latency_ms)}ms"
        words += ["--latency", f"{delay}+-{_number(jitter_ms)}ms" if jitter_ms else delay]
    for option, key in _SHARES:
        if share := rule.get(key):
            words += [option, f"{_number(share * 100)}%"]
    if rate := rule.get("rate_bytes_s"):
        words += ["--rate", f"{rate}B/s"]
    for kind in rule.get("only", ()):
        words += ["--only", kind]
    return words


def _node_words(rules: Rules) -> list[str]:
    """Nothing for a disk that fails: it ends its node."""
    names = [f"n{each.get('node')}" for each in rules]
    match rules[0].get("kind"):
        case "slow":
            return ["disk", *names, "--slow", f"{_number(rules[0].get('delay_us', 0) / 1000)}ms"]
        case "full":
            return ["disk", *names, "--full"]
        case "rate":
            return ["clock", *names, "--rate", _number(rules[0].get("rate", 1.0))]
    return []


def _number(value: float) -> str:
    return f"{value:.10f}".rstrip("0").rstrip(".")
