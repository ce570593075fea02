"""Changes of who belongs to the cluster, and what they do to the quorum. Pure."""

from collections.abc import Collection

from tui.actions import Action, Refusal, alive, quorum_of
from tui.drawing.moment import Moment
from tui.nodes import NodeView
from tui.undo import Undo


def asks_voters(moment: Moment, words: str, voters: Collection[int]) -> str:
    """The question for a change to these voters; empty when the quorum is there and stays."""
    now, left = quorum_of(moment, alive(moment)), quorum_of(moment, alive(moment), voters)
    if not now.is_there:
        return f"{words} waits for a quorum: there is {now}"
    if left.is_there:
        return ""
    return f"{words} leaves {left}: the cluster takes no writes"


def voters_of(moment: Moment) -> set[int]:
    return set(moment.model.configuration().get("voters", ()))


def add_member(moment: Moment) -> Action:
    """A new node, which votes once it keeps up. It takes no quorum away, and nothing but its
    removal takes it back.
    """
    return Action(("members", "add"), question=asks_to_add(moment))


def asks_to_add(moment: Moment) -> str:
    voters = voters_of(moment)
    now = len(voters)
    words = "start and add a node?"
    if now:
        words += f" {now + 1} voters: quorum {(now + 1) // 2 + 1}; now {now}: {now // 2 + 1}"
    return ". ".join(filter(None, (words, asks_voters(moment, "that", voters))))


def remove_member(moment: Moment, view: NodeView) -> Action | Refusal:
    voters = voters_of(moment) - {view.node_id}
    if not voters:
        return Refusal(f"{view.name} is the only voter")
    stay = alive(moment) & voters
    name = f"{view.name}, which leads," if moment.leader is view else view.name
    words = f"remove {name} for good? {len(stay)} of {len(voters)} voters that stay are alive"
    if risk := asks_voters(moment, "that", voters):
        words = f"{words}; {risk}"
    takes = frozenset({view.node_id})
    return Action(("members", "remove", view.name), None, words, takes)


def promote_or_demote(moment: Moment, view: NodeView) -> Action | Refusal:
    configuration = moment.model.configuration()
    if view.node_id in configuration.get("learners", ()):
        return with_voters(moment, "promote", view)
    voters = voters_of(moment)
    if view.node_id not in voters:
        return Refusal(f"{view.name} is no member")
    if voters == {view.node_id}:
        return Refusal(f"{view.name} is the only voter")
    return with_voters(moment, "demote", view)


def with_voters(moment: Moment, verb: str, view: NodeView) -> Action:
    """`promote` or `demote`, and the other one to take it back."""
    node = frozenset({view.node_id})
    is_demotion = verb == "demote"
    voters = voters_of(moment) - node if is_demotion else voters_of(moment) | node
    return Action(
        ("members", verb, view.name),
        Undo(("members", "promote" if is_demotion else "demote", view.name)),
        asks_voters(moment, f"{verb} {view.name}", voters),
        node if is_demotion else frozenset(),
    )
