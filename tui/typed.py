"""What a typed line would do, so that it asks as the key for the same does. Pure."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from node.scenario.errors import ScenarioError
from node.scenario.links import CUT, plan_links, plan_partition
from node.scenario.quantities import probability
from node.scenario.selectors import Scene, resolve
from tui.actions import TAKING, Action, asks, asks_to_cut, asks_to_lose, what_it_replaces
from tui.drawing.moment import Moment
from tui.healing import heal_all
from tui.membership import asks_to_add, asks_voters, voters_of
from tui.undo import HEAL_WHAT_CAME, Undo

VALUED = frozenset({
    "-c", "--cluster", "-o", "--output", "--timeout", "--home", "--signal", "--for", "--as",
    "--bridge", "--one-way", "--stall", "--slow", "--stagger", "--link", "--latency", "--drop",
    "--dup", "--reorder", "--corrupt", "--rate", "--only",
})  # fmt: skip
"""Options whose next word is their value."""
GROUPS = frozenset({"log", "members", "snapshot", "runs", "chaos", "config", "sim"})
READING = frozenset({
    "ls", "status", "wait", "env", "doctor", "logs", "faults", "get", "scan", "watch", "log show",
    "log diff", "log verify", "members ls", "snapshot ls", "snapshot inspect", "events", "runs ls",
    "runs show", "runs export", "check", "chaos ls", "chaos show", "chaos report", "chaos record",
    "schema", "version", "help", "config show", "config validate", "config path", "sim run",
    "sim replay", "sim shrink", "sim bench",
})  # fmt: skip
"""Verbs that leave the cluster as it is."""
CHAOTIC = frozenset({"chaos run", "chaos replay", "chaos shrink"})
FOR_GOOD = frozenset({"wipe", "members remove"})
"""What takes nodes away and does not give them back."""
DESTROYING = frozenset({"recover", "snapshot restore", "members replace", "prune", "runs rm"})
"""What gives up data, whatever nodes it names."""
DISABLING = frozenset({"--full", "--fail"})
"""What `disk` takes a node away with."""
LOSING = ("--drop", "--corrupt")
"""Options of `net` for the share of messages that do not arrive, or are thrown away there."""
DAMAGING = frozenset({"--purge", "--rot", "--truncate"})
"""Options that make a verb one of those."""


def typed_action(moment: Moment, words: Sequence[str]) -> Action:
    """The action of a line that somebody typed, with its question."""
    arguments, (verb, selectors) = tuple(words), _verb_of(words)
    if verb in READING:
        return Action(arguments, only_reads=True)
    if verb == "heal" and selectors in ([], ["all"]):
        key = heal_all(moment)
        return replace(key, arguments=arguments) if isinstance(key, Action) else Action(arguments)
    if verb == "members add":
        return Action(arguments, question=asks_to_add(moment))
    what = " ".join([verb, *selectors])
    if verb in DESTROYING or (verb != "down" and DAMAGING.intersection(words)):
        return Action(arguments, question=f"{what}: for good?")
    if verb in CHAOTIC and "--sim" not in words:
        return Action(arguments, question=f"{what} breaks nodes and links of this cluster")
    if verb == "partition":
        return _partition(moment, arguments, selectors)
    if verb == "net" and not selectors:
        return Action(arguments, Undo(HEAL_WHAT_CAME), _asks_about_links(moment, arguments))
    is_taking = verb == "disk" and not DISABLING.isdisjoint(words)
    if not is_taking and verb not in TAKING | FOR_GOOD | {"down", "members demote"}:
        return Action(arguments)
    takes = _nodes(moment, ["all"] if verb == "down" else selectors)
    if verb.startswith("members"):
        question = asks_voters(moment, what, voters_of(moment) - takes)
    else:
        question = asks(moment, what, takes)
    if verb in FOR_GOOD or DAMAGING.intersection(words):
        question = f"{what}: for good? {question}".rstrip()
    return Action(arguments, None, question, takes)


def _verb_of(words: Sequence[str]) -> tuple[str, list[str]]:
    """The verb, `members add` as one, and what stands behind it beside options."""
    plain: list[str] = []
    before = ""
    for word in words:
        if before not in VALUED and not word.startswith("-"):
            plain.append(word)
        before = word
    size = 2 if plain[:1] and plain[0] in GROUPS else 1
    return " ".join(plain[:size]), plain[size:]


def _partition(moment: Moment, arguments: tuple[str, ...], groups: Sequence[str]) -> Action:
    bridges = _values(arguments, "--bridge")
    try:
        plan = plan_partition(
            _scene(moment),
            groups,
            halves="--halves" in arguments,
            ring="--ring" in arguments,
            bridge=bridges[-1] if bridges else None,
            one_way=_values(arguments, "--one-way"),
        )
    except ScenarioError:
        return Action(arguments)  # the command says what is wrong with it
    return Action(arguments, what_it_replaces(moment), asks_to_cut(moment, set(plan.links)))


def _asks_about_links(moment: Moment, arguments: Sequence[str]) -> str:
    """Links that lose all are as good as cut."""
    shares = [each for option in LOSING for each in _values(arguments, option)[-1:]]
    try:
        if _values(arguments, "--only") or not any(probability(each) == 1 for each in shares):
            return ""
        plan = plan_links(_scene(moment), _values(arguments, "--link"), CUT)
    except ScenarioError:
        return ""  # the command says what is wrong with it
    return asks_to_lose(moment, plan.links)


def _values(arguments: Sequence[str], option: str) -> list[str]:
    """What the option was given, each time."""
    apart = [value for name, value in pairwise(arguments) if name == option]
    prefix = f"{option}="
    return [*apart, *(each.removeprefix(prefix) for each in arguments if each.startswith(prefix))]


def _nodes(moment: Moment, selectors: Sequence[str]) -> frozenset[int]:
    try:
        return frozenset(resolve(selectors, _scene(moment)))
    except ScenarioError:
        return frozenset()  # the command says what is wrong with it


def _scene(moment: Moment) -> Scene:
    """What selectors look at, as far as the viewer knows."""
    views = moment.model.nodes.values()
    leader = moment.leader
    commit = 0 if leader is None else leader.number("commit_index")
    ids = moment.model.ids()
    return Scene(
        tuple(ids),
        None if leader is None else leader.node_id,
        running={view.node_id for view in views if moment.is_live(view)},
        voters=voters_of(moment) or set(ids),
        wiped={view.node_id for view in views if not view.status.get("voting", True)},
        lagging={view.node_id for view in views if view.applied_index < commit},
    )
