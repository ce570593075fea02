"""From what an operator asks for to directed links: who does not hear whom, and how badly."""

import difflib
import re
import typing
from collections.abc import Sequence
from dataclasses import dataclass, replace

from node.faults import DELAY_MS_MAX, RATE_BYTES_S_MAX, FaultError, LinkRule
from node.raft.messages import Message
from raftctl.documents import Status
from raftctl.errors import CliError
from raftctl.selectors import WORDS, resolve_group
from raftctl.values import NAME_LENGTH_MAX, bytes_per_second, is_bare, latency, probability, usage

Link = tuple[int, int]

SPEC_LENGTH_MAX = 60
"""Links that read longer than this are counted instead."""

MESSAGES = tuple(kind.__name__ for kind in typing.get_args(Message))

NOTHING = LinkRule(fault=0, src=0, dst=0)
CUT = replace(NOTHING, cut=True)


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """One fault: its kind, how it reads, its links, and the rule that holds for each of them."""

    kind: str
    spec: str
    links: tuple[Link, ...]
    effects: LinkRule = CUT
    groups: tuple[tuple[int, ...], ...] = ()

    def rules(self, fault: int, name: str, expires_at: float | None) -> list[LinkRule]:
        """The rules of fault number `fault`, until then (Unix seconds)."""
        return [
            replace(self.effects, fault=fault, src=src, dst=dst, name=name, expires_at=expires_at)
            for src, dst in self.links
        ]


def plan(
    status: Status,
    groups: Sequence[str],
    halves: bool,
    ring: bool,
    bridge: str | None,
    one_way: Sequence[str],
) -> FaultPlan:
    """Exactly one of the ways to say it. Raises CliError."""
    ways = [bool(groups), halves, ring, bridge is not None, bool(one_way)]
    if sum(ways) != 1:
        raise usage(
            "one way to partition, please",
            "groups like 1,2 / 3,4,5, or --halves, --ring, --bridge n3, --one-way 1:2",
        )
    everyone = [int(row.id[1:]) for row in status.nodes]
    if one_way:
        links = _links_of(status, one_way)
        return FaultPlan("partition", _links_text(links), links)
    if ring:
        return _ring(everyone)
    if bridge is not None:
        return _bridge(status, everyone, bridge)
    sides = _halves(status) if halves else _groups(status, everyone, groups)
    links = tuple((a, b) for side in sides for a in side for b in everyone if b not in side)
    if not links:
        raise usage("that cuts nothing", "name fewer nodes: the others form the other side")
    return FaultPlan("partition", " | ".join(map(_group_text, sides)), links, groups=tuple(sides))


def link_effects(
    delay: str | None,
    drop: str,
    duplicate: str,
    reorder: str,
    corrupt: str,
    rate: str | None,
    only: Sequence[str],
) -> LinkRule:
    """The options of `net` as a rule for no link yet, which every node would take.

    Raises CliError (exit 2).
    """
    latency_ms, jitter_ms = (0.0, 0.0) if delay is None else latency(delay)
    effects = replace(
        NOTHING,
        latency_ms=latency_ms,
        jitter_ms=jitter_ms,
        drop=probability(drop),
        duplicate=probability(duplicate),
        reorder=probability(reorder),
        corrupt=probability(corrupt),
        rate_bytes_s=0 if rate is None else bytes_per_second(rate),
        only=tuple(map(_message, only)),
    )
    if delay is not None and max(latency_ms, jitter_ms) > DELAY_MS_MAX:
        raise _too_long(delay)
    if effects.rate_bytes_s > RATE_BYTES_S_MAX:
        raise usage(f"--rate {rate} is no limit", f"at most {RATE_BYTES_S_MAX // 10**9} GB/s")
    _check(effects)
    return effects


def _too_long(delay: str) -> CliError:
    """Seconds are meant seldom: a number without a unit was to be milliseconds."""
    parts = delay.split("+-")
    meant = "+-".join(f"{part}ms" if is_bare(part) else part for part in parts)
    limit = f"at most {DELAY_MS_MAX // 1000}s"
    hint = limit if meant == delay else f"did you mean {meant}?"
    return usage(f"--latency {delay} is more than a node takes: {limit}", hint)


def _message(name: str) -> str:
    if name in MESSAGES:
        return name
    known = {each.lower(): each for each in MESSAGES}
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    hint = f"did you mean {known[near[0]]}?" if near else f"one of {', '.join(MESSAGES)}"
    raise usage(f"there is no message {name!r}", hint)


def _check(effects: LinkRule) -> None:
    """Nothing is saved that a node would refuse."""
    try:
        effects.check()
    except FaultError as error:
        raise usage(str(error)) from error


