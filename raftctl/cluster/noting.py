"""Around each command that changes a cluster: what it did is noted in the cluster's journal.

What a command did is what it told: the document that it showed, and the nodes among which it looked
up its selectors.
"""

import contextlib
import os
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypedDict

from node.scenario import actions
from node.scenario.errors import ScenarioError
from node.scenario.lines import parse_line
from node.scenario.resolving import fixed
from node.scenario.selectors import Scene
from raftctl import faultdocs, nodedocs
from raftctl.cluster.directory import find_cluster
from raftctl.cluster.journal import Entry, append
from raftctl.errors import CliError
from raftctl.exit_codes import Exit, exit_of
from raftctl.memberdocs import MemberChange, Transfer
from raftctl.selectors import noting_scenes
from raftctl.settings import Settings
from raftctl.verbs import ACTOR_VARIABLE, ACTORS


def noted(settings: Settings, line: Sequence[str], run: Callable[[], Any]) -> Any:  # noqa: ANN401
    """What `run` gives, which carries the line out. That it cannot be noted is only a warning."""
    began, members = time.time(), _members(settings)
    code: int = Exit.UNEXPECTED
    with noting_scenes() as scenes:
        try:
            result = run()
            code = result if isinstance(result, int) else Exit.OK
            return result
        except CliError as error:
            code = error.exit_code
            raise
        except (KeyboardInterrupt, SystemExit) as error:
            code = exit_of(error)
            raise
        finally:
            by = os.environ.get(ACTOR_VARIABLE, "")
            entry = Entry(began, tuple(line), by if by in ACTORS else "cli", code, members=members)
            shown = settings.output.shown
            if code in (Exit.OK, Exit.PARTIAL):
                scene = scenes[0] if scenes else None
                entry = replace(entry, **_told(shown), resolved=_resolved(line, scene, shown))
            _note(settings, entry, shown)


def _members(settings: Settings) -> tuple[int, ...]:
    try:
        return tuple(node.id for node in find_cluster(settings).spec.nodes)
    except CliError:  # there is none yet, or the command says what is wrong
        return ()


def _note(settings: Settings, entry: Entry, shown: object) -> None:
    try:
        # The document knows better which cluster: `up lab` has no -c.
        cluster = find_cluster(settings, getattr(shown, "cluster", None))
        append(cluster.folder, entry)
    except CliError:
        return  # there is none, or none any more
    except OSError as error:
        settings.output.warn(f"not noted for raftctl chaos record: {error.strerror}")


class _Told(TypedDict, total=False):
    changed: bool
    nodes: tuple[int, ...]
    fault: int
    healed: tuple[int, ...]
    eased: tuple[int, ...]


def _told(shown: object) -> _Told:
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


def _resolved(line: Sequence[str], scene: Scene | None, shown: object) -> tuple[str, ...]:
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
