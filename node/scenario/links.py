"""From what an operator asks for to directed links: who does not hear whom, and how badly."""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

from node.faults import LinkRule
from node.scenario.effects import NOTHING, check_effects, summary
from node.scenario.errors import ScenarioError
from node.scenario.selectors import Scene, resolve_group

Link = tuple[int, int]

SPEC_LENGTH_MAX = 60
"""Links that read longer than this are counted instead."""

CUT = NOTHING._replace(cut=True)


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
            self.effects._replace(fault=fault, src=src, dst=dst, name=name, expires_at=expires_at)
            for src, dst in self.links
        ]


def plan_partition(
    scene: Scene,
    groups: Sequence[str] = (),
    halves: bool = False,
    ring: bool = False,
    bridge: str | None = None,
    one_way: Sequence[str] = (),
    rng: random.Random | None = None,
) -> FaultPlan:
    """Exactly one of the ways to say it; `groups` are the words of a line, `/` between groups.

    `rng` chooses where a selector leaves the choice. Raises ScenarioError.
    """
    check_one_way_to_say_it(groups, halves, ring, bridge, one_way)
    if one_way:
        links = _links_of(scene, one_way, rng)
        return FaultPlan("partition", _links_text(links), links)
    if ring:
        return _ring(scene.ids)
    if bridge is not None:
        return _bridge(scene, bridge, rng)
    sides = _halves(scene) if halves else _groups(scene, groups, rng)
    links = tuple((a, b) for side in sides for a in side for b in scene.ids if b not in side)
    if not links:
        hint = "name fewer nodes: the others form the other side"
        raise ScenarioError("that cuts nothing", hint)
    return FaultPlan("partition", " | ".join(map(_group_text, sides)), links, groups=tuple(sides))


def check_one_way_to_say_it(
    groups: Sequence[str], halves: bool, ring: bool, bridge: str | None, one_way: Sequence[str]
) -> None:
    """Raises ScenarioError."""
    ways = [bool(groups), halves, ring, bridge is not None, bool(one_way)]
    if sum(ways) != 1:
        raise ScenarioError(
            "one way to partition, please",
            "groups like 1,2 / 3,4,5, or --halves, --ring, --bridge n3, --one-way 1:2",
        )


def plan_links(
    scene: Scene, texts: Sequence[str], effects: LinkRule, rng: random.Random | None = None
) -> FaultPlan:
    """The same effects on each of the links, `src:dst` with selectors on both sides.

    Raises ScenarioError.
    """
    check_does_something(effects)
    check_effects(effects)
    links = _links_of(scene, texts, rng)
    return FaultPlan("net", f"{_links_text(links)} {summary(effects)}", links, effects)


def check_does_something(effects: LinkRule) -> None:
    """Raises ScenarioError."""
    if effects == NOTHING._replace(only=effects.only):
        hint = "--latency, --drop, --dup, --reorder, --rate"
        raise ScenarioError("what should happen there?", hint)


def _links_of(scene: Scene, texts: Sequence[str], rng: random.Random | None) -> tuple[Link, ...]:
    links: list[Link] = []
    for text in texts:
        ends = re.split(r"(?<!\bnot):", text)  # not the colon of not:leader
        if len(ends) != 2 or not all(ends):
            raise ScenarioError(f"{text!r} is not a link", "write it like n1:n2")
        source, target = ends
        sources = resolve_group(source, scene, rng=rng)
        targets = resolve_group(target, scene, sources, rng)
        links += [(a, b) for a in sources for b in targets if a != b and (a, b) not in links]
    if not links:
        raise ScenarioError("these are no links", "src and dst have to differ")
    return tuple(links)


def _groups(scene: Scene, texts: Sequence[str], rng: random.Random | None) -> list[tuple[int, ...]]:
    sides: list[tuple[int, ...]] = []
    listed: list[int] = []
    for part in " ".join(texts).split("/"):
        side = tuple(sorted(resolve_group(part, scene, listed, rng)))
        if twice := set(side) & set(listed):
            raise ScenarioError(f"n{min(twice)} stands in two groups", "each node in one group")
        listed += side
        if side:
            sides.append(side)
    rest = tuple(node_id for node_id in scene.ids if node_id not in listed)
    return [*sides, rest] if rest else sides


def _halves(scene: Scene) -> list[tuple[int, ...]]:
    return [
        tuple(sorted(resolve_group("majority", scene))),
        tuple(sorted(resolve_group("minority", scene))),
    ]


def _ring(everyone: Sequence[int]) -> FaultPlan:
    count = len(everyone)
    links = tuple(
        (a, b)
        for i, a in enumerate(everyone)
        for j, b in enumerate(everyone)
        if a != b and (i - j) % count not in (1, count - 1)
    )
    if not links:
        raise ScenarioError("a ring needs four nodes or more")
    return FaultPlan("partition", "ring: each node sees its two neighbours", links)


def _bridge(scene: Scene, text: str, rng: random.Random | None) -> FaultPlan:
    chosen = resolve_group(text, scene, rng=rng)
    if len(chosen) != 1:
        raise ScenarioError(f"--bridge {text} means {len(chosen)} nodes", "a bridge is one node")
    (middle,) = chosen
    others = [node_id for node_id in scene.ids if node_id != middle]
    left, right = others[: len(others) // 2], others[len(others) // 2 :]
    links = tuple((a, b) for a in left for b in right) + tuple((b, a) for a in left for b in right)
    if not links:
        raise ScenarioError("a bridge needs three nodes or more")
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
