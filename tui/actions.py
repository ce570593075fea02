"""What can be done to a cluster: a command line each, and whether to ask first. Pure.

The viewer changes nothing itself. An action is the arguments of `raftctl`, run as a process of its
own, so that what was done can be done again by hand. Whether it asks is arithmetic: what leaves a
quorum runs at once and can be undone; what would lose it asks, and the answer is No by default.
"""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

from tui.drawing.moment import Moment
from tui.nodes import Condition, NodeView

FAULT_NUMBER = re.compile(r"fault #(\d+)")
HEAL_WHAT_CAME = "#"
"""In an undo: the number of the fault that the command says it made."""


@dataclass(frozen=True, slots=True)
class Action:
    """`arguments` for raftctl. `undo`: the arguments that take it back, empty: nothing does.
    `question`: what to ask first, empty: nothing. `takes`: nodes that are gone once it began;
    `brings`: nodes that are there when it ended well. `is_undo`: it takes back the newest action.
    """

    arguments: tuple[str, ...]
    undo: tuple[str, ...] = ()
    question: str = ""
    takes: frozenset[int] = frozenset()
    brings: frozenset[int] = frozenset()
    is_undo: bool = False

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
    """The quorum that the best group of these nodes makes: a leader, and whom it talks with both
    ways. During a change of voters, in the worse of both halves.
    """
    configuration = moment.model.configuration()
    halves = [set(configuration.get(name, ())) for name in ("voters", "outgoing")]
    everybody = set(moment.model.nodes)
    halves = [half for half in halves if half] or [everybody]

    def count(group: Collection[int]) -> Quorum:
        counts = [Quorum(len(half & set(group)), len(half) // 2 + 1, len(half)) for half in halves]
        return min(counts, key=_margin)

    may_lead = set(alive) & set().union(*halves)
    groups = [{node} | {peer for peer in alive if _talk(moment, node, peer)} for node in may_lead]
    return max(map(count, groups), key=_margin, default=count(()))


def _margin(quorum: Quorum) -> int:
    return quorum.have - quorum.need


def _talk(moment: Moment, one: int, other: int) -> bool:
    """Whether both nodes reach each other, as each of them sees it."""
    links = {moment.model.link(*pair, moment.now_ns) for pair in ((one, other), (other, one))}
    return links <= {"up", "slow"}


def alive(moment: Moment) -> set[int]:
    """The nodes that answer and may vote, and that no running command takes away."""
    return {
        view.node_id
        for view in moment.model.nodes.values()
        if moment.is_live(view) and view.status.get("voting", True)
    } - moment.leaving


def _asks(moment: Moment, words: str, gone: Collection[int]) -> str:
    """The question for what takes these nodes away; empty when the quorum stays."""
    left = quorum_of(moment, alive(moment) - set(gone))
    if left.is_there:
        return ""
    return f"{words} leaves {left}: the cluster takes no writes"


def _is_down(moment: Moment, view: NodeView) -> bool:
    return moment.condition(view) is Condition.EXITED


TAKING = frozenset({"stop", "kill", "pause", "restart"})
BRINGING = frozenset({"start", "resume", "restart"})


def _on_node(moment: Moment, verb: str, view: NodeView, undo: str = "") -> Action:
    """One of those verbs; `undo` is the verb that takes it back."""
    node = frozenset({view.node_id})
    takes = node if verb in TAKING else frozenset[int]()
    return Action(
        (verb, view.name),
        (undo, view.name) if undo else (),
        _asks(moment, f"{verb} {view.name}", takes) if takes else "",
        takes,
        node if verb in BRINGING else frozenset(),
    )


def stop_or_start(moment: Moment, view: NodeView) -> Action | Refusal:
    if _is_down(moment, view):
        return _on_node(moment, "start", view, undo="stop")
    return _on_node(moment, "stop", view, undo="start")


def kill(moment: Moment, view: NodeView) -> Action | Refusal:
    if _is_down(moment, view):
        return Refusal(f"{view.name} does not run: s starts it")
    return _on_node(moment, "kill", view, undo="start")


def pause_or_resume(moment: Moment, view: NodeView) -> Action | Refusal:
    if _is_down(moment, view):
        return Refusal(f"{view.name} does not run: s starts it")
    if moment.condition(view) is Condition.PAUSED:
        return _on_node(moment, "resume", view, undo="pause")
    return _on_node(moment, "pause", view, undo="resume")


def restart(moment: Moment, view: NodeView) -> Action | Refusal:
    if _is_down(moment, view):
        return Refusal(f"{view.name} does not run: s starts it")
    return _on_node(moment, "restart", view)


def take_back(moment: Moment, undo: tuple[str, ...]) -> Action:
    """The action that these arguments of an undo are, with its question: much may have happened
    since.
    """
    views = {view.name: view for view in moment.model.nodes.values()}
    verb, name = undo[0], undo[-1]
    if verb in TAKING | BRINGING and name in views:
        return replace(_on_node(moment, verb, views[name]), is_undo=True)
    return Action(undo, is_undo=True)


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
        key=_margin,
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
    if value == "-":
        return Refusal("- is no value: the command would read its input, which is empty here")
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
    return Action(("members", "remove", view.name), (), words, frozenset({view.node_id}))


def promote_or_demote(moment: Moment, view: NodeView) -> Action | Refusal:
    configuration = moment.model.configuration()
    if view.node_id in configuration.get("learners", ()):
        return Action(("members", "promote", view.name), ("members", "demote", view.name))
    if view.node_id not in configuration.get("voters", ()):
        return Refusal(f"{view.name} is no member")
    return Action(("members", "demote", view.name), ("members", "promote", view.name))
