"""What a command did, out of the line that was typed and the document that it showed."""

import contextlib
import shlex
from collections.abc import Sequence
from dataclasses import replace
from typing import TypedDict

from node.scenario import actions
from node.scenario.errors import ScenarioError
from node.scenario.lines import parse_line
from node.scenario.resolving import fixed
from node.scenario.selectors import Scene
from raftctl import faultdocs, nodedocs
from raftctl.memberdocs import MemberChange, Transfer


class Told(TypedDict, total=False):
    changed: bool
    nodes: tuple[int, ...]
    fault: int
    healed: tuple[int, ...]
    eased: tuple[int, ...]


def told(shown: object) -> Told:
    """What changed, as far as the document says."""
    match shown:
        case nodedocs.Action(targets=targets):
            nodes = _ids([target.node for target in targets if target.changed])
            return {"changed": bool(nodes), "nodes": nodes}
        case faultdocs.Injected(fault=fault, applied_to=names):
            nodes = _ids(names) if fault.kind in ("disk", "clock") else ()
            return {"changed": True, "nodes": nodes, "fault": fault.id}
        case faultdocs.Heal(healed=healed, eased=eased):
            return {
                "changed": bool(healed or eased),
                "healed": tuple(healed),
                "eased": tuple(eased),
            }
        case Transfer(leader=leader, previous=previous):
            return {"changed": leader != previous, "nodes": _ids([leader])}
        case MemberChange(nodes=names, changed=changed):
            return {"changed": changed, "nodes": _ids(names)}
        case _:
            return {"changed": True}


def _ids(names: Sequence[str]) -> tuple[int, ...]:
    return tuple(int(name[1:]) for name in names)


def resolved(line: Sequence[str], scene: Scene | None, shown: object) -> tuple[str, ...]:
    """The line with names of nodes; empty for what is no line of a scenario."""
    with contextlib.suppress(ScenarioError):
        action = parse_line(shlex.join(line)).action
        action = action if scene is None else fixed(action, scene)
        match action, shown:
            case actions.Transfer(), Transfer(leader=leader):
                action = actions.Transfer(leader)
            case actions.MembersAdd(), MemberChange(nodes=[added]):
                action = replace(action, node=int(added[1:]))
            case actions.MembersReplace(), MemberChange(nodes=[new, _]):
                action = replace(action, new=int(new[1:]))
            case _:
                pass
        return tuple(shlex.split(str(action)))
    return ()
