"""Whom an action means in one moment: its nodes, or its links."""

import random
from collections.abc import Iterable
from dataclasses import replace

from node.scenario.actions import (
    Action,
    MembersReplace,
    Net,
    OnNodes,
    Partition,
    SnapshotTake,
    Transfer,
)
from node.scenario.errors import ScenarioError
from node.scenario.links import FaultPlan, plan_links, plan_partition
from node.scenario.selectors import Scene, resolve


def nodes_of(action: Action, scene: Scene, rng: random.Random | None = None) -> list[int]:
    """The ids of the nodes that something is done to, in the order of asking; it may be nobody.

    None for links, for `heal`, for a new member, and for a transfer to whoever is furthest. `rng`
    chooses where a selector leaves the choice, else it is the first that will do. Raises
    SelectorError for who cannot be found now, ScenarioError where one node is needed and several
    are meant.
    """
    match action:
        case SnapshotTake(nodes=()):
            return resolve(["leader"], scene, rng)
        case OnNodes(nodes=nodes):
            return resolve(nodes, scene, rng)
        case Transfer(target=str(selector)) | MembersReplace(old=selector):
            chosen = resolve([selector], scene, rng)
            if len(chosen) != 1:
                raise ScenarioError(f"{selector} means {len(chosen)} nodes", "name one")
            return chosen
        case _:
            return []


def concerned(action: Action, scene: Scene) -> list[int]:
    """Whom an action that means certain nodes (`fixed`) is about, of a fault of links as well: the
    groups that a partition cuts off from the largest one, else who is at an end of a link.

    Raises ScenarioError, as `nodes_of` does.
    """
    if isinstance(action, OnNodes) and not action.nodes:  # `lagging`, where no node lags
        return []
    if not isinstance(action, Partition | Net):
        return nodes_of(action, scene)
    plan = plan_of(action, scene)
    sizes = sorted(len(group) for group in plan.groups)
    if len(sizes) > 1 and sizes[-1] > sizes[-2]:
        return sorted(node for group in plan.groups if len(group) < sizes[-1] for node in group)
    return sorted({node for link in plan.links for node in link})


def plan_of(action: Partition | Net, scene: Scene, rng: random.Random | None = None) -> FaultPlan:
    """The links of a fault, and the rule for them. Raises ScenarioError, as `nodes_of` does."""
    match action:
        case Partition():
            return plan_partition(
                scene,
                action.groups,
                action.halves,
                action.ring,
                action.bridge,
                action.one_way,
                rng,
            )
        case Net():
            return plan_links(scene, action.links, action.effects, rng)


def fixed(action: Action, scene: Scene, rng: random.Random | None = None) -> Action:
    """The same action with names of nodes in the place of selectors: it means them ever after.

    Raises ScenarioError, as `nodes_of` does.
    """
    match action:
        case Partition(ring=True):
            plan_of(action, scene, rng)
            return action
        case Partition(bridge=str(selector)):
            plan_of(action, scene, rng)
            return Partition(bridge=_name_of(resolve([selector], scene, rng)[0]))
        case Partition():
            plan = plan_of(action, scene, rng)
            if plan.groups:
                return Partition(groups=tuple(" / ".join(map(_names, plan.groups)).split()))
            return Partition(one_way=tuple(_link(*link) for link in plan.links))
        case Net():
            plan = plan_of(action, scene, rng)
            return replace(action, links=tuple(_link(*link) for link in plan.links))
        case Transfer(target=str()):
            return Transfer(_name_of(nodes_of(action, scene, rng)[0]))
        case MembersReplace():
            return replace(action, old=_name_of(nodes_of(action, scene, rng)[0]))
        case OnNodes():
            return replace(action, nodes=tuple(map(_name_of, nodes_of(action, scene, rng))))
        case _:
            return action


def _name_of(node_id: int) -> str:
    return f"n{node_id}"


def _names(ids: Iterable[int]) -> str:
    return ",".join(map(_name_of, ids))


def _link(src: int, dst: int) -> str:
    return f"n{src}:n{dst}"
