"""`raftctl`: the verbs put together, and the one place where a command ends.

Imports here are what every command costs: each verb's are its own (`raftctl.catalogue`), and
everything heavy is imported by the function that needs it.
"""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from raftctl.completion import clusters, outputs
from raftctl.errors import CliError, from_client_error, from_os_error
from raftctl.exit_codes import INTERRUPTS, Exit
from raftctl.output import Output
from raftctl.settings import output_for_errors
from raftctl.values import usage
from raftctl.verbs import Root, settings_of

STARTING = {"start", "restart"}
"""Verbs that may leave something running when they are interrupted; `up` takes it back."""

app = typer.Typer(
    name="raftctl",
    cls=Root,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Run, watch and break Raft clusters on this machine.",
    epilog="raftctl up -n 3, raftctl put k v, raftctl kill leader, raftctl get k",
)


@app.callback(invoke_without_command=True)
def main_options(
    context: typer.Context,
    cluster: Annotated[
        str | None,
        typer.Option(
            "-c",
            "--cluster",
            help="Which cluster; else the only one, else demo.",
            autocompletion=clusters,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("-o", "--output", help="text, wide, json or jsonl.", autocompletion=outputs),
    ] = None,
    timeout: Annotated[
        str | None, typer.Option("--timeout", help="How long to try: 5s, 200ms.")
    ] = None,
    home: Annotated[
        Path | None, typer.Option("--home", help="Where clusters are kept ($RAFTCTL_HOME).")
    ] = None,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only data, no progress.")] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Tracebacks.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="As NO_COLOR.")] = False,
    ascii_only: Annotated[bool, typer.Option("--ascii", help="No other signs.")] = False,
    yes: Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")] = False,
    version: Annotated[bool, typer.Option("--version", help="As the verb version.")] = False,
) -> None:
    """The options of every verb; `raftctl.verbs` makes settings of them."""
    if version:
        context.obj = settings_of(context)
        from raftctl.commands import meta

        meta.version(context)
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise usage("which verb?", "raftctl --help")


def main() -> NoReturn:
    """Run what the command line says. Ends the process with the exit code."""
    arguments = sys.argv[1:] or ["--help"]
    signal.signal(signal.SIGTERM, _end)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as under nohup
        signal.signal(signal.SIGHUP, _end)
    code = _run(arguments)
    try:
        sys.stdout.flush()
    except OSError as error:
        # Python would try it once more while it exits, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError) and code == Exit.OK:
            error.filename = "stdout"
            output_for_errors(arguments).fail(from_os_error(error))
        code = code or Exit.UNEXPECTED
    sys.exit(int(code))


def _run(arguments: list[str]) -> int:
    if any(name.startswith("_RAFTCTL_COMPLETE") for name in os.environ):
        app(prog_name="raftctl")
    try:
        result = app(arguments, prog_name="raftctl", standalone_mode=False)
    except CliError as error:
        output_for_errors(arguments).fail(error)
        return error.exit_code
    except typer.Exit as ended:
        return ended.exit_code
    except (KeyboardInterrupt, typer.Abort):
        result = Exit.INTERRUPTED
    except SystemExit as ended:
        result = ended.code if isinstance(ended.code, int) else Exit.UNEXPECTED
    except BrokenPipeError:
        return Exit.UNEXPECTED  # whoever read our output has left
    except Exception as error:
        return _fail(output_for_errors(arguments), error)
    if result in INTERRUPTS:
        left = "; what was started keeps running: raftctl status" if STARTING & {*arguments} else ""
        output_for_errors(arguments).note(f"interrupted{left}")
    return result if isinstance(result, int) else Exit.OK


def _fail(output: Output, error: Exception) -> int:
    """Usage errors are Typer's; a failed call is a user's business; the rest is a bug of ours."""
    from node.client.errors import ClientError

    if isinstance(error, ClientError):
        failure = from_client_error(error)
    elif hasattr(error, "format_message"):
        context = getattr(error, "ctx", None)
        command = context.command_path if context is not None else "raftctl"
        failure = CliError("E_USAGE", error.format_message(), Exit.USAGE, hint=f"{command} --help")
    elif isinstance(error, OSError):
        failure = from_os_error(error)
    elif output.verbose:
        raise error
    else:
        failure = CliError(
            "E_UNEXPECTED",
            f"{type(error).__name__}: {error}",
            Exit.UNEXPECTED,
            hint="-v shows where",
        )
    output.fail(failure)
    return failure.exit_code


def _end(number: int, frame: object) -> None:
    """So that whatever is open is closed, such as the viewer's screen, or a cluster half made."""
    raise SystemExit(128 + number)
