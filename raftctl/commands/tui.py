"""tui: watch a cluster, act on it, and play back what happened."""

import importlib.util
import os
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
    from tui.loading import Loading
    from tui.replay import Film


def add_to(app: typer.Typer) -> None:
    add = section(app, "Observe")
    add(tui, "tui", "tui --read-only", "tui --replay latest", "tui --web")


def tui(
    context: typer.Context,
    replay: Annotated[
        str | None, typer.Option(metavar="RUN", help="A recording: a cluster, latest, or a file.")
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Show, and change nothing.")
    ] = False,
    web: Annotated[bool, typer.Option("--web", help="In a browser on this machine.")] = False,
    allow_actions: Annotated[
        bool, typer.Option("--allow-actions", help="With --web: the browser may act, too.")
    ] = False,
    port: Annotated[
        int, typer.Option(min=0, max=65_535, help="With --web; 0: any that is free.")
    ] = 0,
) -> int:
    """Watch the nodes, act on them by keys, and play back what happened.

    Leaving it leaves the cluster as it is. ? shows the keys.
    """
    settings: Settings = context.obj
    if (allow_actions or port) and not web:
        raise usage("--allow-actions and --port belong to --web", "raftctl tui --web")
    if web:
        return _serve(settings, replay, read_only or not allow_actions, port)
    # textual-serve runs this command too, and talks to it through pipes.
    is_served = "TEXTUAL_DRIVER" in os.environ
    if not is_served and not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise usage("the viewer needs a terminal", "raftctl events -f, raftctl status -w")
    if not settings.output.color:
        os.environ["NO_COLOR"] = "1"  # where Textual looks
    app = _app(settings, context.find_root().command, replay, read_only)
    app.run()
    if app.failure is not None:
        raise app.failure
    if app.film is None and app.model.nodes:
        settings.output.note(f"{app.cluster_name} keeps running: {app.line} status")
    return Exit.OK


def _serve(settings: Settings, replay: str | None, read_only: bool, port: int) -> int:
    """Each browser gets this same command, without --web."""
    from raftctl.cluster.recordings import find_run

    if importlib.util.find_spec("textual_serve") is None:
        hint = "pip install 'raftctl[web]'"
        raise CliError("E_MISSING", "--web needs textual-serve", Exit.PRECONDITION, hint=hint)
    from tui.web import Browsers

    command = [sys.executable, "-P", "-m", "raftctl"]
    if settings.is_home_flag:  # else what led here leads there too
        command += ["--home", str(settings.home.absolute())]
    if settings.cluster is not None:
        command += ["-c", settings.cluster]
    command += ["tui", "--read-only"] if read_only else ["tui"]
    if replay is not None:
        find_run(settings, replay)
        command += ["--replay", replay]
    try:
        browsers = Browsers(command, "raftctl tui", port)
    except OSError as error:
        message = f"cannot listen on port {port}: {error.strerror}"
        raise CliError("E_PORT_BUSY", message, Exit.PRECONDITION, hint="another --port") from error
    may = "shows, and changes nothing" if read_only else "shows and acts"
    settings.output.note(f"{may}, for whoever has this address; Ctrl-C ends it")
    sys.stdout.write(f"{browsers.url}\n")
    sys.stdout.flush()
    browsers.run()
    return Exit.OK


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
    film, loading = (None, None) if replay is None else _film(settings, replay)
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
        loading=loading,
        line=" ".join(line),
        verbs=all_verbs(root),
        keymap=keymap,
        read_only=read_only,
        ascii_only=settings.output.ascii_only,
    )


def _film(settings: Settings, name: str) -> "tuple[Film, Loading]":
    """The recording that `name` means: how it begins, and what reads the rest. Raises CliError when
    there is none, or nothing in it.
    """
    from raftctl.cluster.recordings import find_run
    from tui.footage import chunks_of
    from tui.loading import Loading
    from tui.replay import Film

    run = find_run(settings, name)
    film = Film((), run.name, began_ns=run.heads()[0][1].mono_ns)
    chunks = chunks_of(run.frames())
    first = next(chunks, None)
    if first is None:
        why = run.problem or f"{run.path}: nothing is in it yet"
        raise CliError("E_RECORDING", why, Exit.CHECK_FAILED, hint="raftctl runs ls has others")
    film.extend(first)
    return film, Loading(film, chunks, lambda: run.read_share, lambda: run.problem)
