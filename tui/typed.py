"""What a typed line would do, so that it asks as the key for the same does. Pure."""

from collections.abc import Sequence

from tui.actions import TAKING, Action, asks
from tui.drawing.moment import Moment
from tui.membership import asks_voters, voters_of

VALUED = frozenset({"-c", "--cluster", "-o", "--output", "--timeout", "--home", "--signal"})
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


def typed_action(moment: Moment, words: Sequence[str]) -> Action:
    """The action of a line that somebody typed, with its question."""
    arguments, (verb, selectors) = tuple(words), _verb_of(words)
    if verb in READING:
        return Action(arguments, only_reads=True)
    if verb in CHAOTIC and "--sim" not in words:
        what = " ".join([verb, *selectors])
        return Action(arguments, question=f"{what} breaks nodes and links of this cluster")
    if verb not in TAKING | FOR_GOOD | {"down", "members demote"}:
        return Action(arguments)
    takes = _nodes(moment, ["all"] if verb == "down" else selectors)
    what = " ".join([verb, *selectors])
    if verb.startswith("members"):
        question = asks_voters(moment, what, voters_of(moment) - takes)
    else:
        question = asks(moment, what, takes)
    if verb in FOR_GOOD:
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


def _nodes(moment: Moment, selectors: Sequence[str]) -> frozenset[int]:
    """The nodes that may be meant: all of them by a word that is not known here."""
    everybody = frozenset(moment.model.nodes)
    leader = frozenset({moment.leader.node_id} if moment.leader is not None else ())
    words = {"leader": leader, "followers": everybody - leader}
    words |= {name: frozenset({node}) for node in everybody for name in (f"n{node}", f"{node}")}
    named = [each for word in selectors for each in word.split(",") if each]
    return frozenset().union(*(words.get(each, everybody) for each in named))
