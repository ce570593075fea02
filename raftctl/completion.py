"""What a shell offers for a value, when <TAB> is pressed. Nothing here asks a node."""

from typing import TYPE_CHECKING, Any

import typer

from raftctl.verbs import settings_of

if TYPE_CHECKING:
    from raftctl.cluster.directory import Cluster


def verbs(context: typer.Context, incomplete: str) -> list[str]:
    """The verbs of the command line."""
    root: Any = context.find_root().command
    return _beginning(list(root.commands), incomplete)


def clusters(context: typer.Context, incomplete: str) -> list[str]:
    """The clusters that there are."""
    from raftctl.cluster.directory import all_clusters

    names = [each.name for each in all_clusters(settings_of(context))]
    return _beginning(names, incomplete)


def nodes(context: typer.Context, incomplete: str) -> list[str]:
    """Selectors: the words, and the cluster's nodes."""
    from raftctl.errors import CliError
    from raftctl.selectors import WORDS

    try:
        names = [node.name for node in _cluster(context).spec.nodes]
    except CliError:
        names = []
    return _beginning([*names, *WORDS], incomplete)


def runs(context: typer.Context, incomplete: str) -> list[str]:
    """The recordings that there are."""
    from raftctl.cluster.recordings import LATEST, find_runs

    names = [run.name for run in find_runs(settings_of(context))]
    return _beginning([*names, LATEST], incomplete)


def faults(context: typer.Context, incomplete: str) -> list[str]:
    """The faults in force, by number and by name."""
    from raftctl.cluster.faultsfile import read_faults
    from raftctl.errors import CliError

    try:
        current = read_faults(_cluster(context)).faults
    except CliError:
        current = []
    known = [name for fault in current for name in (str(fault.id), fault.name) if name]
    return _beginning([*known, "all"], incomplete)


def kinds(incomplete: str) -> list[str]:
    """The documents that have a schema."""
    from raftctl.documents import KINDS

    return _beginning(sorted(KINDS), incomplete)


def outputs(incomplete: str) -> list[str]:
    """Forms of output."""
    from raftctl.output import MODES

    return _beginning(MODES, incomplete)


def reads(incomplete: str) -> list[str]:
    """Ways to read."""
    return _beginning(("linearizable", "lease", "stale"), incomplete)


def conditions(incomplete: str) -> list[str]:
    """What `wait` can wait for."""
    return _beginning(("leader", "ready", "healed", "converged", "applied="), incomplete)


def _cluster(context: typer.Context) -> "Cluster":
    from raftctl.cluster.directory import find_cluster

    return find_cluster(settings_of(context))


def _beginning(names: "list[str] | tuple[str, ...]", incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