def check_fault_name(name: str) -> None:
    """A name that `heal` cannot take for anything else. Raises CliError (exit 2)."""
    if not re.fullmatch(rf"[A-Za-z][A-Za-z0-9_-]{{0,{NAME_LENGTH_MAX - 1}}}", name):
        hint = f"a letter, then letters, digits, - and _, at most {NAME_LENGTH_MAX}"
        raise usage(f"{name!r} is no name for a fault", hint)
    if name in WORDS or re.fullmatch(r"n[0-9]+", name):
        raise usage(f"{name!r} is no name for a fault", "it means nodes, or all faults")


def plan_links(status: Status, texts: Sequence[str], effects: LinkRule) -> FaultPlan:
    """The same effects on each of the links, `src:dst` with selectors on both sides."""
    if effects == replace(NOTHING, only=effects.only):
        raise usage("what should happen there?", "--latency, --drop, --dup, --reorder, --rate")
    _check(effects)
    links = _links_of(status, texts)
    return FaultPlan("net", f"{_links_text(links)} {_effects_text(effects)}", links, effects)


def _links_of(status: Status, texts: Sequence[str]) -> tuple[Link, ...]:
    links: list[Link] = []
    for text in texts:
        ends = re.split(r"(?<!\bnot):", text)  # not the colon of not:leader
        if len(ends) != 2 or not all(ends):
            raise usage(f"{text!r} is not a link", "write it like n1:n2")
        source, target = ends
        sources = resolve_group(source, status)
        targets = resolve_group(target, status, sources)
        links += [(a, b) for a in sources for b in targets if a != b and (a, b) not in links]
    if not links:
        raise usage("these are no links", "src and dst have to differ")
    return tuple(links)


def _groups(status: Status, everyone: list[int], texts: Sequence[str]) -> list[tuple[int, ...]]:
    parts = " ".join(texts).split("/")
    sides: list[tuple[int, ...]] = []
    listed: list[int] = []
    for part in parts:
        side = tuple(sorted(resolve_group(part, status, listed)))
        if twice := set(side) & set(listed):
            raise usage(f"n{min(twice)} stands in two groups", "each node in one group")
        listed += side
        if side:
            sides.append(side)
    rest = tuple(node_id for node_id in everyone if node_id not in listed)
    return [*sides, rest] if rest else sides


def _halves(status: Status) -> list[tuple[int, ...]]:
    return [
        tuple(sorted(resolve_group("majority", status))),
        tuple(sorted(resolve_group("minority", status))),
    ]


def _ring(everyone: list[int]) -> FaultPlan:
    count = len(everyone)
    links = tuple(
        (a, b)
        for i, a in enumerate(everyone)
        for j, b in enumerate(everyone)
        if a != b and (i - j) % count not in (1, count - 1)
    )
    if not links:
        raise usage("a ring needs four nodes or more")
    return FaultPlan("partition", "ring: each node sees its two neighbours", links)


def _bridge(status: Status, everyone: list[int], text: str) -> FaultPlan:
    chosen = resolve_group(text, status)
    if len(chosen) != 1:
        raise usage(f"--bridge {text} means {len(chosen)} nodes", "a bridge is one node")
    (middle,) = chosen
    others = [node_id for node_id in everyone if node_id != middle]
    left, right = others[: len(others) // 2], others[len(others) // 2 :]
    links = tuple((a, b) for a in left for b in right) + tuple((b, a) for a in left for b in right)
    if not links:
        raise usage("a bridge needs three nodes or more")
    spec = f"{_group_text(left)} - n{middle} - {_group_text(right)}"
    return FaultPlan("partition", spec, links)


def _group_text(ids: Sequence[int]) -> str:
    return "{" + ",".join(f"n{node_id}" for node_id in ids) + "}"


def _links_text(links: Sequence[Link]) -> str:
    """`n1:n2,n3 n2:n1`, or how many they are where that gets long."""
    targets: dict[int, list[str]] = {}
    for source, target in links:
        targets.setdefault(source, []).append(f"n{target}")
    text = " ".join(f"n{source}:{','.join(names)}" for source, names in targets.items())
    return text if len(text) <= SPEC_LENGTH_MAX else f"{len(links)} links"


def _effects_text(effects: LinkRule) -> str:
    parts = []
    if effects.latency_ms:
        jitter = f"+-{effects.jitter_ms:g}ms" if effects.jitter_ms else ""
        parts.append(f"+{effects.latency_ms:g}ms{jitter}")
    for name in ("drop", "duplicate", "reorder", "corrupt"):
        share = getattr(effects, name)
        if share:
            parts.append(f"{name[:3] if name == 'duplicate' else name} {share * 100:g}%")
    if effects.rate_bytes_s:
        parts.append(f"{effects.rate_bytes_s} B/s")
    if effects.only:
        parts.append(f"only {','.join(effects.only)}")
    return " ".join(parts)
