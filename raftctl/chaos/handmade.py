"""A scenario out of what was done to a cluster by hand. Pure.

Whatever was ended again lasts for that time in the scenario: `kill leader`, and later `start n3`,
become one step, since the next time somebody else leads. That is done only where an end is the end
of whole steps; a start of one node of two that were killed together stays a step of its own.
"""

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from node.scenario.actions import (
    Action,
    Heal,
    Kill,
    MembersRemove,
    MembersReplace,
    OnNodes,
    Partition,
    Pause,
    Restart,
    Resume,
    Start,
    Stop,
    Wipe,
)
from node.scenario.errors import ScenarioError
from node.scenario.lines import parse_action, parse_line
from node.scenario.possible import check_possible
from node.scenario.scenario import (
    DURATION_US_MAX,
    NODES_MAX,
    STEPS_MAX,
    Expect,
    Scenario,
    Step,
)
from node.scenario.when import At
from raftctl.cluster.journal import Entry
from raftctl.exit_codes import Exit

LEAD_US = 2_000_000
"""From the beginning to the first step: somebody leads by then, and clients are at work."""
SETTLE_US = 5_000_000
"""From the end of the last step to that of the scenario."""
CONVERGE_US = 10_000_000
NAME_LENGTH_MAX = 50
"""Of a name that gets a number behind it."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A line that is no step, and why not."""

    line: str
    why: str


@dataclass(slots=True)
class _Draft:
    """A step to be. `at`: in Unix seconds; `until`: when its fault ended, if that is known."""

    at: float
    typed: str
    action: Action
    name: str
    nodes: set[int]
    until: float | None = None


@dataclass(frozen=True, slots=True)
class Handmade:
    scenario: Scenario
    left_out: list[LeftOut]


def scenario_of(
    entries: Sequence[Entry], now: float, name: str, about: str, exact: bool
) -> Handmade:
    """What these lines did, in their order and at their distances; `now` in Unix seconds.

    `exact`: to the nodes that were meant then, instead of to whom the selectors mean next time. A
    scenario without steps: no line was one. Raises ScenarioError for what is too much, or too long.
    """
    drawing = _Drawing(now, exact)
    for entry in entries:
        drawing.take(entry)
    members = next((entry.members for entry in entries if entry.members), ())
    nodes = min(max(len(members), 1), NODES_MAX)
    drafts, left_out = drawing.drafts, drawing.left_out
    while True:
        scenario = _scenario(drafts, nodes, name, about)
        try:
            check_possible(scenario)
        except ScenarioError as error:
            found = re.match(r"step\.(\d+)", error.key)
            assert found is not None, "there is nothing but steps in it"
            draft = drafts.pop(int(found[1]))
            left_out.append(LeftOut(draft.typed, error.message.partition(": do: ")[2]))
        else:
            return Handmade(scenario, left_out)


def _scenario(drafts: Sequence[_Draft], nodes: int, name: str, about: str) -> Scenario:
    if len(drafts) > STEPS_MAX:
        raise ScenarioError(f"{len(drafts)} steps", f"at most {STEPS_MAX}: --last 100, --since 10m")
    first = drafts[0].at if drafts else 0.0
    ends = [draft.at if draft.until is None else draft.until for draft in drafts]
    duration_us = _after(first, max(ends, default=first)) + LEAD_US + SETTLE_US
    if duration_us > DURATION_US_MAX:
        raise ScenarioError("more than a day lies between these lines", "--since 10m, --last 20")
    steps = [
        Step(
            At(LEAD_US + _after(first, draft.at)),
            draft.action,
            draft.name,
            None if draft.until is None else max(_after(draft.at, draft.until), 1000),
        )
        for draft in drafts
    ]
    expect = Expect(converge_within_us=CONVERGE_US)
    return Scenario(name, about, nodes, duration_us=duration_us, steps=tuple(steps), expect=expect)


def _after(first: float, then: float) -> int:
    """Microseconds, cut to whole milliseconds: nobody types faster."""
    return round((then - first) * 1000) * 1000


