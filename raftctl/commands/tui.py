"""tui: watch a cluster, act on it, and play back what happened."""

import gc
import importlib.util
import os
import shlex
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
    from tui.replaying import Called


def add_to(app: typer.Typer) -> None:
    add = section(app, "Observe")
    add(tui, "tui", "tui --read-only", "tui --replay latest", "tui --web")


def tui(
    context: typer.Context,
    replay: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="A recording: a cluster, a chaos run, latest, or a file."),
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
    need_terminal()
    return view(settings, context.find_root().command, replay, read_only)


def need_terminal() -> None:
    """Raises CliError (exit 2) where there is none to draw on."""
    # textual-serve runs this command too, and talks to it through pipes.
    is_served = "TEXTUAL_DRIVER" in os.environ
    if not is_served and not all(stream.isatty() for stream in (sys.stdin, sys.stdout, sys.stderr)):
        raise usage("the viewer needs a terminal", "raftctl events -f, raftctl status -w")


def view(
    settings: Settings,
    root: Any,  # noqa: ANN401
    replay: str | None = None,
    read_only: bool = False,
) -> int:
    """Show the viewer until it is left; `root` is the command line, whose verbs it offers."""
    if not settings.output.may_color:
        os.environ["NO_COLOR"] = "1"  # where Textual looks
    with settings.output.patience("opening the viewer" if replay is None else f"opening {replay}"):
        app = _app(settings, root, replay, read_only)
    # To look for garbage among all that is loaded by now takes 30 ms, in which no key is answered.
    gc.freeze()
    try:
        app.run()
    finally:
        _let_go(app)
    if app.failure is not None:
        raise app.failure
    if app.return_code:  # a signal ended it
        return app.return_code
    if app.film is None and app.model.nodes:
        settings.output.note(f"{app.cluster_name} keeps running: {app.line} status")
    return Exit.OK


def _let_go(app: "RaftApp") -> None:
    """Where the terminal is gone, Textual does not end the thread that reads from it, which would
    go on for ever, and keep the process.
    """
    reading = getattr(app._driver, "exit_event", None)  # of drivers with such a thread
    if reading is not None:
        reading.set()


def _serve(settings: Settings, replay: str | None, read_only: bool, port: int) -> int:
    """Each browser gets this same command, without --web."""
    from raftctl.cluster.recordings import find_run

    if importlib.util.find_spec("textual_serve") is None:
        hint = "pip install 'raftctl[web]'"
        raise CliError("E_MISSING", "--web needs textual-serve", Exit.PRECONDITION, hint=hint)
    from tui.web import Browsers

    command = _command(settings, read_only)
    if replay is not None:
        find_run(settings, replay)
        command += ["--replay", replay]
    try:
        browsers = Browsers(command, "raftctl tui", port)
    except OSError as error:
        message = f"cannot listen on port {port}: {error.strerror}"
        raise CliError("E_PORT_BUSY", message, Exit.PRECONDITION, hint="another --port") from error
    may = "sees the cluster" if read_only else "can run any verb of raftctl on this cluster"
    settings.output.note(f"whoever has this address {may}; Ctrl-C ends it")
    sys.stdout.write(f"{browsers.url}\n")
    sys.stdout.flush()
    browsers.run()
    return Exit.OK


def _command(settings: Settings, read_only: bool) -> list[str]:
    """What each browser gets: this command, as it was started here."""
    # Its notes would be written here, among what this command says.
    command = [sys.executable, "-P", "-m", "raftctl", "-q"]
    if settings.is_home_flag:  # else what led here leads there too
        command += ["--home", str(settings.home.absolute())]
    if settings.cluster is not None:
        command += ["-c", settings.cluster]
    if settings.output.ascii_only:
        command.append("--ascii")
    if not settings.output.may_color:
        command.append("--no-color")
    return [*command, "tui", *(["--read-only"] if read_only else [])]


def _app(settings: Settings, root: Any, replay: str | None, read_only: bool) -> "RaftApp":  # noqa: ANN401
    from raftctl.cluster.recordings import find_run
    from raftctl.cluster.viewing import (
        ViewedCluster,
        all_verbs,
        cluster_of,
        film_of,
        keys_path,
        presets,
        recorded,
        words_for,
    )
    from tui.app import RaftApp
    from tui.keyfile import KeysError, load_keys

    try:
        keymap = load_keys(keys_path(config_paths()[-1]))
    except KeysError as error:
        raise CliError("E_CONFIG", str(error), Exit.USAGE, hint=error.hint) from error
    run = None if replay is None else find_run(settings, replay)
    film, loading = (None, None) if run is None else film_of(run)
    # Of a recording whose cluster is here, one comes back to that.
    cluster = None if run is None else cluster_of(settings, run)
    source = None if run is not None and cluster is None else ViewedCluster(settings, cluster)
    name = source.name if source is not None else film.name if film is not None else ""
    has_cluster = source is not None and bool(name)
    line, runner, recording = _called(settings, name, has_cluster)
    if run is not None:
        recording = recorded(settings, words_for(settings, run))
    return RaftApp(
        name,
        runner,
        source=source,
        film=film,
        loading=loading,
        recording=recording,
        line=line,
        called=lambda name: _called(settings, name, True),
        verbs=all_verbs(root),
        presets=presets,
        keymap=keymap,
        read_only=read_only,
        ascii_only=settings.output.ascii_only,
    )


def _called(settings: Settings, name: str, has_cluster: bool) -> "Called":
    """How one speaks of a cluster of that name; without one, of this home."""
    from raftctl.cluster.directory import DEFAULT_NAME
    from raftctl.cluster.viewing import recorded
    from tui.replaying import Called
    from tui.runner import Subprocesses

    line = ["raftctl"]
    prefix = [sys.executable, "-P", "-m", "raftctl", "--home", str(settings.home.absolute())]
    if settings.is_home_flag:
        line += ["--home", str(settings.home)]
    if has_cluster:
        prefix += ["-c", name]
        # The only cluster there is may be that no more when the line is pasted.
        line += ["-c", name] if settings.cluster is not None or name != DEFAULT_NAME else []
    recording = recorded(settings, name) if has_cluster else None
    return Called(shlex.join(line), Subprocesses(prefix), recording)
