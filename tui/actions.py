"""What can be done to a cluster: a command line each, and whether to ask first. Pure.

The viewer changes nothing itself. An action is the arguments of `raftctl`, run as a process of its
own, so that what was done can be done again by hand. Whether it asks is arithmetic: what leaves a
quorum runs at once and can be undone; what would lose it asks, and the answer is No by default.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from tui.drawing.moment import Moment
from tui.nodes import Condition, NodeView
from tui.runner import as_typed
from tui.undo import HEAL_WHAT_CAME, Undo, standing_partition


@dataclass(frozen=True, slots=True)
class Action:
    """`arguments` for raftctl. `undo`: what takes it back, None: nothing does. `question`: what to
    ask first, empty: nothing. `takes`: nodes that are gone once it began, or vote no more;
    `brings`: nodes that are there when it ended well. `takes_back`: the undo that it is.
    `only_reads`: it leaves the cluster as it is. `into`: a file that gets what it prints.
    """

    arguments: tuple[str, ...]
    undo: Undo | None = None
    question: str = ""
    takes: frozenset[int] = frozenset()
    brings: frozenset[int] = frozenset()
    takes_back: Undo | None = None
    only_reads: bool = False
    into: str = ""

    def typed(self, line: str) -> str:
        """The line to type for it; `line` is how it begins."""
        return as_typed(line, self.arguments, self.into)


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


def quorum_of(
    moment: Moment,
    alive: Collection[int],
    voters: Collection[int] | None = None,
    cut: Collection[tuple[int, int]] | None = None,
) -> Quorum:
    """The quorum that the best group of these nodes makes: a leader, and whom it talks with both
    ways. During a change of voters, in the worse of both halves.

    `voters`: as if these were the voters; `cut`: as if a partition cut these directed links, in the
    place of whatever acts on links now.
    """
    configuration = moment.model.configuration() if voters is None else {"voters": voters}
    halves = [set(configuration.get(name, ())) for name in ("voters", "outgoing")]
    everybody = set(moment.model.nodes)
    halves = [half for half in halves if half] or [everybody]

    def count(group: Collection[int]) -> Quorum:
        counts = [Quorum(len(half & set(group)), len(half) // 2 + 1, len(half)) for half in halves]
        return min(counts, key=_margin)

    def talk(node: int, peer: int) -> bool:
        if cut is None:
            return _talk(moment, node, peer)
        return (node, peer) not in cut and (peer, node) not in cut

    may_lead = set(alive) & set().union(*halves)
    groups = [{node} | {peer for peer in alive if talk(node, peer)} for node in may_lead]
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


def asks(moment: Moment, words: str, gone: Collection[int]) -> str:
    """The question for what takes these nodes away; empty when the quorum stays."""
    left = quorum_of(moment, alive(moment) - set(gone))
    if left.is_there:
        return ""
    return f"{words} leaves {left}: the cluster takes no writes"


def asks_to_cut(moment: Moment, cut: Collection[tuple[int, int]]) -> str:
    """The question for a partition of these directed links; empty when a side has a quorum."""
    left = quorum_of(moment, alive(moment), cut=cut)
    return "" if left.is_there else f"the largest side has {left}: no side takes writes"


def asks_to_lose(moment: Moment, lost: Collection[tuple[int, int]]) -> str:
    """The question for links that lose all, beside what acts on links now."""
    nodes = moment.model.nodes
    apart = {(a, b) for a in nodes for b in nodes if a != b and not _talk(moment, a, b)}
    return asks_to_cut(moment, apart.union(lost))


def _is_down(moment: Moment, view: NodeView) -> bool:
    return moment.condition(view) is Condition.EXITED


TAKING = frozenset({"stop", "kill", "pause", "restart"})
BRINGING = frozenset({"start", "resume", "restart"})


def on_node(moment: Moment, verb: str, view: NodeView, undo: str = "") -> Action:
    """One of those verbs; `undo` is the verb that takes it back."""
    node = frozenset({view.node_id})
    takes = node if verb in TAKING else frozenset[int]()
    return Action(
        (verb, view.name),
        Undo((undo, view.name)) if undo else None,
        asks(moment, f"{verb} {view.name}", takes) if takes else "",
        takes,
        node if verb in BRINGING else frozenset(),
    )


def stop_or_start(moment: Moment, view: NodeView) -> Action:
    if _is_down(moment, view):
        return on_node(moment, "start", view, undo="stop")
    return on_node(moment, "stop", view, undo="start")


def hindrance(moment: Moment, what: str, view: NodeView) -> str:
    """Why `what`, as a key does it to the node, makes no sense now; empty: it does."""
    if what in ("kill", "pause", "restart") and _is_down(moment, view):
        remedy = moment.remedy(view)
        return f"{view.name} does not run{remedy and f': {remedy}'}"
    if what == "transfer" and moment.leader is not view:
        if moment.leader is None:
            return "there is no leader to hand over"
        if not moment.is_live(view):
            return f"{view.name} cannot lead: {moment.cause(view)}"
    return ""


def kill(moment: Moment, view: NodeView) -> Action:
    return on_node(moment, "kill", view, undo="start")


def pause_or_resume(moment: Moment, view: NodeView) -> Action:
    if moment.condition(view) is Condition.PAUSED:
        return on_node(moment, "resume", view, undo="pause")
    return on_node(moment, "pause", view, undo="resume")


def restart(moment: Moment, view: NodeView) -> Action:
    return on_node(moment, "restart", view)


def transfer(moment: Moment, view: NodeView) -> Action:
    """To this node; it leads already: to whoever holds most of the log."""
    leader = moment.leader
    assert leader is not None, "see hindrance"
    target = () if leader is view else (view.name,)
    return Action(("transfer", *target), undo=Undo(("transfer", leader.name)))


def partition(moment: Moment, groups: Iterable[Collection[int]]) -> Action | Refusal:
    """Cut the cluster into these groups; nodes in none of them are one more."""
    sides = [sorted(group) for group in groups if group]
    if len(sides) < 2:
        return Refusal("a partition has two sides: put a node on the other one")
    words: list[str] = []
    for side in sides:
        words += ["/", ",".join(map(str, side))] if words else [",".join(map(str, side))]
    everybody = set(moment.model.nodes)
    whole = [*map(set, sides), everybody.difference(*sides)]
    cut = {(a, b) for side in whole for a in side for b in everybody - side}
    return Action(("partition", *words), what_it_replaces(moment), asks_to_cut(moment, cut))


def what_it_replaces(moment: Moment) -> Undo:
    """What takes back a partition: the one that it replaced, as long as that would have held."""
    before = standing_partition(moment)
    if before is None:
        return Undo(HEAL_WHAT_CAME)
    arguments = before.arguments(moment.model.ids())
    return Undo(arguments, before, HEAL_WHAT_CAME)


def net(link: str, options: Iterable[tuple[str, str]]) -> Action | Refusal:
    """A slow or lossy link, `n1:n2`; options are ("--latency", "100ms") and so on."""
    chosen = [word for name, value in options if value.strip() for word in (name, value.strip())]
    if not chosen:
        return Refusal("nothing would change: give a latency, a share that is lost, ...")
    if ":" not in link:
        return Refusal("a link is src:dst, as in n1:n2")
    return Action(("net", "--link", link.strip(), *chosen), Undo(HEAL_WHAT_CAME))


def heal(link: str) -> Action:
    return Action(("heal", link))


def put(key: str, value: str) -> Action | Refusal:
    if not key:
        return Refusal("a key has at least one character")
    if value == "-":
        return Refusal("- is no value: the command would read its input, which is empty here")
    # Behind the dashes nothing is taken for an option.
    return Action(("put", "--", key, value))


def bench(duration: str, inflight: str, size: str) -> Action | Refusal:
    """Puts for so long, so many in flight, with values of so many bytes."""
    if not all(text.strip() for text in (duration, inflight, size)):
        return Refusal("give a duration, such as 10s, and two numbers")
    options = ("--duration", duration.strip(), "--inflight", inflight.strip())
    return Action(("bench", "put", *options, "--size", size.strip()))