class _Drawing:
    """Takes lines in their order."""

    def __init__(self, now: float, exact: bool) -> None:
        self.drafts: list[_Draft] = []
        self.left_out: list[LeftOut] = []
        self._now = now
        self._exact = exact
        self._down: dict[int, _Draft] = {}
        """By node: what killed or stopped it, as long as one line may end all that it did."""
        self._frozen: dict[int, _Draft] = {}
        self._faults: dict[int, _Draft] = {}
        self._partition: _Draft | None = None
        self._names: set[str] = set()
        self._touched: set[int] = set()
        """Nodes to which some step does something."""

    def take(self, entry: Entry) -> None:
        typed = shlex.join(entry.line)
        why = self._why_not(entry, typed)
        if why:
            self.left_out.append(LeftOut(typed, why))

    def _why_not(self, entry: Entry, typed: str) -> str:
        """Why it is no step; empty: it is one, or it ends some."""
        if entry.line[:1] == ("up",) and not self.drafts:
            return ""  # which is where a scenario begins
        if entry.exit not in (Exit.OK, Exit.PARTIAL):
            return f"it ended with exit {entry.exit}"
        if not entry.changed:
            return "it changed nothing"
        if entry.healed and not entry.eased:
            return self._heal(entry)
        try:
            line = parse_line(typed)
            action = parse_action(shlex.join(entry.resolved)) if self._exact else line.action
        except ScenarioError as error:
            return error.message
        if isinstance(action, Start | Resume):
            held = self._down if isinstance(action, Start) else self._frozen
            if self._end(held, entry):
                return ""
            if self._touched.isdisjoint(entry.nodes):
                return "what it ended is of before"
        action = _on_those_changed(action, entry)
        draft = _Draft(entry.at, typed, action, self._new_name(line.name), {*entry.nodes})
        if line.lasts_us is not None and entry.at + line.lasts_us / 1e6 <= self._now:
            draft.until = entry.at + line.lasts_us / 1e6
        self._note(entry, draft)
        self.drafts.append(draft)
        return ""

    def _new_name(self, name: str) -> str:
        """In a scenario no two faults have the same, not even one after the other."""
        if name in ("linearizable", "invariants", "converge-within", "leader-change"):
            return ""
        number, chosen = 1, name
        while chosen in self._names:
            number += 1
            chosen = f"{name[:NAME_LENGTH_MAX]}-{number}"
        self._names |= {chosen} if chosen else set()
        return chosen

    def _heal(self, entry: Entry) -> str:
        ended = [self._faults.pop(number, None) for number in entry.healed]
        known = [draft for draft in ended if draft is not None]
        for draft in known:
            draft.until = entry.at
        return "" if known else "what it healed is of before"

    def _end(self, held: dict[int, _Draft], entry: Entry) -> bool:
        """Whether it ended all that some steps did, and nothing else."""
        drafts = _of(held, entry.nodes)
        whole = bool(drafts) and set().union(*(each.nodes for each in drafts)) == {*entry.nodes}
        if whole:
            for draft in drafts:
                draft.until = entry.at
        _forget(held, entry.nodes)
        return whole

    def _note(self, entry: Entry, draft: _Draft) -> None:
        match draft.action:
            case Kill() | Stop():
                _forget(self._frozen, entry.nodes)
                self._down |= dict.fromkeys(entry.nodes, draft)
            case Pause():
                self._frozen |= dict.fromkeys(entry.nodes, draft)
            case Restart() | Wipe() | MembersRemove() | MembersReplace():
                for held in (self._down, self._frozen):
                    _forget(held, entry.nodes)
            case Heal():
                for number in entry.healed:
                    self._faults.pop(number, None)
            case Partition():
                before, self._partition = self._partition, draft
                if before is not None and before.until is not None and before.until > draft.at:
                    before.until = None  # this one ends it
            case _:
                pass
        if entry.fault is not None:
            self._faults[entry.fault] = draft
        self._touched.update(entry.nodes)


def _on_those_changed(action: Action, entry: Entry) -> Action:
    """Without the nodes that were so already: a step that does nothing to some has no verdict."""
    if not isinstance(action, Start | Stop | Kill | Pause | Resume):
        return action
    meant = parse_action(shlex.join(entry.resolved))
    assert isinstance(meant, OnNodes), "it is the same verb"
    if len(meant.nodes) == len(entry.nodes):
        return action
    return replace(action, nodes=tuple(f"n{node}" for node in entry.nodes))


def _of(held: Mapping[int, _Draft], nodes: Iterable[int]) -> list[_Draft]:
    """The steps that hold these nodes, each once."""
    found: list[_Draft] = []
    for node in nodes:
        draft = held.get(node)
        if draft is not None and not any(draft is each for each in found):
            found.append(draft)
    return found


def _forget(held: dict[int, _Draft], nodes: Iterable[int]) -> None:
    """No line ends any more all that these steps did."""
    for draft in _of(held, nodes):
        for node in draft.nodes:
            held.pop(node, None)
