"""tui: watch a cluster, act on it, and play back what happened."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from raftctl.errors import CliError
from raftctl.exit_codes import Exit
from raftctl.settings import Settings, config_paths
from raftctl.values import usage
from raftctl.verbs import section

if TYPE_CHECKING:
    from tui.app import RaftApp
    from tui.replay import Film


def add_to(app: typer.Typer) -> None:
    add = section(app, "Observe")
    add(tui, "tui", "tui --read-only", "tui --replay latest")


def tui(
    context: typer.Context,
    replay: Annotated[
        str | None, typer.Option(metavar="RUN", help="A recording: a cluster, latest, or a file.")
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Show, and change nothing.")
    ] = False,
) -> int:
    """Watch the nodes, act on them by keys, and play back what happened.

    Leaving it leaves the cluster as it is. ? shows the keys.
    """
    settings: Settings = context.obj
    if not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise usage("the viewer needs a terminal", "raftctl events -f, raftctl status -w")
    app = _app(settings, context.find_root().command, replay, read_only)
    app.run()
    if app.film is None and app.model.nodes:
        settings.output.note(f"{app.cluster_name} keeps running: {app.line} status")
    return app.return_code or Exit.OK


def _app(settings: Settings, root: Any, replay: str | None, read_only: bool) -> "RaftApp":  # noqa: ANN401
    from raftctl.cluster.viewing import ViewedCluster, all_verbs, keys_path
    from tui.app import RaftApp
    from tui.keys import KeysError, load_keys
    from tui.runner import Subprocesses

    try:
        keymap = load_keys(keys_path(config_paths()[-1]))
    except KeysError as error:
        raise CliError("E_CONFIG", str(error), Exit.USAGE, hint=error.hint) from error
    source = None if replay is not None else ViewedCluster(settings)
    film = None if replay is None else _film(settings, replay)
    name = film.name if film is not None else source.name if source is not None else ""
    line = ["raftctl"]
    prefix = [sys.executable, "-P", "-m", "raftctl", "--home", str(settings.home.absolute())]
    if settings.is_home_flag:
        line += ["--home", str(settings.home)]
    if film is None:
        prefix += ["-c", name]
        line += ["-c", name] if settings.cluster is not None else []
    return RaftApp(
        name,
        Subprocesses(prefix),
        source=source,
        film=film,
        line=" ".join(line),
        verbs=all_verbs(root),
        keymap=keymap,
        read_only=read_only,
        ascii_only=settings.output.ascii_only,
    )


def _film(settings: Settings, name: str) -> "Film":
    """The recording that `name` means. Raises CliError when there is none, or nothing in it."""
    from raftctl.cluster.recordings import find_run
    from tui.replay import Film

    run = find_run(settings, name)
    film = Film((item.frame for item in run.items()), run.name)
    damages = [damage.text for damage in run.damages if not damage.is_cut]
    film.note = film.note or (damages[0] if damages else "")
    if not len(film):
        why = film.note or f"{run.path}: nothing is in it yet"
        raise CliError("E_RECORDING", why, Exit.CHECK_FAILED, hint="raftctl runs ls has others")
    return film
