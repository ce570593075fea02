"""What can be done to a cluster: a command line each, and whether to ask first. Pure.

The viewer changes nothing itself. An action is the arguments of `raftctl`, run as a process of its
own, so that what was done can be done again by hand. Whether it asks is arithmetic: what leaves a
quorum runs at once and can be undone; what would lose it asks, and the answer is No by default.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tui.drawing.moment import Moment
from tui.nodes import Condition, NodeView

FAULT_NUMBER = re.compile(r"fault #(\d+)")
HEAL_WHAT_CAME = "#"
"""In an undo: the number of the fault that the command says it made."""


@dataclass(frozen=True, slots=True)
class Action:
    """`arguments` for raftctl. `undo`: the arguments that take it back, empty: nothing does.
    `question`: what to ask first, empty: nothing.
    """

    arguments: tuple[str, ...]
    undo: tuple[str, ...] = ()
    question: str = ""

    def undo_after(self, printed: str) -> tuple[str, ...]:
        """The arguments of the undo, by what the command printed; empty: there is none."""
        if HEAL_WHAT_CAME not in self.undo:
            return self.undo
        found = FAULT_NUMBER.search(printed)
        return ("heal", found[1]) if found else ()


class Verb(NamedTuple):
    """A verb of the command line, `members add` as one, and what it does."""

    name: str
    about: str


class Refusal(NamedTuple):
    """Why an action makes no sense now."""

    why: str


class Quorum(NamedTuple):
    """Of `voters` there are `have` alive, and `need` are a quorum."""

    have: int
    need: int
    voters: int

    @property
    def is_there(self) -> bool:
        return self.have >= self.need

    def __str__(self) -> str:
        return f"{self.have} of {self.voters} < {self.need}"


def quorum_of(moment: Moment, alive: Collection[int]) -> Quorum:
    """The quorum that these nodes make; during a change of voters, in the worse of both halves."""
    configuration = moment.model.configuration()
    halves = [set(configuration.get(name, ())) for name in ("voters", "outgoing")]
    counts = [
        Quorum(len(half & set(alive)), len(half) // 2 + 1, len(half)) for half in halves if half
    ]
    everybody = len(moment.model.nodes)
    return min(
        counts,
        key=lambda quorum: quorum.have - quorum.need,
        default=Quorum(len(alive), everybody // 2 + 1, everybody),
    )


def alive(moment: Moment) -> set[int]:
    """The nodes that answer and may vote."""
    return {
        view.node_id
        for view in moment.model.nodes.values()
        if moment.is_live(view) and view.status.get("voting", True)
    }


def _asks(moment: Moment, words: str, gone: Collection[int]) -> str:
    """The question for what takes these nodes away; empty when the quorum stays."""
    left = quorum_of(moment, alive(moment) - set(gone))
    if left.is_there:
        return ""
    return f"{words} leaves {left}: the cluster takes no writes"


def _is_down(moment: Moment, view: NodeView) -> bool:
    return moment.condition(view) is Condition.EXITED


def stop_or_start(moment: Moment, view: NodeView) -> Action | Refusal:
    if _is_down(moment, view):
        return Action(("start", view.name), undo=("stop", view.name))
    question = _asks(moment, f"stop {view.name}", [view.node_id])
    return Action(("stop", view.name), ("start", view.name), question)


def kill(moment: Moment, view: NodeView) -> Action | Refusal:
    if _is_down(moment, view):
        return Refusal(f"{view.name} does not run: s starts it")
    question = _asks(moment, f"kill {view.name}", [view.node_id])
    return Action(("kill", view.name), ("start", view.name), question)


def pause_or_resume(moment: Moment, view: NodeView) -> Action | Refusal:
    if _is_down(moment, view):
        return Refusal(f"{view.name} does not run: s starts it")
    if moment.condition(view) is Condition.PAUSED:
        return Action(("resume", view.name), undo=("pause", view.name))
    question = _asks(moment, f"pause {view.name}", [view.node_id])
    return Action(("pause", view.name), ("resume", view.name), question)


def restart(moment: Moment, view: NodeView) -> Action | Refusal:
    if _is_down(moment, view):
        return Refusal(f"{view.name} does not run: s starts it")
    question = _asks(moment, f"restart {view.name}", [view.node_id])
    return Action(("restart", view.name), (), question)


def transfer(moment: Moment, view: NodeView) -> Action | Refusal:
    """To this node; it leads already: to whoever holds most of the log."""
    leader = moment.leader
    if leader is None:
        return Refusal("there is no leader to hand over")
    if leader is view:
        return Action(("transfer",), undo=("transfer", view.name))
    if not moment.is_live(view):
        return Refusal(f"{view.name} cannot lead: {moment.cause(view)}")
    return Action(("transfer", view.name), undo=("transfer", leader.name))


def partition(moment: Moment, groups: Iterable[Collection[int]]) -> Action | Refusal:
    """Cut the cluster into these groups; nodes in none of them are one more."""
    sides = [sorted(group) for group in groups if group]
    if len(sides) < 2:
        return Refusal("a partition has two sides: put a node on the other one")
    words: list[str] = []
    for side in sides:
        words += ["/", ",".join(map(str, side))] if words else [",".join(map(str, side))]
    best = max(
        (quorum_of(moment, alive(moment) & set(side)) for side in sides),
        key=lambda quorum: quorum.have - quorum.need,
    )
    question = "" if best.is_there else f"the largest side has {best}: no side takes writes"
    return Action(("partition", *words), ("heal", HEAL_WHAT_CAME), question)


def net(link: str, options: Iterable[tuple[str, str]]) -> Action | Refusal:
    """A slow or lossy link, `n1:n2`; options are ("--latency", "100ms") and so on."""
    chosen = [word for name, value in options if value.strip() for word in (name, value.strip())]
    if not chosen:
        return Refusal("nothing would change: give a latency, a share that is lost, ...")
    if ":" not in link:
        return Refusal("a link is src:dst, as in n1:n2")
    return Action(("net", "--link", link.strip(), *chosen), ("heal", HEAL_WHAT_CAME))


def heal(what: str = "all") -> Action:
    return Action(("heal",) if what == "all" else ("heal", what))


def put(key: str, value: str) -> Action | Refusal:
    if not key:
        return Refusal("a key has at least one character")
    # Behind the dashes nothing is taken for an option.
    return Action(("put", "--", key, value))


def add_member() -> Action:
    return Action(("members", "add"))


def remove_member(moment: Moment, view: NodeView) -> Action | Refusal:
    configuration = moment.model.configuration()
    voters = set(configuration.get("voters", ())) - {view.node_id}
    if not voters:
        return Refusal(f"{view.name} is the only voter")
    stay = alive(moment) & voters
    words = f"remove {view.name} for good? {len(stay)} of {len(voters)} voters that stay are alive"
    return Action(("members", "remove", view.name), (), words)


def promote_or_demote(moment: Moment, view: NodeView) -> Action | Refusal:
    configuration = moment.model.configuration()
    if view.node_id in configuration.get("learners", ()):
        return Action(("members", "promote", view.name), ("members", "demote", view.name))
    if view.node_id not in configuration.get("voters", ()):
        return Refusal(f"{view.name} is no member")
    return Action(("members", "demote", view.name), ("members", "promote", view.name))
