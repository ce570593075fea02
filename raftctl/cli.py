"""`raftctl`: the verbs put together, and the one place where a command ends.

Imports here are what --help costs, so everything heavy is imported by the verb that needs it.
"""

import os
import signal
import sys
from itertools import pairwise
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from raftctl.commands import bench, cluster, data, faults, meta, nodes, raft
from raftctl.completion import clusters, outputs
from raftctl.errors import CliError, from_client_error
from raftctl.exit_codes import Exit
from raftctl.output import Output
from raftctl.verbs import Root

app = typer.Typer(
    name="raftctl",
    cls=Root,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Run, watch and break Raft clusters on this machine.",
    epilog="raftctl up -n 3, raftctl put k v, raftctl kill leader, raftctl get k",
)


@app.callback()
def main_options(
    cluster: Annotated[
        str | None,
        typer.Option(
            "-c", "--cluster", help="Which cluster; else the only one.", autocompletion=clusters
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
) -> None:
    """The options of every verb; `raftctl.verbs` makes settings of them."""


for verbs in (cluster, nodes, faults, data, raft, bench, meta):
    verbs.add_to(app)


def main() -> NoReturn:
    """The entry point. Ends the process with the exit code."""
    arguments = sys.argv[1:] or ["--help"]
    signal.signal(signal.SIGTERM, _on_sigterm)
    try:
        code = _run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has left; python would complain about it while it exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = Exit.UNEXPECTED
    sys.exit(int(code))


def _run(arguments: list[str]) -> int:
    if any(name.startswith("_RAFTCTL_COMPLETE") for name in os.environ):
        app(prog_name="raftctl")
    output = Output(_output_mode(arguments), False, "-v" in arguments, True, "--ascii" in arguments)
    try:
        result = app(arguments, prog_name="raftctl", standalone_mode=False)
    except CliError as error:
        output.fail(error)
        return error.exit_code
    except typer.Exit as ended:
        return ended.exit_code
    except (KeyboardInterrupt, typer.Abort):
        result = Exit.INTERRUPTED
    except SystemExit as ended:
        result = ended.code if isinstance(ended.code, int) else Exit.UNEXPECTED
    except BrokenPipeError:
        raise
    except Exception as error:
        return _fail(output, error)
    if result in (Exit.INTERRUPTED, Exit.TERMINATED):
        output.note("interrupted; what was started keeps running: raftctl status")
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


def _output_mode(arguments: list[str]) -> str:
    """The mode for errors that come before the options are read."""
    for flag, value in pairwise([*arguments, ""]):
        if flag in ("-o", "--output"):
            return value
        if flag.startswith("--output="):
            return flag.partition("=")[2]
    return os.environ.get("RAFTCTL_OUTPUT", "text")


def _on_sigterm(number: int, frame: object) -> None:
    raise SystemExit(int(Exit.TERMINATED))
