"""What each node was, from what nodes told: its lives, its roles and terms, and its lag."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

NS = 1_000_000_000
ROLE_OF_EVENT = {
    "boot": "follower",
    "prevote": "precandidate",
    "election": "candidate",
    "leader": "leader",
    "follow": "follower",
    "stepdown": "follower",
}


@dataclass(frozen=True, slots=True)
class Said:
    """What a node told of itself at some moment; None: nothing about that."""

    node: int
    boot: int
    at_s: float
    role: str | None
    term: int | None
    commit_index: int | None
    last_applied: int | None


@dataclass(slots=True)
class Span:
    """A node in one role and term."""

    role: str
    term: int
    from_s: float
    to_s: float


@dataclass(slots=True)
class Life:
    """A node from its start to the last thing that it told."""

    boot: int
    from_s: float
    to_s: float
    spans: list[Span] = field(default_factory=list)


def said(record: Mapping[str, Any]) -> Said:
    """Raises KeyError, TypeError, ValueError for what no node tells."""
    event_role = ROLE_OF_EVENT.get(record["kind"])
    return Said(
        node=record["node"],
        boot=record["boot"],
        at_s=record["at"] / NS,
        role=record.get("role", event_role),
        term=int(record["term"]) if event_role else _whole(record.get("term")),
        commit_index=_whole(record.get("commit_index")),
        last_applied=_whole(record.get("last_applied")),
    )


def _whole(value: Any) -> int | None:  # noqa: ANN401
    return None if value is None else int(value)


def lives(told: Iterable[Said]) -> dict[int, list[Life]]:
    """By node, in the order of time, in which `told` has to be."""
    found: dict[int, list[Life]] = {}
    for each in told:
        mine = found.setdefault(each.node, [])
        if not mine or mine[-1].boot != each.boot:
            mine.append(Life(each.boot, each.at_s, each.at_s))
        _lived(mine[-1], each)
    return {node: found[node] for node in sorted(found)}


def _lived(life: Life, each: Said) -> None:
    life.to_s = each.at_s
    last = life.spans[-1] if life.spans else None
    role = each.role or (last.role if last else "follower")
    term = each.term if each.term is not None else (last.term if last else 0)
    if last is not None:
        last.to_s = each.at_s
    if last is None or (last.role, last.term) != (role, term):
        life.spans.append(Span(role, term, each.at_s, each.at_s))


def behind(told: Sequence[Said], end_s: float, steps: int) -> dict[int, list[int]]:
    """How many entries each node had still to apply of what was known to be committed: the most of
    it in each of so many steps from 0 to `end_s`, as far as the last one in which it told anything.
    """
    most: dict[int, list[int]] = {each.node: [] for each in told}
    last_s = {each.node: each.at_s for each in told}
    applied: dict[int, int] = {}
    committed = place = 0
    for step in range(steps):
        from_s, until_s = (number * end_s / steps for number in (step, step + 1))
        highest = {node: committed - index for node, index in applied.items()}
        while place < len(told) and told[place].at_s <= until_s:
            each = told[place]
            committed = max(committed, each.commit_index or 0)
            if each.last_applied is not None:
                applied[each.node] = each.last_applied
            for node, index in applied.items():
                highest[node] = max(highest.get(node, 0), committed - index)
            place += 1
        for node, lags in most.items():
            if last_s[node] >= from_s:
                lags.append(highest.get(node, 0))
    return most
