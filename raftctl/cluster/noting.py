"""Around each command that changes a cluster: what it did is noted in the cluster's journal.

What a command did is what it told: the document that it showed, and the nodes among which it looked
up its selectors.
"""

import os
import time
from collections.abc import Callable, Sequence
from typing import Any

from node.scenario.selectors import Scene
from raftctl.cluster.directory import find_cluster
from raftctl.cluster.journal import Entry, append
from raftctl.errors import CliError
from raftctl.exit_codes import Exit, exit_of
from raftctl.selectors import noting_scenes
from raftctl.settings import Settings
from raftctl.verbs import ACTOR_VARIABLE, ACTORS

WHOLE_CLUSTER = ("up", "down")
"""Verbs that no scenario has: who waits for a cluster does not wait for the scenarios' grammar."""


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
                entry = _with_deeds(entry, scenes, shown)
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


def _with_deeds(entry: Entry, scenes: Sequence[Scene], shown: object) -> Entry:
    if entry.line[0] in WHOLE_CLUSTER:
        return entry._replace(changed=True)
    from raftctl.cluster.deeds import resolved, told

    scene = scenes[0] if scenes else None
    return entry._replace(**told(shown), resolved=resolved(entry.line, scene, shown))
